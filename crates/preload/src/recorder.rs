//! [`Recorder`]: writes every call to a recording, as the observer of the heap.
//!
//! A thread has a chunk of the recording, claimed by its first event, and a new one when that is
//! full: see [`orionrt_recording`]. A signal handler that allocates while its thread writes an
//! event has a part of its own, as if it were another thread.
//!
//! Invariant: nothing here allocates or locks.

use core::{
    cell::{Cell, RefCell},
    ptr,
    sync::atomic::{Ordering, compiler_fence},
};
use std::thread_local;

use orionrt_alloc::{Observer, heap::HeapStats};
use orionrt_recording::{Chunk, Claim, Event, Kind};

use crate::{
    generation::generation,
    process_recording::{Recording, naming, new_thread, recording, since_start},
    ticks,
};

/// How many events there are at most between two looks at the system's clock.
const EVENTS_PER_CLOCK: u32 = 256;

/// A thread's part of a recording.
struct Part {
    chunk: Option<Chunk<'static>>,
    /// A chunk that was claimed, but had no memory yet.
    claimed: Option<Claim>,
    /// How many chunks it has had.
    chunks: usize,
    /// The number of the process in whose recording that is.
    generation: usize,
    number: Option<u32>,
    /// How many events there are up to the next look at the clock, and how many there were between
    /// the last two: few at first, so that short recordings have some looks, too.
    until_clock: u32,
    per_clock: u32,
}

thread_local! {
    static PART: RefCell<Part> = const { RefCell::new(Part::NONE) };
    /// The part of handlers that interrupt the thread while it uses `PART`.
    static OF_HANDLERS: Cell<Part> = const { Cell::new(Part::NONE) };
}

impl Part {
    const NONE: Self = Self {
        chunk: None,
        claimed: None,
        chunks: 0,
        generation: 0,
        number: None,
        until_clock: 1,
        per_clock: 1,
    };

    /// Writes an event; returns whether it begins a chunk.
    #[inline]
    fn write(&mut self, event: &Event) -> bool {
        let is_new = self.push(event);
        self.until_clock -= 1;
        if self.until_clock == 0 {
            self.push_clock();
        }
        is_new
    }

    /// Sees to it that there is a recording, and that the part is of this process.
    #[cold]
    fn prepare(&mut self, generation: usize) {
        if self.generation != generation {
            *self = Self {
                generation,
                ..Self::NONE
            };
        }
        // The first event of a recording is not before it begins.
        let _ = recording(generation);
    }

    /// Adds an event, in a new chunk if it has to be; returns whether the chunk is new.
    #[inline]
    fn push(&mut self, event: &Event) -> bool {
        if self.chunk.as_mut().is_some_and(|chunk| chunk.push(event)) {
            return false;
        }
        self.push_to_new(event)
    }

    #[cold]
    #[inline(never)]
    fn push_to_new(&mut self, event: &Event) -> bool {
        let Some(recording) = recording(self.generation) else {
            return false;
        };
        self.chunk = self.new_chunk(recording);
        if !self.chunk.as_mut().is_some_and(|chunk| chunk.push(event)) {
            recording.writer.count_lost(1);
            return false;
        }
        true
    }

    fn new_chunk(&mut self, recording: Recording) -> Option<Chunk<'static>> {
        let Recording { writer, file } = recording;
        let claimed = self.claimed.take();
        let claim = claimed.or_else(|| writer.claim_after(self.chunks))?;
        match file.back(&naming()?, writer.chunk(claim)?) {
            Ok(()) => {}
            Err(error) if error.may_pass() => {
                self.claimed = Some(claim);
                return None;
            }
            // The disk is full, and stays so for all that is known.
            Err(_) => {
                writer.close();
                return None;
            }
        }
        let number = self.number.get_or_insert_with(new_thread);
        // SAFETY: a number that every thread has.
        let system = unsafe { libc::syscall(libc::SYS_gettid) };
        let mut chunk = writer.open(claim, *number, u32::try_from(system).unwrap_or(0))?;
        self.chunks += 1;
        chunk.push(&clock_event());
        Some(chunk)
    }

    /// Adds the time of the system's clock.
    #[cold]
    fn push_clock(&mut self) {
        if let Some(chunk) = &mut self.chunk {
            chunk.push(&clock_event());
        }
        self.per_clock = EVENTS_PER_CLOCK.min(2 * self.per_clock);
        self.until_clock = self.per_clock;
    }
}

fn clock_event() -> Event {
    Event {
        ticks: since_start(ticks::now()),
        kind: Kind::Clock,
        alignment: 1,
        address: ticks::nanoseconds(),
        size: 0,
    }
}

/// Writes an event of this thread; returns whether it begins a chunk.
#[inline]
fn write(ticks: u64, kind: Kind, address: *mut u8, size: usize, alignment: usize) -> bool {
    let event = move |part: &mut Part| {
        let generation = generation();
        if part.generation != generation || part.chunk.is_none() {
            part.prepare(generation);
        }
        part.write(&Event {
            ticks: since_start(ticks),
            kind,
            alignment: alignment as u64,
            address: address.addr() as u64,
            size: size as u64,
        })
    };
    PART.with(|part| {
        let Ok(mut part) = part.try_borrow_mut() else {
            return of_handler(event);
        };
        // A handler sees the borrow during all of what it allows, and only then.
        compiler_fence(Ordering::SeqCst);
        let is_new = event(&mut part);
        compiler_fence(Ordering::SeqCst);
        is_new
    })
}

/// Writes an event of a signal handler, which may itself be interrupted by another one: that begins
/// one more part.
#[cold]
fn of_handler(write: impl FnOnce(&mut Part) -> bool) -> bool {
    OF_HANDLERS.with(|place| {
        let mut part = place.replace(Part::NONE);
        let is_new = write(&mut part);
        place.set(part);
        is_new
    })
}

/// The observer that records.
pub(crate) struct Recorder;

impl Observer for Recorder {
    fn allocated(&self, block: *mut u8, bytes: usize, align: usize, stats: &dyn Fn() -> HeapStats) {
        let now = ticks::now();
        let kind = if block.is_null() {
            Kind::Refused
        } else {
            Kind::Allocate
        };
        if write(now, kind, block, bytes, align) {
            let stats = stats();
            let resident = ptr::without_provenance_mut(stats.resident_bytes);
            write(now, Kind::Heap, resident, stats.used_bytes, 1);
        }
    }

    fn frees(&self, block: *mut u8) {
        write(ticks::now(), Kind::Free, block, 0, 1);
    }

    fn resizes(&self, block: *mut u8, bytes: usize) {
        write(ticks::now(), Kind::Resize, block, bytes, 1);
    }

    fn resized(&self, block: *mut u8, bytes: usize) {
        let kind = if block.is_null() {
            Kind::Refused
        } else {
            Kind::Resized
        };
        write(ticks::now(), kind, block, bytes, 1);
    }
}
