//! Greedy strategies: put the buffers in an order that looks at all of time, then give each the lowest
//! offset that is free throughout its life.
//!
//! Sources of the orders: *greedy by size* and *greedy by breadth* are from Pisarchyk and Lee, *Efficient Memory
//! Management for Deep Neural Net Inference* (2020); by area and by size × lifetime from MiniMalloc (Moffitt, ASPLOS 2023); bands are
//! [our own](super::bands).

use alloc::vec::Vec;
use core::cmp::Reverse;

use super::{Budget, Strategy, Task, sections::Sections, size_buckets::Bands, space::Space};
use crate::lifetimes::Lifetime;

/// The order in which a greedy strategy places buffers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GreedyBy {
    /// Bands of about equal size and tightness, in order of time within a band.
    Bands,
    /// Largest first, longer-lived first among equals.
    Size,
    /// Tightest moment of life first (the largest load that the buffer lives through), then largest.
    Breadth,
    /// Largest size × lifetime first.
    Area,
    /// Longest-lived first, then largest.
    Lifetime,
}

impl GreedyBy {
    /// All orders, the best first.
    pub const ALL: [Self; 5] = [
        Self::Bands,
        Self::Size,
        Self::Breadth,
        Self::Area,
        Self::Lifetime,
    ];

    /// The buffers' positions in this order; ties by position.
    pub(super) fn order(self, buffers: &[Lifetime], sections: &Sections) -> Vec<usize> {
        let area = |b: &Lifetime| u128::from(b.size) * u128::from(b.upper.abs_diff(b.lower));
        let lived = |b: &Lifetime| u128::from(b.upper.abs_diff(b.lower));
        let size = |b: &Lifetime| u128::from(b.size);
        match self {
            Self::Bands => {
                let bands = Bands::default();
                let urgencies = bands.urgencies(buffers, &sections.tightest(buffers));
                bands.order(&urgencies, sections)
            }
            Self::Size => largest_first(buffers, |_, b| (size(b), lived(b))),
            Self::Breadth => {
                let tightest = sections.tightest(buffers);
                largest_first(buffers, |i, b| (u128::from(tightest[i]), size(b)))
            }
            Self::Area => largest_first(buffers, |_, b| (area(b), size(b))),
            Self::Lifetime => largest_first(buffers, |_, b| (lived(b), size(b))),
        }
    }
}

fn largest_first(
    buffers: &[Lifetime],
    key: impl Fn(usize, &Lifetime) -> (u128, u128),
) -> Vec<usize> {
    let mut order: Vec<usize> = (0..buffers.len()).collect();
    order.sort_by_cached_key(|&i| (Reverse(key(i, &buffers[i])), i));
    order
}

/// Greedy placement in one fixed order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Greedy {
    /// The order.
    pub by: GreedyBy,
}

impl Strategy for Greedy {
    fn name(&self) -> &str {
        match self.by {
            GreedyBy::Bands => "greedy-bands",
            GreedyBy::Size => "greedy-size",
            GreedyBy::Breadth => "greedy-breadth",
            GreedyBy::Area => "greedy-area",
            GreedyBy::Lifetime => "greedy-lifetime",
        }
    }

    fn place(&self, task: &Task<'_>) -> Vec<u64> {
        let mut decoder = Decoder::new(task.buffers);
        let order = self.by.order(task.buffers, decoder.sections());
        decoder.decode(&order, &Budget::unlimited());
        decoder.into_offsets()
    }
}

/// Buffers placed between two looks at the clock: some milliseconds.
const LOOK_AT_THE_CLOCK_EVERY: usize = 512;

/// Turns orders into offsets; keeps its memory from one order to the next. Fixed buffers are where they are.
#[derive(Debug)]
pub(super) struct Decoder<'t> {
    buffers: &'t [Lifetime],
    sections: Sections,
    space: Space,
    offsets: Vec<u64>,
}

impl<'t> Decoder<'t> {
    pub(super) fn new(buffers: &'t [Lifetime]) -> Self {
        let sections = Sections::new(buffers);
        Self {
            buffers,
            space: Space::new(sections.count()),
            sections,
            offsets: alloc::vec![0; buffers.len()],
        }
    }

    pub(super) fn sections(&self) -> &Sections {
        &self.sections
    }

    /// The offsets of the last order decoded.
    pub(super) fn offsets(&self) -> &[u64] {
        &self.offsets
    }

    pub(super) fn into_offsets(self) -> Vec<u64> {
        self.offsets
    }

    /// Gives each buffer, in this order, its lowest free offset; returns the peak, or `None` if the budget was spent before.
    pub(super) fn decode(&mut self, order: &[usize], budget: &Budget) -> Option<u64> {
        self.decode_around(&[], order, budget)
    }

    /// The same around some that are placed: pairs of position and offset, which must not overlap each other or fixed
    /// ones.
    pub(super) fn decode_around(
        &mut self,
        placed: &[(usize, u64)],
        order: &[usize],
        budget: &Budget,
    ) -> Option<u64> {
        self.space.clear();
        let mut is_placed = alloc::vec![false; self.buffers.len()];
        let mut peak = 0;
        let fixed = self.buffers.iter().enumerate();
        let fixed = fixed.filter_map(|(i, b)| Some((i, b.fixed_offset?)));
        for (i, offset) in fixed.chain(placed.iter().copied()) {
            if !is_placed[i] {
                is_placed[i] = true;
                peak = peak.max(self.put(i, offset));
            }
        }
        for some in order.chunks(LOOK_AT_THE_CLOCK_EVERY) {
            if budget.is_over() {
                return None;
            }
            budget.spend(some.len() as u64);
            for &i in some {
                if !is_placed[i] {
                    peak = peak.max(self.place(i));
                }
            }
        }
        Some(peak)
    }

    /// Gives one buffer its lowest free offset; returns its end.
    fn place(&mut self, index: usize) -> u64 {
        let Lifetime {
            size, alignment, ..
        } = self.buffers[index];
        let span = self.sections.of(index);
        let offset = self.space.lowest_free(span, size, alignment);
        self.put(index, offset)
    }

    fn put(&mut self, index: usize, offset: u64) -> u64 {
        let end = offset.saturating_add(self.buffers[index].size);
        self.space.take(self.sections.of(index), offset..end);
        self.offsets[index] = offset;
        end
    }
}
