//! `Recorder`: a global allocator that logs what a whole program asks of another one.
//!
//! It owns an event log while it records. [`ScopedLend`] lends that log to all threads until the
//! recording is stopped: stopping waits for threads that are writing an event, and no thread that
//! wants to write one ever waits. No lock is held, so none can be left behind by a `fork`.
//!
//! Invariant: every request goes to the inner allocator, unchanged. The log's memory comes from the
//! system, never from the inner allocator.

use core::{
    alloc::{GlobalAlloc, Layout},
    fmt, ptr,
};

use alloc::boxed::Box;

use super::trace::{EventKind, EventLog, OverflowPolicy, Recording, log_resize, thread_number};
use crate::lend::{Loan, ScopedLend};
use orionrt_sys::mapping::MapError;
use orionrt_sys::sync::atomic::{AtomicPtr, Ordering};

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
    /// Null, or from a box.
    active: AtomicPtr<ActiveRecording>,
}

/// A recording under way.
struct ActiveRecording {
    log: EventLog,
    opener: u32,
    /// The log's.
    loan: Option<Loan<EventLog>>,
}

impl<A> Recorder<A> {
    /// Wraps an allocator. Nothing is recorded before [`start`](Self::start).
    #[must_use]
    pub const fn new(inner: A) -> Self {
        Self {
            inner,
            log: ScopedLend::new(),
            active: AtomicPtr::new(ptr::null_mut()),
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
    /// A recording does not go on in the child of a `fork`. There, another one can be started, and
    /// until then [`stop`](Self::stop) returns what the parent had recorded before.
    ///
    /// # Errors
    /// If the system has no memory for the event log.
    pub fn start(&self, events: usize, overflow: OverflowPolicy) -> Result<bool, MapError> {
        // Allocated before the log is lent, so that it is not recorded.
        let active = Box::into_raw(Box::new(ActiveRecording {
            log: EventLog::new(events, overflow)?,
            opener: thread_number(),
            loan: None,
        }));
        // SAFETY: from a box in the line above. `end` takes it back after the loan has ended.
        let log = unsafe { &(*active).log };
        // SAFETY: as above.
        let lent = unsafe { self.log.lend_after(log, || self.forget_parents()) };
        let Some(loan) = lent else {
            // SAFETY: as above, and lent to nobody.
            drop(unsafe { Box::from_raw(active) });
            return Ok(false);
        };
        // SAFETY: borrowers use the log alone.
        unsafe { (*active).loan = Some(loan) };
        // Null since `forget_parents`: the log is lent to one recording at a time.
        self.active.store(active, Ordering::Release);
        Ok(true)
    }

    /// Drops the parent's recording in the child of a `fork`: what is `active` although nothing of
    /// this process is lent. To be called before the log is open, or the release of the box would
    /// be recorded.
    fn forget_parents(&self) {
        let parents = self.active.swap(ptr::null_mut(), Ordering::AcqRel);
        drop(self.end(parents));
    }

    /// Stops recording; `None` if none is under way. Lane 0 of the recording is the thread that
    /// started it.
    pub fn stop(&self) -> Option<Recording> {
        let active = self.active.swap(ptr::null_mut(), Ordering::AcqRel);
        let recorded = self.end(active)?;
        let (events, lost) = recorded.log.read();
        Some(Recording::new(recorded.opener, events, lost))
    }

    /// Ends a recording that was taken out of `active`, if it is one.
    fn end(&self, active: *mut ActiveRecording) -> Option<ActiveRecording> {
        if active.is_null() {
            return None;
        }
        // SAFETY: from a box in `start`, and taken out of `active` by the caller alone. Borrowers
        // use the log alone.
        if let Some(loan) = unsafe { (*active).loan.take() } {
            self.log.end(loan);
        }
        // SAFETY: as above; the loan has ended, so nobody borrows the log.
        Some(*unsafe { Box::from_raw(active) })
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
        let active = *self.active.get_mut();
        drop(self.end(active));
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
