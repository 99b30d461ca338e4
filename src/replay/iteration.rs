//! The iteration that the current thread runs, if any: of which allocator, recorded or replayed.
//!
//! A thread-local pointer to an [`Iteration`] on the stack of whoever runs it. The pointer needs
//! neither initialisation nor a destructor, so reading it is one load at any time.
//!
//! Invariant: the pointer is null, or an iteration that lives until [`run`] has made it null again,
//! on return and on unwinding alike. The reference to it never leaves the thread.

use core::{cell::Cell, ptr};

use super::{lane::Lane, trace::EventLog};

/// What an iteration does with requests: of its own thread, which has a [`Lane`], or of helpers,
/// which share [`HelperLanes`](super::lane::HelperLanes).
#[derive(Debug)]
pub(super) enum Mode<'s, L> {
    Record(&'s EventLog),
    Replay(&'s L),
}

/// An iteration, and the allocator that runs it.
#[derive(Debug)]
pub(super) struct Iteration<'s> {
    pub(super) allocator: *const (),
    pub(super) mode: Mode<'s, Lane<'s>>,
}

std::thread_local! {
    static CURRENT: Cell<*const Iteration<'static>> = const { Cell::new(ptr::null()) };
}

/// Whether this thread runs no iteration.
#[inline(always)]
pub(super) fn is_idle() -> bool {
    CURRENT.get().is_null()
}

/// Calls `answer` with the mode of the iteration that this thread runs for `allocator`, if it runs
/// one.
#[inline(always)]
pub(super) fn with_mode<R>(
    allocator: *const (),
    answer: impl FnOnce(&Mode<'_, Lane<'_>>) -> R,
) -> Option<R> {
    // SAFETY: null, or an iteration that outlives the call: `run` waits for it, and we are part of
    // it.
    let iteration = unsafe { CURRENT.get().as_ref() }?;
    (iteration.allocator == allocator).then(|| answer(&iteration.mode))
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
    CURRENT.set(ptr::from_ref(iteration).cast());
    Ok(work())
}
