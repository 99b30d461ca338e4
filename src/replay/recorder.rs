//! `Recorder`: a global allocator that writes down what a whole program asks of another one.
//!
//! It owns the tape while it records. [`Shared`] lends that tape to all threads, and takes it back when the recording is stopped: threads
//! that are writing an event are waited for, threads that want to write one never wait.
//!
//! Invariant: every request goes to the inner allocator, unchanged. The tape's memory is the system's, never the inner allocator's.

use core::{
    alloc::{GlobalAlloc, Layout},
    fmt,
    ptr::NonNull,
};

use crate::replay::lend::Shared;
use crate::replay::trace::{
    EventKind, OverflowPolicy, Recording, Tape, note_resize, thread_number,
};
use alloc::boxed::Box;
use orionrt_sys::locked::Locked;
use orionrt_sys::mapping::MapError;

/// A global allocator that records every request of the program while it is told to, and passes all of them on.
///
/// ```
/// use std::alloc::System;
/// use orionrt::{replay::OverflowPolicy, Recorder};
///
/// #[global_allocator]
/// static ALLOC: Recorder<System> = Recorder::new(System);
///
/// assert!(ALLOC.start(100_000, OverflowPolicy::Oldest)?);
/// let text = String::from("some work");
/// drop(text);
/// let recording = ALLOC.stop().expect("it was started");
/// assert_eq!((recording.requests()[0].size, recording.lost()), (9, 0));
/// # #[cfg(feature = "files")]
/// recording.write_chrome_trace(std::io::sink()).expect("nothing refuses"); // or a file, for Perfetto
/// # Ok::<(), orionrt::arena::MapError>(())
/// ```
///
/// An event costs a look at the clock, three atomic operations on words that threads share, and five stores. To record one iteration of one thread, use
/// [`ReplayAlloc::record`](crate::ReplayAlloc::record).
pub struct Recorder<A> {
    inner: A,
    tape: Shared<Tape>,
    own: Locked<Option<Started>>,
}

/// A recording under way.
struct Started {
    /// From a box; visitors have its address, too.
    tape: NonNull<Tape>,
    opener: u32,
}

// SAFETY: owns the tape, which any thread may use.
unsafe impl Send for Started {}

impl<A> Recorder<A> {
    /// Wraps an allocator. Nothing is recorded before [`start`](Self::start).
    #[must_use]
    pub const fn new(inner: A) -> Self {
        Self {
            inner,
            tape: Shared::new(),
            own: Locked::new(None),
        }
    }

    /// The wrapped allocator.
    #[must_use]
    pub const fn inner(&self) -> &A {
        &self.inner
    }

    /// Starts recording, with room for `events` events of 40 bytes; when they are there, `keep` says which of them stay. An allocation and its release are two events, a resize is
    /// two. `false` if a recording is under way already.
    ///
    /// # Errors
    /// When the system has no memory for the tape.
    pub fn start(&self, events: usize, keep: OverflowPolicy) -> Result<bool, MapError> {
        let tape = Box::new(Tape::new(events, keep)?);
        let opener = thread_number();
        Ok(self.own.with(|own| {
            if own.is_some() {
                return false;
            }
            let tape = NonNull::from(Box::leak(tape));
            *own = Some(Started { tape, opener });
            // SAFETY: the tape lives until `end` has closed the gate.
            unsafe { self.tape.open(tape.as_ref()) }
        }))
    }

    /// Stops recording; `None` if none is under way. The lane of the thread that started it is the first.
    pub fn stop(&self) -> Option<Recording> {
        let (tape, opener) = self.end()?;
        let (events, lost) = tape.read();
        Some(Recording::new(opener, events, lost))
    }

    /// Takes the tape back.
    fn end(&self) -> Option<(Box<Tape>, u32)> {
        let Started { tape, opener } = self.own.with(|own| {
            own.as_ref()?;
            self.tape.close();
            own.take()
        })?;
        // SAFETY: from a box in `start`; the gate is closed, so nobody else has it.
        Some((unsafe { Box::from_raw(tape.as_ptr()) }, opener))
    }

    #[cold]
    fn note(&self, kind: EventKind, start: *mut u8, layout: Layout) {
        if !start.is_null()
            && let Some(visit) = self.tape.enter()
        {
            visit.target().write(kind, start, layout);
        }
    }
}

impl<A> Drop for Recorder<A> {
    fn drop(&mut self) {
        self.end();
    }
}

impl<A: fmt::Debug> fmt::Debug for Recorder<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder")
            .field("inner", &self.inner)
            .field("is_recording", &self.tape.looks_open())
            .finish_non_exhaustive()
    }
}

// SAFETY: every call is the inner allocator's, passed on.
unsafe impl<A: GlobalAlloc> GlobalAlloc for Recorder<A> {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's duty, passed on; here and below.
        let start = unsafe { self.inner.alloc(layout) };
        if self.tape.looks_open() {
            self.note(EventKind::Allocate, start, layout);
        }
        start
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        let start = unsafe { self.inner.alloc_zeroed(layout) };
        if self.tape.looks_open() {
            self.note(EventKind::Allocate, start, layout);
        }
        start
    }

    #[inline]
    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
        if self.tape.looks_open() {
            // Before it is given back: from then on, another thread may be granted this address.
            self.note(EventKind::Free, start, layout);
        }
        // SAFETY: as above.
        unsafe { self.inner.dealloc(start, layout) };
    }

    #[inline]
    unsafe fn realloc(&self, start: *mut u8, old: Layout, size: usize) -> *mut u8 {
        if !self.tape.looks_open() {
            // SAFETY: as above.
            return unsafe { self.inner.realloc(start, old, size) };
        }
        let note = |kind, start, layout| self.note(kind, start, layout);
        note_resize(note, start, old, size, || {
            // SAFETY: as above.
            unsafe { self.inner.realloc(start, old, size) }
        })
    }
}
