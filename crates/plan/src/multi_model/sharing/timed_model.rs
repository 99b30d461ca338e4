//! One model and when it runs.
//!
//! Stands on the rows of lifetimes. A tensor counts as needed whole from birth to death; a plan may
//! use gaps and windows, so fewer pairs are found than may share. Invariant: the starts ascend;
//! every lifetime, moved to every start, is within the range of the clock, and no tensor is alive
//! in two runs at once. So the sum of a lifetime's bound and a start never overflows.
//!
//! ```text
//! starts    0            20           40
//! a         ┌──┐         ┌──┐         ┌──┐
//! b            ┌──┐         ┌──┐         ┌──┐      the hull of b is from its first birth
//!              └──────────── hull ──────────┘      to its last death
//! ```

use alloc::{string::ToString, vec::Vec};

use crate::lifetimes::{Lifetime, Lifetimes, runs_overlap};
use crate::multi_model::error::SharingError;

/// The lifetimes of a model, and the times on the common clock at which it starts.
///
/// A reference to [`Lifetimes`] converts into a model that runs once and has the common clock
/// itself.
///
/// ```
/// use orionrt_plan::{multi_model::{LifetimeAnalyzer, ModelRuns}, Lifetimes};
/// let frame = Lifetimes::from_rows([("pixels", 0, 4, 4096, 64)])?;
/// let mut analyzer = LifetimeAnalyzer::new();
/// analyzer.add_model("camera", ModelRuns::new(&frame, [0, 10, 20]))?;
/// analyzer.add_model("radar", ModelRuns::new(&frame, [5, 15]))?;   // between the camera's runs
/// analyzer.add_model("sonar", ModelRuns::new(&frame, [2]))?;       // meets the camera's first run
/// assert_eq!(analyzer.find_sharing_opportunities().len(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct ModelRuns<'a> {
    lifetimes: &'a Lifetimes,
    starts: Vec<i64>,
}

impl<'a> ModelRuns<'a> {
    /// A model whose time 0 is at each of `starts`, in any order.
    ///
    /// What a tensor holds need not last from one run to the next. Runs may overlap as long as
    /// every tensor has died before it is born anew. A model without starts never runs and shares
    /// nothing. A tensor counts as needed whole from birth to death; a plan may use gaps and
    /// windows.
    #[must_use]
    pub fn new(lifetimes: &'a Lifetimes, starts: impl IntoIterator<Item = i64>) -> Self {
        let starts = starts.into_iter().collect();
        Self { lifetimes, starts }
    }
}

impl<'a> From<&'a Lifetimes> for ModelRuns<'a> {
    fn from(lifetimes: &'a Lifetimes) -> Self {
        Self::new(lifetimes, [0])
    }
}

/// A model whose runs have been checked.
#[derive(Clone, Debug)]
pub(super) struct TimedModel {
    lifetimes: Lifetimes,
    starts: Vec<i64>,
}

impl TimedModel {
    /// Checks the runs of a model; its `name` is for the error alone.
    ///
    /// # Errors
    /// When a lifetime leaves the range of the clock, or a tensor would be alive twice at once.
    pub(super) fn new(name: &str, runs: ModelRuns<'_>) -> Result<Self, SharingError> {
        let mut starts = runs.starts;
        starts.sort_unstable();
        let model = Self {
            lifetimes: runs.lifetimes.clone().into_intervals(),
            starts,
        };
        model.check_range(name)?;
        model.check_runs(name)?;
        Ok(model)
    }

    pub(super) fn lifetimes(&self) -> &Lifetimes {
        &self.lifetimes
    }

    pub(super) fn starts(&self) -> &[i64] {
        &self.starts
    }

    /// The time from the first birth of a tensor to its last death; `None` if the model never runs.
    pub(super) fn hull(&self, row: &Lifetime) -> Option<(i64, i64)> {
        let (first, last) = (self.starts.first()?, self.starts.last()?);
        Some((row.lower + first, row.upper + last))
    }

    /// Whether a tensor is alive together with a tensor of another model in any of their runs.
    /// O(r log s) for r runs of one model and s of the other.
    pub(super) fn meets(&self, row: &Lifetime, other: &Self, others: &Lifetime) -> bool {
        runs_overlap(row.steps(), &self.starts, others.steps(), &other.starts)
    }

    fn check_range(&self, name: &str) -> Result<(), SharingError> {
        let ends = self.starts.first().into_iter().chain(self.starts.last());
        for &start in ends {
            let mut rows = self.lifetimes.iter();
            let leaves = |row: &Lifetime| {
                row.lower.checked_add(start).is_none() || row.upper.checked_add(start).is_none()
            };
            if let Some((_, tensor, _)) = rows.find(|(_, _, row)| leaves(row)) {
                return Err(SharingError::OutOfTime {
                    model: name.to_string(),
                    tensor: tensor.to_string(),
                    start,
                });
            }
        }
        Ok(())
    }

    /// Checks that the longest lifetime fits between the two starts that are nearest to each other.
    fn check_runs(&self, name: &str) -> Result<(), SharingError> {
        let pairs = self.starts.windows(2).map(|pair| [pair[0], pair[1]]);
        let Some(starts) = pairs.min_by_key(|[a, b]| b.abs_diff(*a)) else {
            return Ok(());
        };
        let gap = starts[1].abs_diff(starts[0]);
        let occupying = self.lifetimes.iter().filter(|(_, _, row)| row.occupies());
        let lengths = occupying.map(|(_, tensor, row)| (row.upper.abs_diff(row.lower), tensor));
        match lengths.max_by_key(|(length, _)| *length) {
            Some((length, tensor)) if length > gap => Err(SharingError::RunsOverlap {
                model: name.to_string(),
                tensor: tensor.to_string(),
                starts,
            }),
            _ => Ok(()),
        }
    }
}
