//! A value that other threads may use for as long as its owner lends it: the owner waits for them, they never wait.
//!
//! [`Shared`] is a pointer behind a gate. The gate's word counts the visitors inside, and says whether something is lent and whether the
//! gate is open. Visitors come in only while it is; the owner closes the gate and then waits until nobody is inside.
//!
//! ```text
//! open │ lent │ generation │ visitors          free ─► lent ─► lent, open ─► lent, visitors leave ─► free
//! ```
//!
//! After a `fork`, the child's only thread is inside no gate, whatever the words say. So each process has a generation, and a word of
//! another one counts as free: its loan and its visitors are the parent's.
//!
//! Invariant: while the gate is open, or a visitor that saw it open is inside, `target` is what `open` was given, and
//! alive. What visitors did inside happens before `close` returns.

use core::ptr;

use orionrt_sys::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

/// The sign of the word: the cheapest bit to test.
const OPEN: u64 = 1 << 63;
const LENT: u64 = 1 << 62;
const GENERATION: u32 = 32;

/// A gate, and what is behind it. On cache lines of its own: visitors write to it.
#[derive(Debug)]
#[repr(align(128))]
pub struct Shared<T> {
    gate: AtomicU64,
    target: AtomicPtr<T>,
}

impl<T> Shared<T> {
    /// Closed, with nothing behind it.
    #[cfg(not(loom))]
    #[must_use]
    pub const fn new() -> Self {
        Self {
            gate: AtomicU64::new(0),
            target: AtomicPtr::new(ptr::null_mut()),
        }
    }

    /// Closed, with nothing behind it.
    #[cfg(loom)]
    #[must_use]
    pub fn new() -> Self {
        Self {
            gate: AtomicU64::new(0),
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
        let mut word = self.gate.load(Ordering::Relaxed);
        while word & OPEN != 0 && is_of_now(word) {
            // Acquire: `target` and what it points to are as their owner left them before opening.
            let entered = self.gate.compare_exchange_weak(
                word,
                word + 1,
                Ordering::Acquire,
                Ordering::Relaxed,
            );
            match entered {
                Ok(_) => return Some(Visit(self)),
                Err(now) => word = now,
            }
        }
        None
    }

    /// Lends `target` to other threads until [`close`](Self::close); `false` where something is being lent already.
    ///
    /// # Safety
    /// `target` stays alive, and is only used through shared references, until `close` has returned. Only who was told `true` closes.
    pub unsafe fn open(&self, target: &T) -> bool
    where
        T: Sync,
    {
        let generation = fork::generation() << GENERATION;
        let word = self.gate.load(Ordering::Relaxed);
        let is_free = word == generation || !is_of_now(word);
        let lent = generation | LENT;
        // Acquire: the last owner's `close` is over.
        let lends = is_free
            && self
                .gate
                .compare_exchange(word, lent, Ordering::Acquire, Ordering::Relaxed)
                .is_ok();
        if lends {
            self.target
                .store(ptr::from_ref(target).cast_mut(), Ordering::Relaxed);
            self.gate.store(lent | OPEN, Ordering::Release);
        }
        lends
    }

    /// Ends the loan: when this returns, nobody is inside and nobody comes in.
    pub fn close(&self) {
        let word = self.gate.fetch_and(!OPEN, Ordering::Relaxed);
        let free = fork::generation() << GENERATION;
        // In the child of a fork nobody has come in: it is another generation.
        if is_of_now(word) {
            // Acquire: what the last visitor did happens before.
            while self.gate.load(Ordering::Acquire) != free | LENT {
                wait();
            }
        }
        self.gate.store(free, Ordering::Release);
    }
}

/// Whether a word is of this process, and not of a parent.
fn is_of_now(word: u64) -> bool {
    (word & !(OPEN | LENT)) >> GENERATION == fork::generation()
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

/// How many forks lie between the first process that used this and the current one.
#[cfg(not(loom))]
mod fork {
    use core::sync::atomic::{AtomicU8, AtomicU64, Ordering};

    static GENERATION: AtomicU64 = AtomicU64::new(0);
    static HOOKED: AtomicU8 = AtomicU8::new(UNKNOWN);
    const UNKNOWN: u8 = 0;
    const HOOKING: u8 = 1;
    const HOOKED_ALREADY: u8 = 2;

    pub(super) fn generation() -> u64 {
        if HOOKED.load(Ordering::Relaxed) == UNKNOWN {
            hook();
        }
        GENERATION.load(Ordering::Relaxed)
    }

    /// Has `fork` count, once. A refusal (no memory) leaves it uncounted until the next time.
    #[cold]
    fn hook() {
        extern "C" fn in_child() {
            // As many as fit into a word; more generations than that have no common ancestor alive.
            let next = (GENERATION.load(Ordering::Relaxed) + 1) & ((1 << 30) - 1);
            GENERATION.store(next, Ordering::Relaxed);
        }
        let first = HOOKED.compare_exchange(UNKNOWN, HOOKING, Ordering::Relaxed, Ordering::Relaxed);
        if first.is_ok() {
            let outcome = if orionrt_sys::process::at_fork(None, None, Some(in_child)) {
                HOOKED_ALREADY
            } else {
                UNKNOWN
            };
            HOOKED.store(outcome, Ordering::Relaxed);
        }
    }
}

/// Models have one process.
#[cfg(loom)]
mod fork {
    pub(super) fn generation() -> u64 {
        0
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
