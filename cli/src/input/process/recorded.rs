//! A recording of a process as events, and the blocks that they make up, for other programs.
//!
//! Stands on the files above it. Steps are those of the plan. Releases of blocks from before the
//! recording, and requests that were refused, are no events. Invariant: a block has one address and
//! one size, and at most [`MOST_EVENTS`] events are held.

#![forbid(unsafe_code)]

use std::{collections::HashMap, path::Path};

use orionrt::Lifetimes;
use orionrt_recording::{Kind, Reader, Recorded};

use super::{
    error::ProcessError,
    follow::{Follow, LARGEST_KEPT},
    load::{addressed, plan_part},
    read::Process,
};
use crate::{
    args::PartArgs,
    failure::Failure,
    input::{
        addresses::{Block, history_of_heap},
        read::Source,
        recorded::{HeapEvent, HeapEventKind, HeapRecording, RecordingForm},
    },
};

/// The most events that are held.
const MOST_EVENTS: usize = 1 << 23;

/// Loads the recording at a path.
pub(crate) fn recording(path: &Path, source: Source) -> Result<HeapRecording, Failure> {
    let process = Process::of(path, source)?;
    let reader = process.reader(path)?;
    recorded(&reader).map_err(|error| Failure::file(path, error))
}

/// What a process asked of its allocator.
fn recorded(reader: &Reader) -> Result<HeapRecording, ProcessError> {
    let (lifetimes, _) = plan_part(reader, &PartArgs::default(), false)?;
    let mut all = All::default();
    for recorded in reader.events() {
        all.take(&recorded)?;
    }
    Ok(all.finish(lifetimes))
}

/// A block that is alive, without its address.
#[derive(Clone, Copy)]
struct Open {
    size: u64,
    alignment: u64,
}

/// What the events so far came to.
#[derive(Default)]
struct All {
    follow: Follow,
    events: Vec<HeapEvent>,
    clock: Vec<(i64, u64)>,
    blocks: Vec<Block>,
    alive: HashMap<u64, Open>,
    /// The blocks that threads are resizing, and where they were.
    resizing: HashMap<u32, (u64, Open)>,
}

impl All {
    fn take(&mut self, recorded: &Recorded) -> Result<(), ProcessError> {
        let step = self.follow.steps;
        let ended = self.follow.take(recorded);
        self.blocks.extend(ended.map(|ended| addressed(&ended)));
        let Some((kind, address, block)) = self.told(recorded) else {
            return Ok(());
        };
        if self.events.len() == MOST_EVENTS {
            return Err(ProcessError::TooManyEvents { most: MOST_EVENTS });
        }
        if self
            .clock
            .last()
            .is_none_or(|&(_, time)| time != recorded.time_ns)
        {
            self.clock.push((step, recorded.time_ns));
        }
        self.events.push(HeapEvent {
            alignment: Some(block.alignment),
            address: Some(address),
            thread: Some(recorded.thread),
            ..HeapEvent::new(step, kind, block.size)
        });
        Ok(())
    }

    /// What an event is to others, and the block that it is about.
    fn told(&mut self, recorded: &Recorded) -> Option<(HeapEventKind, u64, Open)> {
        let (event, thread) = (recorded.event, recorded.thread);
        let (kind, address, block) = match event.kind {
            Kind::Free => {
                let block = self.alive.remove(&event.address)?;
                return Some((HeapEventKind::Free, event.address, block));
            }
            Kind::Resize => {
                let block = self.alive.remove(&event.address)?;
                self.resizing.insert(thread, (event.address, block));
                return Some((HeapEventKind::Resize, event.address, block));
            }
            // The block is as it was.
            Kind::Refused => {
                let (address, block) = self.resizing.remove(&thread)?;
                (HeapEventKind::Resized, address, block)
            }
            Kind::Resized => {
                let before = self.resizing.remove(&thread);
                let alignment = before.map_or(event.alignment, |(_, before)| before.alignment);
                let block = Open {
                    size: event.size,
                    alignment: alignment.min(LARGEST_KEPT),
                };
                (HeapEventKind::Resized, event.address, block)
            }
            Kind::Allocate => {
                let block = Open {
                    size: event.size,
                    alignment: event.alignment,
                };
                (HeapEventKind::Allocate, event.address, block)
            }
            _ => return None,
        };
        self.alive.insert(address, block);
        Some((kind, address, block))
    }

    fn finish(mut self, lifetimes: Lifetimes) -> HeapRecording {
        let end = self.follow.steps;
        let alive = self.follow.alive().into_iter().map(|block| Block {
            address: block.address,
            size: block.size,
            lower: block.lower,
            upper: end,
        });
        self.blocks.extend(alive);
        HeapRecording {
            form: RecordingForm::Process,
            lifetimes,
            alignment: 1,
            events: self.events,
            clock: self.clock,
            reserved: Some(history_of_heap(&self.blocks, end).reserved),
            blocks: self.blocks,
            end,
            warnings: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use orionrt_recording::{Event, Start, Writer, words_for};

    use super::*;

    #[test]
    fn events_know_their_blocks_and_what_is_alive_is_told() {
        let memory: Vec<AtomicU64> = (0..words_for(1)).map(|_| AtomicU64::new(0)).collect();
        let writer = Writer::begin(&memory, &Start::default()).expect("room");
        let claim = writer.claim().expect("a chunk");
        let mut chunk = writer.open(claim, 3, 0).expect("a chunk");
        for (ticks, kind, alignment, address, size) in [
            (10, Kind::Allocate, 64, 0x5000, 100),
            (11, Kind::Refused, 1, 0, 1 << 50),
            (12, Kind::Allocate, 16, 0x9010, 50),
            (20, Kind::Resize, 1, 0x5000, 6000),
            (25, Kind::Resized, 1, 0x7000, 6000),
            (30, Kind::Resize, 1, 0x7000, 1 << 50),
            (31, Kind::Refused, 1, 0, 1 << 50),
            // From before the recording.
            (35, Kind::Free, 1, 0x100, 0),
            (40, Kind::Free, 1, 0x7000, 0),
        ] {
            assert!(chunk.push(&Event {
                ticks,
                kind,
                alignment,
                address,
                size
            }));
        }
        let words = memory.iter().map(|word| word.load(Ordering::Relaxed));
        let bytes: Vec<u8> = words.flat_map(u64::to_ne_bytes).collect();
        let found = recorded(&Reader::new(&bytes).expect("a recording")).expect("blocks");
        use HeapEventKind::{Allocate, Free, Resize, Resized};
        let events = found.events().iter();
        let events: Vec<_> = events
            .map(|one| (one.step, one.kind, one.size, one.alignment))
            .collect();
        let expected = [
            (0, Allocate, 100, Some(64)),
            (2, Allocate, 50, Some(16)),
            (3, Resize, 100, Some(64)),
            (4, Resized, 6000, Some(16)),
            (5, Resize, 6000, Some(16)),
            (6, Resized, 6000, Some(16)),
            (8, Free, 6000, Some(16)),
        ];
        assert_eq!(events, expected);
        assert_eq!(found.time_ns(4), Some(25));
        let usage = found.usage().into_iter();
        let usage: Vec<_> = usage
            .map(|told| (told.step, told.live_bytes, told.reserved_bytes))
            .collect();
        let page = |pages: u64| Some(4096 * pages);
        let expected = [
            (0, 100, page(1)),
            (2, 150, page(2)),
            (4, 6050, page(3)),
            (8, 50, page(1)),
        ];
        assert_eq!(usage, expected);
        assert_eq!(found.lifetimes().load(), 6050);
    }
}
