//! Ranges of addresses, stacked one above the other.
//!
//! Stands on [`history`](super::history).
//!
//! ```text
//! addresses   ──┤ range ├────────┤ range ├┤ range ├──
//! layout        ├ range ┼ range ┼ range ┤
//! ```
//!
//! Invariant: no two ranges of the layout share a byte, and each block lies in one of them.

#![forbid(unsafe_code)]

use std::collections::BTreeMap;

use super::history::{AddressLayout, Block, Reserved};

/// Ranges of addresses in ascending order: where each begins and ends, and the offset at which it
/// begins.
struct Ranges(Vec<(u64, u64, u64)>);

impl Ranges {
    /// Merges ranges that touch; `None` if they have more bytes than there are numbers.
    fn new(mut ranges: Vec<(u64, u64)>) -> Option<Self> {
        ranges.retain(|(start, end)| start < end);
        ranges.sort_unstable();
        let mut merged: Vec<(u64, u64, u64)> = Vec::new();
        let mut height = 0_u64;
        for (start, end) in ranges {
            match merged.last_mut() {
                Some((_, last, _)) if start <= *last => {
                    height = height.checked_add(end.saturating_sub(*last))?;
                    *last = end.max(*last);
                }
                _ => {
                    merged.push((start, end, height));
                    height = height.checked_add(end - start)?;
                }
            }
        }
        Some(Self(merged))
    }

    /// The offset of an address in one of the ranges, or of the end of the one below it.
    fn offset(&self, address: u64) -> u64 {
        let after = self.0.partition_point(|&(start, ..)| start <= address);
        let below = after.checked_sub(1).map(|index| self.0[index]);
        below.map_or(0, |(start, end, offset)| {
            offset + (address.min(end) - start)
        })
    }
}

/// Stacks blocks and what was reserved, whose offsets are addresses; `None` if that is more than
/// can be counted.
pub(crate) fn stacked(blocks: &[Block], reserved: Vec<Reserved>) -> Option<AddressLayout> {
    let range = |address: u64, size: u64| Some((address, address.checked_add(size)?));
    let of_blocks = blocks.iter().map(|block| range(block.address, block.size));
    let of_parts = reserved.iter().map(|part| range(part.offset, part.size));
    let ranges = Ranges::new(of_blocks.chain(of_parts).collect::<Option<_>>()?)?;
    let offsets = blocks.iter().map(|block| ranges.offset(block.address));
    Some(AddressLayout {
        offsets: offsets.collect(),
        reserved: reserved
            .into_iter()
            .map(|part| Reserved {
                offset: ranges.offset(part.offset),
                ..part
            })
            .collect(),
    })
}

/// Of each block the number of the part that its first byte lies in when it comes to be, found in a
/// sweep over the steps.
pub(crate) fn parts_of(blocks: &[Block], reserved: &[Reserved]) -> Vec<Option<u32>> {
    let mut begin: Vec<usize> = (0..reserved.len()).collect();
    begin.sort_by_key(|&part| reserved[part].lower);
    let mut begin = begin.into_iter().peekable();
    let mut order: Vec<usize> = (0..blocks.len()).collect();
    order.sort_by_key(|&block| blocks[block].lower);
    // Parts by where they begin. One that has ended goes when it is met.
    let mut there: BTreeMap<u64, usize> = BTreeMap::new();
    let mut found = vec![None; blocks.len()];
    for block in order {
        let Block { address, lower, .. } = blocks[block];
        while let Some(part) = begin.next_if(|&part| reserved[part].lower <= lower) {
            there.insert(reserved[part].offset, part);
        }
        while let Some((&at, &part)) = there.range(..=address).next_back() {
            let Reserved { upper, size, .. } = reserved[part];
            if upper <= lower {
                there.remove(&at);
                continue;
            }
            let holds = address - at < size;
            found[block] = holds.then(|| u32::try_from(part).ok()).flatten();
            break;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn block(address: u64, size: u64, lower: i64, upper: i64) -> Block {
        Block {
            address,
            size,
            lower,
            upper,
        }
    }

    fn part(offset: u64, size: u64, lower: i64, upper: i64) -> Reserved {
        Reserved {
            lower,
            upper,
            offset,
            size,
        }
    }

    #[test]
    fn ranges_stand_one_above_the_other_without_what_is_between() {
        let parts = vec![part(1 << 40, 100, 0, 2), part(1 << 50, 50, 1, 2)];
        let blocks = [
            block((1 << 50) + 10, 5, 1, 2),
            block((1 << 40) + 20, 5, 0, 2),
            block(7, 3, 0, 2),
        ];
        assert_eq!(parts_of(&blocks, &parts), [Some(1), Some(0), None]);
        let layout = stacked(&blocks, parts).unwrap();
        assert_eq!(layout.offsets, [3 + 100 + 10, 3 + 20, 0]);
        assert_eq!(layout.reserved, [part(3, 100, 0, 2), part(103, 50, 1, 2)]);
    }

    #[test]
    fn more_bytes_than_there_are_numbers_have_no_layout() {
        assert!(stacked(&[block(u64::MAX, 2, 0, 1)], Vec::new()).is_none());
        assert!(stacked(&[block(u64::MAX - 1, 1, 0, 1)], Vec::new()).is_some());
    }

    proptest! {
        /// The oracle looks at every part. Parts that share a byte at a step are left out, as no
        /// allocator has them.
        #[test]
        fn a_block_is_in_the_part_that_holds_its_first_byte_at_its_first_step(
            parts in proptest::collection::vec((0_u64..20, 1_u64..8, 0_i64..8, 1_i64..6), 0..12),
            blocks in proptest::collection::vec((0_u64..24, 0_i64..12), 1..12),
        ) {
            let mut reserved: Vec<Reserved> = Vec::new();
            for (offset, size, lower, steps) in parts {
                let new = part(offset, size, lower, lower + steps);
                let meets = |old: &Reserved| {
                    old.offset < offset + size && offset < old.offset + old.size
                        && old.lower < new.upper && new.lower < old.upper
                };
                if !reserved.iter().any(meets) {
                    reserved.push(new);
                }
            }
            let blocks = blocks.into_iter();
            let blocks = blocks.map(|(at, step)| block(at, 1, step, step + 1));
            let blocks: Vec<Block> = blocks.collect();
            let found = parts_of(&blocks, &reserved);
            for (block, found) in blocks.iter().zip(found) {
                let holds = |part: &Reserved| {
                    (part.offset..part.offset + part.size).contains(&block.address)
                        && (part.lower..part.upper).contains(&block.lower)
                };
                let expected = reserved.iter().position(holds);
                prop_assert_eq!(found, expected.map(|index| index as u32), "{:?}", block);
            }
        }
    }
}
