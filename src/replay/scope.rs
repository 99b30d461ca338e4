//! What the current thread does: nothing, or an iteration of some allocator's, recorded or replayed.
//!
//! A thread-local pointer to a [`Scope`] on the stack of whoever runs the iteration. It needs neither initialisation nor a
//! destructor, so a look at it is one load at any time.
//!
//! Invariant: the pointer is null, or a scope that lives until [`within`] has made it null again, on return and on
//! unwinding alike. The reference to it never leaves the thread.

use core::{cell::Cell, ptr};

use super::lane::Lane;
use crate::replay::trace::Tape;

/// What an iteration does with the requests of its thread.
#[derive(Clone, Copy, Debug)]
pub(super) enum Role<'s> {
    Record(&'s Tape),
    Replay(&'s Lane<'s>),
}

/// An iteration, and the allocator whose it is.
#[derive(Debug)]
pub(super) struct Scope<'s> {
    pub(super) allocator: *const (),
    pub(super) role: Role<'s>,
}

std::thread_local! {
    static SCOPE: Cell<*const Scope<'static>> = const { Cell::new(ptr::null()) };
}

/// Whether this thread runs no iteration.
#[inline(always)]
pub(super) fn is_idle() -> bool {
    SCOPE.get().is_null()
}

/// Answers by the role of this thread in an iteration of `allocator`, if it runs one.
#[inline(always)]
pub(super) fn with<R>(allocator: *const (), answer: impl FnOnce(Role<'_>) -> R) -> Option<R> {
    // SAFETY: null or a scope that outlives the call: `within` waits for the iteration, which we are part of.
    let scope = unsafe { SCOPE.get().as_ref() }?;
    (scope.allocator == allocator).then(|| answer(scope.role))
}

/// Runs an iteration of this thread's in `scope`; `None` if it runs one already.
pub(super) fn within<R>(scope: &Scope<'_>, iteration: impl FnOnce() -> R) -> Option<R> {
    struct Leave;
    impl Drop for Leave {
        fn drop(&mut self) {
            SCOPE.set(ptr::null());
        }
    }
    if !is_idle() {
        return None;
    }
    let _leave = Leave;
    SCOPE.set(ptr::from_ref(scope).cast());
    Some(iteration())
}
