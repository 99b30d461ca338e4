//! What replay did: requests, hits, misses by their cause, and bytes.
//!
//! Plain numbers and their text. Invariant: every request of an iteration is counted exactly once,
//! as a hit, a miss or one that is not planned.

#![forbid(unsafe_code)]

use alloc::{string::String, vec::Vec};
use core::{fmt, ops::AddAssign};

/// Requests that the plan could not serve, by cause. They went to the inner allocator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MissCounts {
    /// The recording has no request of this size and alignment nearby, or the thread has no lane.
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
    /// The bytes of all new blocks that the inner allocator was asked for. (Blocks that it was
    /// asked to resize do not count.)
    pub heap_bytes: u64,
}

impl RequestCounts {
    /// The share of planned requests that was served from the plan, from 0.0 to 1.0; 1.0 if there
    /// were none.
    #[must_use]
    pub fn hit_rate(&self) -> f64 {
        match self.hits + self.misses.total() {
            0 => 1.0,
            all => self.hits as f64 / all as f64,
        }
    }

    /// All requests.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.hits + self.misses.total() + self.outliving
    }
}

impl AddAssign for RequestCounts {
    fn add_assign(&mut self, other: Self) {
        self.hits = self.hits.saturating_add(other.hits);
        self.misses.unmatched = self.misses.unmatched.saturating_add(other.misses.unmatched);
        self.misses.occupied = self.misses.occupied.saturating_add(other.misses.occupied);
        self.misses.outgrown = self.misses.outgrown.saturating_add(other.misses.outgrown);
        self.outliving = self.outliving.saturating_add(other.outliving);
        self.heap_bytes = self.heap_bytes.saturating_add(other.heap_bytes);
    }
}

/// What became of the iterations of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyReport {
    /// The key, as its `Debug` implementation shows it.
    pub key: String,
    /// Iterations that were recorded: one, or more if the recording had to be repeated.
    pub recorded: u64,
    /// Iterations that were replayed.
    pub replayed: u64,
    /// The requests of all replayed iterations.
    pub counts: RequestCounts,
    /// The requests of the last replayed iteration.
    pub last: RequestCounts,
    /// Bytes of the planned regions: the peaks of the plans of all lanes.
    pub planned_bytes: u64,
    /// A lower bound on `planned_bytes` for any plans.
    pub lower_bound: u64,
    /// The sum of all planned sizes in bytes: the memory needed without reuse.
    pub total_bytes: u64,
}

impl KeyReport {
    /// The share of planned requests that was served from the plan, in all replayed iterations.
    #[must_use]
    pub fn hit_rate(&self) -> f64 {
        self.counts.hit_rate()
    }
}

/// What became of a session's iterations, key by key, in the order in which the keys were first
/// used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// One report for each key.
    pub keys: Vec<KeyReport>,
}

impl fmt::Display for KeyReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { counts, .. } = self;
        writeln!(
            f,
            "{}: {} recorded, {} replayed, {:.2} % of requests served from the plan",
            self.key,
            self.recorded,
            self.replayed,
            100.0 * self.hit_rate()
        )?;
        let MissCounts {
            unmatched,
            occupied,
            outgrown,
        } = counts.misses;
        writeln!(
            f,
            "  requests  {} hits, \
             {} misses ({unmatched} unmatched, {occupied} occupied, {outgrown} outgrown), \
             {} outliving the iteration",
            counts.hits,
            counts.misses.total(),
            counts.outliving
        )?;
        write!(
            f,
            "  bytes     {} planned, {} lower bound, {} without reuse, \
             {} from the heap in the last iteration",
            self.planned_bytes, self.lower_bound, self.total_bytes, self.last.heap_bytes
        )
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, key) in self.keys.iter().enumerate() {
            if i > 0 {
                writeln!(f)?;
            }
            write!(f, "{key}")?;
        }
        Ok(())
    }
}
