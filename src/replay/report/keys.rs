//! What became of a session's iterations, key by key.

#![forbid(unsafe_code)]

use alloc::{string::String, vec::Vec};
use core::fmt;

use super::{
    advice::Advice,
    counts::{MissCounts, OtherThreads, RequestCounts},
    percent::Percent,
    plain::PlainCounts,
};
use crate::replay::error::ReplayError;

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
    /// Iterations that ran plainly, by cause.
    pub plain: PlainCounts,
    /// Why the last of them did, however long ago.
    pub plain_cause: Option<ReplayError>,
    /// The requests of all replayed iterations.
    pub counts: RequestCounts,
    /// The requests of the last replayed iteration.
    pub last: RequestCounts,
    /// Bytes of the planned region: the peak of the plan.
    pub planned_bytes: u64,
    /// A lower bound on `planned_bytes` for any plans.
    pub lower_bound: u64,
    /// The sum of all planned sizes in bytes: the memory needed without reuse.
    pub total_bytes: u64,
    /// How often memory that its region needs was given up because the budget was exceeded.
    pub regions_given_up: u64,
    /// If the key stands for shapes up to a largest one, as it was used last: the bytes that an
    /// iteration of the largest shape asks for. See
    /// [`run_at_most`](crate::replay::Session::run_at_most).
    pub at_most: Option<u64>,
    /// What would bring more hits.
    pub advice: Vec<Advice>,
}

impl KeyReport {
    /// The share of planned requests that was served from the plan, in all replayed iterations.
    #[must_use]
    pub fn hit_rate(&self) -> f64 {
        self.counts.hit_rate()
    }

    /// The share of all bytes, of all threads, that was served from the plan, in all replayed
    /// iterations.
    #[must_use]
    pub fn served_share(&self) -> f64 {
        self.counts.served_share()
    }

    /// Whether the iterations of this key differ in what they allocate: in more than their sizes,
    /// if it stands for shapes up to a largest one.
    #[must_use]
    pub fn is_unsteady(&self) -> bool {
        let is_unsteady = |advice: &Advice| {
            matches!(
                advice,
                Advice::Unsteady { .. } | Advice::UnlikeLargest { .. }
            )
        };
        self.advice.iter().any(is_unsteady)
    }
}

/// What became of a session's iterations, key by key, in the order in which the keys were first
/// used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// One report for each key.
    pub keys: Vec<KeyReport>,
    /// The bytes of the regions in which keys take turns now.
    pub region_bytes: u64,
    /// The bytes of the recordings and plans that keys have now, about.
    pub plan_bytes: u64,
    /// The most that these two may be together: see
    /// [`Session::budget`](crate::replay::Session::budget).
    pub budget: u64,
}

impl KeyReport {
    fn write_iterations(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {} recorded, {} replayed",
            self.key, self.recorded, self.replayed
        )?;
        if self.plain.total() > 0 {
            write!(f, ", {} plain", self.plain.total())?;
        }
        if self.replayed > 0 {
            let share = Percent::new(self.counts.bytes.hits, self.counts.all_bytes());
            write!(f, ", {share} % of all bytes served from the plan")?;
        }
        Ok(())
    }

    fn write_misses(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RequestCounts { misses, bytes, .. } = self.counts;
        let MissCounts {
            unmatched,
            occupied,
            outgrown,
        } = misses;
        let missed = bytes.misses;
        write!(
            f,
            "\n  misses    {} requests, {} bytes: {unmatched} unmatched ({} bytes), \
             {occupied} occupied ({} bytes), {outgrown} outgrown ({} bytes)",
            misses.total(),
            missed.total(),
            missed.unmatched,
            missed.occupied,
            missed.outgrown,
        )
    }

    fn write_unplanned(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let RequestCounts {
            outliving,
            small,
            bytes,
            ..
        } = self.counts;
        write!(
            f,
            "\n  unplanned {outliving} outliving the iteration ({} bytes), \
             {small} small ({} bytes), {} bytes by resizing",
            bytes.outliving, bytes.small, bytes.grown,
        )?;
        let OtherThreads {
            threads,
            requests,
            bytes,
        } = self.counts.other_threads;
        let s = if threads == 1 { "" } else { "s" };
        if threads > 0 {
            write!(
                f,
                "\n  elsewhere {requests} requests, {bytes} bytes of {threads} other thread{s}"
            )?;
        }
        Ok(())
    }
}

impl fmt::Display for KeyReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write_iterations(f)?;
        let RequestCounts { hits, bytes, .. } = self.counts;
        write!(f, "\n  hits      {hits} requests, {} bytes", bytes.hits)?;
        self.write_misses(f)?;
        self.write_unplanned(f)?;
        write!(
            f,
            "\n  region    {} bytes planned, {} lower bound, {} without reuse; \
             {} from the heap in the last iteration",
            self.planned_bytes, self.lower_bound, self.total_bytes, self.last.heap_bytes
        )?;
        if let Some(bytes) = self.at_most {
            write!(
                f,
                "\n  shapes    planned for {bytes} bytes an iteration at most"
            )?;
        }
        if let Some(cause) = &self.plain_cause {
            let plain = self.plain.total();
            write!(f, "\n  plain     {plain}, last because: {cause}")?;
        }
        for advice in &self.advice {
            write!(f, "\n  advice    {advice}")?;
        }
        Ok(())
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
        if self.keys.len() > 1 {
            let Self {
                region_bytes,
                plan_bytes,
                budget,
                ..
            } = self;
            write!(
                f,
                "\nall keys: {region_bytes} bytes in regions, {plan_bytes} in plans, \
                 of a budget of {budget}"
            )?;
        }
        Ok(())
    }
}
