//! A scoped lend: a value that its owner lends to other threads for a while.
//!
//! [`ScopedLend`] is a pointer and a state word. Borrowers never block:
//! [`borrow`](ScopedLend::borrow) succeeds while something is lent and fails otherwise. The owner
//! blocks: [`end`](ScopedLend::end) lets no new borrower in and returns when the last one has left.
//!
//! ```text
//! state word   OPEN │ LENT │ generation │ borrowers
//! free ─► LENT ─► LENT, OPEN ─► LENT, borrowers leave ─► free
//! ```
//!
//! After a `fork`, the child's only thread borrows nothing, whatever the words say. So each process
//! has a generation, and a word of another generation counts as free: its loan and its borrowers
//! are the parent's.
//!
//! Invariant: while the word is OPEN, or a borrower that saw it so has not left, `target` is what
//! `lend` was given, and alive. What borrowers do happens before `end` returns.

use core::{ops::Deref, ptr};
#[cfg(not(loom))]
use std::thread::yield_now;

#[cfg(loom)]
use loom::thread::yield_now;
use orionrt_sys::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

/// Borrowers may enter. The sign of the word: the cheapest bit to test.
const OPEN: u64 = 1 << 63;
/// Something is lent, or being lent.
const LENT: u64 = 1 << 62;
const GENERATION: u32 = 32;

/// A value that may be lent. On cache lines of its own, since borrowers write to it.
#[derive(Debug)]
#[repr(align(128))]
pub struct ScopedLend<T> {
    state: AtomicU64,
    target: AtomicPtr<T>,
}

impl<T> ScopedLend<T> {
    /// Nothing is lent.
    #[cfg(not(loom))]
    #[must_use]
    pub const fn new() -> Self {
        Self {
            state: AtomicU64::new(0),
            target: AtomicPtr::new(ptr::null_mut()),
        }
    }

    /// Nothing is lent.
    #[cfg(loom)]
    #[must_use]
    pub fn new() -> Self {
        Self {
            state: AtomicU64::new(0),
            target: AtomicPtr::new(ptr::null_mut()),
        }
    }

    /// Whether something seems to be lent, so that [`borrow`](Self::borrow) is worth a try: one
    /// load.
    #[inline(always)]
    pub fn looks_lent(&self) -> bool {
        self.state.load(Ordering::Relaxed) & OPEN != 0
    }

    /// Borrows what is lent until the guard is dropped; `None` if nothing is.
    #[must_use]
    pub fn borrow(&self) -> Option<Borrowed<'_, T>> {
        let mut word = self.state.load(Ordering::Relaxed);
        while word & OPEN != 0 && is_of_this_process(word) {
            // Acquire: `target` and what it points to are as their owner left them before opening.
            let entered = self.state.compare_exchange_weak(
                word,
                word + 1,
                Ordering::Acquire,
                Ordering::Relaxed,
            );
            match entered {
                Ok(_) => return Some(Borrowed(self)),
                Err(now) => word = now,
            }
        }
        None
    }

    /// Lends `target` to other threads until [`end`](Self::end); `false` if something is lent
    /// already.
    ///
    /// # Safety
    /// `target` stays alive, and is used through shared references only, until `end` has returned.
    /// Only the caller that got `true` calls `end`.
    pub unsafe fn lend(&self, target: &T) -> bool
    where
        T: Sync,
    {
        let generation = fork::generation() << GENERATION;
        let word = self.state.load(Ordering::Relaxed);
        let is_free = word == generation || !is_of_this_process(word);
        let lent = generation | LENT;
        // Acquire: the last owner's `end` is over.
        let lends = is_free
            && self
                .state
                .compare_exchange(word, lent, Ordering::Acquire, Ordering::Relaxed)
                .is_ok();
        if lends {
            self.target
                .store(ptr::from_ref(target).cast_mut(), Ordering::Relaxed);
            self.state.store(lent | OPEN, Ordering::Release);
        }
        lends
    }

    /// Ends the loan: when this returns, nobody borrows the value any more.
    pub fn end(&self) {
        let word = self.state.fetch_and(!OPEN, Ordering::Relaxed);
        let free = fork::generation() << GENERATION;
        // In the child of a fork there are no borrowers: the word is of another generation.
        if is_of_this_process(word) {
            // Acquire: what the last borrower did happens before.
            while self.state.load(Ordering::Acquire) != free | LENT {
                yield_now();
            }
        }
        self.state.store(free, Ordering::Release);
    }
}

/// Whether a word was written by this process, and not by a parent before a fork.
fn is_of_this_process(word: u64) -> bool {
    (word & !(OPEN | LENT)) >> GENERATION == fork::generation()
}

impl<T> Default for ScopedLend<T> {
    fn default() -> Self {
        Self::new()
    }
}

/// What is lent, borrowed. The owner waits until this is dropped.
#[derive(Debug)]
pub struct Borrowed<'l, T>(&'l ScopedLend<T>);

impl<T> Deref for Borrowed<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: `borrow` found the word OPEN, so `end` waits for this to be dropped, and what
        // `lend` was given is alive.
        unsafe { &*self.0.target.load(Ordering::Relaxed) }
    }
}

impl<T> Drop for Borrowed<'_, T> {
    fn drop(&mut self) {
        self.0.state.fetch_sub(1, Ordering::Release);
    }
}

/// The number of forks between the first process that used this and the current one.
#[cfg(not(loom))]
mod fork {
    use core::sync::atomic::{AtomicU8, AtomicU64, Ordering};

    static GENERATION: AtomicU64 = AtomicU64::new(0);
    static HOOK: AtomicU8 = AtomicU8::new(MISSING);
    const MISSING: u8 = 0;
    const INSTALLING: u8 = 1;
    const INSTALLED: u8 = 2;

    pub(super) fn generation() -> u64 {
        if HOOK.load(Ordering::Relaxed) == MISSING {
            install_hook();
        }
        GENERATION.load(Ordering::Relaxed)
    }

    /// Has `fork` count, once. If the system refuses (no memory), the next call tries again.
    #[cold]
    fn install_hook() {
        extern "C" fn in_child() {
            // As many as fit into a word; more generations than that have no common ancestor alive.
            let next = (GENERATION.load(Ordering::Relaxed) + 1) & ((1 << 30) - 1);
            GENERATION.store(next, Ordering::Relaxed);
        }
        let first =
            HOOK.compare_exchange(MISSING, INSTALLING, Ordering::Relaxed, Ordering::Relaxed);
        if first.is_ok() {
            let is_installed = orionrt_sys::process::at_fork(None, None, Some(in_child));
            let hook = if is_installed { INSTALLED } else { MISSING };
            HOOK.store(hook, Ordering::Relaxed);
        }
    }
}

/// A model has one process.
#[cfg(loom)]
mod fork {
    pub(super) fn generation() -> u64 {
        0
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_lent_can_be_borrowed() {
        let lend = ScopedLend::new();
        assert!(lend.borrow().is_none());
        let (lent, other) = (7, 8);
        // SAFETY: both outlive the loans, and nothing writes to them.
        unsafe {
            assert!(lend.lend(&lent));
            assert!(!lend.lend(&other));
        }
        assert!(lend.looks_lent());
        assert_eq!(lend.borrow().as_deref(), Some(&7));
        lend.end();
        assert!(!lend.looks_lent() && lend.borrow().is_none());
        // SAFETY: as above.
        assert!(unsafe { lend.lend(&other) });
        lend.end();
    }

    /// The borrower has the value before the owner ends the loan, and writes to it after that.
    #[test]
    fn the_owner_waits_for_borrowers() {
        let lend = ScopedLend::new();
        for round in 0..50 {
            let value = std::sync::atomic::AtomicUsize::new(0);
            let has_borrowed = std::sync::atomic::AtomicBool::new(false);
            // SAFETY: ended below.
            assert!(unsafe { lend.lend(&value) });
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    let value = lend
                        .borrow()
                        .expect("it is lent until it has been borrowed");
                    has_borrowed.store(true, Ordering::Relaxed);
                    (0..20).for_each(|_| std::thread::yield_now());
                    value.store(1, Ordering::Relaxed);
                });
                while !has_borrowed.load(Ordering::Relaxed) {
                    std::thread::yield_now();
                }
                lend.end();
                assert_eq!(value.load(Ordering::Relaxed), 1, "round {round}");
                assert!(lend.borrow().is_none());
            });
        }
    }
}
