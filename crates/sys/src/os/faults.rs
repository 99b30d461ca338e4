//! Fault injection: an operating system that runs out of memory when a test says so.
//!
//! Every call of [`System`](super::System) that may be refused starts with `pass`, which refuses it
//! if the current thread has planned that. Without the feature `fault-injection` (and outside of
//! this crate's own tests) `pass` does nothing.
//!
//! Invariant: `MADE` is the number of calls that this thread has made since it last chose a plan.

#![forbid(unsafe_code)]

use super::OsError;

#[cfg(any(test, feature = "fault-injection"))]
pub use injection::{calls_made, refuse_after, refuse_only};

/// Called before a system call that may be refused: counts it, and refuses it if that is planned.
#[cfg(any(test, feature = "fault-injection"))]
pub(super) fn pass() -> Result<(), OsError> {
    match injection::is_refused() {
        true => Err(OsError::OutOfMemory),
        false => Ok(()),
    }
}

/// Called before a system call that may be refused: nothing is, outside of tests.
#[cfg(not(any(test, feature = "fault-injection")))]
#[inline(always)]
pub(super) fn pass() -> Result<(), OsError> {
    Ok(())
}

#[cfg(any(test, feature = "fault-injection"))]
mod injection {
    use core::cell::Cell;
    use std::thread_local;

    /// Which calls are refused, counted from 0.
    #[derive(Clone, Copy)]
    enum Plan {
        Never,
        From(usize),
        Only(usize),
    }

    thread_local! {
        static PLAN: Cell<Plan> = const { Cell::new(Plan::Never) };
        static MADE: Cell<usize> = const { Cell::new(0) };
    }

    /// Lets the next `calls` calls of this thread pass and refuses all later ones; `None` lets all
    /// pass. Counting starts again from 0.
    pub fn refuse_after(calls: Option<usize>) {
        choose(calls.map_or(Plan::Never, Plan::From));
    }

    /// Refuses a single call of this thread, the one with number `call`. Counting starts again from
    /// 0.
    pub fn refuse_only(call: usize) {
        choose(Plan::Only(call));
    }

    /// How many calls this thread has made, refused ones included, since it last chose which calls
    /// are refused.
    #[must_use]
    pub fn calls_made() -> usize {
        MADE.get()
    }

    fn choose(plan: Plan) {
        PLAN.set(plan);
        MADE.set(0);
    }

    /// Counts a call; returns whether it is to be refused.
    pub(super) fn is_refused() -> bool {
        let call = MADE.replace(MADE.get() + 1);
        match PLAN.get() {
            Plan::Never => false,
            Plan::From(first) => call >= first,
            Plan::Only(one) => call == one,
        }
    }
}
