//! Where blocks lie among all addresses that were ever reserved, and when those were.
//!
//! Stands on [`entries`](super::entries), [`facts`](super::facts) and [`replay`](super::replay).
//! The address space of a device is nearly empty: ranges that were reserved at some time, or had a
//! block, are stacked one above the other in the order of their addresses, without what is between
//! them.
//!
//! ```text
//! addresses   ──┤ segment ├────────┤ segment ├┤ segment ├──
//! layout        ├ segment ┼ segment ┼ segment ┤
//! ```
//!
//! Invariant: no two ranges of the layout share a byte, and each block lies in one of them.

#![forbid(unsafe_code)]

use std::collections::BTreeMap;

use super::{
    entries::{Action, Device},
    facts::{AddressLayout, Reserved},
    replay::Block,
};

/// Ranges of addresses in ascending order, with the offset at which each begins.
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

    /// The offset of an address in one of the ranges.
    fn offset(&self, address: u64) -> u64 {
        let after = self.0.partition_point(|&(start, ..)| start <= address);
        let below = after.checked_sub(1).map(|index| self.0[index]);
        below.map_or(0, |(start, _, offset)| offset + (address - start))
    }
}

/// Stacks what a device had; `None` if that is more than can be counted. `end` is the end of the
/// last step.
pub(super) fn address_layout(device: &Device, blocks: &[Block], end: i64) -> Option<AddressLayout> {
    let parts = reserved(device, end);
    let range = |address: u64, size: u64| Some((address, address.checked_add(size)?));
    let of_blocks = blocks.iter().map(|block| range(block.address, block.size));
    let of_parts = parts.iter().map(|part| range(part.offset, part.size));
    let ranges = Ranges::new(of_blocks.chain(of_parts).collect::<Option<_>>()?)?;
    Some(AddressLayout {
        offsets: blocks
            .iter()
            .map(|block| ranges.offset(block.address))
            .collect(),
        reserved: parts
            .into_iter()
            .map(|part| Reserved {
                offset: ranges.offset(part.offset),
                ..part
            })
            .collect(),
    })
}

/// Addresses that are reserved, by where they begin: where they end, and until which step.
struct Open {
    ranges: BTreeMap<u64, (u64, i64)>,
    closed: Vec<Reserved>,
}

impl Open {
    /// Takes addresses out, which were not reserved before `step`.
    fn cut(&mut self, start: u64, end: u64, step: i64) {
        let before = self.ranges.range(..start).next_back();
        let first = before.map_or(start, |(&first, _)| first);
        let met: Vec<(u64, u64, i64)> = self
            .ranges
            .range(first..end)
            .map(|(&from, &(to, until))| (from, to, until))
            .filter(|&(_, to, _)| to > start)
            .collect();
        for (from, to, until) in met {
            self.ranges.remove(&from);
            if from < start {
                self.ranges.insert(from, (start, until));
            }
            if to > end {
                self.ranges.insert(end, (to, until));
            }
            let (from, to) = (from.max(start), to.min(end));
            self.close(from, to, step, until);
        }
    }

    fn close(&mut self, from: u64, to: u64, lower: i64, upper: i64) {
        if lower < upper && from < to {
            self.closed.push(Reserved {
                lower,
                upper,
                offset: from,
                size: to - from,
            });
        }
    }
}

/// The addresses that were reserved, and when: known at the end, and followed back through the
/// events.
fn reserved(device: &Device, end: i64) -> Vec<Reserved> {
    let mut open = Open {
        ranges: BTreeMap::new(),
        closed: Vec::new(),
    };
    // One without bytes would take the place of another one that begins at its address.
    let segments = device.segments.iter().filter(|(_, size)| *size > 0);
    for &(address, size) in segments {
        let until = address.saturating_add(size);
        open.cut(address, until, end);
        open.ranges.insert(address, (until, end));
    }
    for (index, event) in device.events.iter().enumerate().rev() {
        let step = index as i64 + 1;
        let until = event.address.saturating_add(event.size);
        match event.action {
            Action::Reserve => open.cut(event.address, until, step),
            Action::Release if event.address < until => {
                open.cut(event.address, until, step);
                open.ranges.insert(event.address, (until, step));
            }
            _ => {}
        }
    }
    for (from, (to, until)) in std::mem::take(&mut open.ranges) {
        open.close(from, to, 0, until);
    }
    open.closed
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::input::snapshot::entries::Event;

    fn event(action: Action, address: u64, size: u64) -> Event {
        Event {
            action,
            address,
            size,
            frames: None,
        }
    }

    proptest! {
        /// The oracle keeps a flag for each address and step, forwards from the first event.
        #[test]
        fn what_is_reserved_is_what_a_flag_for_each_address_says(
            before in 0_u32..1 << 12,
            changes in proptest::collection::vec((0_u64..12, 1_u64..6, any::<bool>()), 0..20),
        ) {
            let mut flags: Vec<bool> = (0..20).map(|address| before >> address & 1 == 1).collect();
            let mut all = vec![flags.clone()];
            let mut events = Vec::new();
            for (address, size, reserves) in changes {
                let range = address as usize..(address + size) as usize;
                // An allocator reserves what is free and releases what is reserved.
                if flags[range.clone()].contains(&reserves) {
                    continue;
                }
                flags[range].fill(reserves);
                all.push(flags.clone());
                let action = if reserves { Action::Reserve } else { Action::Release };
                events.push(event(action, address, size));
            }
            let set = flags.iter().enumerate().filter(|(_, flag)| **flag);
            let device = Device {
                segments: set.map(|(address, _)| (address as u64, 1)).collect(),
                events,
                ..Device::default()
            };
            let end = all.len() as i64;
            let found = reserved(&device, end);
            for (step, flags) in all.iter().enumerate() {
                for (address, &flag) in flags.iter().enumerate() {
                    let covers = |part: &&Reserved| {
                        let bytes = part.offset..part.offset + part.size;
                        let steps = part.lower..part.upper;
                        steps.contains(&(step as i64)) && bytes.contains(&(address as u64))
                    };
                    let times = found.iter().filter(covers).count();
                    prop_assert_eq!(times, usize::from(flag), "step {}, {}", step, address);
                }
            }
        }
    }

    #[test]
    fn ranges_stand_one_above_the_other_without_what_is_between() {
        let device = Device {
            segments: vec![(1 << 40, 100), (1 << 50, 50)],
            events: vec![event(Action::Reserve, 1 << 50, 50)],
            ..Device::default()
        };
        let block = |address, size| Block {
            address,
            size,
            lower: 0,
            upper: 2,
            frames: None,
        };
        let blocks = [
            block((1 << 50) + 10, 5),
            block((1 << 40) + 20, 5),
            block(7, 3),
        ];
        let layout = address_layout(&device, &blocks, 2).unwrap();
        assert_eq!(layout.offsets, [3 + 100 + 10, 3 + 20, 0]);
        let mut parts = layout.reserved;
        parts.sort_by_key(|part| part.offset);
        let places = parts
            .iter()
            .map(|part| (part.lower, part.upper, part.offset, part.size));
        assert_eq!(
            places.collect::<Vec<_>>(),
            [(0, 2, 3, 100), (1, 2, 103, 50)]
        );
    }

    #[test]
    fn a_segment_without_bytes_takes_no_place() {
        for segments in [[(100, 50), (100, 0)], [(100, 0), (100, 50)]] {
            let device = Device {
                segments: segments.to_vec(),
                ..Device::default()
            };
            let found = reserved(&device, 1);
            let places = found.iter().map(|part| (part.offset, part.size));
            assert_eq!(places.collect::<Vec<_>>(), [(100, 50)], "{segments:?}");
        }
    }

    #[test]
    fn more_bytes_than_there_are_numbers_have_no_layout() {
        let device = Device::default();
        let block = |address, size| Block {
            address,
            size,
            lower: 0,
            upper: 1,
            frames: None,
        };
        assert!(address_layout(&device, &[block(u64::MAX, 2)], 1).is_none());
        assert!(address_layout(&device, &[block(u64::MAX - 1, 1)], 1).is_some());
    }
}
