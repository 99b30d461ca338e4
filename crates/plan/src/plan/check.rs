//! The check of a plan.
//!
//! It shares nothing with the strategies: intervals are swept over time with the live tensors in order of offset, and what streams
//! demand is proven from their waits, and not from what planning was told.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    string::{String, ToString},
    vec::Vec,
};
use core::ops::Range;

use super::{PlanError, together};
use crate::ids::TensorId;
use crate::lifetimes::{ConflictRelation, Lifetime, Lifetimes, StreamConflicts, Within};

/// Each tensor by itself: aligned, where it must be, and below 2⁶³.
pub(super) fn each(lifetimes: &Lifetimes, offsets: &[u64]) -> Result<(), PlanError> {
    if lifetimes.len() != offsets.len() {
        return Err(PlanError::Count {
            tensors: lifetimes.len(),
            offsets: offsets.len(),
        });
    }
    for ((id, name, row), &offset) in lifetimes.iter().zip(offsets) {
        if offset % row.alignment != 0 {
            return Err(PlanError::Misaligned {
                id,
                name: name.to_string(),
                offset,
                alignment: row.alignment,
            });
        }
        if let Some(fixed) = row.fixed_offset
            && fixed != offset
        {
            return Err(PlanError::Moved {
                id,
                name: name.to_string(),
                offset,
                fixed,
            });
        }
        if let Some(Within {
            root,
            offset: inner,
        }) = row.within
            && offsets[root.index()].checked_add(inner) != Some(offset)
        {
            return Err(PlanError::Apart {
                id,
                name: name.to_string(),
                offset,
                expected: offsets[root.index()].saturating_add(inner),
            });
        }
        let end = offset.checked_add(row.size);
        if end.is_none_or(|end| i64::try_from(end).is_err()) {
            return Err(PlanError::OutOfRange {
                id,
                name: name.to_string(),
                offset,
                size: row.size,
            });
        }
    }
    Ok(())
}

/// Whether no two tensors that conflict share a byte. Only those of interest are looked at.
pub(super) fn overlap(
    lifetimes: &Lifetimes,
    offsets: &[u64],
    of_interest: impl Fn(&Lifetime) -> bool,
) -> Result<(), PlanError> {
    let rows = lifetimes.rows().iter().enumerate();
    let alive = rows.filter(|(_, row)| row.occupies() && of_interest(row));
    let lives = alive.map(|(i, row)| Life {
        row: i,
        steps: row.lower..row.upper,
    });
    sweep(lifetimes, offsets, lives.collect())?;
    match lifetimes.conflict_relation() {
        ConflictRelation::Intervals => Ok(()),
        ConflictRelation::Streams(streams) => {
            ordered(lifetimes, offsets, streams, 0..lifetimes.len(), of_interest)
        }
        ConflictRelation::Models(models) => {
            together::models(lifetimes, offsets, models, of_interest)
        }
    }
}

/// Whether what streams demand of these rows, whose ids are counted from the first of them, is so.
pub(super) fn ordered(
    lifetimes: &Lifetimes,
    offsets: &[u64],
    streams: &StreamConflicts,
    rows: Range<usize>,
    of_interest: impl Fn(&Lifetime) -> bool,
) -> Result<(), PlanError> {
    let bytes = rows.clone().map(|i| {
        let row = &lifetimes.rows()[i];
        match row.occupies() && of_interest(row) {
            true => offsets[i]..offsets[i] + row.size,
            false => 0..0,
        }
    });
    let bytes: Vec<Range<u64>> = bytes.collect();
    streams.uses.verify(&bytes).map_err(|(first, second)| {
        let [first, second] = [first, second].map(|row| rows.start + row);
        let (ids, names, bytes) = shared(lifetimes, offsets, first, second);
        PlanError::Unordered { ids, names, bytes }
    })
}

/// One life of a tensor that has bytes of its own.
pub(super) struct Life {
    pub(super) row: usize,
    pub(super) steps: Range<i64>,
}

/// Sweeps over time with the live tensors ordered by offset: a newborn one can only overlap its neighbours there.
/// No tensor lives twice at once.
pub(super) fn sweep(
    lifetimes: &Lifetimes,
    offsets: &[u64],
    mut births: Vec<Life>,
) -> Result<(), PlanError> {
    births.sort_by_key(|life| (life.steps.start, life.row));
    let mut deaths: BTreeSet<(i64, usize)> = BTreeSet::new();
    let mut live: BTreeMap<u64, &Life> = BTreeMap::new();
    let end = |life: &Life| offsets[life.row] + lifetimes.rows()[life.row].size;
    for born in &births {
        while let Some(&(upper, dead)) = deaths.first() {
            if upper > born.steps.start {
                break;
            }
            live.remove(&offsets[dead]);
            deaths.pop_first();
        }
        let start = offsets[born.row];
        let below = live.range(..end(born)).next_back();
        if let Some((_, other)) = below
            && end(other) > start
        {
            return Err(alive_together(lifetimes, offsets, [other, born]));
        }
        live.insert(start, born);
        deaths.insert((born.steps.end, born.row));
    }
    Ok(())
}

fn alive_together(lifetimes: &Lifetimes, offsets: &[u64], [a, b]: [&Life; 2]) -> PlanError {
    let (ids, names, bytes) = shared(lifetimes, offsets, a.row, b.row);
    PlanError::Overlap {
        ids,
        names,
        bytes,
        steps: a.steps.start.max(b.steps.start)..a.steps.end.min(b.steps.end),
    }
}

/// Two tensors in order, their names, and the bytes that they share.
pub(super) fn shared(
    lifetimes: &Lifetimes,
    offsets: &[u64],
    first: usize,
    second: usize,
) -> ([TensorId; 2], [String; 2], Range<u64>) {
    let ids = [first.min(second), first.max(second)].map(TensorId::from_index);
    let names = ids.map(|id| lifetimes.name(id).unwrap_or_default().to_string());
    let [a, b] = ids.map(|id| {
        let offset = offsets[id.index()];
        offset..offset + lifetimes.rows()[id.index()].size
    });
    (ids, names, a.start.max(b.start)..a.end.min(b.end))
}

/// Whether the fixed tensors alone make a plan.
pub(crate) fn fixed(lifetimes: &Lifetimes) -> Result<(), PlanError> {
    let rows = lifetimes.rows().iter();
    if rows.clone().all(|row| row.fixed_offset.is_none()) {
        return Ok(());
    }
    let offsets: Vec<u64> = rows.map(|row| row.fixed_offset.unwrap_or(0)).collect();
    overlap(lifetimes, &offsets, |row| row.fixed_offset.is_some())
}
