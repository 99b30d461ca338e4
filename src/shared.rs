//! A value that other threads may use for as long as its owner lends it: the owner waits for them, they never wait.
//!
//! [`Shared`] is a pointer behind a gate. The gate's word counts the visitors inside, and its top bit says whether the gate is open.
//! Visitors only ever add one, look, and take one off again; whoever finds the gate closed turns back. The owner closes
//! the gate and then waits until nobody is inside.
//!
//! Invariant: while the gate is open, or a visitor that saw it open is inside, `target` is what `open` was given, and
//! alive. What visitors did inside happens before `close` returns.

use core::ptr;

use crate::sync::atomic::{AtomicPtr, AtomicU32, Ordering};

const OPEN: u32 = 1 << 31;

/// A gate, and what is behind it.
#[derive(Debug)]
pub struct Shared<T> {
    gate: AtomicU32,
    target: AtomicPtr<T>,
}

impl<T> Shared<T> {
    /// Closed, with nothing behind it.
    #[cfg(not(loom))]
    #[must_use]
    pub const fn new() -> Self {
        Self {
            gate: AtomicU32::new(0),
            target: AtomicPtr::new(ptr::null_mut()),
        }
    }

    /// Closed, with nothing behind it.
    #[cfg(loom)]
    #[must_use]
    pub fn new() -> Self {
        Self {
            gate: AtomicU32::new(0),
            target: AtomicPtr::new(ptr::null_mut()),
        }
    }

    /// Whether it is worth trying to enter: one load.
    #[inline(always)]
    pub fn looks_open(&self) -> bool {
        self.gate.load(Ordering::Relaxed) & OPEN != 0
    }

    /// What is behind the gate, for as long as the visit lasts; `None` where it is closed.
    #[must_use]
    pub fn enter(&self) -> Option<Visit<'_, T>> {
        let visit = Visit(self);
        // Acquire: `target` and what it points to are as their owner left them before opening.
        match self.gate.fetch_add(1, Ordering::Acquire) & OPEN {
            0 => None,
            _ => Some(visit),
        }
    }

    /// Lends `target` to other threads until [`close`](Self::close); `false` where something is being lent already.
    ///
    /// # Safety
    /// `target` stays alive, and is only used through shared references, until `close` has returned. Only who was told `true` closes.
    pub unsafe fn open(&self, target: &T) -> bool
    where
        T: Sync,
    {
        let target = ptr::from_ref(target).cast_mut();
        let is_free = self.target.compare_exchange(
            ptr::null_mut(),
            target,
            Ordering::Acquire,
            Ordering::Relaxed,
        );
        if is_free.is_err() {
            return false;
        }
        self.gate.fetch_or(OPEN, Ordering::Release);
        true
    }

    /// Ends the loan: when this returns, nobody is inside and nobody comes in.
    pub fn close(&self) {
        self.gate.fetch_and(!OPEN, Ordering::Relaxed);
        // Those who turn back pass through, too, and are gone in a moment.
        // Acquire: what the last visitor did happens before.
        while self.gate.load(Ordering::Acquire) != 0 {
            wait();
        }
        self.target.store(ptr::null_mut(), Ordering::Release);
    }
}

impl<T> Default for Shared<T> {
    fn default() -> Self {
        Self::new()
    }
}

/// A visitor inside the gate.
#[derive(Debug)]
pub struct Visit<'s, T>(&'s Shared<T>);

impl<T> Visit<'_, T> {
    /// What is lent.
    #[must_use]
    pub fn target(&self) -> &T {
        // SAFETY: this visitor found the gate open, so `close` waits for it and what `open` was given is alive.
        unsafe { &*self.0.target.load(Ordering::Relaxed) }
    }
}

impl<T> Drop for Visit<'_, T> {
    fn drop(&mut self) {
        self.0.gate.fetch_sub(1, Ordering::Release);
    }
}

#[cfg(not(loom))]
fn wait() {
    std::thread::yield_now();
}

#[cfg(loom)]
fn wait() {
    loom::thread::yield_now();
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn nobody_enters_a_closed_gate() {
        let shared = Shared::new();
        assert!(shared.enter().is_none());
        let (lent, other) = (7, 8);
        // SAFETY: both outlive the loans, and nothing writes to them.
        unsafe {
            assert!(shared.open(&lent));
            assert!(!shared.open(&other));
        }
        assert!(shared.looks_open());
        assert_eq!(shared.enter().map(|visit| *visit.target()), Some(7));
        shared.close();
        assert!(!shared.looks_open() && shared.enter().is_none());
        // SAFETY: as above.
        assert!(unsafe { shared.open(&other) });
        shared.close();
    }

    #[test]
    fn the_owner_waits_for_visitors() {
        let shared = Shared::new();
        let value = std::sync::atomic::AtomicUsize::new(0);
        for round in 1..200 {
            // SAFETY: closed below.
            assert!(unsafe { shared.open(&value) });
            std::thread::scope(|scope| {
                let visitor = scope.spawn(|| {
                    while let Some(visit) = shared.enter() {
                        visit.target().fetch_add(1, Ordering::Relaxed);
                    }
                });
                shared.close();
                let seen = value.load(Ordering::Relaxed);
                visitor.join().unwrap();
                assert_eq!(value.load(Ordering::Relaxed), seen, "round {round}");
            });
        }
    }
}
