//! What a planning strategy is given and what it returns.
//!
//! Implement [`Strategy`] to place buffers your own way. Its answer is a proposal: the planner
//! checks it, so a wrong one is an error and never a plan.

use alloc::vec::Vec;
use core::cell::Cell;

use super::budget::Budget;
use super::conflict::{Interference, InterferenceRelation as _};
#[cfg(feature = "std")]
use super::progress::Progress;
use crate::lifetimes::Lifetime;

/// A method of placing buffers.
///
/// Implement it to bring your own; the planner checks whatever it returns.
///
/// ```
/// use orionrt_plan::{planner::{Strategy, Task}, Lifetimes, Planner};
///
/// struct SideBySide;
/// impl Strategy for SideBySide {
///     fn name(&self) -> &str { "side-by-side" }
///     fn place(&self, task: &Task<'_>) -> Vec<u64> {
///         let mut end = 0u64;
///         task.buffers.iter().map(|b| {
///             let offset = end.next_multiple_of(b.alignment);
///             end = offset + b.size;
///             offset
///         }).collect()
///     }
/// }
/// let lifetimes = Lifetimes::from_rows([("a", 0, 1, 10, 1), ("b", 1, 2, 20, 1)])?;
/// assert_eq!(Planner::new().strategy(SideBySide).plan(&lifetimes)?.peak(), 30);
/// assert_eq!(Planner::new().plan(&lifetimes)?.peak(), 20);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Strategy: Send + Sync {
    /// The strategy's name, as shown in reports and as
    /// [`Planner::strategy_named`](crate::Planner::strategy_named) finds a built-in one.
    fn name(&self) -> &str;

    /// An offset in bytes for each of `task.buffers`, in their order.
    fn place(&self, task: &Task<'_>) -> Vec<u64>;

    /// Whether the strategy needs the interference relation, that is, decides by
    /// [`Task::conflict`].
    ///
    /// A strategy that does not is used only where buffers conflict exactly when their rows
    /// overlap. Where tensors have gaps, or several streams or models run, the default strategy is
    /// used.
    fn needs_interference(&self) -> bool {
        false
    }
}

/// The buffers to place, and what is wanted of their offsets.
#[derive(Debug)]
#[non_exhaustive]
pub struct Task<'t> {
    /// The buffers: each is alive at some step and larger than zero bytes. The row of one with gaps
    /// includes them. A buffer with a fixed offset must get that offset.
    pub buffers: &'t [Lifetime],
    /// The peak in bytes at which to stop: the lower bound, or the capacity if that is higher.
    pub goal: u64,
    /// The capacity in bytes, if one was given: a plan with a higher peak is of no use.
    pub capacity: Option<u64>,
    /// Valid offsets to start from, if there are any. A strategy may ignore them: the better of
    /// them and its answer is used.
    pub start: Option<Vec<u64>>,
    /// What ends a search early. A strategy that does not search may ignore it.
    pub budget: Budget,
    /// The seed for random choices.
    pub seed: u64,
    /// The interference relation, where it is not the overlap of rows.
    pub(crate) interference: Option<Interference<'t>>,
    /// The highest lower bound on the peak that a built-in strategy has proven.
    pub(crate) proven: Cell<u64>,
    /// Who is told of better plans as they are found.
    #[cfg(feature = "std")]
    pub(crate) progress: Option<&'t Progress>,
}

impl Task<'_> {
    /// Whether two buffers, by position, must not share bytes.
    ///
    /// Buffers that are alive at a common step never may. That is told by their rows unless there
    /// are gaps: then rows may overlap without a common step. With several streams or models, other
    /// buffers may conflict, too.
    #[must_use]
    pub fn conflict(&self, a: usize, b: usize) -> bool {
        match &self.interference {
            None => self.buffers[a].conflicts(&self.buffers[b]),
            Some(interference) => interference.conflict(a, b),
        }
    }

    /// Claims that no offsets give the buffers a peak below this one. Whoever calls this has tried
    /// all of them: the claim reaches the plan.
    pub(super) fn prove(&self, lower_bound: u64) {
        self.proven.set(self.proven.get().max(lower_bound));
    }

    /// Tells whoever reads the progress that there are offsets with this peak.
    pub(super) fn report(&self, peak: u64) {
        #[cfg(feature = "std")]
        if let Some(progress) = self.progress {
            progress.found(peak);
        }
        let _ = peak;
    }

    /// The peak that these offsets give the buffers, in bytes: the largest end.
    #[must_use]
    pub fn peak(&self, offsets: &[u64]) -> u64 {
        let ends = self
            .buffers
            .iter()
            .zip(offsets)
            .map(|(buffer, offset)| offset.saturating_add(buffer.size));
        ends.max().unwrap_or(0)
    }
}
