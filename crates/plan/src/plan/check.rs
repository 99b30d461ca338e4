//! The check of a plan.
//!
//! Stands on `sweep`, `piece_check`, `stream_check` and `model_check`, which look at pairs of
//! tensors; here is what each tensor must satisfy by itself. The check shares nothing with the
//! strategies: it sweeps over time with the live tensors in order of offset, and it proves the
//! order of streams from their waits.

use alloc::{string::ToString, vec::Vec};

use super::{
    error::PlanError, model_check::check_models, piece_check::check_pieces,
    stream_check::check_streams, sweep::check_lives,
};
use crate::ids::TensorId;
use crate::lifetimes::{ConflictRelation, Lifetime, Lifetimes, Timeline, Within};

/// Checks that there is one offset for each tensor, that each is a multiple of its tensor's
/// alignment and is where a fixed or enclosing place demands, and that it leaves the tensor's end
/// below 2⁶³.
pub(super) fn check_each(lifetimes: &Lifetimes, offsets: &[u64]) -> Result<(), PlanError> {
    if lifetimes.len() != offsets.len() {
        return Err(PlanError::Count {
            tensors: lifetimes.len(),
            offsets: offsets.len(),
        });
    }
    let mut tensors = lifetimes.iter().zip(offsets);
    tensors.try_for_each(|((id, name, row), &offset)| {
        check_alignment(id, name, row, offset)?;
        check_fixed(id, name, row, offset)?;
        check_within(id, name, row, offset, offsets)?;
        check_range(id, name, row, offset)
    })
}

fn check_alignment(id: TensorId, name: &str, row: &Lifetime, offset: u64) -> Result<(), PlanError> {
    if offset % row.alignment == 0 {
        return Ok(());
    }
    Err(PlanError::Misaligned {
        id,
        name: name.to_string(),
        offset,
        alignment: row.alignment,
    })
}

fn check_fixed(id: TensorId, name: &str, row: &Lifetime, offset: u64) -> Result<(), PlanError> {
    match row.fixed_offset {
        Some(fixed) if fixed != offset => Err(PlanError::NotAtFixedOffset {
            id,
            name: name.to_string(),
            offset,
            fixed,
        }),
        _ => Ok(()),
    }
}

fn check_within(
    id: TensorId,
    name: &str,
    row: &Lifetime,
    offset: u64,
    offsets: &[u64],
) -> Result<(), PlanError> {
    let Some(Within {
        root,
        offset: inner,
    }) = row.within
    else {
        return Ok(());
    };
    let start = offsets[root.index()];
    if start.checked_add(inner) == Some(offset) {
        return Ok(());
    }
    Err(PlanError::NotWithinRoot {
        id,
        name: name.to_string(),
        offset,
        expected: start.saturating_add(inner),
    })
}

fn check_range(id: TensorId, name: &str, row: &Lifetime, offset: u64) -> Result<(), PlanError> {
    let end = offset.checked_add(row.size);
    if end.is_some_and(|end| i64::try_from(end).is_ok()) {
        return Ok(());
    }
    Err(PlanError::OutOfRange {
        id,
        name: name.to_string(),
        offset,
        size: row.size,
    })
}

/// Checks that no two tensors that conflict share a byte. Tensors that are not `of_interest` are
/// left out.
pub(super) fn check_pairs(
    lifetimes: &Lifetimes,
    offsets: &[u64],
    of_interest: impl Fn(&Lifetime) -> bool,
) -> Result<(), PlanError> {
    match lifetimes.piece_rows() {
        Some(pieces) => check_pieces(lifetimes, offsets, &pieces, &of_interest)?,
        None => {
            let of_interest = |row: usize| of_interest(&lifetimes.rows()[row]);
            let lives = Timeline::of_runs(lifetimes, |_| &[0], of_interest);
            check_lives(lifetimes, offsets, &lives)?;
        }
    }
    match lifetimes.conflict_relation() {
        ConflictRelation::Intervals => Ok(()),
        ConflictRelation::Streams(streams) => {
            let all = 0..lifetimes.len();
            check_streams(lifetimes, offsets, streams, all, of_interest)
        }
        ConflictRelation::Models(models) => check_models(lifetimes, offsets, models, of_interest),
    }
}

/// Checks that the fixed tensors alone make a plan.
pub(crate) fn check_fixed_tensors(lifetimes: &Lifetimes) -> Result<(), PlanError> {
    let rows = lifetimes.rows().iter();
    if rows.clone().all(|row| row.fixed_offset.is_none()) {
        return Ok(());
    }
    let offsets: Vec<u64> = rows.map(|row| row.fixed_offset.unwrap_or(0)).collect();
    check_pairs(lifetimes, &offsets, |row| row.fixed_offset.is_some())
}
