//! Spacing: planned blocks moved apart, so that large ones begin at different places of a page.
//!
//! A plan has blocks one behind the other. Tensors are often multiples of a page, so all of them
//! would begin where a page begins, and bytes at the same distance from their starts would have the
//! same low twelve bits of their addresses. Such bytes compete for the same places of a cache, and
//! a processor takes a load for one that has to wait for an earlier store whose low twelve bits are
//! the same.
//!
//! ```text
//! plan       │ a, 64 KiB      │ b, 64 KiB      │ c, 64 KiB      │
//! spaced     │ a              │·│ b              │··│ c              │       · = 192 bytes
//! ```
//!
//! Invariant: of two blocks, the one with the greater offset moves at least as far. So blocks that
//! are apart stay apart.

#![forbid(unsafe_code)]

use orionrt_plan::plan::Plan;

/// So many bytes of a plan get a spacing of one step.
const EVERY: u64 = 64 << 10;
/// A step is so many times the strictest alignment. The number is odd, so that as many blocks in a
/// row begin at different places as there are such places in a page.
const STEPS: u64 = 3;
/// Bytes of a line of the cache.
const LINE: u64 = 64;
/// With blocks that are more strictly aligned, a plan is not spaced: it would become too long.
const MOST_ALIGNMENT: u64 = 256;

/// How far the blocks of a plan move.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spacing {
    step: u64,
}

impl Spacing {
    /// The spacing of a plan. Every block stays aligned.
    pub(super) fn of(plan: &Plan) -> Self {
        let rows = plan.lifetimes().rows().iter();
        let alignment = rows.map(|row| row.alignment).max().unwrap_or(1);
        Self {
            step: match alignment {
                ..=MOST_ALIGNMENT => STEPS * alignment.max(LINE),
                _ => 0,
            },
        }
    }

    /// Where the block with this offset in the plan begins.
    pub(super) fn moved(self, offset: u64) -> u64 {
        offset.saturating_add(offset / EVERY * self.step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use orionrt_plan::planner::Planner;
    use proptest::prelude::*;

    fn plan_of(rows: impl IntoIterator<Item = (i64, i64, u64, u64)>) -> Plan {
        let rows = rows.into_iter().enumerate();
        let rows = rows
            .map(|(i, (lower, upper, size, align))| (format!("r{i}"), lower, upper, size, align));
        let lifetimes = orionrt_plan::lifetimes::Lifetimes::from_rows(rows).unwrap();
        Planner::new().nodes(100).plan(&lifetimes).unwrap()
    }

    fn row() -> impl Strategy<Value = (i64, i64, u64, u64)> {
        let alignment = (0u32..11).prop_map(|log| 1 << log);
        (0i64..20, 1i64..5, 1u64..300_000, alignment)
            .prop_map(|(lower, length, size, alignment)| (lower, lower + length, size, alignment))
    }

    proptest! {
        #[test]
        fn blocks_that_are_apart_stay_apart_and_all_stay_aligned(
            rows in prop::collection::vec(row(), 1..40),
        ) {
            let plan = plan_of(rows.iter().copied());
            let spacing = Spacing::of(&plan);
            let blocks: Vec<_> = rows.iter().zip(plan.offsets()).collect();
            for &(row, &at) in &blocks {
                let moved = spacing.moved(at);
                prop_assert_eq!(moved % row.3, 0);
                prop_assert!(moved + row.2 <= (plan.peak() + plan.peak() / 64) + 4096);
                for &(_, &other) in blocks.iter().filter(|(_, other)| at + row.2 <= **other) {
                    prop_assert!(moved + row.2 <= spacing.moved(other));
                }
            }
        }
    }

    #[test]
    fn blocks_of_whole_pages_begin_at_different_places() {
        let plan = plan_of((0..64).map(|_| (0, 1, 64 << 10, 16)));
        let spacing = Spacing::of(&plan);
        let places = plan.offsets().iter().map(|&at| spacing.moved(at) % 4096);
        let mut places: Vec<u64> = places.collect();
        places.sort_unstable();
        places.dedup();
        assert_eq!(places.len(), 64);
    }

    #[test]
    fn a_plan_with_a_strictly_aligned_block_stays_as_it_is() {
        let plan = plan_of([(0, 1, 1 << 20, 16), (0, 1, 1 << 20, 4096)]);
        assert_eq!(Spacing::of(&plan).moved(1 << 20), 1 << 20);
    }
}
