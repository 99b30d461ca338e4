//! Priorities of buffers under an interference relation, for the
//! [squeaky wheel](crate::planner::squeaky_wheel).
//!
//! A buffer's priority is the logarithm of its size plus a multiple of the logarithm of its
//! breadth. Buckets of equal priority are placed in order of position.

use alloc::vec::Vec;
use core::cmp::Reverse;

use crate::lifetimes::Lifetime;
use crate::planner::random::Random;
use crate::planner::size_buckets::{LOG2_ONE, size_log2};
use crate::planner::squeaky_wheel::PriorityOrder;

/// Priorities by size and breadth.
#[derive(Debug)]
pub(super) struct BreadthPriorities {
    breadths: Vec<u64>,
    /// The width of a bucket and the shift of all its limits, as fixed-point logarithms.
    width: u64,
    shift: u64,
    /// How much the breadth counts beside the size: as much if this is [`LOG2_ONE`].
    breadth_weight: u64,
}

impl BreadthPriorities {
    pub(super) fn new(breadths: Vec<u64>) -> Self {
        Self {
            breadths,
            width: LOG2_ONE,
            shift: 0,
            breadth_weight: LOG2_ONE,
        }
    }
}

impl PriorityOrder for BreadthPriorities {
    fn priorities(&self, buffers: &[Lifetime]) -> Vec<u64> {
        let sized = buffers.iter().zip(&self.breadths);
        let priority = |(buffer, &breadth): (&Lifetime, &u64)| {
            let weighted = size_log2(breadth) * self.breadth_weight / LOG2_ONE;
            self.shift + size_log2(buffer.size) + weighted
        };
        sized.map(priority).collect()
    }

    fn order(&self, priorities: &[u64]) -> Vec<usize> {
        let mut order: Vec<usize> = (0..priorities.len()).collect();
        order.sort_by_key(|&i| Reverse(priorities[i] / self.width));
        order
    }

    fn restart(&mut self, random: &mut Random) {
        let (one, half, quarter) = (LOG2_ONE, LOG2_ONE / 2, LOG2_ONE / 4);
        self.width = random.one_of(&[1, quarter, half, one, one + half, 2 * one]);
        self.breadth_weight = random.one_of(&[0, half, one, one, 2 * one]);
        self.shift = random.below(2 * one);
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{free_space::InterferenceDecoder, orders},
        *,
    };
    use crate::planner::{
        budget::Budget, conflict::InterferenceRelation, incumbent::Incumbent,
        squeaky_wheel::SqueakyWheel, strategy::Task,
    };

    struct AllConflict;
    impl InterferenceRelation for AllConflict {
        fn conflict(&self, _: usize, _: usize) -> bool {
            true
        }
    }

    #[test]
    fn the_wheel_raises_the_priority_of_buffers_that_end_above_the_goal() {
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
            interference: None,
            proven: core::cell::Cell::default(),
            #[cfg(feature = "std")]
            progress: None,
        };
        let mut decoder = InterferenceDecoder::of_relation(&buffers, &AllConflict, &task.budget);
        let breadths = orders::breadths(&buffers, decoder.adjacency(), &task.budget).unwrap();
        let mut wheel = SqueakyWheel::new(&task, BreadthPriorities::new(breadths));
        let before = wheel.current_priorities().to_vec();
        assert!(!wheel.turn(&task, &mut decoder, &mut Incumbent::new(&task)));
        assert_eq!(decoder.offsets(), [0, 8, 12, 14]);
        let after = wheel.current_priorities();
        assert_eq!(after[..2], before[..2]);
        assert!(after[2] > before[2] && after[3] > before[3]);
    }
}
