//! Requests and their bytes, by outcome.
//!
//! Invariant: [`RequestCounts::count`] is the only way in which a request of a lane that is no hit
//! is counted, so requests and bytes always speak of the same ones.

#![forbid(unsafe_code)]

use core::ops::AddAssign;

/// What the plan could not serve, by cause: requests, or their bytes. The inner allocator served
/// it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MissCounts {
    /// The recording has no request of this size and alignment nearby, all of them are taken, or
    /// more helpers ask than may take part.
    pub unmatched: u64,
    /// The planned bytes are still in use: blocks are released in another order than was recorded,
    /// or a buffer outlived its iteration.
    pub occupied: u64,
    /// A planned block was resized to more than its largest recorded size, which counts as a
    /// request of its own.
    pub outgrown: u64,
}

impl MissCounts {
    /// All misses.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.unmatched + self.occupied + self.outgrown
    }
}

impl AddAssign for MissCounts {
    fn add_assign(&mut self, other: Self) {
        self.unmatched = self.unmatched.saturating_add(other.unmatched);
        self.occupied = self.occupied.saturating_add(other.occupied);
        self.outgrown = self.outgrown.saturating_add(other.outgrown);
    }
}

/// The bytes that requests asked for, by outcome. What a block is resized to beyond its size counts
/// as asked for then.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ByteCounts {
    /// Bytes served from the plan.
    pub hits: u64,
    /// Bytes of requests that the plan could not serve.
    pub misses: MissCounts,
    /// Bytes of requests that are not planned since they outlived the recorded iteration.
    pub outliving: u64,
    /// Bytes of requests that are not planned since they are small.
    pub small: u64,
    /// Bytes by which blocks of the inner allocator were resized to more.
    pub grown: u64,
}

impl AddAssign for ByteCounts {
    fn add_assign(&mut self, other: Self) {
        self.hits = self.hits.saturating_add(other.hits);
        self.misses += other.misses;
        self.outliving = self.outliving.saturating_add(other.outliving);
        self.small = self.small.saturating_add(other.small);
        self.grown = self.grown.saturating_add(other.grown);
    }
}

/// What threads that had no part in an iteration asked of the inner allocator while it ran: helpers
/// that do its work, if they are more than [lanes](crate::replay::Session::lanes) allows, threads
/// that run iterations of other sessions otherwise, and threads that have nothing to do with it.
/// Threads inside an iteration of their own do not count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OtherThreads {
    /// The number of these threads: the most in one iteration. Of more than 32, some may count as
    /// one.
    pub threads: u64,
    /// Their requests. A block that is resized to more bytes counts as one of the difference.
    pub requests: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl AddAssign for OtherThreads {
    fn add_assign(&mut self, other: Self) {
        self.threads = self.threads.max(other.threads);
        self.requests = self.requests.saturating_add(other.requests);
        self.bytes = self.bytes.saturating_add(other.bytes);
    }
}

/// The requests of an iteration, or of several, by outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RequestCounts {
    /// Requests that got their planned bytes.
    pub hits: u64,
    /// Requests that did not.
    pub misses: MissCounts,
    /// Requests that are not planned and went to the inner allocator: those that outlived the
    /// recorded iteration, or are aligned to more than 2 MiB.
    pub outliving: u64,
    /// Requests that are not planned and went to the inner allocator because they are small:
    /// below the session's threshold. Those of helpers are not counted.
    pub small: u64,
    /// The bytes of all of these.
    pub bytes: ByteCounts,
    /// What threads without a part in the iteration asked for while it ran.
    pub other_threads: OtherThreads,
    /// The bytes of all new blocks that the inner allocator was asked for by the threads that take
    /// part. (Blocks that it was asked to resize do not count.)
    pub heap_bytes: u64,
}

/// What became of a request that is no hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Unmatched,
    Occupied,
    Outgrown,
    Outliving,
}

impl Outcome {
    pub(crate) const ALL: [Self; 4] = [
        Self::Unmatched,
        Self::Occupied,
        Self::Outgrown,
        Self::Outliving,
    ];
    pub(crate) const COUNT: usize = Self::ALL.len();
}

impl RequestCounts {
    /// Counts requests that went to the inner allocator.
    pub(crate) fn count(&mut self, outcome: Outcome, requests: u64, bytes: u64) {
        let (counted, of_bytes) = match outcome {
            Outcome::Unmatched => (&mut self.misses.unmatched, &mut self.bytes.misses.unmatched),
            Outcome::Occupied => (&mut self.misses.occupied, &mut self.bytes.misses.occupied),
            Outcome::Outgrown => (&mut self.misses.outgrown, &mut self.bytes.misses.outgrown),
            Outcome::Outliving => (&mut self.outliving, &mut self.bytes.outliving),
        };
        *counted = counted.saturating_add(requests);
        *of_bytes = of_bytes.saturating_add(bytes);
        self.heap_bytes = self.heap_bytes.saturating_add(bytes);
    }

    /// The share of planned requests that was served from the plan, from 0.0 to 1.0; 1.0 if there
    /// were none. It says nothing of bytes, nor of what is not planned:
    /// [`served_share`](Self::served_share) does.
    #[must_use]
    pub fn hit_rate(&self) -> f64 {
        share(self.hits, self.hits + self.misses.total())
    }

    /// The share of planned bytes that was served from the plan, from 0.0 to 1.0; 1.0 if there were
    /// none.
    #[must_use]
    pub fn byte_hit_rate(&self) -> f64 {
        share(self.bytes.hits, self.bytes.hits + self.bytes.misses.total())
    }

    /// The share of all bytes, whoever asked for them while the iteration ran, that was served from
    /// the plan, from 0.0 to 1.0; 1.0 if there were none.
    #[must_use]
    pub fn served_share(&self) -> f64 {
        share(self.bytes.hits, self.all_bytes())
    }

    /// All requests of the threads that take part.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.hits + self.misses.total() + self.outliving + self.small
    }

    /// All bytes that were asked for while the iteration ran, by any thread.
    #[must_use]
    pub fn all_bytes(&self) -> u64 {
        let ByteCounts {
            hits,
            misses,
            outliving,
            small,
            grown,
        } = self.bytes;
        let unplanned = [outliving, small, grown, self.other_threads.bytes];
        let planned = hits.saturating_add(misses.total());
        unplanned.into_iter().fold(planned, u64::saturating_add)
    }
}

/// The share of `part` in `all`; 1.0 if there is nothing.
fn share(part: u64, all: u64) -> f64 {
    match all {
        0 => 1.0,
        _ => part as f64 / all as f64,
    }
}

impl AddAssign for RequestCounts {
    fn add_assign(&mut self, other: Self) {
        self.hits = self.hits.saturating_add(other.hits);
        self.misses += other.misses;
        self.outliving = self.outliving.saturating_add(other.outliving);
        self.small = self.small.saturating_add(other.small);
        self.bytes += other.bytes;
        self.other_threads += other.other_threads;
        self.heap_bytes = self.heap_bytes.saturating_add(other.heap_bytes);
    }
}
