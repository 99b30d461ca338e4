//! What the events of a recording add up to, in all and by size.
//!
//! Stands on [`Follow`]. Sizes are put together by powers of two.
//!
//! Invariant: every block that begins in the recording counts in one row.

#![forbid(unsafe_code)]

use orionrt_recording::{Kind, Reader};
use serde::Serialize;

use crate::input::{Ended, Follow};

/// The number of rows that there can be: sizes up to 2^0, 2^1, …, 2^63, and beyond.
const ROWS: usize = 65;

/// What is in a recording. Sizes are bytes.
#[derive(Debug, Default, Serialize)]
pub(super) struct Summary {
    pub(super) process: u32,
    pub(super) parent: u32,
    pub(super) command: Vec<String>,
    /// Nanoseconds since 1970.
    pub(super) started_ns: u64,
    pub(super) duration_ns: u64,
    /// Whether the process ended by itself; a signal, `_exit` and `exec` do not count.
    pub(super) has_exited: bool,
    pub(super) threads: usize,
    /// The events that the file had no room for.
    pub(super) lost: u64,
    pub(super) allocations: u64,
    pub(super) frees: u64,
    pub(super) resizes: u64,
    pub(super) refused: u64,
    /// Releases and resizes of blocks that the recording does not have.
    pub(super) unknown: u64,
    /// Blocks whose end the recording does not have.
    pub(super) unseen_ends: u64,
    pub(super) live_peak: u64,
    /// When they were alive.
    pub(super) live_peak_ns: u64,
    /// After how many steps.
    #[serde(skip)]
    pub(super) live_peak_steps: i64,
    /// The blocks that are alive after the last event.
    pub(super) alive_after: u64,
    pub(super) alive_after_bytes: u64,
    /// The most bytes that the heap had resident when it was asked, and the bytes alive then.
    pub(super) heap_peak: u64,
    pub(super) live_at_heap_peak: u64,
    pub(super) sizes: Vec<Row>,
}

/// The blocks of similar size.
#[derive(Clone, Debug, Default, Serialize)]
pub(super) struct Row {
    /// The largest size of this row.
    pub(super) up_to: u64,
    pub(super) blocks: u64,
    pub(super) bytes: u64,
    pub(super) live_peak: u64,
    /// The blocks that are alive after the last event.
    pub(super) alive_after: u64,
    /// The lifetime that half of the blocks do not reach, to a power of two; of those that end.
    pub(super) median_ns: Option<u64>,
    #[serde(skip)]
    live: u64,
    /// The number of blocks by the number of bits of their nanoseconds.
    #[serde(skip)]
    lifetimes: Vec<u64>,
}

impl Row {
    fn begin(&mut self, size: u64) {
        self.blocks += 1;
        self.bytes = self.bytes.saturating_add(size);
        self.live = self.live.saturating_add(size);
        self.live_peak = self.live_peak.max(self.live);
    }

    fn end(&mut self, ended: &Ended) {
        self.live = self.live.saturating_sub(ended.block.size);
        let nanoseconds = ended.to_ns.saturating_sub(ended.block.from_ns);
        self.lifetimes.resize(ROWS, 0);
        self.lifetimes[(u64::BITS - nanoseconds.leading_zeros()) as usize] += 1;
    }

    fn median(&self) -> Option<u64> {
        let all: u64 = self.lifetimes.iter().sum();
        let mut below = 0;
        let bits = self.lifetimes.iter().position(|count| {
            below += count;
            below * 2 >= all
        });
        let bits = bits.filter(|_| all > 0)?;
        Some(1_u64.checked_shl(bits as u32).unwrap_or(u64::MAX))
    }
}

fn row_of(size: u64) -> usize {
    match size.checked_next_power_of_two() {
        Some(power) => power.trailing_zeros() as usize,
        None => ROWS - 1,
    }
}

impl Summary {
    /// Goes through a recording.
    pub(super) fn of(reader: &Reader) -> Self {
        let header = reader.header();
        let mut summary = Self {
            process: header.process,
            parent: header.parent,
            command: header.command.clone(),
            started_ns: header.started_ns,
            has_exited: header.has_exited,
            threads: reader.threads(),
            lost: header.lost,
            ..Self::default()
        };
        let mut rows = vec![Row::default(); ROWS];
        let mut follow = Follow::default();
        for recorded in reader.events() {
            summary.duration_ns = recorded.time_ns;
            let event = recorded.event;
            if event.kind == Kind::Heap && event.address > summary.heap_peak {
                summary.heap_peak = event.address;
                summary.live_at_heap_peak = follow.live_bytes;
            }
            for ended in follow.take(&recorded) {
                rows[row_of(ended.block.size)].end(&ended);
            }
            if matches!(event.kind, Kind::Allocate | Kind::Resized) {
                rows[row_of(event.size)].begin(event.size);
            }
            if follow.live_bytes > summary.live_peak {
                (summary.live_peak, summary.live_peak_ns) = (follow.live_bytes, recorded.time_ns);
                summary.live_peak_steps = follow.steps;
            }
        }
        summary.finish(follow, rows);
        summary
    }

    fn finish(&mut self, follow: Follow, mut rows: Vec<Row>) {
        self.allocations = follow.allocations;
        self.frees = follow.frees;
        self.resizes = follow.resizes;
        self.refused = follow.refused;
        self.unknown = follow.unknown;
        self.unseen_ends = follow.unseen_ends;
        for block in follow.alive() {
            self.alive_after += 1;
            self.alive_after_bytes = self.alive_after_bytes.saturating_add(block.size);
            rows[row_of(block.size)].alive_after += 1;
        }
        for (bits, row) in (0..).zip(&mut rows) {
            row.up_to = 1_u64.checked_shl(bits).unwrap_or(u64::MAX);
            row.median_ns = row.median();
        }
        rows.retain(|row| row.blocks > 0);
        self.sizes = rows;
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::recorded::{Call, recorded},
        *,
    };

    fn summary(events: &[Call]) -> Summary {
        Summary::of(&Reader::new(&recorded(&[events])).expect("a recording"))
    }

    #[test]
    fn blocks_count_by_size_and_what_the_recording_does_not_have_is_told() {
        use Kind::*;
        let summary = summary(&[
            (10, Allocate, 0x100, 16),
            (20, Allocate, 0x200, 17),
            (30, Heap, 4096, 64),
            (40, Resize, 0x100, 100),
            (50, Resized, 0x300, 100),
            (60, Resize, 0x300, 1 << 40),
            (70, Refused, 0, 1 << 40),
            (80, Free, 0x300, 0),
            // Of a block from before.
            (90, Free, 0x900, 0),
            // Its end was not seen.
            (95, Allocate, 0x200, 5),
        ]);
        let counts = [
            summary.allocations,
            summary.frees,
            summary.resizes,
            summary.refused,
        ];
        assert_eq!(counts, [3, 2, 1, 1]);
        assert_eq!((summary.unknown, summary.unseen_ends), (1, 1));
        assert_eq!((summary.live_peak, summary.live_peak_ns), (117, 50));
        assert_eq!((summary.alive_after, summary.alive_after_bytes), (1, 5));
        assert_eq!((summary.heap_peak, summary.live_at_heap_peak), (4096, 33));
        let rows = summary.sizes.iter();
        let rows: Vec<_> = rows
            .map(|row| {
                (
                    row.up_to,
                    row.blocks,
                    row.bytes,
                    row.live_peak,
                    row.alive_after,
                )
            })
            .collect();
        let expected = [
            (8, 1, 5, 5, 1),
            (16, 1, 16, 16, 0),
            (32, 1, 17, 17, 0),
            (128, 1, 100, 100, 0),
        ];
        assert_eq!(rows, expected);
        let medians: Vec<_> = summary.sizes.iter().map(|row| row.median_ns).collect();
        assert_eq!(medians, [None, Some(64), Some(128), Some(32)]);
    }
}
