//! The lifetimes of several models as one list of rows.
//!
//! Stands on [`CheckedRows`]. Invariant: the tensors of a model keep their order, and the models
//! follow each other; only steps move, those of one model with its gaps and windows all by the same
//! number.

use alloc::{format, sync::Arc, vec::Vec};
use core::ops::Range;

use super::{
    checked_rows::CheckedRows,
    collection::Lifetimes,
    conflict_relation::{ConflictRelation, ModelConflicts},
    error::LifetimesError,
    lifetime::{Lifetime, Within},
    piece::Piece,
};
use crate::ids::TensorId;

/// A model whose steps are moved.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ShiftedModel<'a> {
    pub(crate) name: &'a str,
    pub(crate) lifetimes: &'a Lifetimes,
    /// Steps to add to every step of the model; no lifetime may leave the range of `i64` by that.
    pub(crate) shift: i128,
}

impl Lifetimes {
    /// The tensors of all models, named `model/tensor`, model by model.
    ///
    /// # Errors
    /// If the sizes reach 2⁶³ bytes together, if there are too many rows, or if two names are
    /// equal.
    pub(crate) fn concatenated(models: &[ShiftedModel<'_>]) -> Result<Self, LifetimesError> {
        let mut rows = CheckedRows::default();
        let mut first = 0;
        for model in models {
            for (_, name, row) in model.lifetimes.iter() {
                let id = format!("{}/{name}", model.name);
                rows.push(&id, model.shifted(row, first))?;
            }
            first += model.lifetimes.len();
        }
        let mut joint = rows.finish()?;
        let mut first = 0;
        for model in models {
            for (row, ranges) in model.lifetimes.live_ranges.iter() {
                let ranges: Vec<_> = ranges.iter().map(|steps| model.moved(steps)).collect();
                joint.live_ranges.push(first + row, &ranges);
            }
            for (row, pieces) in model.lifetimes.windows.iter() {
                let pieces = pieces.iter();
                let moved = pieces.map(|of| Piece::new(model.moved(&of.steps), of.bytes.clone()));
                joint.windows.copy(first + row, &moved.collect::<Vec<_>>());
            }
            first += model.lifetimes.len();
        }
        Ok(joint)
    }

    /// Adds the conflicts of models to those of rows that overlap.
    pub(crate) fn with_model_conflicts(self, models: ModelConflicts) -> Self {
        Self {
            conflict_relation: ConflictRelation::Models(Arc::new(models)),
            ..self
        }
    }
}

impl ShiftedModel<'_> {
    /// A row with its steps moved, and with its root counted from the model's `first` row.
    fn shifted(&self, row: &Lifetime, first: usize) -> Lifetime {
        let steps = match row.lower < row.upper {
            true => self.moved(&row.steps()),
            false => 0..0,
        };
        let within = row.within.map(|within| Within {
            // If the number is too large, there are too many rows, which `push` refuses first.
            root: TensorId::new((within.root.index() + first) as u32),
            ..within
        });
        Lifetime {
            lower: steps.start,
            upper: steps.end,
            within,
            ..*row
        }
    }

    fn moved(&self, steps: &Range<i64>) -> Range<i64> {
        let at = |step: i64| i64::try_from(i128::from(step) + self.shift).unwrap_or(0);
        at(steps.start)..at(steps.end)
    }
}
