//! A repetition as it is reported.
//!
//! Stands on nothing. Invariant: positions are those of the caller's requests, and ascend.

use alloc::vec::Vec;
use core::ops::Range;

/// A stretch of a sequence of requests in which an iteration follows the other.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Repetition {
    /// The first request of each iteration, and the end of the last one.
    pub bounds: Vec<usize>,
    /// How many requests an iteration has: the middle of all iterations. Requests that were left
    /// out do not count.
    pub period: usize,
    /// How many requests the stretch has, without those that were left out.
    pub requests: usize,
    /// What these requests ask for, in bytes.
    pub bytes: u64,
    /// The representative iteration, with which the others are compared: the first of those whose
    /// requests occur most often, or one of middle length if all iterations differ.
    pub representative: usize,
    /// How many iterations make the same requests as the representative one, which is one of them.
    pub identical: usize,
    /// How many requests differ from those of the representative iteration, in all iterations
    /// together: inserted, missing, or of a size that does not agree.
    pub differing: usize,
    /// How many requests agree with those of the representative iteration but do not have their
    /// size: none, if [sizes agree](super::SizeMatch) only if they are equal.
    pub resized: usize,
    /// What repeats inside an iteration, the longest stretch first.
    pub inner: Vec<InnerRepetition>,
}

/// Requests that repeat inside an iteration.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InnerRepetition {
    /// The requests of the longest stretch of this kind.
    pub requests: Range<usize>,
    /// How many requests are repeated, on average.
    pub period: usize,
    /// How often, in that stretch.
    pub count: usize,
}

impl Repetition {
    /// How many iterations there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.bounds.len().saturating_sub(1)
    }

    /// The requests of an iteration; `None` if there is no such iteration.
    #[must_use]
    pub fn iteration(&self, index: usize) -> Option<Range<usize>> {
        Some(*self.bounds.get(index)?..*self.bounds.get(index + 1)?)
    }

    /// The requests from the first iteration to the last, with those that were left out.
    #[must_use]
    pub fn stretch(&self) -> Range<usize> {
        let first = self.bounds.first().copied().unwrap_or(0);
        first..self.bounds.last().copied().unwrap_or(first)
    }

    /// The part of the requests that a replay of the representative iteration would serve, from 0
    /// to 1: those that have its sizes and alignments in its order.
    #[must_use]
    pub fn replayable_fraction(&self) -> f64 {
        let other = self.differing.saturating_add(self.resized);
        let served = self.requests.saturating_sub(other);
        served as f64 / self.requests.max(1) as f64
    }
}
