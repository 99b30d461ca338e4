//! How far a search has come, to be read from outside while it goes on.
//!
//! Stands on nothing. Invariant: the peak that it tells is that of a plan which has been found, and
//! only falls; the bound is one of every plan, and only rises.

use alloc::sync::Arc;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The best peak that a search has found so far and a lower bound, to be read from another thread.
/// Clones share them.
///
/// ```
/// use orionrt_plan::{Lifetimes, Planner, planner::Progress};
///
/// let progress = Progress::new();
/// assert_eq!(progress.best_peak(), None);
/// let lifetimes = Lifetimes::from_rows([("a", 0, 2, 100, 1), ("b", 1, 3, 300, 1)])?;
/// let plan = Planner::new().reported_to(&progress).plan(&lifetimes)?;
/// assert_eq!(progress.best_peak(), Some(plan.peak()));
/// assert_eq!(progress.lower_bound(), 400);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Progress(Arc<Mutex<Known>>);

/// What is known of a search.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    best_peak: Option<u64>,
    lower_bound: u64,
}

impl Progress {
    /// Nothing has been found yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The lowest peak in bytes of all plans found so far; `None` before the first one.
    #[must_use]
    pub fn best_peak(&self) -> Option<u64> {
        self.lock().best_peak
    }

    /// A lower bound in bytes of the peak of every plan, as it is known without a search; 0 until
    /// the planner has found it out.
    #[must_use]
    pub fn lower_bound(&self) -> u64 {
        self.lock().lower_bound
    }

    /// Takes note of a plan with this peak.
    pub(super) fn found(&self, peak: u64) {
        let mut known = self.lock();
        known.best_peak = Some(known.best_peak.map_or(peak, |best| best.min(peak)));
    }

    /// Takes note of a lower bound.
    pub(super) fn bounded(&self, bound: u64) {
        let mut known = self.lock();
        known.lower_bound = known.lower_bound.max(bound);
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        // Whoever panicked with the lock left whole numbers behind.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
