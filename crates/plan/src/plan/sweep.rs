//! A sweep over time that finds two tensors which are alive at a common step and share a byte.
//!
//! Stands on lifetimes. Invariant: the live tensors, ordered by offset, never overlap each other,
//! so a tensor that comes to life can overlap its neighbours in that order alone.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};
use core::ops::Range;

use super::error::{PlanError, clash};
use crate::lifetimes::Lifetimes;

/// One life of a tensor that has bytes of its own. A tensor may live several times, at different
/// steps: before and after a gap, and in several runs of its model.
pub(super) struct Life {
    /// The tensor's row in the lifetimes.
    pub(super) row: usize,
    /// The steps at which it is alive.
    pub(super) steps: Range<i64>,
}

/// Checks that no two lives share a byte at a common step. O(n log n).
///
/// # Errors
/// Two lives that do; see [`PlanError::Overlap`].
pub(super) fn check_lives(
    lifetimes: &Lifetimes,
    offsets: &[u64],
    mut lives: Vec<Life>,
) -> Result<(), PlanError> {
    lives.sort_by_key(|life| (life.steps.start, life.row));
    let mut deaths: BTreeSet<(i64, usize)> = BTreeSet::new();
    let mut live: BTreeMap<u64, &Life> = BTreeMap::new();
    let end = |life: &Life| offsets[life.row] + lifetimes.rows()[life.row].size;
    for born in &lives {
        while let Some(&(upper, dead)) = deaths.first() {
            if upper > born.steps.start {
                break;
            }
            live.remove(&offsets[dead]);
            deaths.pop_first();
        }
        let start = offsets[born.row];
        let below = live.range(..end(born)).next_back();
        if let Some((_, other)) = below.filter(|(_, other)| end(other) > start) {
            return Err(overlap(lifetimes, offsets, [other, born]));
        }
        live.insert(start, born);
        deaths.insert((born.steps.end, born.row));
    }
    Ok(())
}

fn overlap(lifetimes: &Lifetimes, offsets: &[u64], [a, b]: [&Life; 2]) -> PlanError {
    let (ids, names, bytes) = clash(lifetimes, offsets, a.row, b.row);
    let steps = a.steps.start.max(b.steps.start)..a.steps.end.min(b.steps.end);
    PlanError::Overlap {
        ids,
        names,
        bytes,
        steps,
    }
}
