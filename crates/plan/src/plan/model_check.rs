//! The check that models which may run at the same time share no byte.
//!
//! Stands on who may run beside whom, and knows nothing of how that was planned. Models that may
//! run together must have no byte in common, whatever lies there, so the bytes that each model uses
//! are merged, and merged bytes are compared. Where models run several times on one clock, all
//! their runs are swept over.
//!
//! ```text
//! bytes     0         100        200
//! model a   ├── x ──┤├─── y ───┤            merged 0..180
//! model b                   ├─── z ──┤      merged 150..220: 150..180 are shared
//! ```

use alloc::vec::Vec;
use core::ops::Range;

use super::{
    error::{PlanError, clash},
    stream_check::check_streams,
    sweep::check_lives,
};
use crate::intervals;
use crate::lifetimes::{
    ConcurrencyRelation, ConflictRelation, Lifetime, Lifetimes, ModelConflicts, ModelTiming,
    Timeline,
};

/// Checks what the models demand beyond that rows alive at a common step share no byte. Tensors
/// that are not `of_interest` are left out.
///
/// # Errors
/// Two tensors that share bytes and must not.
pub(super) fn check_models(
    lifetimes: &Lifetimes,
    offsets: &[u64],
    models: &ModelConflicts,
    of_interest: impl Fn(&Lifetime) -> bool,
) -> Result<(), PlanError> {
    for model in 0..models.len() {
        if let ConflictRelation::Streams(streams) = models.within_model(model) {
            let rows = models.rows(model);
            check_streams(lifetimes, offsets, streams, rows, &of_interest)?;
        }
    }
    match models.timing() {
        ModelTiming::Runs(later) => {
            let later = |row| &later[models.model_of(row)][..];
            let of_interest = |row: usize| of_interest(&lifetimes.rows()[row]);
            let lives = Timeline::of_runs(lifetimes, later, of_interest);
            check_lives(lifetimes, offsets, &lives)
        }
        ModelTiming::Concurrent(together) => {
            check_apart(lifetimes, offsets, models, together, of_interest)
        }
    }
}

/// Checks that any two models that may run together have no byte in common.
fn check_apart(
    lifetimes: &Lifetimes,
    offsets: &[u64],
    models: &ModelConflicts,
    together: &ConcurrencyRelation,
    of_interest: impl Fn(&Lifetime) -> bool,
) -> Result<(), PlanError> {
    let bytes = |row: usize| {
        let lifetime = &lifetimes.rows()[row];
        let uses = lifetime.occupies() && of_interest(lifetime);
        uses.then(|| offsets[row]..offsets[row] + lifetime.size)
    };
    let merged = |model| intervals::union(models.rows(model).filter_map(bytes).collect());
    let used: Vec<Vec<Range<u64>>> = (0..models.len()).map(merged).collect();
    for [a, b] in together.pairs(models.len()) {
        let Some(byte) = intervals::first_common(&used[a], &used[b]) else {
            continue;
        };
        let holds = |row: &usize| bytes(*row).is_some_and(|bytes| bytes.contains(&byte));
        let holder = |model| models.rows(model).find(holds);
        if let (Some(first), Some(second)) = (holder(a), holder(b)) {
            let (ids, names, bytes) = clash(lifetimes, offsets, first, second);
            return Err(PlanError::ModelsOverlap { ids, names, bytes });
        }
    }
    Ok(())
}
