//! What conflicts beside tensors whose lifetimes meet.
//!
//! Intervals say it all where operators simply follow each other. Where they run on several streams, two tensors conflict unless every use of
//! one happens before the first use of the other. Invariant: two tensors whose lifetimes meet conflict in any case, so
//! everything that is said of intervals alone (loads, bounds) stays true, and only a placement must look at the relation.

use alloc::{sync::Arc, vec::Vec};

use super::{Lifetime, Lifetimes, Models};
use crate::ids::TensorId;
use crate::relation::heaviest_antichain;
use crate::streams::Uses;

/// Who must not share bytes, of tensors that have bytes of their own.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Relation {
    /// Those whose lifetimes meet.
    #[default]
    Intervals,
    /// Those of which neither has been used for the last time when the other one is used for the first time.
    Streams(Arc<Streams>),
    /// Those of one model that conflict there, and those of models that may run at the same time.
    Models(Arc<Models>),
}

/// Uses, and what follows from them.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Streams {
    pub(crate) uses: Uses,
    /// Bytes of tensors that all conflict: the most there are, unless finding them takes too long.
    bound: u64,
}

/// Numbers looked at for a bound: some hundredths of a second.
const BOUND_WORK: u64 = 1 << 24;

impl Relation {
    pub(super) fn streams(uses: Uses, rows: &[Lifetime]) -> Self {
        let own: Vec<usize> = (0..rows.len()).filter(|&i| rows[i].occupies()).collect();
        let sizes: Vec<u64> = own.iter().map(|&i| rows[i].size).collect();
        let precedes = |a: usize, b: usize| uses.precedes(own[a], own[b]);
        let bound = heaviest_antichain(&sizes, precedes, BOUND_WORK).unwrap_or(0);
        Self::Streams(Arc::new(Streams { uses, bound }))
    }

    /// Whether tensors conflict only if their lifetimes meet.
    pub(crate) fn is_intervals(&self) -> bool {
        matches!(self, Self::Intervals)
    }

    /// Whether two different tensors that have bytes of their own must not share any.
    pub(super) fn conflict(&self, rows: &[Lifetime], [a, b]: [TensorId; 2]) -> bool {
        self.conflict_at(rows, [a.index(), b.index()])
    }

    /// The same, by position.
    pub(super) fn conflict_at(&self, rows: &[Lifetime], [a, b]: [usize; 2]) -> bool {
        match self {
            Self::Intervals => rows[a].conflicts(&rows[b]),
            Self::Streams(streams) => streams.uses.conflicts(a, b),
            Self::Models(models) => models.conflict(rows, a, b),
        }
    }

    /// Bytes that no plan can be below, beside what the intervals say.
    pub(super) fn bound(&self, _lifetimes: &Lifetimes) -> u64 {
        match self {
            Self::Intervals => 0,
            Self::Streams(streams) => streams.bound,
            Self::Models(models) => models.bound(),
        }
    }
}

impl Lifetimes {
    /// The same in terms of time alone: where operators run on several streams, their steps do not say when a tensor is alive, so each is taken to be
    /// from the first birth to the last death.
    pub(crate) fn by_time(mut self) -> Self {
        if self.relation.is_intervals() {
            return self;
        }
        let alive = self.rows.iter().filter(|row| row.has_bytes());
        let lower = alive.clone().map(|row| row.lower).min();
        let upper = alive.map(|row| row.upper).max();
        if let (Some(lower), Some(upper)) = (lower, upper) {
            for row in self.rows.iter_mut().filter(|row| row.has_bytes()) {
                (row.lower, row.upper) = (lower, upper);
            }
        }
        self.relation = Relation::Intervals;
        self
    }
}
