//! Work that is counted in tests, so that they can tell a sweep from a quadratic loop without a
//! clock.
//!
//! Stands on nothing. Outside this crate's own tests, counting is nothing at all. Each thread has a
//! counter of its own, so tests that run side by side do not disturb each other.

/// Counts some steps of a loop whose length a test bounds.
#[cfg(not(all(test, feature = "std")))]
#[inline(always)]
pub(crate) fn count(_steps: usize) {}

#[cfg(all(test, feature = "std"))]
pub(crate) use counted::{count, during};

#[cfg(all(test, feature = "std"))]
mod counted {
    use std::cell::Cell;

    std::thread_local! {
        static STEPS: Cell<u64> = const { Cell::new(0) };
    }

    pub(crate) fn count(steps: usize) {
        STEPS.set(STEPS.get() + steps as u64);
    }

    /// The steps that this thread counts while it runs `action`.
    pub(crate) fn during<T>(action: impl FnOnce() -> T) -> (T, u64) {
        let before = STEPS.get();
        let result = action();
        (result, STEPS.get() - before)
    }
}
