//! What replay did: requests, hits, misses by their cause, and bytes.

#![forbid(unsafe_code)]

use alloc::{string::String, vec::Vec};
use core::{fmt, ops::AddAssign};

/// Requests that the plan could not serve, by cause. They went to the inner allocator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Misses {
    /// The recording has no request of this size and alignment about here, or the thread has no lane.
    pub unmatched: u64,
    /// Someone still has the planned bytes: another order of releases, or a buffer that outlived its iteration.
    pub occupied: u64,
    /// A planned block was resized to more than it ever was in the recording: a request of its own then.
    pub outgrown: u64,
}

impl Misses {
    /// All of them.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.unmatched + self.occupied + self.outgrown
    }
}

/// What is counted in an iteration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Requests that got their planned bytes.
    pub hits: u64,
    /// Requests that did not.
    pub misses: Misses,
    /// Requests that are not planned and went to the inner allocator: those that outlived the recorded iteration, or are aligned to more than 2 MiB.
    pub outliving: u64,
    /// The bytes of all new blocks that the inner allocator was asked for. (What it is asked to resize is not counted.)
    pub heap_bytes: u64,
}

impl Counts {
    /// Requests served from the plan, of those that it should serve: 1.0 is all of them, also where there were none.
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

impl AddAssign for Counts {
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
pub struct KeyReport {
    /// The key, as its `Debug` shows it.
    pub key: String,
    /// Iterations that were recorded: one, or more where it had to be done again.
    pub recorded: u64,
    /// Iterations that were replayed.
    pub replayed: u64,
    /// What all replayed iterations counted.
    pub counts: Counts,
    /// What the last one counted.
    pub last: Counts,
    /// Bytes of the planned region: the plan's peak, of all lanes together.
    pub planned_bytes: u64,
    /// Below this many bytes there can be no plan.
    pub lower_bound: u64,
    /// The sum of all planned sizes in bytes: what it would take without reuse.
    pub total_bytes: u64,
}

impl KeyReport {
    /// Requests served from the plan, of those that it should serve, in all replayed iterations.
    #[must_use]
    pub fn hit_rate(&self) -> f64 {
        self.counts.hit_rate()
    }
}

/// What became of a session's iterations, key by key, in the order in which the keys were first used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// One for each key.
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
        let Misses {
            unmatched,
            occupied,
            outgrown,
        } = counts.misses;
        writeln!(
            f,
            "  requests  {} hits, {} misses ({unmatched} unmatched, {occupied} occupied, {outgrown} outgrown), {} outliving the iteration",
            counts.hits,
            counts.misses.total(),
            counts.outliving
        )?;
        write!(
            f,
            "  bytes     {} planned, {} lower bound, {} without reuse, {} from the heap in the last iteration",
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
