//! One model and when it runs.
//!
//! It stands on lifetimes. Invariant: the starts are in order; every lifetime, moved to every start, is within the clock's
//! range, and no tensor is alive in two runs at once. So sums of a lifetime's bound and a start never overflow.
//!
//! ```text
//! starts    0            20           40
//! a         ┌──┐         ┌──┐         ┌──┐
//! b            ┌──┐         ┌──┐         ┌──┐        the hull of b: from its first birth to its last death
//!              └──────────── hull ──────────┘
//! ```

use alloc::{
    string::{String, ToString},
    vec::Vec,
};

use super::{ModelTensor, SharingError};
use crate::lifetimes::{Lifetime, Lifetimes, runs_overlap};

#[derive(Clone, Debug)]
pub(super) struct Model {
    name: String,
    lifetimes: Lifetimes,
    starts: Vec<i64>,
}

/// All tensors of all models, in order.
pub(super) fn tensors(models: &[Model]) -> impl Iterator<Item = ModelTensor> {
    let each = models.iter().enumerate();
    each.flat_map(|(m, model)| (0..model.lifetimes.len()).map(move |t| ModelTensor::at(m, t)))
}

impl Model {
    pub(super) fn new(
        name: String,
        lifetimes: Lifetimes,
        mut starts: Vec<i64>,
    ) -> Result<Self, SharingError> {
        starts.sort_unstable();
        let model = Self {
            name,
            lifetimes: lifetimes.into_intervals(),
            starts,
        };
        model.check_range()?;
        model.check_runs()?;
        Ok(model)
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn lifetimes(&self) -> &Lifetimes {
        &self.lifetimes
    }

    pub(super) fn starts(&self) -> &[i64] {
        &self.starts
    }

    /// From the first birth to the last death of a tensor; `None` if the model never runs.
    pub(super) fn hull(&self, row: &Lifetime) -> Option<(i64, i64)> {
        let (first, last) = (self.starts.first()?, self.starts.last()?);
        Some((row.lower + first, row.upper + last))
    }

    /// Whether a tensor meets one of another model in any of their runs. O(r log s) for r runs of one, s of the other.
    pub(super) fn meets(&self, row: &Lifetime, other: &Self, others: &Lifetime) -> bool {
        runs_overlap(row, &self.starts, others, &other.starts)
    }

    fn check_range(&self) -> Result<(), SharingError> {
        let ends = self.starts.first().into_iter().chain(self.starts.last());
        for &start in ends {
            let mut rows = self.lifetimes.iter();
            let leaves = |row: &Lifetime| {
                row.lower.checked_add(start).is_none() || row.upper.checked_add(start).is_none()
            };
            if let Some((_, tensor, _)) = rows.find(|(_, _, row)| leaves(row)) {
                return Err(SharingError::OutOfTime {
                    model: self.name.clone(),
                    tensor: tensor.to_string(),
                    start,
                });
            }
        }
        Ok(())
    }

    /// The longest lifetime must fit between the two starts that are nearest to each other.
    fn check_runs(&self) -> Result<(), SharingError> {
        let pairs = self.starts.windows(2).map(|pair| [pair[0], pair[1]]);
        let Some(starts) = pairs.min_by_key(|[a, b]| b.abs_diff(*a)) else {
            return Ok(());
        };
        let gap = starts[1].abs_diff(starts[0]);
        let occupying = self.lifetimes.iter().filter(|(_, _, row)| row.occupies());
        let lengths = occupying.map(|(_, tensor, row)| (row.upper.abs_diff(row.lower), tensor));
        match lengths.max_by_key(|(length, _)| *length) {
            Some((length, tensor)) if length > gap => Err(SharingError::RunsOverlap {
                model: self.name.clone(),
                tensor: tensor.to_string(),
                starts,
            }),
            _ => Ok(()),
        }
    }
}
