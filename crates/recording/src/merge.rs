//! The events of all threads, in one order.
//!
//! The next event is the earliest of those that come next in their threads. At the same time, what
//! releases comes before what allocates, then the lower thread comes first. A time that is before
//! one of the same thread's is taken for that one, so that the order of a thread is kept.
//!
//! Invariant: ticks do not fall, and each event comes once.

use alloc::{collections::BinaryHeap, vec::Vec};
use core::cmp::Reverse;

use crate::{
    chunks::{CheckedChunk, ChunkEvents, Thread},
    clock::Clock,
    event::{Event, Kind},
};

/// An event, and whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recorded {
    /// The number of the thread in the recording: threads are numbered as they begin to allocate.
    pub thread: u32,
    /// Nanoseconds since the recording began.
    pub time_ns: u64,
    /// What happened.
    pub event: Event,
    /// The number of the [stack](crate::Reader::stacks) that it happened in, if that is known.
    pub stack: Option<u32>,
}

/// When a thread's next event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Next {
    ticks: u64,
    allocates: bool,
    /// The position of the thread.
    thread: usize,
}

/// Where a thread is.
#[derive(Clone, Debug)]
struct Cursor<'a> {
    number: u32,
    chunks: &'a [CheckedChunk<'a>],
    events: ChunkEvents<'a>,
    next: Option<(Event, Option<u32>)>,
}

impl Cursor<'_> {
    /// Goes to the next event, which is not before the one that it was at.
    fn advance(&mut self) {
        let least = self.next.map_or(0, |(event, _)| event.ticks);
        let event = loop {
            match (self.events.next(), self.chunks.split_first()) {
                (Some(event), _) => break Some(event),
                (None, Some((chunk, others))) => {
                    (self.events, self.chunks) = (chunk.events(), others);
                }
                (None, None) => break None,
            }
        };
        self.next = event.map(|(event, stack)| {
            let ticks = event.ticks.max(least);
            (Event { ticks, ..event }, stack)
        });
    }
}

/// The events of a recording in order; see [`Reader::events`](crate::Reader::events).
#[derive(Clone, Debug)]
pub struct Events<'a> {
    cursors: Vec<Cursor<'a>>,
    clock: Clock,
    next: BinaryHeap<Reverse<Next>>,
}

impl<'a> Events<'a> {
    pub(crate) fn new(threads: &'a [Thread<'a>], clock: Clock) -> Self {
        let cursors = threads.iter().map(|thread| Cursor {
            number: thread.number,
            chunks: &thread.chunks,
            events: ChunkEvents::default(),
            next: None,
        });
        let mut all = Self {
            cursors: cursors.collect(),
            clock,
            next: BinaryHeap::new(),
        };
        (0..all.cursors.len()).for_each(|thread| all.advance(thread));
        all
    }

    /// Takes the next event of a thread into account.
    fn advance(&mut self, thread: usize) {
        let cursor = &mut self.cursors[thread];
        cursor.advance();
        let next = cursor.next.map(|(event, _)| Next {
            ticks: event.ticks,
            allocates: matches!(event.kind, Kind::Allocate | Kind::Resized),
            thread,
        });
        self.next.extend(next.map(Reverse));
    }
}

impl Iterator for Events<'_> {
    type Item = Recorded;

    fn next(&mut self) -> Option<Recorded> {
        let Reverse(Next { thread, .. }) = self.next.pop()?;
        let cursor = &self.cursors[thread];
        let (number, (event, stack)) = (cursor.number, cursor.next?);
        self.advance(thread);
        Some(Recorded {
            thread: number,
            time_ns: self.clock.nanoseconds(event.ticks),
            event,
            stack,
        })
    }
}
