//! The check of what several models demand of their joint plan, beyond that no two rows overlap that are alive together.
//!
//! It knows who may run beside whom, and nothing of how that was planned. Models that may run together must have no byte in common,
//! whatever is in them, so the bytes that each uses are merged, and merged bytes are compared; of models that run several times, every
//! run is swept over.
//!
//! ```text
//! bytes     0         100        200
//! model a   ├── x ──┤├─── y ───┤            merged 0..180
//! model b                   ├─── z ──┤      merged 150..220: 150..180 are shared
//! ```

use alloc::vec::Vec;
use core::ops::Range;

use super::{
    PlanError,
    check::{Life, ordered, shared, sweep},
};
use crate::lifetimes::{
    ConcurrencyRelation, ConflictRelation, Lifetime, Lifetimes, ModelConflicts, ModelTiming,
};

/// Whether the models keep their bytes apart where they must. Only tensors of interest are looked at.
pub(super) fn models(
    lifetimes: &Lifetimes,
    offsets: &[u64],
    models: &ModelConflicts,
    of_interest: impl Fn(&Lifetime) -> bool,
) -> Result<(), PlanError> {
    for model in 0..models.len() {
        if let ConflictRelation::Streams(streams) = models.within_model(model) {
            ordered(
                lifetimes,
                offsets,
                streams,
                models.rows(model),
                &of_interest,
            )?;
        }
    }
    match models.timing() {
        ModelTiming::Runs(later) => {
            let lives = lives(lifetimes, models, later, of_interest);
            sweep(lifetimes, offsets, lives)
        }
        ModelTiming::Concurrent(together) => {
            apart(lifetimes, offsets, models, together, of_interest)
        }
    }
}

/// What is alive when, in all runs.
fn lives(
    lifetimes: &Lifetimes,
    models: &ModelConflicts,
    later: &[Vec<i64>],
    of_interest: impl Fn(&Lifetime) -> bool,
) -> Vec<Life> {
    let rows = lifetimes.rows();
    let mut lives = Vec::new();
    for (model, later) in later.iter().enumerate() {
        for row in models.rows(model) {
            let Lifetime { lower, upper, .. } = rows[row];
            if rows[row].occupies() && of_interest(&rows[row]) {
                let moved = |&later: &i64| Life {
                    row,
                    // Differences of starts may wrap; steps moved by them are on the clock again.
                    steps: lower.wrapping_add(later)..upper.wrapping_add(later),
                };
                lives.extend(later.iter().map(moved));
            }
        }
    }
    lives
}

/// Whether any two models that may run together have no byte in common.
fn apart(
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
    let merged = |model| merge(models.rows(model).filter_map(bytes).collect());
    let used: Vec<Vec<Range<u64>>> = (0..models.len()).map(merged).collect();
    for [a, b] in together.pairs(models.len()) {
        if let Some(byte) = first_common(&used[a], &used[b]) {
            let holds = |row: &usize| bytes(*row).is_some_and(|bytes| bytes.contains(&byte));
            let of = |model| models.rows(model).find(holds);
            if let (Some(first), Some(second)) = (of(a), of(b)) {
                let (ids, names, bytes) = shared(lifetimes, offsets, first, second);
                return Err(PlanError::Together { ids, names, bytes });
            }
        }
    }
    Ok(())
}

/// The same bytes, as ranges in order that do not touch.
fn merge(mut ranges: Vec<Range<u64>>) -> Vec<Range<u64>> {
    ranges.sort_unstable_by_key(|range| range.start);
    let mut merged: Vec<Range<u64>> = Vec::new();
    for range in ranges {
        match merged.last_mut() {
            Some(last) if range.start <= last.end => last.end = last.end.max(range.end),
            _ => merged.push(range),
        }
    }
    merged
}

/// The first byte that is in both; either is in order.
fn first_common(a: &[Range<u64>], b: &[Range<u64>]) -> Option<u64> {
    let (mut a, mut b) = (a.iter().peekable(), b.iter().peekable());
    while let (Some(x), Some(y)) = (a.peek(), b.peek()) {
        if x.start.max(y.start) < x.end.min(y.end) {
            return Some(x.start.max(y.start));
        }
        if x.end <= y.end {
            a.next();
        } else {
            b.next();
        }
    }
    None
}
