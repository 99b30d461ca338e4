//! What became of the requests of one thread, counted while an iteration runs.
//!
//! Invariant: one thread at a time adds to [`RequestCounters`], so that adding needs no atomic
//! operation on a bus; the owner of the session takes the counts when that thread is kept out.

#![forbid(unsafe_code)]

use super::report::{Outcome, RequestCounts};
use orionrt_sys::sync::atomic::{AtomicU64, Ordering};

#[derive(Debug, Default)]
pub(super) struct RequestCounters {
    hits: Counter,
    hit_bytes: Counter,
    grown: Counter,
    missed: [Counter; Outcome::COUNT],
    missed_bytes: [Counter; Outcome::COUNT],
}

/// A number that one thread at a time writes to.
#[derive(Debug, Default)]
struct Counter(AtomicU64);

impl Counter {
    #[inline(always)]
    fn add(&self, more: u64) {
        let sum = self.0.load(Ordering::Relaxed).wrapping_add(more);
        self.0.store(sum, Ordering::Relaxed);
    }

    fn take(&self) -> u64 {
        let value = self.0.load(Ordering::Relaxed);
        self.0.store(0, Ordering::Relaxed);
        value
    }
}

impl RequestCounters {
    /// Counts a request that is served from the plan.
    #[inline(always)]
    pub(super) fn hit(&self) {
        self.hits.add(1);
    }

    /// Counts bytes that are served from the plan: of a request, or by which a planned block grew.
    #[inline(always)]
    pub(super) fn hit_bytes(&self, bytes: u64) {
        self.hit_bytes.add(bytes);
    }

    /// Takes back bytes that were counted in [`hit_bytes`](Self::hit_bytes).
    #[inline]
    pub(super) fn take_back(&self, bytes: u64) {
        self.hit_bytes.add(bytes.wrapping_neg());
    }

    /// Counts bytes by which a block of the inner allocator grew.
    pub(super) fn growth_in_heap(&self, bytes: u64) {
        self.grown.add(bytes);
    }

    /// Counts a request that the inner allocator serves.
    #[cold]
    pub(super) fn other(&self, outcome: Outcome, bytes: u64) {
        self.missed[outcome as usize].add(1);
        self.missed_bytes[outcome as usize].add(bytes);
    }

    /// The counts since the last call.
    pub(super) fn take(&self) -> RequestCounts {
        let mut counts = RequestCounts {
            hits: self.hits.take(),
            ..RequestCounts::default()
        };
        counts.bytes.hits = self.hit_bytes.take();
        counts.bytes.grown = self.grown.take();
        for outcome in Outcome::ALL {
            let requests = self.missed[outcome as usize].take();
            counts.count(
                outcome,
                requests,
                self.missed_bytes[outcome as usize].take(),
            );
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_taken_once() {
        let counters = RequestCounters::default();
        counters.hit();
        counters.hit();
        counters.hit_bytes(100);
        counters.hit_bytes(30);
        counters.take_back(30);
        counters.growth_in_heap(7);
        let counts = counters.take();
        assert_eq!(
            (counts.hits, counts.bytes.hits, counts.bytes.grown),
            (2, 100, 7)
        );
        assert_eq!((counts.requests(), counts.all_bytes()), (2, 107));
        assert_eq!(counters.take(), RequestCounts::default());
    }

    #[test]
    fn each_outcome_has_counts_of_its_own() {
        for outcome in Outcome::ALL {
            let counters = RequestCounters::default();
            counters.other(outcome, 50);
            counters.other(outcome, 5);
            let mut expected = RequestCounts::default();
            expected.count(outcome, 2, 55);
            assert_eq!(counters.take(), expected);
            assert_eq!(counters.take(), RequestCounts::default());
        }
    }

    #[test]
    fn bytes_taken_back_before_any_were_counted_do_no_harm() {
        let counters = RequestCounters::default();
        counters.take_back(10);
        counters.hit_bytes(15);
        assert_eq!(counters.take().bytes.hits, 5);
    }
}
