//! How far a search has come, to be read from outside while it goes on.
//!
//! Stands on nothing. Invariant: the peak that it tells is that of a plan which has been found, and
//! only falls.

use alloc::sync::Arc;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The best peak that a search has found so far, to be read from another thread. Clones share it.
///
/// ```
/// use orionrt_plan::{Lifetimes, Planner, planner::Progress};
///
/// let progress = Progress::new();
/// assert_eq!(progress.best_peak(), None);
/// let lifetimes = Lifetimes::from_rows([("a", 0, 2, 100, 1), ("b", 1, 3, 300, 1)])?;
/// let plan = Planner::new().reported_to(&progress).plan(&lifetimes)?;
/// assert_eq!(progress.best_peak(), Some(plan.peak()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Progress(Arc<Mutex<Option<u64>>>);

impl Progress {
    /// Nothing has been found yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The lowest peak in bytes of all plans found so far; `None` before the first one.
    #[must_use]
    pub fn best_peak(&self) -> Option<u64> {
        *self.lock()
    }

    /// Takes note of a plan with this peak.
    pub(super) fn found(&self, peak: u64) {
        let mut best = self.lock();
        *best = Some(best.map_or(peak, |best| best.min(peak)));
    }

    fn lock(&self) -> MutexGuard<'_, Option<u64>> {
        // Whoever panicked with the lock left a whole number behind.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
