//! An operating system that runs out of memory when a unit test says so.
//!
//! Every call of this thread that [`mapping`](super) makes comes through [`pass`] first.
//!
//! Invariant: between two plans, `MADE` is the number of calls since the first.

use core::cell::Cell;
use std::thread_local;

use rustix::io::Errno;

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

/// Lets so many calls of this thread pass and refuses all later ones; `None` lets all pass. Counts from 0 again.
pub fn refuse_after(calls: Option<usize>) {
    set(calls.map_or(Plan::Never, Plan::From));
}

/// Refuses one call of this thread alone, counted from 0. Counts from 0 again.
pub fn refuse_only(call: usize) {
    set(Plan::Only(call));
}

/// The calls that this thread has made, refused or not, since it last chose which to refuse.
pub fn calls_made() -> usize {
    MADE.get()
}

fn set(plan: Plan) {
    PLAN.set(plan);
    MADE.set(0);
}

/// Counts a call, and refuses it if that is planned.
pub(super) fn pass() -> Result<(), Errno> {
    let call = MADE.replace(MADE.get() + 1);
    let refused = match PLAN.get() {
        Plan::Never => false,
        Plan::From(first) => call >= first,
        Plan::Only(one) => call == one,
    };
    if refused { Err(Errno::NOMEM) } else { Ok(()) }
}
