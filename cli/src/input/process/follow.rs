//! The blocks of a process, followed through its calls.
//!
//! Stands on `orionrt-recording`. A block that is resized ends, and another one begins where it is
//! then. A step is a call, or each of the two events of a resize. Of a block that moves it is only
//! known that it ended between these two: another thread may have got its bytes by the second one,
//! so it ends after the first.
//!
//! Invariant: `live_bytes` is what the blocks that are alive add up to, as they were asked for; a
//! block ends once.

#![forbid(unsafe_code)]

use std::collections::HashMap;

use orionrt_recording::{Kind, Recorded};

/// A block that is alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Live {
    pub(crate) address: u64,
    pub(crate) size: u64,
    pub(crate) alignment: u64,
    /// The step and the time at which it began.
    pub(crate) lower: i64,
    pub(crate) from_ns: u64,
}

/// A block and its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) block: Live,
    /// The step and the time of its end.
    pub(crate) upper: i64,
    pub(crate) to_ns: u64,
}

/// What the events so far came to.
#[derive(Debug, Default)]
pub(crate) struct Follow {
    live: HashMap<u64, Live>,
    /// The blocks that threads are resizing, and since when.
    resizing: HashMap<u32, (Live, i64)>,
    /// The number of steps.
    pub(crate) steps: i64,
    pub(crate) live_bytes: u64,
    pub(crate) allocations: u64,
    pub(crate) frees: u64,
    pub(crate) resizes: u64,
    pub(crate) refused: u64,
    /// Releases and resizes of blocks that the recording does not have.
    pub(crate) unknown: u64,
    /// Blocks whose end the recording does not have: others began at their addresses.
    pub(crate) unseen_ends: u64,
}

impl Follow {
    /// Takes the next event; returns the blocks that end with it.
    pub(crate) fn take(&mut self, recorded: &Recorded) -> impl Iterator<Item = Ended> + use<> {
        self.taken(recorded).into_iter().flatten()
    }

    fn taken(&mut self, recorded: &Recorded) -> [Option<Ended>; 2] {
        let event = recorded.event;
        let step = self.steps;
        if matches!(event.kind, Kind::Clock | Kind::Heap) {
            return [None; 2];
        }
        self.steps += 1;
        let at = |block: Live| Ended {
            block,
            upper: step,
            to_ns: recorded.time_ns,
        };
        let begun = Live {
            address: event.address,
            size: event.size,
            alignment: event.alignment,
            lower: step,
            from_ns: recorded.time_ns,
        };
        match event.kind {
            Kind::Allocate => {
                self.allocations += 1;
                [self.begin(begun).map(at), None]
            }
            Kind::Free => {
                self.frees += 1;
                let block = self.live.remove(&event.address);
                self.unknown += u64::from(block.is_none());
                [block.map(|block| at(self.end(block))), None]
            }
            Kind::Resize => {
                let block = self.live.remove(&event.address);
                self.unknown += u64::from(block.is_none());
                let block = block.map(|block| (block, step));
                let lost = block.and_then(|block| self.resizing.insert(recorded.thread, block));
                [lost.map(|(lost, _)| at(self.end(lost))), None]
            }
            Kind::Resized => {
                self.resizes += 1;
                let resized = self.resizing.remove(&recorded.thread);
                let alignment = resized.map_or(event.alignment, |(block, _)| {
                    block.alignment.min(LARGEST_KEPT)
                });
                let ended = resized.map(|(block, since)| {
                    let moved = block.address != event.address;
                    let upper = if moved { since + 1 } else { step };
                    let ended = at(self.end(block));
                    Ended { upper, ..ended }
                });
                let other = self.begin(Live { alignment, ..begun });
                [ended, other.map(at)]
            }
            _ => {
                self.refused += 1;
                let kept = self.resizing.remove(&recorded.thread);
                let other = kept.and_then(|(kept, _)| self.live.insert(kept.address, kept));
                self.unseen_ends += u64::from(other.is_some());
                [other.map(|other| at(self.end(other))), None]
            }
        }
    }

    /// A block begins; returns one whose end was not seen.
    fn begin(&mut self, block: Live) -> Option<Live> {
        self.live_bytes = self.live_bytes.saturating_add(block.size);
        let other = self.live.insert(block.address, block)?;
        self.unseen_ends += 1;
        Some(self.end(other))
    }

    fn end(&mut self, block: Live) -> Live {
        self.live_bytes = self.live_bytes.saturating_sub(block.size);
        block
    }

    /// The blocks that are alive after the last event, in the order in which they began.
    pub(crate) fn alive(self) -> Vec<Live> {
        let resizing = self.resizing.into_values().map(|(block, _)| block);
        let all = self.live.into_values().chain(resizing);
        let mut alive: Vec<Live> = all.collect();
        alive.sort_unstable_by_key(|block| block.lower);
        alive
    }
}

/// The alignment that a block keeps when it moves.
pub(super) const LARGEST_KEPT: u64 = 16;

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use orionrt_recording::{Event, Reader, Start, Writer, words_for};
    use proptest::prelude::*;

    use super::*;

    /// A thread, what it does, an address and a size.
    type Call = (u32, Kind, u64, u64);

    fn follow(calls: &[Call]) -> (Vec<Ended>, Follow) {
        let memory: Vec<AtomicU64> = (0..words_for(3)).map(|_| AtomicU64::new(0)).collect();
        let writer = Writer::begin(&memory, &Start::default()).expect("room");
        let chunks = (0..3).filter_map(|thread| writer.open(writer.claim()?, thread, 0));
        let mut chunks: Vec<_> = chunks.collect();
        for (ticks, &(thread, kind, address, size)) in (1..).zip(calls) {
            let alignment = 16;
            let event = Event {
                ticks,
                kind,
                alignment,
                address,
                size,
            };
            assert!(chunks[thread as usize].push(&event));
        }
        let words = memory.iter().map(|word| word.load(Ordering::Relaxed));
        let bytes: Vec<u8> = words.flat_map(u64::to_ne_bytes).collect();
        let reader = Reader::new(&bytes).expect("a recording");
        let mut follow = Follow::default();
        let ended = reader.events().flat_map(|event| follow.take(&event));
        (ended.collect(), follow)
    }

    #[test]
    fn a_block_that_moves_ends_before_another_thread_may_have_its_bytes() {
        use Kind::*;
        let (ended, follow) = follow(&[
            (0, Allocate, 0x100, 64),
            (0, Resize, 0x100, 900),
            (1, Allocate, 0x100, 8),
            (0, Resized, 0x500, 900),
            // In place, then refused.
            (0, Resize, 0x500, 800),
            (0, Resized, 0x500, 800),
            (0, Resize, 0x500, 1 << 50),
            (0, Refused, 0, 1 << 50),
            (1, Free, 0x500, 0),
        ]);
        let rows = ended.iter().map(|one| {
            let block = one.block;
            (block.address, block.size, block.lower, one.upper)
        });
        let expected = [(0x100, 64, 0, 2), (0x500, 900, 3, 5), (0x500, 800, 5, 8)];
        assert_eq!(rows.collect::<Vec<_>>(), expected);
        let counts = (follow.live_bytes, follow.resizes, follow.refused);
        assert_eq!(counts, (8, 2, 1));
        assert_eq!((follow.unknown, follow.unseen_ends), (0, 0));
        let alive: Vec<_> = follow.alive().iter().map(|one| one.address).collect();
        assert_eq!(alive, [0x100]);
    }

    proptest! {
        /// Whatever the calls: every block that begins ends once or is alive after the last one.
        #[test]
        fn blocks_end_once(
            calls in proptest::collection::vec((0_u32..3, 0_usize..5, 1_u64..6, 0_u64..99), 0..80),
        ) {
            use Kind::*;
            let kinds = [Allocate, Free, Resize, Resized, Refused];
            let calls: Vec<Call> = calls
                .into_iter()
                .map(|(thread, kind, address, size)| (thread, kinds[kind], address * 64, size))
                .collect();
            let (ended, follow) = follow(&calls);
            let begins = calls.iter().filter(|call| matches!(call.1, Allocate | Resized));
            let (begun, live) = (begins.count(), follow.live_bytes);
            let alive = follow.alive();
            prop_assert_eq!(live, alive.iter().map(|one| one.size).sum::<u64>());
            prop_assert!(ended.iter().all(|one| one.block.lower < one.upper));
            let mut lowers: Vec<_> = ended.iter().map(|one| one.block.lower).collect();
            lowers.extend(alive.iter().map(|one| one.lower));
            lowers.sort_unstable();
            prop_assert!(lowers.is_sorted_by(|a, b| a < b), "{:?}", lowers);
            prop_assert_eq!(lowers.len(), begun);
        }
    }
}
