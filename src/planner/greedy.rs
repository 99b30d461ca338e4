//! Greedy strategies: put the buffers in an order that looks at all of time, then give each the lowest
//! offset that is free throughout its life.
//!
//! Sources of the orders: *greedy by size* and *greedy by breadth* are from Pisarchyk and Lee, *Efficient Memory
//! Management for Deep Neural Net Inference* (2020); by area and by size × lifetime from MiniMalloc (Moffitt, ASPLOS 2023).

use alloc::vec::Vec;
use core::cmp::Reverse;

use super::{Budget, Strategy, Task, sections::Sections, space::Space};
use crate::lifetimes::Lifetime;

/// The order in which a greedy strategy places buffers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GreedyBy {
    /// Largest first, longer-lived first among equals.
    Size,
    /// Tightest moment of life first (the largest load that the buffer lives through), then largest.
    Breadth,
    /// Largest size × lifetime first.
    Area,
    /// Longest-lived first, then largest.
    Lifetime,
    /// Tightness in quarters of the load first, then a blend of size and tightness.
    Blend,
}

impl GreedyBy {
    /// All orders.
    pub const ALL: [Self; 5] = [
        Self::Size,
        Self::Breadth,
        Self::Area,
        Self::Lifetime,
        Self::Blend,
    ];

    /// The buffers' positions in this order; ties by position.
    pub(super) fn order(self, buffers: &[Lifetime], sections: &Sections) -> Vec<usize> {
        let area = |b: &Lifetime| u128::from(b.size) * u128::from(b.upper.abs_diff(b.lower));
        let lived = |b: &Lifetime| b.upper.abs_diff(b.lower);
        let tightest = match self {
            Self::Breadth | Self::Blend => sections.tightest(buffers),
            Self::Size | Self::Area | Self::Lifetime => alloc::vec![0; buffers.len()],
        };
        let load = tightest.iter().copied().max().unwrap_or(0).max(1);
        let key = |i: usize| -> (u128, u128) {
            let b = &buffers[i];
            let (size, tight) = (u128::from(b.size), u128::from(tightest[i]));
            match self {
                Self::Size => (size, lived(b).into()),
                Self::Breadth => (tight, size),
                Self::Area => (area(b), size),
                Self::Lifetime => (lived(b).into(), size),
                // Sizes count by their logarithm: 5 quarters of tightness weigh as 2^7 in size.
                Self::Blend => {
                    let quarters = tight * 4 / u128::from(load);
                    (u128::from(size.ilog2()) * 7 + quarters * 12, area(b))
                }
            }
        };
        let mut order: Vec<usize> = (0..buffers.len()).collect();
        order.sort_by_cached_key(|&i| (Reverse(key(i)), i));
        order
    }
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
            GreedyBy::Size => "greedy-size",
            GreedyBy::Breadth => "greedy-breadth",
            GreedyBy::Area => "greedy-area",
            GreedyBy::Lifetime => "greedy-lifetime",
            GreedyBy::Blend => "greedy-blend",
        }
    }

    fn place(&self, task: &Task<'_>) -> Vec<u64> {
        let mut decoder = Decoder::new(task.buffers);
        let order = self.by.order(task.buffers, decoder.sections());
        decoder.decode(&order, &Budget::unlimited());
        decoder.offsets
    }
}

/// Buffers placed between two looks at the clock: some hundred microseconds.
const LOOK_AT_THE_CLOCK_EVERY: usize = 512;

/// Turns orders into offsets; keeps its memory from one order to the next.
#[derive(Clone, Debug)]
pub(super) struct Decoder<'t> {
    buffers: &'t [Lifetime],
    sections: Sections,
    space: Space,
    /// The offsets of the last order decoded.
    pub(super) offsets: Vec<u64>,
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

    /// Gives each buffer, in this order, its lowest free offset; returns the peak, or `None` if the time was up before.
    pub(super) fn decode(&mut self, order: &[usize], budget: &Budget) -> Option<u64> {
        self.space.clear();
        let mut peak = 0;
        for some in order.chunks(LOOK_AT_THE_CLOCK_EVERY) {
            if budget.is_time_up() {
                return None;
            }
            for &i in some {
                peak = peak.max(self.place(i));
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
        let offset = self.space.lowest_free(span.clone(), size, alignment);
        self.space.take(span, offset..offset + size);
        self.offsets[index] = offset;
        offset + size
    }
}
