//! Improving an order: buffers that end above the goal become more urgent, and the order is decoded again, as in
//! [the wheel for lifetimes](crate::planner::wheel).
//!
//! Urgency counts in octaves: the logarithm of the size, and more or less of that of the breadth. Bands of equal urgency are placed
//! in order of position. When that has led nowhere for a while, the wheel starts anew with other bands.

use alloc::vec::Vec;
use core::cmp::Reverse;

use super::decoder::Decoder;
use crate::lifetimes::Lifetime;
use crate::planner::{
    Task,
    best::Best,
    random::Random,
    size_buckets::{OCTAVE, logarithm},
};

/// A squeaking buffer moves up by less than this.
const LEAP: u64 = 2 * OCTAVE;
/// Rounds without a lower peak after which the wheel starts anew.
const PATIENCE: u32 = 12;

pub(super) struct Wheel {
    breadths: Vec<u64>,
    urgencies: Vec<u64>,
    /// The width of a band.
    width: u64,
    lowest: u64,
    stale: u32,
    random: Random,
}

impl Wheel {
    pub(super) fn new(task: &Task<'_>, breadths: Vec<u64>) -> Self {
        let mut wheel = Self {
            breadths,
            urgencies: Vec::new(),
            width: 0,
            lowest: u64::MAX,
            stale: 0,
            random: Random::new(task.seed),
        };
        wheel.start(task, OCTAVE, OCTAVE, 0);
        wheel
    }

    /// Decodes one order and learns from it; returns whether to stop.
    pub(super) fn turn(
        &mut self,
        task: &Task<'_>,
        decoder: &mut Decoder<'_>,
        best: &mut Best,
    ) -> bool {
        let mut order: Vec<usize> = (0..self.urgencies.len()).collect();
        order.sort_by_key(|&i| Reverse(self.urgencies[i] / self.width));
        let Some(peak) = decoder.decode(&order, &task.budget) else {
            return true;
        };
        if best.offer(task, peak, decoder.offsets()) {
            return true;
        }
        self.stale = if peak < self.lowest {
            0
        } else {
            self.stale + 1
        };
        self.lowest = self.lowest.min(peak);
        if self.stale < PATIENCE {
            self.squeak(task, decoder.offsets());
        } else {
            self.start_anew(task);
        }
        false
    }

    fn squeak(&mut self, task: &Task<'_>, offsets: &[u64]) {
        let placed = task.buffers.iter().zip(offsets);
        for (urgency, (buffer, offset)) in self.urgencies.iter_mut().zip(placed) {
            if offset.saturating_add(buffer.size) > task.goal {
                *urgency += self.random.below(LEAP);
            }
        }
    }

    fn start_anew(&mut self, task: &Task<'_>) {
        let (some, half) = (OCTAVE / 4, OCTAVE / 2);
        let width = self
            .random
            .one_of(&[1, some, half, OCTAVE, OCTAVE + half, 2 * OCTAVE]);
        let breadth = self.random.one_of(&[0, half, OCTAVE, OCTAVE, 2 * OCTAVE]);
        let shift = self.random.below(2 * OCTAVE);
        self.start(task, width, breadth, shift);
    }

    /// Bands of this width, shifted; an octave of breadth is worth `breadth`.
    fn start(&mut self, task: &Task<'_>, width: u64, breadth: u64, shift: u64) {
        let sized = task.buffers.iter().zip(&self.breadths);
        let urgency = |(buffer, &all): (&Lifetime, &u64)| {
            shift + logarithm(buffer.size) + logarithm(all) * breadth / OCTAVE
        };
        self.urgencies = sized.map(urgency).collect();
        (self.width, self.lowest, self.stale) = (width, u64::MAX, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{Relation, adjacency::Neighbours, orders},
        *,
    };
    use crate::planner::Budget;

    struct All;
    impl Relation for All {
        fn conflict(&self, _: usize, _: usize) -> bool {
            true
        }
    }

    #[test]
    fn what_ends_above_the_goal_becomes_more_urgent() {
        let buffer = |size| Lifetime {
            lower: 0,
            upper: 1,
            size,
            alignment: 1,
            fixed_offset: None,
            within: None,
        };
        let buffers = [8, 4, 2, 1].map(buffer);
        let task = Task {
            buffers: &buffers,
            goal: 12,
            capacity: None,
            start: None,
            budget: Budget::unlimited(),
            seed: 0,
            asked: None,
        };
        let near = Neighbours::new(4, &All);
        let mut wheel = Wheel::new(&task, orders::breadths(&buffers, &near));
        let before = wheel.urgencies.clone();
        let mut decoder = Decoder::new(&buffers, near);
        assert!(!wheel.turn(&task, &mut decoder, &mut Best::new(&task)));
        assert_eq!(decoder.offsets(), [0, 8, 12, 14]);
        assert_eq!(wheel.urgencies[..2], before[..2]);
        assert!(wheel.urgencies[2] > before[2] && wheel.urgencies[3] > before[3]);
    }
}
