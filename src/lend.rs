//! A scoped lend: a value that its owner lends to other threads for a while.
//!
//! [`ScopedLend`] is a pointer and a state word. Borrowers never block:
//! [`borrow`](ScopedLend::borrow) succeeds while something is lent and fails otherwise. The owner
//! has a [`Loan`] and blocks: [`end`](ScopedLend::end) lets no new borrower in and returns when the
//! last one has left.
//!
//! ```text
//! state word   OPEN │ LENT │ generation │ borrowers
//! free ─► LENT ─► LENT, OPEN ─► LENT, borrowers leave ─► free
//! ```
//!
//! In the child of a `fork` nobody borrows, whatever the word says, and anyone may lend. So the
//! word, each loan and each borrower know the [generation](crate::fork) of their process. A word of
//! another generation counts as free, and a loan or a borrower of another one leaves a word of this
//! one alone: somebody else's loan.
//!
//! Invariant: while the word is OPEN and of this generation, or a borrower that saw it so has not
//! left, `target` is what `lend_after` was given, and alive. What borrowers do happens before `end`
//! returns.

use core::{ops::Deref, ptr};
#[cfg(not(loom))]
use std::thread::yield_now;

#[cfg(loom)]
use loom::thread::yield_now;

use crate::fork;
use orionrt_sys::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

/// Borrowers may enter. The sign of the word: the cheapest bit to test.
const OPEN: u64 = 1 << 63;
/// Something is lent, or being lent.
const LENT: u64 = 1 << 62;
/// The generation's lowest bit. Below it is the number of borrowers, which are threads.
const GENERATION: u32 = 32;
const _: () = assert!(GENERATION + fork::BITS <= LENT.trailing_zeros());

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

    /// Borrows what is lent until the guard is dropped; `None` if nothing is. In the child of a
    /// `fork`, the first try frees a word that the parent left OPEN.
    #[must_use]
    pub fn borrow(&self) -> Option<Borrowed<'_, T>> {
        let generation = fork::generation();
        let mut word = self.state.load(Ordering::Relaxed);
        while word & OPEN != 0 {
            if generation_of(word) != generation {
                // Otherwise the word would look lent in this process for ever.
                self.forget_loans_of(generation_of(word), generation << GENERATION);
                return None;
            }
            // Acquire: `target` and what it points to are as their owner left them before opening.
            let entered = self.state.compare_exchange_weak(
                word,
                word + 1,
                Ordering::Acquire,
                Ordering::Relaxed,
            );
            match entered {
                Ok(_) => {
                    let lend = self;
                    return Some(Borrowed { lend, generation });
                }
                Err(now) => word = now,
            }
        }
        None
    }

    /// Lends `target` to other threads, with nothing to prepare.
    ///
    /// # Safety
    /// As for [`lend_after`](Self::lend_after).
    #[cfg(any(test, loom))]
    pub unsafe fn lend(&self, target: &T) -> Option<Loan<T>>
    where
        T: Sync,
    {
        // SAFETY: the caller's duty.
        unsafe { self.lend_after(target, || {}) }
    }

    /// Lends `target` to other threads until the loan [ends](Self::end), and calls `prepare` before
    /// that: when it is certain that nothing else is lent, and before anyone can borrow. `None` if
    /// something is lent already; then `prepare`, which must not panic, is not called.
    ///
    /// # Safety
    /// `target` stays alive, and is used through shared references only, until `end` of this
    /// `ScopedLend` has returned for the loan: for ever if it is never called. In the child of a
    /// `fork`, a guard that was [borrowed](Self::borrow) before is not used any more.
    pub unsafe fn lend_after(&self, target: &T, prepare: impl FnOnce()) -> Option<Loan<T>>
    where
        T: Sync,
    {
        let generation = fork::generation();
        let free = generation << GENERATION;
        let mut word = self.state.load(Ordering::Relaxed);
        // Others may be about to free a word of another generation, so this may take several tries.
        while word == free || generation_of(word) != generation {
            // Acquire: the last owner's `end` is over.
            let taken = self.state.compare_exchange_weak(
                word,
                free | LENT,
                Ordering::Acquire,
                Ordering::Relaxed,
            );
            match taken {
                Ok(_) => {
                    prepare();
                    let target = ptr::from_ref(target).cast_mut();
                    self.target.store(target, Ordering::Relaxed);
                    self.state.store(free | LENT | OPEN, Ordering::Release);
                    return Some(Loan { generation, target });
                }
                Err(now) => word = now,
            }
        }
        None
    }

    /// Ends a loan: when this returns, nobody borrows the value any more.
    ///
    /// In the child of a `fork`, ending a loan of the parent does nothing but free the word, if
    /// nobody has used it since.
    pub fn end(&self, loan: Loan<T>) {
        let generation = fork::generation();
        let free = generation << GENERATION;
        if loan.generation != generation {
            return self.forget_loans_of(loan.generation, free);
        }
        // One loan is under way at a time. If it is this one, it stays so until the store below.
        if self.target.load(Ordering::Relaxed) != loan.target {
            debug_assert!(false, "a loan ends where it was made");
            return;
        }
        self.state.fetch_and(!OPEN, Ordering::Relaxed);
        // Acquire: what the last borrower did happens before.
        while self.state.load(Ordering::Acquire) != free | LENT {
            yield_now();
        }
        self.state.store(free, Ordering::Release);
    }

    /// Frees the word if a process before the last fork wrote it, so that nothing seems to be lent.
    #[cold]
    fn forget_loans_of(&self, generation: u64, free: u64) {
        let mut word = self.state.load(Ordering::Relaxed);
        while generation_of(word) == generation {
            let freed =
                self.state
                    .compare_exchange_weak(word, free, Ordering::Relaxed, Ordering::Relaxed);
            match freed {
                Ok(_) => return,
                Err(now) => word = now,
            }
        }
    }
}

/// The generation of the process that wrote a word.
fn generation_of(word: u64) -> u64 {
    (word & !(OPEN | LENT)) >> GENERATION
}

impl<T> Default for ScopedLend<T> {
    fn default() -> Self {
        Self::new()
    }
}

/// The right and the duty to end one loan. There is one for each loan, and ending it uses it up.
/// One that is dropped leaves its value lent for ever.
#[derive(Debug)]
#[must_use = "the value is lent until the loan ends"]
pub struct Loan<T> {
    generation: u64,
    /// What is lent: only compared.
    target: *mut T,
}

// SAFETY: the pointer is only compared.
unsafe impl<T> Send for Loan<T> {}
// SAFETY: as above.
unsafe impl<T> Sync for Loan<T> {}

/// What is lent, borrowed. The owner waits until this is dropped.
#[derive(Debug)]
pub struct Borrowed<'l, T> {
    lend: &'l ScopedLend<T>,
    generation: u64,
}

impl<T> Deref for Borrowed<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: `borrow` found the word OPEN, so `end` waits for this to be dropped, and what
        // `lend_after` was given is alive.
        unsafe { &*self.lend.target.load(Ordering::Relaxed) }
    }
}

impl<T> Drop for Borrowed<'_, T> {
    fn drop(&mut self) {
        // In the child of a fork the word may count somebody else's borrowers.
        if self.generation == fork::generation() {
            self.lend.state.fetch_sub(1, Ordering::Release);
        }
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
        let loan = unsafe { lend.lend(&lent) }.unwrap();
        // SAFETY: as above.
        assert!(unsafe { lend.lend(&other) }.is_none());
        assert!(lend.looks_lent());
        assert_eq!(lend.borrow().as_deref(), Some(&7));
        lend.end(loan);
        assert!(!lend.looks_lent() && lend.borrow().is_none());
        // SAFETY: as above.
        let loan = unsafe { lend.lend(&other) }.unwrap();
        lend.end(loan);
    }

    /// The borrower has the value before the owner ends the loan, and writes to it after that.
    #[test]
    fn the_owner_waits_for_borrowers() {
        let lend = ScopedLend::new();
        for round in 0..50 {
            let value = std::sync::atomic::AtomicUsize::new(0);
            let has_borrowed = std::sync::atomic::AtomicBool::new(false);
            // SAFETY: ended below.
            let loan = unsafe { lend.lend(&value) }.unwrap();
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
                lend.end(loan);
                assert_eq!(value.load(Ordering::Relaxed), 1, "round {round}");
                assert!(lend.borrow().is_none());
            });
        }
    }
}
