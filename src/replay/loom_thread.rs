//! Numbers of threads, as a model gives them: those of the system count on from model to model, and
//! which member a thread looks at first depends on its number.

use core::cell::Cell;

pub(crate) const UNNUMBERED: u32 = u32::MAX;

loom::thread_local! {
    static NUMBER: Cell<u32> = Cell::new(UNNUMBERED);
}

/// The number of this thread.
pub(crate) fn thread_number() -> u32 {
    NUMBER.with(Cell::get)
}

/// Gives this thread a number.
pub fn run_as(number: u32) {
    NUMBER.with(|own| own.set(number));
}
