//! What a program asked of an allocator over time, whatever recorded it.
//!
//! Stands on [`addresses`](super::addresses). The loaders of recordings make it beside lifetimes:
//! every block that the recording knows, also those that are not planned. Invariant: the events
//! stand in the order of their steps, and the blocks alive at a step are those that an event has
//! begun and none has ended.

#![forbid(unsafe_code)]

use orionrt::{Lifetimes, files::CsvWarning};

use super::addresses::Block;

/// What recorded the events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecordingForm {
    /// `ReplayAlloc`.
    Orionrt,
    /// A memory snapshot of PyTorch, of one device.
    Pytorch,
    /// `orionrt record`, or `liborionrt.so` by itself.
    Process,
    /// heaptrack.
    Heaptrack,
    /// Rows of lifetimes.
    Csv,
}

/// What became of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HeapEventKind {
    /// It was granted.
    Allocate,
    /// It was released.
    Free,
    /// It is about to be resized.
    Resize,
    /// It was resized: this is where it is then, and its size.
    Resized,
}

/// Something that happened to a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HeapEvent {
    /// The position in the recording, on the clock of the lifetimes.
    pub step: i64,
    /// What became of the block.
    pub kind: HeapEventKind,
    /// The size of the block in bytes, as it was asked for.
    pub size: u64,
    /// The alignment that was asked for in bytes, if it is known.
    pub alignment: Option<u64>,
    /// The address, if it is known.
    pub address: Option<u64>,
    /// The thread, if it is known.
    pub thread: Option<u32>,
    /// The stream of the device, if it is known.
    pub stream: Option<u64>,
}

impl HeapEvent {
    /// An event of which nothing else is known.
    pub(super) fn new(step: i64, kind: HeapEventKind, size: u64) -> Self {
        Self {
            step,
            kind,
            size,
            alignment: None,
            address: None,
            thread: None,
            stream: None,
        }
    }
}

/// What an allocator held from a step to the next one that is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HeapUsage {
    /// The step.
    pub step: i64,
    /// The bytes of all blocks that are alive, as they were asked for.
    pub live_bytes: u64,
    /// The blocks that are alive.
    pub live_blocks: u64,
    /// The bytes of the memory that they lie in, if it is known: PyTorch's segments, or the memory
    /// pages of 4 KiB in which a block has a byte.
    pub reserved_bytes: Option<u64>,
}

/// A recording: its events, its lifetimes, and what the allocator held.
#[derive(Clone, Debug)]
pub struct HeapRecording {
    pub(super) form: RecordingForm,
    pub(super) lifetimes: Lifetimes,
    /// The alignment of every block in bytes, unless the events say it.
    pub(super) alignment: u64,
    pub(super) events: Vec<HeapEvent>,
    /// Nanoseconds from each of these steps on.
    pub(super) clock: Vec<(i64, u64)>,
    pub(super) blocks: Vec<Block>,
    /// The bytes reserved from each of these steps on.
    pub(super) reserved: Option<Vec<(i64, u64)>>,
    /// The end of the last step.
    pub(super) end: i64,
    /// What rows say that is not planned.
    pub(super) warnings: Vec<CsvWarning>,
}

impl HeapRecording {
    /// What recorded the events.
    #[must_use]
    pub fn form(&self) -> RecordingForm {
        self.form
    }

    /// The events, in order. Blocks that were there before a memory snapshot's first event are
    /// allocated at step 0, and two events have the same step where one of the file is two of
    /// blocks.
    #[must_use]
    pub fn events(&self) -> &[HeapEvent] {
        &self.events
    }

    /// The lifetimes to plan: those that `orionrt plan` reads from the file, at multiples of 1.
    #[must_use]
    pub fn lifetimes(&self) -> &Lifetimes {
        &self.lifetimes
    }

    /// The least alignment of every offset in bytes with which `orionrt plan` plans the file.
    #[must_use]
    pub fn alignment(&self) -> u64 {
        self.alignment
    }

    /// What rows of lifetimes say that is not planned, such as columns that are not known.
    #[must_use]
    pub fn warnings(&self) -> &[CsvWarning] {
        &self.warnings
    }

    /// The nanoseconds of a step, on the clock of the recording, if it has one. A step before the
    /// first event has the time of that one.
    #[must_use]
    pub fn time_ns(&self, step: i64) -> Option<u64> {
        let after = self.clock.partition_point(|&(from, _)| from <= step);
        let (_, time) = self.clock.get(after.saturating_sub(1))?;
        Some(*time)
    }

    /// What the allocator held, at each step at which that changes.
    #[must_use]
    pub fn usage(&self) -> Vec<HeapUsage> {
        let bytes = |block: &Block| i128::from(block.size);
        let begin = self.blocks.iter().map(|one| (one.lower, bytes(one), 1));
        let end = self.blocks.iter().map(|one| (one.upper, -bytes(one), -1));
        let reserved = self.reserved.iter().flatten();
        let steps = reserved.map(|&(step, _)| (step, 0, 0));
        let mut changes: Vec<(i64, i128, i64)> = begin.chain(end).chain(steps).collect();
        changes.retain(|&(step, ..)| step < self.end);
        changes.sort_unstable();
        let (mut live, mut count) = (0, 0);
        let at_steps = changes.chunk_by(|a, b| a.0 == b.0).map(|changes| {
            for &(_, bytes, blocks) in changes {
                (live, count) = (live + bytes, count + blocks);
            }
            let step = changes[0].0;
            HeapUsage {
                step,
                live_bytes: u64::try_from(live).unwrap_or(u64::MAX),
                live_blocks: u64::try_from(count).unwrap_or(0),
                reserved_bytes: self.reserved_at(step),
            }
        });
        at_steps.collect()
    }

    fn reserved_at(&self, step: i64) -> Option<u64> {
        let reserved = self.reserved.as_ref()?;
        let after = reserved.partition_point(|&(from, _)| from <= step);
        let (_, bytes) = reserved.get(after.checked_sub(1)?)?;
        Some(*bytes)
    }
}

/// A recording of lifetimes alone: each begins and ends a block, and another one after every gap.
/// One that is never alive is a block without a step.
pub(super) fn of_lifetimes(lifetimes: Lifetimes) -> HeapRecording {
    let (mut blocks, mut alignments) = (Vec::new(), Vec::new());
    for (id, _, row) in lifetimes.iter() {
        let alive = lifetimes
            .live_ranges(id)
            .map(|steps| (steps.start, steps.end));
        let mut alive: Vec<(i64, i64)> = alive.collect();
        if alive.is_empty() {
            alive.push((row.lower, row.lower));
        }
        for (lower, upper) in alive {
            alignments.push(row.alignment);
            blocks.push(Block {
                address: 0,
                size: row.size,
                lower,
                upper,
            });
        }
    }
    let end = blocks.iter().map(|block| block.upper).max().unwrap_or(0);
    let end = end.saturating_add(1);
    let events = events_of(&blocks, end, |index, event| HeapEvent {
        alignment: Some(alignments[index]),
        ..event
    });
    HeapRecording {
        form: RecordingForm::Csv,
        alignment: 1,
        events,
        clock: Vec::new(),
        blocks,
        reserved: None,
        end,
        warnings: Vec::new(),
        lifetimes,
    }
}

/// The events of blocks: each begins and, unless it is alive after the last step, ends. `known`
/// adds what is known of the block at a position.
pub(super) fn events_of(
    blocks: &[Block],
    end: i64,
    known: impl Fn(usize, HeapEvent) -> HeapEvent,
) -> Vec<HeapEvent> {
    let each = blocks.iter().enumerate();
    let events = each.flat_map(|(index, block)| {
        let of = |step, kind| (index, HeapEvent::new(step, kind, block.size));
        let begin = of(block.lower, HeapEventKind::Allocate);
        let is_freed = block.upper < end;
        let freed = is_freed.then(|| of(block.upper, HeapEventKind::Free));
        std::iter::once(begin).chain(freed)
    });
    let mut events: Vec<(usize, HeapEvent)> = events.collect();
    // Bytes are released before others are granted at the same step, unless they never were alive.
    let is_later = |index: usize, event: &HeapEvent| {
        let is_never_alive = blocks[index].lower == blocks[index].upper;
        event.kind == HeapEventKind::Allocate || is_never_alive
    };
    events.sort_by_key(|(index, event)| (event.step, is_later(*index, event), *index));
    let events = events.into_iter();
    events.map(|(index, event)| known(index, event)).collect()
}

#[cfg(test)]
mod tests {
    use orionrt::{TensorId, lifetimes::Lifetime};
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// The oracle looks at every block at every step.
        #[test]
        fn usage_is_what_is_alive_at_each_step(
            rows in proptest::collection::vec(
                (-5_i64..9, 0_i64..6, 0_u64..99, (0_i64..6, 0_i64..4)),
                0..30,
            ),
        ) {
            let gap = |&(lower, steps, _, (begin, gap)): &(i64, i64, u64, (i64, i64))| {
                let begin = lower + begin.min(steps);
                begin..(begin + gap).min(lower + steps)
            };
            let named = rows.iter().enumerate();
            let named = named.map(|(i, &(lower, steps, size, _))| {
                (i.to_string(), Lifetime::new(lower, lower + steps, size))
            });
            let gaps = (0..).map(TensorId::new).zip(rows.iter().map(|row| vec![gap(row)]));
            let gaps = gaps.filter(|(_, gaps)| !gaps[0].is_empty());
            let lifetimes = Lifetimes::from_named(named).expect("rows");
            let lifetimes = lifetimes.with_all_gaps(gaps).expect("gaps");
            let recording = of_lifetimes(lifetimes);
            let usage = recording.usage();
            for step in -6..20 {
                let alive = rows.iter().filter(|row| {
                    let (lower, steps, ..) = **row;
                    (lower..lower + steps).contains(&step) && !gap(row).contains(&step)
                });
                let expected = (
                    alive.clone().map(|(_, _, size, _)| size).sum::<u64>(),
                    alive.count() as u64,
                );
                let told = usage.iter().rev().find(|told| told.step <= step);
                let found = told.map_or((0, 0), |told| (told.live_bytes, told.live_blocks));
                prop_assert_eq!(found, expected, "step {}", step);
            }
            let peak = usage.iter().map(|told| told.live_bytes).max().unwrap_or(0);
            prop_assert_eq!(peak, recording.lifetimes().load());
            prop_assert!(recording.events().is_sorted_by_key(|event| event.step));
        }
    }

    #[test]
    fn bytes_are_released_before_others_are_granted() {
        let rows = [
            ("a", 0, 2, 8, 1),
            ("b", 2, 3, 16, 4),
            ("never", 2, 2, 32, 1),
        ];
        let lifetimes = Lifetimes::from_rows(rows).expect("rows");
        let recording = of_lifetimes(lifetimes);
        use HeapEventKind::{Allocate, Free};
        let events = recording.events().iter();
        let events: Vec<_> = events.map(|one| (one.step, one.kind, one.size)).collect();
        let expected = [
            (0, Allocate, 8),
            (2, Free, 8),
            (2, Allocate, 16),
            (2, Allocate, 32),
            (2, Free, 32),
            (3, Free, 16),
        ];
        assert_eq!(events, expected);
        assert_eq!(recording.events()[2].alignment, Some(4));
        assert_eq!(recording.time_ns(2), None);
    }
}
