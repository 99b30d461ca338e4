//! Which tensors conflict, including those whose lifetimes do not overlap.
//!
//! Stands on [`LiveRanges`], [`UseSets`] and [`ConcurrencyRelation`](super::concurrency). Where
//! operators simply follow each other, tensors conflict exactly if they are alive at a common step.
//! Where operators run on several streams, two tensors conflict unless every use of one happens
//! before the first use of the other; a gap changes nothing there. Where several models have one
//! arena, their runs may meet on top of that.
//!
//! ```text
//! rows      0 1 2 3 │ 4 5 │ 6 7 8        `first_rows` of three models: 0, 4, 6, and 9 at the end
//! model        0    │  1  │   2          0 and 2 may run together: rows 0..4 conflict with 6..9
//! ```
//!
//! Invariant: two tensors that are alive at a common step, by their live ranges, conflict in any
//! case. So everything that is derived from live ranges alone (loads, bounds) stays true, and only
//! a placement must look here.

use alloc::{sync::Arc, vec::Vec};
use core::ops::Range;

use super::{
    concurrency::{ModelTiming, runs_overlap},
    lifetime::Lifetime,
    live_ranges::LiveRanges,
    run_distances::RunDistances,
};
use crate::relation::heaviest_antichain;
use crate::streams::UseSets;

/// Which tensors that have bytes of their own must not share any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum ConflictRelation {
    /// Those that are alive at a common step.
    #[default]
    Intervals,
    /// Those of which neither is used for the last time before the other is used for the first
    /// time.
    Streams(Arc<StreamConflicts>),
    /// Those of one model that conflict there, and those of models that may run at the same time.
    Models(Arc<ModelConflicts>),
}

/// The conflicts of tensors that are used on several streams.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct StreamConflicts {
    pub(crate) uses: UseSets,
    /// The most bytes of tensors that all conflict; 0 if finding that takes too long.
    bound: u64,
}

/// Steps of the search for a heaviest antichain: some hundredths of a second.
const BOUND_WORK: u64 = 1 << 24;

impl ConflictRelation {
    /// The conflicts of tensors with these uses; row *i* is the lifetime of buffer *i*.
    pub(super) fn of_streams(uses: UseSets, rows: &[Lifetime]) -> Self {
        let own: Vec<usize> = (0..rows.len()).filter(|&i| rows[i].occupies()).collect();
        let sizes: Vec<u64> = own.iter().map(|&i| rows[i].size).collect();
        let precedes = |a: usize, b: usize| uses.precedes(own[a], own[b]);
        let bound = heaviest_antichain(&sizes, precedes, BOUND_WORK).unwrap_or(0);
        Self::Streams(Arc::new(StreamConflicts { uses, bound }))
    }

    /// Whether tensors conflict only if they are alive at a common step.
    pub(super) fn is_intervals(&self) -> bool {
        matches!(self, Self::Intervals)
    }

    /// Whether two different rows that have bytes of their own must not share any.
    pub(super) fn contains(
        &self,
        rows: &[Lifetime],
        live_ranges: &LiveRanges,
        [a, b]: [usize; 2],
    ) -> bool {
        match self {
            Self::Intervals => live_ranges.overlap(rows, [a, b]),
            Self::Streams(streams) => streams.uses.conflicts(a, b),
            Self::Models(models) => models.conflict(rows, live_ranges, [a, b]),
        }
    }

    /// These conflicts without their bound, for lifetimes in which fewer bytes are needed.
    pub(super) fn without_bound(&self) -> Self {
        match self {
            Self::Intervals => Self::Intervals,
            Self::Streams(streams) => Self::Streams(Arc::new(StreamConflicts {
                uses: streams.uses.clone(),
                bound: 0,
            })),
            Self::Models(models) => Self::Models(Arc::new(ModelConflicts {
                bound: 0,
                ..(**models).clone()
            })),
        }
    }

    /// These conflicts for lifetimes with further gaps: of streams, a gap changes nothing.
    pub(super) fn with_gaps(&self) -> Self {
        match self {
            Self::Intervals | Self::Streams(_) => self.clone(),
            Self::Models(_) => self.without_bound(),
        }
    }

    /// A lower bound of any plan's peak, in bytes, beside the one that the lifetimes give.
    pub(super) fn bound(&self) -> u64 {
        match self {
            Self::Intervals => 0,
            Self::Streams(streams) => streams.bound,
            Self::Models(models) => models.bound,
        }
    }
}

/// The conflicts of several models in one arena, whose rows follow each other model by model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ModelConflicts {
    /// The first row of each model, and at the end the number of all rows.
    first_rows: Vec<usize>,
    /// What conflicts within each model.
    within_models: Vec<ConflictRelation>,
    timing: ModelTiming,
    /// Where runs are known, how much later runs of one model begin than those of another.
    distances: RunDistances,
    /// Bytes that no plan can be below.
    bound: u64,
}

impl ModelConflicts {
    /// The conflicts of models with these rows, of which each model has those from its first on.
    pub(crate) fn new(
        rows: &[Lifetime],
        first_rows: Vec<usize>,
        within_models: Vec<ConflictRelation>,
        timing: ModelTiming,
        bound: u64,
    ) -> Self {
        debug_assert_eq!(first_rows.len(), within_models.len() + 1);
        let each = first_rows.windows(2).map(|model| &rows[model[0]..model[1]]);
        let distances = match &timing {
            ModelTiming::Runs(later) => RunDistances::new(each, later),
            ModelTiming::Concurrent(_) => RunDistances::default(),
        };
        Self {
            first_rows,
            within_models,
            timing,
            distances,
            bound,
        }
    }

    /// How many models there are.
    pub(crate) fn len(&self) -> usize {
        self.within_models.len()
    }

    /// The rows of a model.
    pub(crate) fn rows(&self, model: usize) -> Range<usize> {
        self.first_rows[model]..self.first_rows[model + 1]
    }

    /// What conflicts within a model, whose rows are counted from 0 there.
    pub(crate) fn within_model(&self, model: usize) -> &ConflictRelation {
        &self.within_models[model]
    }

    /// How many runs of a model are told apart: 1 if only concurrency of whole models is known.
    pub(crate) fn run_count(&self, model: usize) -> usize {
        match &self.timing {
            ModelTiming::Concurrent(_) => 1,
            ModelTiming::Runs(starts) => starts[model].len(),
        }
    }

    pub(crate) fn timing(&self) -> &ModelTiming {
        &self.timing
    }

    /// The model of a row.
    pub(crate) fn model_of(&self, row: usize) -> usize {
        self.first_rows.partition_point(|&first| first <= row) - 1
    }

    /// Whether two different rows that have bytes of their own must not share any.
    fn conflict(&self, rows: &[Lifetime], live_ranges: &LiveRanges, [a, b]: [usize; 2]) -> bool {
        let (m, n) = (self.model_of(a), self.model_of(b));
        let overlap = || live_ranges.overlap(rows, [a, b]);
        match &self.timing {
            ModelTiming::Runs(starts) => live_ranges.of(a, &rows[a]).any(|x| {
                let mut others = live_ranges.of(b, &rows[b]);
                others.any(|y| {
                    let known = self.distances.overlap([m, n], &x, &y);
                    known.unwrap_or_else(|| runs_overlap(x.clone(), &starts[m], y, &starts[n]))
                })
            }),
            ModelTiming::Concurrent(models) if m != n => models.contains(m, n) || overlap(),
            ModelTiming::Concurrent(_) => match &self.within_models[m] {
                ConflictRelation::Intervals => overlap(),
                // Elsewhere gaps change nothing, and the ranges of one model are not at hand.
                other => {
                    let own = self.rows(m);
                    let pair = [a - own.start, b - own.start];
                    other.contains(&rows[own], &LiveRanges::default(), pair)
                }
            },
        }
    }
}
