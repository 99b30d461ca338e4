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
    chunks::Thread,
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
}

/// Where a thread's next event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Next {
    ticks: u64,
    allocates: bool,
    /// The position of the thread.
    thread: usize,
    chunk: usize,
    index: usize,
}

/// The events of a recording in order; see [`Reader::events`](crate::Reader::events).
#[derive(Clone, Debug)]
pub struct Events<'a> {
    threads: &'a [Thread<'a>],
    clock: Clock,
    next: BinaryHeap<Reverse<Next>>,
}

impl<'a> Events<'a> {
    pub(crate) fn new(threads: &'a [Thread<'a>], clock: Clock) -> Self {
        let firsts = (0..threads.len()).filter_map(|thread| next_of(threads, thread, 0, 0, 0));
        let next: Vec<_> = firsts.map(Reverse).collect();
        Self {
            threads,
            clock,
            next: next.into(),
        }
    }
}

/// The event of a thread at this place or after it, not before these ticks.
fn next_of(
    threads: &[Thread],
    thread: usize,
    mut chunk: usize,
    mut index: usize,
    ticks: u64,
) -> Option<Next> {
    let chunks = &threads[thread].chunks;
    while index >= chunks.get(chunk)?.count {
        (chunk, index) = (chunk + 1, 0);
    }
    let event = chunks[chunk].event(index)?;
    Some(Next {
        ticks: event.ticks.max(ticks),
        allocates: matches!(event.kind, Kind::Allocate | Kind::Resized),
        thread,
        chunk,
        index,
    })
}

impl Iterator for Events<'_> {
    type Item = Recorded;

    fn next(&mut self) -> Option<Recorded> {
        let Reverse(next) = self.next.pop()?;
        let Next {
            thread,
            chunk,
            index,
            ticks,
            ..
        } = next;
        let after = next_of(self.threads, thread, chunk, index + 1, ticks);
        self.next.extend(after.map(Reverse));
        let thread = &self.threads[thread];
        let event = thread.chunks[chunk].event(index)?;
        Some(Recorded {
            thread: thread.number,
            time_ns: self.clock.nanoseconds(ticks),
            event: Event { ticks, ..event },
        })
    }
}
