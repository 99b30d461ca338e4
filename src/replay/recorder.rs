//! `Recorder`: a global allocator that logs what a whole program asks of another one.
//!
//! It owns an event log while it records. [`ScopedLend`] lends that log to all threads until the
//! recording is stopped: stopping waits for threads that are writing an event, and no thread that
//! wants to write one ever waits.
//!
//! Invariant: every request goes to the inner allocator, unchanged. The log's memory comes from the
//! system, never from the inner allocator.

use core::{
    alloc::{GlobalAlloc, Layout},
    fmt,
    ptr::NonNull,
};

use alloc::boxed::Box;

use super::trace::{EventKind, EventLog, OverflowPolicy, Recording, log_resize, thread_number};
use crate::lend::ScopedLend;
use orionrt_sys::locked::Locked;
use orionrt_sys::mapping::MapError;

/// A global allocator that passes every request on to another one and, between
/// [`start`](Self::start) and [`stop`](Self::stop), records it.
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
/// assert_eq!((recording.requests(0)[0].size, recording.lost()), (9, 0));
/// // Write it to a file to open it in Perfetto.
/// # #[cfg(feature = "files")]
/// recording.write_chrome_trace(std::io::sink()).expect("a sink takes everything");
/// # Ok::<(), orionrt::arena::MapError>(())
/// ```
///
/// An event costs one reading of the clock, three atomic operations on words that threads share,
/// and five stores. To record one iteration of one thread, use
/// [`ReplayAlloc::record`](crate::ReplayAlloc::record).
pub struct Recorder<A> {
    inner: A,
    log: ScopedLend<EventLog>,
    active: Locked<Option<ActiveRecording>>,
}

/// A recording under way.
struct ActiveRecording {
    /// From a box; borrowers have its address, too.
    log: NonNull<EventLog>,
    opener: u32,
}

// SAFETY: owns the log, which any thread may use.
unsafe impl Send for ActiveRecording {}

impl<A> Recorder<A> {
    /// Wraps an allocator. Nothing is recorded before [`start`](Self::start).
    #[must_use]
    pub const fn new(inner: A) -> Self {
        Self {
            inner,
            log: ScopedLend::new(),
            active: Locked::new(None),
        }
    }

    /// The wrapped allocator.
    #[must_use]
    pub const fn inner(&self) -> &A {
        &self.inner
    }

    /// Starts recording, with room for `events` events of 40 bytes; `overflow` says which of them a
    /// full log keeps. An allocation is one event, a release another, and a resize two. `false` if
    /// a recording is under way already.
    ///
    /// # Errors
    /// If the system has no memory for the event log.
    pub fn start(&self, events: usize, overflow: OverflowPolicy) -> Result<bool, MapError> {
        let log = Box::new(EventLog::new(events, overflow)?);
        let opener = thread_number();
        Ok(self.active.with(|active| {
            if active.is_some() {
                return false;
            }
            let log = NonNull::from(Box::leak(log));
            *active = Some(ActiveRecording { log, opener });
            // SAFETY: the log lives until `end` has ended the loan.
            unsafe { self.log.lend(log.as_ref()) }
        }))
    }

    /// Stops recording; `None` if none is under way. Lane 0 of the recording is the thread that
    /// started it.
    pub fn stop(&self) -> Option<Recording> {
        let (log, opener) = self.end()?;
        let (events, lost) = log.read();
        Some(Recording::new(opener, events, lost))
    }

    /// Takes the log back.
    fn end(&self) -> Option<(Box<EventLog>, u32)> {
        let ActiveRecording { log, opener } = self.active.with(|active| {
            active.as_ref()?;
            self.log.end();
            active.take()
        })?;
        // SAFETY: from a box in `start`; the loan has ended, so nobody else has it.
        Some((unsafe { Box::from_raw(log.as_ptr()) }, opener))
    }

    #[cold]
    fn write(&self, kind: EventKind, start: *mut u8, layout: Layout) {
        if start.is_null() {
            return;
        }
        if let Some(log) = self.log.borrow() {
            log.write(kind, start, layout);
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
            .field("is_recording", &self.log.looks_lent())
            .finish_non_exhaustive()
    }
}

// SAFETY: every call is the inner allocator's, passed on.
unsafe impl<A: GlobalAlloc> GlobalAlloc for Recorder<A> {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's contract, passed on; here and below.
        let start = unsafe { self.inner.alloc(layout) };
        if self.log.looks_lent() {
            self.write(EventKind::Allocate, start, layout);
        }
        start
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        let start = unsafe { self.inner.alloc_zeroed(layout) };
        if self.log.looks_lent() {
            self.write(EventKind::Allocate, start, layout);
        }
        start
    }

    #[inline]
    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
        if self.log.looks_lent() {
            // Before it is released: from then on, another thread may be granted this address.
            self.write(EventKind::Free, start, layout);
        }
        // SAFETY: as above.
        unsafe { self.inner.dealloc(start, layout) };
    }

    #[inline]
    unsafe fn realloc(&self, start: *mut u8, old: Layout, size: usize) -> *mut u8 {
        if !self.log.looks_lent() {
            // SAFETY: as above.
            return unsafe { self.inner.realloc(start, old, size) };
        }
        let write = |kind, start, layout| self.write(kind, start, layout);
        log_resize(write, start, old, size, || {
            // SAFETY: as above.
            unsafe { self.inner.realloc(start, old, size) }
        })
    }
}
