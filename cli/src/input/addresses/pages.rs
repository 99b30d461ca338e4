//! The memory pages that the blocks of a heap lie in.
//!
//! Stands on [`history`](super::history) and [`layout`](super::layout). At each step a page counts
//! if a block has a byte in it. An allocator can give back all others; what these hold beside
//! blocks is lost to fragmentation, to sizes that are rounded up, and to the heap's own notes.
//!
//! ```text
//! pages    │ . . . . │ . . . . │ . . . . │ . . . . │
//! blocks       ├──────────────────────┤     ├─┤
//! whose           edge   inside    edge    edge       an edge may belong to several blocks
//! ```
//!
//! Invariant: no two parts share a byte at a step unless two blocks do.

#![forbid(unsafe_code)]

use super::{
    history::{Block, History, RangeKind, Reserved},
    layout::stacked,
};

/// The bytes of a page, the smallest that common systems have.
const PAGE: u64 = 4096;

/// What a heap had in the steps `0..end`, if it had these blocks.
pub(crate) fn history_of_heap(blocks: &[Block], end: i64) -> History {
    let parts = occupied(blocks);
    let reserved = parts
        .as_deref()
        .map_or_else(Vec::new, |parts| sums(parts, end));
    History {
        kind: RangeKind::Pages(PAGE),
        reserved,
        end,
        layout: parts.and_then(|parts| stacked(blocks, parts)),
    }
}

/// Runs of pages and the steps in which they had a block; `None` if one ends beyond all addresses.
fn occupied(blocks: &[Block]) -> Option<Vec<Reserved>> {
    let mut parts: Vec<Reserved> = Vec::new();
    // Pages with an edge of a block in them, and when the block was there.
    let mut edges: Vec<(u64, i64, i64)> = Vec::new();
    let alive = blocks.iter();
    for block in alive.filter(|block| block.size > 0 && block.lower < block.upper) {
        let (lower, upper) = (block.lower, block.upper);
        let first = block.address / PAGE;
        let last = block.address.checked_add(block.size - 1)? / PAGE;
        last.checked_add(1)?.checked_mul(PAGE)?;
        edges.push((first, lower, upper));
        if last > first {
            edges.push((last, lower, upper));
        }
        if last > first + 1 {
            parts.push(Reserved {
                lower,
                upper,
                offset: (first + 1) * PAGE,
                size: (last - first - 1) * PAGE,
            });
        }
    }
    edges.sort_unstable();
    let mut at: Option<(u64, i64, i64)> = None;
    for edge in edges {
        match &mut at {
            Some((page, _, upper)) if *page == edge.0 && edge.1 <= *upper => {
                *upper = edge.2.max(*upper);
            }
            _ => parts.extend(at.replace(edge).map(page)),
        }
    }
    parts.extend(at.map(page));
    Some(joined(parts))
}

fn page((page, lower, upper): (u64, i64, i64)) -> Reserved {
    Reserved {
        lower,
        upper,
        offset: page * PAGE,
        size: PAGE,
    }
}

/// Parts that touch and were there in the same steps, as one.
fn joined(mut parts: Vec<Reserved>) -> Vec<Reserved> {
    parts.sort_unstable_by_key(|part| (part.lower, part.upper, part.offset));
    parts.dedup_by(|next, part| {
        let touches = (part.lower, part.upper) == (next.lower, next.upper)
            && part.offset.checked_add(part.size) == Some(next.offset);
        if touches {
            part.size += next.size;
        }
        touches
    });
    parts
}

/// The bytes of all parts from each step at which they change to the next one. Modulo 2^64: where
/// blocks share no byte there are no more.
fn sums(parts: &[Reserved], end: i64) -> Vec<(i64, u64)> {
    let of_parts = parts.iter().flat_map(|part| {
        let ends = (part.upper, part.size.wrapping_neg());
        [(part.lower.max(0), part.size), ends]
    });
    let mut changes: Vec<(i64, u64)> = [(0, 0)].into_iter().chain(of_parts).collect();
    changes.retain(|&(step, _)| step < end);
    changes.sort_unstable_by_key(|&(step, _)| step);
    let mut sum = 0_u64;
    for (_, change) in &mut changes {
        sum = sum.wrapping_add(*change);
        *change = sum;
    }
    // Of the sums at one step the last one counts.
    changes.dedup_by(|next, kept| {
        let is_same_step = next.0 == kept.0;
        if is_same_step {
            kept.1 = next.1;
        }
        is_same_step
    });
    changes.dedup_by_key(|&mut (_, bytes)| bytes);
    changes
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn block((address, size, lower, steps): (u64, u64, i64, i64)) -> Block {
        Block {
            address,
            size,
            lower,
            upper: lower + steps,
        }
    }

    #[test]
    fn a_block_of_many_pages_is_one_part() {
        let alone = [block((PAGE + 16, 10 * PAGE, 1, 3))];
        let parts = occupied(&alone).unwrap();
        let expected = Reserved {
            lower: 1,
            upper: 4,
            offset: PAGE,
            size: 11 * PAGE,
        };
        assert_eq!(parts, [expected]);
        let history = history_of_heap(&alone, 5);
        let bytes = 11 * PAGE;
        assert_eq!(history.reserved, [(0, 0), (1, bytes), (4, 0)]);
        assert_eq!(history.end, 5);
        assert_eq!(history.layout.unwrap().offsets, [16]);
    }

    #[test]
    fn addresses_beyond_all_numbers_have_no_layout() {
        for (address, size) in [(u64::MAX, 1), (u64::MAX - PAGE, 1), (8, u64::MAX)] {
            let all = [block((address, size, 0, 1))];
            let history = history_of_heap(&all, 1);
            let fits = address == u64::MAX - PAGE;
            assert_eq!(history.layout.is_some(), fits, "{address}");
        }
    }

    #[test]
    fn many_steps_take_no_memory() {
        let history = history_of_heap(&[block((0, 1, 0, 1))], i64::MAX);
        assert_eq!(history.reserved, [(0, PAGE), (1, 0)]);
    }

    proptest! {
        /// The oracle has a set of pages for each step.
        #[test]
        fn pages_are_those_in_which_a_block_lies(
            all in proptest::collection::vec((0_u64..40, 0_u64..30, 0_i64..10, 0_i64..6), 0..14),
        ) {
            // Quarters of pages. Blocks that share a byte with an earlier one are left out.
            let unit = PAGE / 4;
            let mut blocks: Vec<Block> = Vec::new();
            for (at, size, lower, steps) in all {
                let new = block((at * unit, size * unit, lower, steps));
                let meets = |old: &Block| {
                    old.address < new.address + new.size && new.address < old.address + old.size
                        && old.lower < new.upper && new.lower < old.upper
                };
                if !blocks.iter().any(meets) {
                    blocks.push(new);
                }
            }
            let end = 16;
            let parts = occupied(&blocks).unwrap();
            let sums = sums(&parts, end);
            prop_assert_eq!(sums[0].0, 0);
            prop_assert!(sums.is_sorted_by(|a, b| a.0 < b.0 && a.1 != b.1), "{:?}", sums);
            let sum_at = |step| sums[sums.partition_point(|of| of.0 <= step) - 1].1;
            for step in 0..end {
                let mut expected = BTreeSet::new();
                for block in blocks.iter().filter(|of| (of.lower..of.upper).contains(&step)) {
                    let bytes = block.address..block.address + block.size;
                    expected.extend(bytes.step_by(unit as usize).map(|byte| byte / PAGE));
                }
                let mut found = Vec::new();
                for part in parts.iter().filter(|of| (of.lower..of.upper).contains(&step)) {
                    found.extend((part.offset / PAGE..).take((part.size / PAGE) as usize));
                }
                found.sort_unstable();
                prop_assert_eq!(&found, &expected.into_iter().collect::<Vec<_>>(), "{}", step);
                prop_assert_eq!(sum_at(step), found.len() as u64 * PAGE);
            }
        }
    }
}
