//! A recording as events, and the blocks that they make up.
//!
//! Stands on the files above it. Unlike the requests that are planned, a block ends where it is
//! resized and another one begins, and blocks that outlive the recording count. Invariant: a block
//! has one address and one size.

#![forbid(unsafe_code)]

use std::collections::HashMap;

use orionrt::replay::{Event, EventKind};

use super::{error::TraceError, load::lifetimes, read::read};
use crate::input::{
    addresses::{Block, history_of_heap},
    recorded::{HeapEvent, HeapEventKind, HeapRecording, RecordingForm},
};

/// Reads a recording as events.
pub(crate) fn recorded(bytes: &[u8]) -> Result<HeapRecording, TraceError> {
    let recording = read(bytes)?;
    let (events, end) = (recording.events(), recording.events().len() as i64);
    let mut clock: Vec<(i64, u64)> = (0..).zip(events.iter().map(|one| one.time_ns)).collect();
    clock.dedup_by_key(|&mut (_, time)| time);
    let blocks = blocks(events);
    Ok(HeapRecording {
        form: RecordingForm::Orionrt,
        lifetimes: lifetimes(&recording)?,
        alignment: 1,
        events: (0..)
            .zip(events)
            .map(|(step, one)| event(step, one))
            .collect(),
        clock,
        reserved: Some(history_of_heap(&blocks, end).reserved),
        blocks,
        end,
        warnings: Vec::new(),
    })
}

fn event(step: i64, of: &Event) -> HeapEvent {
    let kind = match of.kind {
        EventKind::Free => HeapEventKind::Free,
        EventKind::Resize => HeapEventKind::Resize,
        EventKind::Resized => HeapEventKind::Resized,
        _ => HeapEventKind::Allocate,
    };
    HeapEvent {
        alignment: Some(of.alignment as u64),
        address: Some(of.address as u64),
        thread: Some(of.thread),
        ..HeapEvent::new(step, kind, of.size as u64)
    }
}

/// The blocks of these events.
fn blocks(events: &[Event]) -> Vec<Block> {
    let mut open = Open {
        end: events.len() as i64,
        ..Open::default()
    };
    for (step, event) in (0..).zip(events) {
        match event.kind {
            EventKind::Free => open.close(event.address, step),
            EventKind::Resize => open.resize(event, step),
            EventKind::Resized => {
                if let Some(block) = open.resizing.remove(&event.thread) {
                    open.blocks[block].upper = step;
                }
                open.begin(event, step);
            }
            _ => open.begin(event, step),
        }
    }
    open.blocks
}

/// Blocks that are alive.
#[derive(Default)]
struct Open {
    blocks: Vec<Block>,
    /// By their addresses.
    alive: HashMap<usize, usize>,
    /// Those that a thread is about to resize.
    resizing: HashMap<u32, usize>,
    end: i64,
}

impl Open {
    fn begin(&mut self, event: &Event, step: i64) {
        // If a block is alive there, its end is missing.
        self.close(event.address, step);
        self.alive.insert(event.address, self.blocks.len());
        self.blocks.push(Block {
            address: event.address as u64,
            size: event.size as u64,
            lower: step,
            upper: self.end,
        });
    }

    fn close(&mut self, address: usize, step: i64) {
        if let Some(block) = self.alive.remove(&address) {
            self.blocks[block].upper = step;
        }
    }

    fn resize(&mut self, event: &Event, step: i64) {
        let Some(block) = self.alive.remove(&event.address) else {
            return;
        };
        if let Some(lost) = self.resizing.insert(event.thread, block) {
            // The trace lacks the end of the thread's last resize.
            self.blocks[lost].upper = step;
        }
    }
}

#[cfg(test)]
mod tests {
    use orionrt::replay::Recording;

    use super::*;

    fn recording(events: Vec<Event>) -> HeapRecording {
        let mut bytes = Vec::new();
        let recording = Recording::new(1, events, 0);
        recording.write_json(&mut bytes).expect("a vector");
        recorded(&bytes).expect("a recording")
    }

    #[test]
    fn every_event_is_there_and_what_was_alive_after_it() {
        use EventKind::{Allocate, Free, Resize, Resized};
        let event = |kind, address, size, thread, time| {
            Event::new(kind, address, size, 16)
                .on_thread(thread)
                .at(time)
        };
        let found = recording(vec![
            event(Allocate, 0x5000, 100, 9, 10),
            event(Allocate, 0x9010, 50, 4, 12),
            event(Resize, 0x5000, 100, 9, 12),
            event(Free, 0x9010, 50, 9, 20),
            event(Resized, 0x7000, 5000, 9, 25),
            // Its free is missing.
            event(Allocate, 0x7000, 7, 4, 30),
            event(Free, 0x1000, 9, 4, 31),
        ]);
        let first = found.events()[0];
        assert_eq!(
            (first.thread, first.alignment, first.address),
            (Some(9), Some(16), Some(0x5000))
        );
        let times: Vec<_> = (0..7).map(|step| found.time_ns(step)).collect();
        assert_eq!(times, [10, 12, 12, 20, 25, 30, 31].map(Some));
        let usage = found.usage().into_iter();
        let usage: Vec<_> = usage
            .map(|told| {
                (
                    told.step,
                    told.live_bytes,
                    told.live_blocks,
                    told.reserved_bytes,
                )
            })
            .collect();
        assert_eq!(
            usage,
            [
                (0, 100, 1, Some(4096)),
                (1, 150, 2, Some(8192)),
                (3, 100, 1, Some(4096)),
                (4, 5000, 1, Some(8192)),
                (5, 7, 1, Some(4096)),
            ]
        );
    }
}
