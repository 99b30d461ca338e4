//! The check of a plan.
//!
//! It shares nothing with the strategies: intervals are swept over time with the live tensors in order of offset, and what streams
//! demand is proven from their waits, and not from what planning was told.

#![forbid(unsafe_code)]

use alloc::{
    collections::{BTreeMap, BTreeSet},
    string::{String, ToString},
    vec::Vec,
};
use core::ops::Range;

use super::PlanError;
use crate::{
    lifetimes::{Lifetime, Lifetimes, Relation, Within},
    tensor::TensorId,
};

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
    sweep(lifetimes, offsets, &of_interest)?;
    let Relation::Streams(streams) = lifetimes.relation() else {
        return Ok(());
    };
    let placed = lifetimes.rows().iter().zip(offsets);
    let bytes = placed.map(|(row, &offset)| match row.occupies() && of_interest(row) {
        true => offset..offset + row.size,
        false => 0..0,
    });
    let bytes: Vec<Range<u64>> = bytes.collect();
    streams.uses.verify(&bytes).map_err(|(first, second)| {
        let (ids, names, bytes) = shared(lifetimes, offsets, first, second);
        PlanError::Unordered { ids, names, bytes }
    })
}

/// Sweeps over time with the live tensors ordered by offset: a newborn one can only overlap its neighbours there.
/// Only those of interest are looked at.
fn sweep(
    lifetimes: &Lifetimes,
    offsets: &[u64],
    of_interest: impl Fn(&Lifetime) -> bool,
) -> Result<(), PlanError> {
    let rows = lifetimes.rows();
    let mut births: Vec<usize> = (0..rows.len())
        .filter(|&i| rows[i].occupies() && of_interest(&rows[i]))
        .collect();
    births.sort_by_key(|&i| (rows[i].lower, i));
    let mut deaths: BTreeSet<(i64, usize)> = BTreeSet::new();
    let mut live: BTreeMap<u64, usize> = BTreeMap::new();
    for born in births {
        while let Some(&(upper, dead)) = deaths.first() {
            if upper > rows[born].lower {
                break;
            }
            live.remove(&offsets[dead]);
            deaths.pop_first();
        }
        let (start, end) = (offsets[born], offsets[born] + rows[born].size);
        let below = live.range(..end).next_back();
        if let Some((&offset, &other)) = below
            && offset + rows[other].size > start
        {
            return Err(alive_together(lifetimes, offsets, other, born));
        }
        live.insert(start, born);
        deaths.insert((rows[born].upper, born));
    }
    Ok(())
}

fn alive_together(
    lifetimes: &Lifetimes,
    offsets: &[u64],
    first: usize,
    second: usize,
) -> PlanError {
    let (ids, names, bytes) = shared(lifetimes, offsets, first, second);
    let [x, y] = ids.map(|id| lifetimes.rows()[id.index()]);
    PlanError::Overlap {
        ids,
        names,
        bytes,
        steps: x.lower.max(y.lower)..x.upper.min(y.upper),
    }
}

/// Two tensors in order, their names, and the bytes that they share.
fn shared(
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
pub(super) fn fixed(lifetimes: &Lifetimes) -> Result<(), PlanError> {
    let rows = lifetimes.rows().iter();
    if rows.clone().all(|row| row.fixed_offset.is_none()) {
        return Ok(());
    }
    let offsets: Vec<u64> = rows.map(|row| row.fixed_offset.unwrap_or(0)).collect();
    overlap(lifetimes, &offsets, |row| row.fixed_offset.is_some())
}
