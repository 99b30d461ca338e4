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
    history::{Block, Ground, History, Reserved},
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
        ground: Ground::Pages(PAGE),
        reserved,
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

/// The bytes of all parts at each step. Modulo 2^64: where blocks share no byte there are no more.
fn sums(parts: &[Reserved], end: i64) -> Vec<u64> {
    let steps = usize::try_from(end).unwrap_or(0);
    let mut changes = vec![0_u64; steps + 1];
    for part in parts {
        for (step, size) in [
            (part.lower, part.size),
            (part.upper, part.size.wrapping_neg()),
        ] {
            let step = usize::try_from(step).unwrap_or(0).min(steps);
            changes[step] = changes[step].wrapping_add(size);
        }
    }
    changes.pop();
    let mut sum = 0_u64;
    for change in &mut changes {
        sum = sum.wrapping_add(*change);
        *change = sum;
    }
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
        assert_eq!(history.reserved, [0, bytes, bytes, bytes, 0]);
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
                prop_assert_eq!(sums[step as usize], found.len() as u64 * PAGE);
            }
        }
    }
}
