//! What a heap and its purger share, beside the pages: whether there is a purger, and what it is
//! asked to do.
//!
//! Stands on the [`Bell`]. The models in `tests/loom.rs` check it as it is.
//!
//! Invariant: between [`begin`](PurgerState::begin) and [`end`](PurgerState::end) there is one
//! purger, and what the last one was asked to do is not asked of it.

#![forbid(unsafe_code)]

use core::time::Duration;

use orionrt_sys::{
    bell::Bell,
    sync::atomic::{
        AtomicBool, AtomicU32,
        Ordering::{Acquire, Relaxed, Release},
    },
};

/// The words through which a heap and its purger talk; all zero is a heap without one.
#[derive(Debug, Default)]
pub struct PurgerState {
    bell: Bell,
    exists: AtomicBool,
    /// Whether the purger is to end.
    ends: AtomicBool,
    /// How many forks there were between the process that made the heap and this one. It may wrap.
    generation: AtomicU32,
}

impl PurgerState {
    /// Whether the calling thread may have a purger: there is no other one.
    pub fn begin(&self) -> bool {
        // Acquires the release in `end`: a new purger sees no request to the last one.
        !self.exists.swap(true, Acquire)
    }

    /// Notes that the purger has ended.
    pub fn end(&self) {
        self.ends.store(false, Relaxed);
        self.exists.store(false, Release);
    }

    /// Asks the purger to end.
    pub fn ask_to_end(&self) {
        // The ring makes it visible.
        self.ends.store(true, Relaxed);
        self.bell.ring();
    }

    /// Whether the purger is asked to end. Known after every wait that a ring has ended.
    pub fn is_to_end(&self) -> bool {
        self.ends.load(Relaxed)
    }

    /// Has the purger look after the pages.
    pub fn ring(&self) {
        self.bell.ring();
    }

    /// Waits for a ring, for as long as `timeout` says; returns whether there was one. Only the
    /// purger may.
    pub fn wait(&self, timeout: Option<Duration>) -> bool {
        self.bell.wait(timeout)
    }

    /// Notes in a child after `fork`, where there is one thread, that the purger is a thread of the
    /// parent.
    pub fn forget(&self) {
        self.generation.fetch_add(1, Relaxed);
        self.end();
    }

    /// A number that differs from that of the parent process, and of its parents.
    pub fn generation(&self) -> u32 {
        self.generation.load(Relaxed)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn a_child_of_a_child_has_no_purger_and_no_request_and_a_number_of_its_own() {
        let state = PurgerState::default();
        let mut generations = Vec::from([state.generation()]);
        for _ in 0..3 {
            assert!(state.begin() && !state.begin());
            state.ask_to_end();
            state.forget();
            assert!(!state.is_to_end());
            assert!(!generations.contains(&state.generation()));
            generations.push(state.generation());
        }
        assert!(state.begin());
    }
}
