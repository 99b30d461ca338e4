//! The plan that a TensorFlow Lite model holds itself, in its metadata.
//!
//! Stands on [`model`](super::super::model). Invariant: tensors that the file leaves to the runtime
//! are counted, not checked.

use std::path::Path;

use orionrt_models::{Model, Options};

use super::super::{
    model::{self, PlacedTensors},
    read::Source,
};
use crate::failure::Failure;

/// What of a model's own plan was checked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OwnPlanChecked {
    /// The end of the last tensor, in bytes.
    pub(crate) peak: u64,
    /// The tensors that it places.
    pub(crate) placed: usize,
    /// The tensors that it leaves to the runtime.
    pub(crate) left_to_runtime: usize,
}

/// Whether a file is a model, which may hold a plan.
pub(crate) fn holds_own_plan(path: &Path) -> Result<bool, Failure> {
    // What is no file on disk, such as a pipe, can be read once.
    Ok(path.is_file() && Source::open(path)?.is_model()?)
}

/// Checks the plan in a model's file against the model's operators.
pub(crate) fn check_own_plan(path: &Path) -> Result<OwnPlanChecked, Failure> {
    let source = Source::open(path)?;
    // Each row then has the alignment of its own elements.
    let model = model::read(path, &source, &Options::new().alignment(1))?;
    let Some(placed) = PlacedTensors::of(&model) else {
        let reason = "a model without a memory plan of its own; expected a plan, or a TensorFlow \
                      Lite model with the metadata OfflineMemoryAllocation";
        return Err(Failure::file(path, reason));
    };
    let (peak, count) = (placed.peak, placed.count);
    let checked = check_elements(&model).and_then(|()| placed.plan().map(drop));
    checked.map_err(|error| Failure::file(path, format!("its memory plan: {error}")))?;
    let tensors = model.graph.tensors().len();
    Ok(OwnPlanChecked {
        peak,
        placed: count,
        left_to_runtime: tensors - count,
    })
}

/// Checks that each tensor lies where its elements can be read.
fn check_elements(model: &Model) -> Result<(), String> {
    let lifetimes = model.graph.lifetimes();
    for &(id, offset) in &model.offsets {
        let Some(row) = lifetimes.get(id).filter(|row| row.has_bytes()) else {
            continue;
        };
        if !offset.is_multiple_of(row.alignment) {
            let name = lifetimes.name(id).unwrap_or_default();
            return Err(format!(
                "tensor '{name}' is at offset {offset}; expected a multiple of {}, as its elements \
                 need it",
                row.alignment
            ));
        }
    }
    Ok(())
}
