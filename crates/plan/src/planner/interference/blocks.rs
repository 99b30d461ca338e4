//! Stacks a few rigid blocks, each of them a plan of its own: a block gets one offset for all that
//! is in it.

use alloc::vec::Vec;

use super::portfolio::place;
use crate::lifetimes::Lifetime;
use crate::planner::budget::Budget;
use crate::planner::conflict::InterferenceRelation;
use crate::planner::strategy::Task;
use crate::relation::heaviest_clique;

/// The relation that a function defines.
struct ConflictFn<F>(F);

impl<F: Fn(usize, usize) -> bool> InterferenceRelation for ConflictFn<F> {
    fn conflict(&self, a: usize, b: usize) -> bool {
        self.0(a, b)
    }
}

/// An offset in bytes for each block, given by its height in bytes and its alignment, so that
/// conflicting blocks share no byte.
///
/// Up to some ten blocks the peak is the lowest possible, if the budget allows; more blocks are
/// searched as in [`place`].
pub(crate) fn stack_blocks(
    blocks: &[(u64, u64)],
    conflict: impl Fn(usize, usize) -> bool,
    budget: &Budget,
) -> Vec<u64> {
    // Empty blocks conflict with none.
    let solid: Vec<usize> = (0..blocks.len()).filter(|&i| blocks[i].0 > 0).collect();
    let conflict = |a: usize, b: usize| conflict(solid[a], solid[b]);
    let buffers: Vec<Lifetime> = solid.iter().map(|&i| rigid(blocks[i])).collect();
    let heights: Vec<u64> = buffers.iter().map(|block| block.size).collect();
    let highest = heights.iter().copied().max().unwrap_or(0);
    let task = Task {
        buffers: &buffers,
        goal: heaviest_clique(&heights, conflict).unwrap_or(highest),
        capacity: None,
        start: None,
        budget: budget.clone(),
        seed: 0,
        interference: None,
        proven: core::cell::Cell::default(),
        #[cfg(feature = "std")]
        progress: None,
    };
    let placed = place(&task, &ConflictFn(conflict));
    budget.spend(task.budget.spent() - budget.spent());
    let mut offsets = alloc::vec![0; blocks.len()];
    for (&i, offset) in solid.iter().zip(placed) {
        offsets[i] = offset;
    }
    offsets
}

fn rigid((size, alignment): (u64, u64)) -> Lifetime {
    Lifetime {
        lower: 0,
        upper: 1,
        size,
        alignment,
        fixed_offset: None,
        within: None,
    }
}

#[cfg(test)]
mod tests {
    use super::{super::tests::lowest_peak, *};
    use proptest::prelude::*;

    #[test]
    fn five_blocks_in_a_ring_of_conflicts_need_three_levels() {
        // The heaviest clique weighs 4, but no placement of whole blocks on an odd ring has that
        // peak.
        let ring = |a: usize, b: usize| matches!(a.abs_diff(b), 1 | 4);
        let blocks = [(2, 1); 5];
        let offsets = stack_blocks(&blocks, ring, &Budget::unlimited());
        assert_eq!(offsets.iter().max(), Some(&4));
        let empty = [(2, 1), (0, 1), (2, 1)];
        let offsets = stack_blocks(&empty, |_, _| true, &Budget::unlimited());
        assert_eq!(offsets[0].abs_diff(offsets[2]), 2);
    }

    proptest! {
        #[test]
        fn no_order_of_blocks_gives_a_lower_stack(
            blocks in prop::collection::vec(
                (0u64..9, prop::sample::select(alloc::vec![1u64, 2, 4])),
                1..7,
            ),
            edges in prop::collection::vec(any::<bool>(), 36),
        ) {
            let conflict = |a: usize, b: usize| edges[a.min(b) * 6 + a.max(b)];
            let budget = Budget::unlimited();
            let offsets = stack_blocks(&blocks, conflict, &budget);
            let end = |i: usize| offsets[i] + blocks[i].0;
            for i in 0..blocks.len() {
                prop_assert_eq!(offsets[i] % blocks[i].1, 0);
                for j in (0..i).filter(|&j| conflict(i, j) && blocks[i].0 > 0 && blocks[j].0 > 0) {
                    prop_assert!(end(i) <= offsets[j] || end(j) <= offsets[i]);
                }
            }
            let solid: Vec<usize> = (0..blocks.len()).filter(|&i| blocks[i].0 > 0).collect();
            let rows: Vec<Lifetime> = solid.iter().map(|&i| rigid(blocks[i])).collect();
            let lowest = lowest_peak(&rows, &|a, b| conflict(solid[a], solid[b]));
            prop_assert_eq!(solid.into_iter().map(end).max().unwrap_or(0), lowest);
        }
    }
}
