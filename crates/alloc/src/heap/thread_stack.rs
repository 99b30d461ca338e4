//! The stack of a thread that allocates a sampled block, captured with what is known of the last
//! one that was.
//!
//! Stands on `orionrt-stack`. It is a part of the thread's cache, which is made of fresh pages: all
//! zero is one that has captured nothing.
//!
//! Invariant: whoever has set `is_in_use` alone uses the recorder. `last` is the number of the last
//! stack, plus one, or 0.

use core::cell::{Cell, UnsafeCell};

use orionrt_stack::StackRecorder;

use super::stack_table::{MOST_DEPTH, StackNumber};

/// A stack that was just captured.
pub(super) struct Captured<'s> {
    /// The return addresses, the innermost first.
    pub(super) addresses: &'s [usize],
    last: &'s Cell<u32>,
}

impl Captured<'_> {
    /// The number that the stack is known to have.
    #[inline]
    pub(super) fn number(&self) -> Option<StackNumber> {
        self.last.get().checked_sub(1).map(StackNumber)
    }

    /// Has the stack known by this number.
    #[inline]
    pub(super) fn set_number(&self, number: Option<StackNumber>) {
        self.last.set(number.map_or(0, |number| number.0 + 1));
    }
}

/// What a thread knows of its last stack.
pub(super) struct ThreadStack {
    recorder: UnsafeCell<StackRecorder>,
    last: Cell<u32>,
    is_in_use: Cell<bool>,
}

impl ThreadStack {
    pub(super) const fn new() -> Self {
        Self {
            recorder: UnsafeCell::new(StackRecorder::new()),
            last: Cell::new(0),
            is_in_use: Cell::new(false),
        }
    }

    /// Runs `f` on the stack of the caller.
    #[inline(always)]
    pub(super) fn capture<R>(&self, f: impl FnOnce(Captured<'_>) -> R) -> R {
        // A signal handler may have interrupted just this, though it should not allocate.
        if self.is_in_use.replace(true) {
            return capture_once(f);
        }
        // SAFETY: nobody else has a reference, since the flag was clear.
        let found = unsafe { &mut *self.recorder.get() }.capture();
        if !found.repeats {
            self.last.set(0);
        }
        let result = f(Captured {
            addresses: found.addresses,
            last: &self.last,
        });
        self.is_in_use.set(false);
        result
    }
}

impl core::fmt::Debug for ThreadStack {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("ThreadStack").finish_non_exhaustive()
    }
}

/// Runs `f` on the stack of the caller, of which nothing is known or kept.
#[cold]
#[inline(never)]
pub(super) fn capture_once<R>(f: impl FnOnce(Captured<'_>) -> R) -> R {
    let mut addresses = [0; MOST_DEPTH];
    let depth = orionrt_stack::capture(&mut addresses);
    f(Captured {
        addresses: &addresses[..depth],
        last: &Cell::new(0),
    })
}
