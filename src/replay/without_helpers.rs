//! The plan of the thread that runs an iteration, without the bytes of its helpers.
//!
//! A plan from a file has no lifetimes, so it cannot be planned again. But the blocks of one thread
//! can move towards the start of the region, over bytes that only others have:
//!
//! ```text
//! all threads        │ a ┊ helper │ b       │      own blocks: a, b, and c, which shares with b
//!                                 ┊ c    │
//! without helpers    │ a │ b       │
//!                        ┊ c    │
//! ```
//!
//! A block has the room up to the next one, of any thread, and keeps that.
//!
//! Invariant: two blocks share bytes afterwards if and only if they did before; a block is as large
//! and as strictly aligned, and no further from the start.

#![forbid(unsafe_code)]

use alloc::{boxed::Box, vec::Vec};
use core::ops::Range;

use super::{
    region_map::RegionMap,
    replay_plan::ReplayPlan,
    template::{Expected, Template},
};

/// The plan without its helpers, and without the bytes that only they have.
pub(super) fn without_helpers(plan: ReplayPlan) -> ReplayPlan {
    let ReplayPlan { own, map, .. } = plan;
    let blocks = own.expected().iter().filter_map(Expected::block);
    let blocks: Vec<Range<u64>> = blocks.map(|b| map.offsets(map.block(b))).collect();
    let alignments = own.expected().iter().filter(|it| it.block().is_some());
    let alignment = alignments.map(|it| it.layout().1).max().unwrap_or(1);
    let moved = moved_down(&blocks, alignment as u64);
    match RegionMap::new(moved.into_iter()) {
        Some(map) => ReplayPlan {
            own: renumbered(&own),
            helpers: None,
            map,
        },
        // Not with fewer blocks than there were.
        None => ReplayPlan {
            own,
            helpers: None,
            map,
        },
    }
}

/// A template of these requests, with their blocks numbered in order.
fn renumbered(own: &Template) -> Template {
    let mut numbers = 0..;
    let expected = own.expected().iter().map(|it| {
        let (size, alignment) = it.layout();
        let block = it.block().and_then(|_| numbers.next());
        Expected::new(size, alignment, block)
    });
    Template::of(expected.collect::<Box<[Expected]>>())
}

/// Offsets and sizes of these blocks, in order, without gaps between them that are wider than what
/// keeps them aligned.
fn moved_down(blocks: &[Range<u64>], alignment: u64) -> Vec<(u64, u64)> {
    let mut by_start: Vec<usize> = (0..blocks.len()).collect();
    by_start.sort_unstable_by_key(|&i| blocks[i].start);
    let mut moved = alloc::vec![(0, 0); blocks.len()];
    // Where blocks so far end, before and after.
    let (mut end, mut shift) = (0, 0);
    for i in by_start {
        let Range { start, end: until } = blocks[i].clone();
        if start >= end {
            // By whole multiples, which keep it aligned.
            let gap = start - end;
            shift += gap - gap % alignment;
        }
        end = end.max(until);
        moved[i] = (start - shift, until - start);
    }
    moved
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn blocks_close_the_gaps_of_others() {
        let blocks = [0..100, 1024..2000, 1536..1600, 5000..5100];
        let moved = moved_down(&blocks, 8);
        assert_eq!(moved, [(0, 100), (104, 976), (616, 64), (1080, 100)]);
    }

    proptest! {
        /// Of any two blocks.
        #[test]
        fn blocks_keep_what_they_share(
            drawn in prop::collection::vec((0u64..200, 1u64..300), 0..20),
            shift in 0u32..5,
        ) {
            let alignment = 1 << shift;
            let block = |&(at, size): &(u64, u64)| at * alignment..at * alignment + size;
            let blocks: Vec<Range<u64>> = drawn.iter().map(block).collect();
            let moved = moved_down(&blocks, alignment);
            let share = |a: &Range<u64>, b: &Range<u64>| a.start < b.end && b.start < a.end;
            let range = |&(start, size): &(u64, u64)| start..start + size;
            for (i, (before, after)) in blocks.iter().zip(&moved).enumerate() {
                prop_assert_eq!((after.0 % alignment, after.1), (0, before.end - before.start));
                prop_assert!(after.0 <= before.start);
                for (other, moved) in blocks.iter().zip(&moved).take(i) {
                    prop_assert_eq!(share(before, other), share(&range(after), &range(moved)));
                }
            }
            // No byte is left over, but for alignment.
            let covered = |at: u64| moved.iter().map(range).any(|range| range.contains(&at));
            let end = moved.iter().map(|it| it.0 + it.1).max().unwrap_or(0);
            let mut idle = 0;
            for at in 0..end {
                idle = if covered(at) { 0 } else { idle + 1 };
                prop_assert!(idle < alignment);
            }
        }
    }
}
