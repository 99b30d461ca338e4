//! A value behind a lock that never allocates. Except for a few atomics, everything that threads
//! share inside the global allocator is such a value.
//!
//! Invariant: a reference to the value exists only while the lock is held: inside [`Locked::with`],
//! or between [`Locked::lock`] and [`Locked::unlock`].

#[cfg(not(loom))]
use core::cell::UnsafeCell;
#[cfg(loom)]
use loom::cell::UnsafeCell;

use crate::sync::RawLock;

/// A value behind a [`RawLock`], accessible only through [`with`](Self::with).
///
/// ```
/// static TOTAL: orionrt_sys::locked::Locked<u64> = orionrt_sys::locked::Locked::new(0);
/// TOTAL.with(|total| *total += 5);
/// assert_eq!(TOTAL.with(|total| *total), 5);
/// ```
#[derive(Debug)]
pub struct Locked<T> {
    lock: RawLock,
    value: UnsafeCell<T>,
}

// SAFETY: `with` is the only access to `value`, and it holds the lock throughout, so a shared
// `Locked` moves `T` between threads but never shares it. `with` inside `with` never returns (it
// aborts, or waits for itself), so there is no second reference in one thread either.
unsafe impl<T: Send> Sync for Locked<T> {}

impl<T> Locked<T> {
    /// A value that is not locked.
    #[cfg(not(loom))]
    pub const fn new(value: T) -> Self {
        Self {
            lock: RawLock::new(),
            value: UnsafeCell::new(value),
        }
    }

    /// A value that is not locked.
    #[cfg(loom)]
    pub fn new(value: T) -> Self {
        Self {
            lock: RawLock::new(),
            value: UnsafeCell::new(value),
        }
    }

    /// Runs `f` on the value, with the lock held. `f` must not use the same `Locked` again: in
    /// debug builds that aborts, and in release builds it waits for ever.
    #[inline]
    pub fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        struct Release<'l>(&'l RawLock);
        impl Drop for Release<'_> {
            #[inline]
            fn drop(&mut self) {
                // SAFETY: made by `with` right after it acquired this lock, and dropped once.
                unsafe { self.0.release() }
            }
        }
        self.lock.acquire();
        let _held = Release(&self.lock);
        #[cfg(not(loom))]
        // SAFETY: the lock is held until `_held` drops, after `f` has returned, so this is the only
        // reference.
        return f(unsafe { &mut *self.value.get() });
        #[cfg(loom)]
        // SAFETY: the lock is held until `_held` drops, which loom checks.
        return self.value.with_mut(|value| f(unsafe { &mut *value }));
    }

    /// Takes the lock and keeps it until [`unlock`](Self::unlock): before a `fork`, say.
    #[cfg(not(loom))]
    pub fn lock(&self) {
        self.lock.acquire();
    }

    /// The value behind a lock that was taken with [`lock`](Self::lock).
    ///
    /// # Safety
    /// The calling thread holds the lock by `lock`, or is the child's copy of a thread that did
    /// when it forked; it keeps the lock as long as it uses the reference.
    #[cfg(not(loom))]
    pub unsafe fn while_locked(&self) -> &T {
        // SAFETY: the caller holds the lock, so nobody has a mutable reference.
        unsafe { &*self.value.get() }
    }

    /// Releases a lock that was taken with [`lock`](Self::lock).
    ///
    /// # Safety
    /// The calling thread holds the lock by `lock`, or is the child's copy of a thread that did
    /// when it forked.
    #[cfg(not(loom))]
    pub unsafe fn unlock(&self) {
        // SAFETY: the caller holds it.
        unsafe { self.lock.release() }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::{sync::Arc, thread};

    #[test]
    fn more_threads_than_cores_lose_no_update() {
        let threads = 4 * thread::available_parallelism().map_or(2, usize::from);
        let counter = Arc::new(Locked::new(0u64));
        let workers: Vec<_> = (0..threads)
            .map(|_| {
                let counter = Arc::clone(&counter);
                thread::spawn(move || {
                    for round in 0..10_000 {
                        counter.with(|value| *value += 1);
                        if round % 64 == 0 {
                            thread::yield_now();
                        }
                    }
                })
            })
            .collect();
        for worker in workers {
            worker.join().unwrap();
        }
        assert_eq!(counter.with(|value| *value), threads as u64 * 10_000);
    }

    #[test]
    fn a_panic_inside_gives_the_lock_back() {
        let value = Locked::new(1);
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            value.with(|_| panic!("inside"))
        }));
        assert!(outcome.is_err());
        assert_eq!(value.with(|value| *value), 1);
    }
}
