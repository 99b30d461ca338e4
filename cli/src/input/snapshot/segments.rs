//! The addresses that were reserved, and when.
//!
//! Stands on [`entries`](super::entries). What is reserved is known at the end, and followed back
//! through the events. Invariant: no two parts share a byte at a step.

#![forbid(unsafe_code)]

use std::collections::BTreeMap;

use super::entries::{Action, Device};
use crate::input::addresses::{Pool, Reserved};

/// Addresses that are reserved.
#[derive(Clone, Copy)]
struct Range {
    end: u64,
    /// The end of the last step in which they are.
    until: i64,
    pool: Pool,
    /// Whether the snapshot tells the pool; else it follows from the size that an event released.
    is_told: bool,
}

/// Addresses that are reserved, by where they begin.
struct Open {
    ranges: BTreeMap<u64, Range>,
    closed: Vec<(Reserved, Pool)>,
}

impl Open {
    /// Takes addresses out, which were not reserved before `step`; `reserved` is the pool that they
    /// were reserved for then, if an event tells.
    fn cut(&mut self, start: u64, end: u64, step: i64, reserved: Option<Pool>) {
        let before = self.ranges.range(..start).next_back();
        let first = before.map_or(start, |(&first, _)| first);
        let met: Vec<(u64, Range)> = self
            .ranges
            .range(first..end)
            .map(|(&from, &range)| (from, range))
            .filter(|(_, range)| range.end > start)
            .collect();
        for (from, range) in met {
            self.ranges.remove(&from);
            if from < start {
                self.ranges.insert(
                    from,
                    Range {
                        end: start,
                        ..range
                    },
                );
            }
            if range.end > end {
                self.ranges.insert(end, range);
            }
            let mut part = range;
            part.end = range.end.min(end);
            if let (false, Some(pool)) = (range.is_told, reserved) {
                part.pool = pool;
            }
            self.close(from.max(start), part, step);
        }
    }

    fn close(&mut self, from: u64, range: Range, lower: i64) {
        let Range {
            end, until, pool, ..
        } = range;
        if lower < until && from < end {
            let part = Reserved {
                lower,
                upper: until,
                offset: from,
                size: end - from,
            };
            self.closed.push((part, pool));
        }
    }
}

/// The addresses that were reserved, as offsets, when, and for which pool. `end` is the end of the
/// last step.
pub(super) fn reserved(device: &Device, end: i64) -> Vec<(Reserved, Pool)> {
    let mut open = Open {
        ranges: BTreeMap::new(),
        closed: Vec::new(),
    };
    // One without bytes would take the place of another one that begins at its address.
    let segments = device.segments.iter().filter(|segment| segment.size > 0);
    for segment in segments {
        let range = Range {
            end: segment.address.saturating_add(segment.size),
            until: end,
            pool: segment.pool,
            is_told: true,
        };
        open.cut(segment.address, range.end, end, None);
        open.ranges.insert(segment.address, range);
    }
    for (index, event) in device.events.iter().enumerate().rev() {
        let step = index as i64 + 1;
        let range = Range {
            end: event.address.saturating_add(event.size),
            until: step,
            pool: Pool::of_segment(event.stream, event.size),
            is_told: false,
        };
        match event.action {
            Action::Reserve => open.cut(event.address, range.end, step, Some(range.pool)),
            Action::Release if event.address < range.end => {
                open.cut(event.address, range.end, step, None);
                open.ranges.insert(event.address, range);
            }
            _ => {}
        }
    }
    for (from, range) in std::mem::take(&mut open.ranges) {
        open.close(from, range, 0);
    }
    open.closed
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::input::snapshot::entries::{Event, Segment};

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

    fn segment(address: u64, size: u64) -> Segment {
        let pool = Pool::of_segment(0, size);
        Segment {
            address,
            size,
            pool,
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
                segments: set.map(|(address, _)| segment(address as u64, 1)).collect(),
                events,
                ..Device::default()
            };
            let end = all.len() as i64;
            let found = reserved(&device, end);
            for (step, flags) in all.iter().enumerate() {
                for (address, &flag) in flags.iter().enumerate() {
                    let covers = |(part, _): &&(Reserved, Pool)| {
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
                segments: segments
                    .map(|(address, size)| segment(address, size))
                    .into(),
                ..Device::default()
            };
            let found = reserved(&device, 1);
            let places = found.iter().map(|(part, _)| (part.offset, part.size));
            assert_eq!(places.collect::<Vec<_>>(), [(100, 50)], "{segments:?}");
        }
    }

    #[test]
    fn a_part_has_the_pool_that_the_snapshot_or_the_event_that_reserved_it_tells() {
        const MIB: u64 = 1 << 20;
        let of = |stream, is_large| Pool { stream, is_large };
        let on = |stream, event: Event| Event { stream, ..event };
        let told = Segment {
            pool: of(7, false),
            ..segment(64 * MIB, 20 * MIB)
        };
        let device = Device {
            segments: vec![told],
            events: vec![
                on(7, event(Action::Reserve, 64 * MIB, 20 * MIB)),
                // Two parts for small requests that are given back as one.
                on(8, event(Action::Reserve, 0, 2 * MIB)),
                on(8, event(Action::Reserve, 2 * MIB, 2 * MIB)),
                on(8, event(Action::Release, 0, 4 * MIB)),
                // One that was there before the first event.
                on(9, event(Action::Release, 32 * MIB, 20 * MIB)),
            ],
            ..Device::default()
        };
        let mut found = reserved(&device, 6);
        found.sort_by_key(|(part, _)| part.offset);
        let pools = found.iter().map(|&(part, pool)| (part.offset / MIB, pool));
        let expected = [
            (0, of(8, false)),
            (2, of(8, false)),
            (32, of(9, true)),
            (64, of(7, false)),
        ];
        assert_eq!(pools.collect::<Vec<_>>(), expected);
    }
}
