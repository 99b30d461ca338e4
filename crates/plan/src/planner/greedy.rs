//! Greedy strategies: put the buffers in an order that takes all of time into account, then give
//! each in turn the lowest offset that is free throughout its life.
//!
//! Sources of the orders: by size and by breadth from Pisarchyk and Lee, *Efficient Memory
//! Management for Deep Neural Net Inference* (2020); by area and by lifetime from MiniMalloc
//! (Moffitt, ASPLOS 2023); [size buckets](super::size_buckets) are our own.

use alloc::vec::Vec;
use core::cmp::Reverse;

use super::remainder::{Conflicts, place_rest};
use super::section_space::SectionDecoder;
use super::sections::Sections;
use super::size_buckets::SizeBuckets;
use super::strategy::{Strategy, Task};
use crate::lifetimes::Lifetime;

/// The greedy strategy with one fixed order of the buffers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Greedy {
    /// Buckets of about equal size and load, in order of time within a bucket.
    SizeBuckets,
    /// Largest first, longer-lived first among equals.
    Size,
    /// Largest breadth first, then largest size. The breadth of a buffer is the largest load that
    /// it lives through.
    Breadth,
    /// Largest size × lifetime first, then largest size.
    Area,
    /// Longest-lived first, then largest.
    Lifetime,
}

impl Greedy {
    /// All orders, the best first.
    pub(super) const ALL: [Self; 5] = [
        Self::SizeBuckets,
        Self::Size,
        Self::Breadth,
        Self::Area,
        Self::Lifetime,
    ];

    /// The buffers' positions in this order; ties by position.
    pub(super) fn order(self, buffers: &[Lifetime], sections: &Sections) -> Vec<usize> {
        let count = buffers.len();
        let size = |i: usize| u128::from(buffers[i].size);
        let lived = |i: usize| u128::from(buffers[i].upper.abs_diff(buffers[i].lower));
        match self {
            Self::SizeBuckets => SizeBuckets::default_order(buffers, sections),
            Self::Size => largest_first(count, |i| (size(i), lived(i))),
            Self::Breadth => {
                let breadths = sections.peak_loads(buffers);
                largest_first(count, |i| (u128::from(breadths[i]), size(i)))
            }
            Self::Area => largest_first(count, |i| (size(i) * lived(i), size(i))),
            Self::Lifetime => largest_first(count, |i| (lived(i), size(i))),
        }
    }
}

/// The positions `0..count`, those with the largest key first; ties by position.
pub(super) fn largest_first<K: Ord>(count: usize, key: impl Fn(usize) -> K) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by_cached_key(|&i| (Reverse(key(i)), i));
    order
}

impl Strategy for Greedy {
    fn name(&self) -> &str {
        match self {
            Self::SizeBuckets => "greedy-bands",
            Self::Size => "greedy-size",
            Self::Breadth => "greedy-breadth",
            Self::Area => "greedy-area",
            Self::Lifetime => "greedy-lifetime",
        }
    }

    fn place(&self, task: &Task<'_>) -> Vec<u64> {
        let mut decoder = SectionDecoder::of_lifetimes(task.buffers);
        let order = self.order(task.buffers, decoder.sections());
        // One pass, however few nodes there are; they count all the same.
        let budget = task.budget.of_first_plan(task.buffers.len());
        let is_complete = decoder.decode(&order, &budget).is_some();
        task.budget.spend(budget.spent());
        let mut offsets = decoder.into_offsets();
        if !is_complete {
            place_rest(task.buffers, &mut offsets, Conflicts::OfRows);
        }
        offsets
    }
}
