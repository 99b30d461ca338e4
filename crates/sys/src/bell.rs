//! A bell: one thread sleeps until another one rings.
//!
//! It is one word, needs no lock and never allocates, so a global allocator may ring it. Ringing
//! before the other one sleeps is not lost: its next sleep ends at once.
//!
//! Invariant: the word is `SLEEPS` only while the waiter is about to sleep, or sleeps; whoever
//! replaces `SLEEPS` by `RUNG` wakes it.

use core::time::Duration;

use crate::sync::{
    atomic::{AtomicU32, Ordering},
    sleep_for, wake_one,
};

const SILENT: u32 = 0;
const SLEEPS: u32 = 1;
const RUNG: u32 = 2;

/// A bell that one thread waits for, and any number may ring.
///
/// All zero is a bell that nobody has rung.
///
/// ```
/// use std::time::Duration;
/// static BELL: orionrt_sys::bell::Bell = orionrt_sys::bell::Bell::new();
///
/// let thread = std::thread::spawn(|| while !BELL.wait(None) {});
/// BELL.ring();
/// thread.join().unwrap();
/// assert!(!BELL.wait(Some(Duration::from_millis(1))));
/// ```
#[derive(Debug)]
pub struct Bell {
    word: AtomicU32,
}

impl Bell {
    /// A bell that nobody has rung.
    #[cfg(not(loom))]
    #[must_use]
    pub const fn new() -> Self {
        Self {
            word: AtomicU32::new(SILENT),
        }
    }

    /// A bell that nobody has rung.
    #[cfg(loom)]
    #[must_use]
    pub fn new() -> Self {
        Self {
            word: AtomicU32::new(SILENT),
        }
    }

    /// Rings. What this thread did before is seen by the one whose wait ends.
    pub fn ring(&self) {
        if self.word.swap(RUNG, Ordering::Release) == SLEEPS {
            wake_one(&self.word);
        }
    }

    /// Sleeps until somebody rings, or for as long as `timeout` says; returns at once if somebody
    /// has rung since the last wait. Returns whether somebody has. May return early with `false`.
    ///
    /// Only one thread at a time may wait: others might sleep on.
    pub fn wait(&self, timeout: Option<Duration>) -> bool {
        let sleeps =
            self.word
                .compare_exchange(SILENT, SLEEPS, Ordering::Relaxed, Ordering::Relaxed);
        if sleeps.is_ok() {
            sleep_for(&self.word, SLEEPS, timeout);
        }
        self.word.swap(SILENT, Ordering::Acquire) == RUNG
    }
}

impl Default for Bell {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::{
        sync::atomic::{AtomicUsize, Ordering::Relaxed},
        thread,
    };

    #[test]
    fn a_ring_before_the_wait_is_not_lost_and_counts_once() {
        let bell = Bell::new();
        bell.ring();
        bell.ring();
        assert!(bell.wait(None));
        assert!(!bell.wait(Some(Duration::from_millis(1))));
    }

    #[test]
    fn every_ring_is_answered() {
        static BELLS: [Bell; 2] = [Bell::new(), Bell::new()];
        static ROUNDS: AtomicUsize = AtomicUsize::new(0);
        let echo = thread::spawn(|| {
            for _ in 0..1000 {
                while !BELLS[0].wait(None) {}
                ROUNDS.fetch_add(1, Relaxed);
                BELLS[1].ring();
            }
        });
        for round in 1..=1000 {
            BELLS[0].ring();
            while !BELLS[1].wait(None) {}
            assert_eq!(ROUNDS.load(Relaxed), round);
        }
        echo.join().unwrap();
    }
}
