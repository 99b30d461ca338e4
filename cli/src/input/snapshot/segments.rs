//! The addresses that were reserved, and when.
//!
//! Stands on [`entries`](super::entries). What is reserved is known at the end, and followed back
//! through the events. Invariant: no two parts share a byte at a step.

#![forbid(unsafe_code)]

use std::collections::BTreeMap;

use super::entries::{Action, Device};
use crate::input::addresses::Reserved;

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

/// The addresses that were reserved, as offsets, and when. `end` is the end of the last step.
pub(super) fn reserved(device: &Device, end: i64) -> Vec<Reserved> {
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
            stream: 0,
            time: None,
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
}
