//! The iteration that the current thread runs, if any: of which allocator, recorded or replayed.
//!
//! A thread-local pointer to an [`Iteration`] on the stack of whoever runs it. The pointer needs
//! neither initialisation nor a destructor, so reading it is one load at any time.
//!
//! Invariant: the pointer is null, or an iteration that lives until [`run`] has made it null again,
//! on return and on unwinding alike. The reference to it never leaves the thread.

use core::{cell::Cell, ptr};

use super::{
    ready_plan::ReadyPlan,
    report::{ByteCounts, RequestCounts},
    trace::EventLog,
};
use orionrt_sys::sync::atomic::{AtomicU64, Ordering};

/// What an iteration does with requests: of the thread that runs it, and of its helpers.
#[derive(Clone, Copy, Debug)]
pub(super) enum Mode<'s> {
    Record(&'s EventLog),
    Replay(&'s ReadyPlan),
}

/// What an iteration does, of which session.
#[derive(Clone, Copy, Debug)]
pub(super) struct Setting<'s> {
    /// The session's number, from [`session_number`].
    pub(super) session: u64,
    pub(super) mode: Mode<'s>,
    /// The size below which requests pass by.
    pub(super) threshold: usize,
}

/// An iteration, and the allocator that runs it.
///
/// Its fields stay in this order: were the two counters neighbours, the compiler would count with
/// vectors, in six instructions for each small request instead of two.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Iteration<'s> {
    /// Requests below the threshold.
    small: Cell<u64>,
    allocator: *const (),
    /// The bytes of requests below the threshold.
    small_bytes: Cell<u64>,
    /// Releases of blocks below this size are not logged.
    logs_from: usize,
    setting: Setting<'s>,
}

impl<'s> Iteration<'s> {
    /// An iteration of an allocator.
    pub(super) fn new(allocator: *const (), setting: Setting<'s>) -> Self {
        Self {
            allocator,
            logs_from: setting.logs_from(),
            setting,
            small: Cell::default(),
            small_bytes: Cell::default(),
        }
    }

    /// Whether it is an iteration of `allocator` and requests of this size pass by.
    #[inline(always)]
    pub(super) fn is_small(&self, allocator: *const (), size: usize) -> bool {
        size < self.setting.threshold && self.allocator == allocator
    }

    /// Whether it is an iteration of `allocator` and need not know that a block of this size is
    /// released that is not planned.
    #[inline(always)]
    pub(super) fn is_quiet(&self, allocator: *const (), size: usize) -> bool {
        size < self.logs_from && self.allocator == allocator
    }

    /// Counts a request that passes by.
    #[inline(always)]
    pub(super) fn count_small(&self, size: usize) {
        self.small.set(self.small.get().wrapping_add(1));
        let bytes = &self.small_bytes;
        bytes.set(bytes.get().wrapping_add(size as u64));
    }

    /// Counts bytes by which a block that stays small grows.
    #[inline(always)]
    pub(super) fn count_small_growth(&self, bytes: usize) {
        let sum = &self.small_bytes;
        sum.set(sum.get().wrapping_add(bytes as u64));
    }

    /// The counts of the requests that passed by.
    pub(super) fn small_counts(&self) -> RequestCounts {
        RequestCounts {
            small: self.small.get(),
            bytes: ByteCounts {
                small: self.small_bytes.get(),
                ..ByteCounts::default()
            },
            ..RequestCounts::default()
        }
    }

    /// The size below which requests pass by, if it is an iteration of `allocator`.
    pub(super) fn threshold(&self, allocator: *const ()) -> Option<usize> {
        (self.allocator == allocator).then_some(self.setting.threshold)
    }
}

impl Setting<'_> {
    /// The size from which on releases are logged: none is in replay.
    pub(super) fn logs_from(&self) -> usize {
        match self.mode {
            Mode::Record(_) => self.threshold,
            Mode::Replay(_) => usize::MAX,
        }
    }
}

/// A number for a session, which no other one in this process has.
pub(super) fn session_number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

std::thread_local! {
    static CURRENT: Cell<*const Iteration<'static>> = const { Cell::new(ptr::null()) };
    /// The session whose iteration this thread ran last, or 0.
    static LAST_RUN: Cell<u64> = const { Cell::new(0) };
}

/// Whether this thread may be a helper in iterations of a session: it has run none of another one.
pub(super) fn may_help(session: u64) -> bool {
    [0, session].contains(&LAST_RUN.get())
}

/// Whether this thread runs no iteration.
#[inline(always)]
pub(super) fn is_idle() -> bool {
    CURRENT.get().is_null()
}

/// Calls `answer` with the iteration that this thread runs, whatever allocator it is of, if it runs
/// one.
#[inline(always)]
pub(super) fn with_current<R>(answer: impl FnOnce(&Iteration<'_>) -> R) -> Option<R> {
    // SAFETY: null, or an iteration that outlives the call: `run` waits for it, and we are part of
    // it.
    unsafe { CURRENT.get().as_ref() }.map(answer)
}

/// Calls `answer` with the mode of the iteration that this thread runs for `allocator`, if it runs
/// one.
#[inline(always)]
pub(super) fn with_mode<R>(allocator: *const (), answer: impl FnOnce(&Mode<'_>) -> R) -> Option<R> {
    with_current(|iteration| {
        (iteration.allocator == allocator).then(|| answer(&iteration.setting.mode))
    })?
}

/// Runs `work` as an iteration of this thread; gives it back if the thread is inside one already.
pub(super) fn run<R, F: FnOnce() -> R>(iteration: &Iteration<'_>, work: F) -> Result<R, F> {
    struct Leave;
    impl Drop for Leave {
        fn drop(&mut self) {
            CURRENT.set(ptr::null());
        }
    }
    if !is_idle() {
        return Err(work);
    }
    let _leave = Leave;
    LAST_RUN.set(iteration.setting.session);
    CURRENT.set(ptr::from_ref(iteration).cast());
    Ok(work())
}
