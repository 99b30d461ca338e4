//! All tensors that need bytes, smallest first.
//!
//! Stands on the models. A *rank* is a position here. Invariant: ranks are in order of size, then
//! of owner, and every tensor needs bytes at some time.
//!
//! ```text
//! rank    0   1   2   3   4       two tensors can share the bytes of the one with the lower rank
//! size    4   8   8  16  64
//! ```

use alloc::{vec, vec::Vec};
use core::ops::Range;

use super::timed_model::TimedModel;
use crate::intervals::disjoint_pairs;
use crate::lifetimes::Lifetime;
use crate::multi_model::tensors::{ModelTensor, SharingOpportunity};

/// A tensor, and when it is alive.
#[derive(Clone, Copy, Debug)]
pub(super) struct TimedTensor {
    pub(super) owner: ModelTensor,
    /// The first birth on the common clock.
    pub(super) lower: i64,
    /// The last death on the common clock.
    pub(super) upper: i64,
    pub(super) size: u64,
    /// Whether its model runs several times, so it may be dead between `lower` and `upper`.
    pub(super) has_gaps: bool,
}

/// The tensors of some models, by size.
#[derive(Debug)]
pub(super) struct TensorsBySize<'a> {
    models: &'a [TimedModel],
    all: Vec<TimedTensor>,
}

impl<'a> TensorsBySize<'a> {
    /// Those tensors of `owners`, which are tensors of the models, that need bytes.
    pub(super) fn new(
        models: &'a [TimedModel],
        owners: impl IntoIterator<Item = ModelTensor>,
    ) -> Self {
        let timed = |owner: ModelTensor| timed(&models[owner.model.index()], owner);
        let mut all: Vec<TimedTensor> = owners.into_iter().filter_map(timed).collect();
        all.sort_unstable_by_key(|each| (each.size, each.owner));
        Self { models, all }
    }

    /// The tensors in order of rank.
    pub(super) fn all(&self) -> &[TimedTensor] {
        &self.all
    }

    /// How many models there are.
    pub(super) fn models(&self) -> usize {
        self.models.len()
    }

    /// How many pairs there are of which one tensor is dead for good before the other is born: all
    /// that may share, except for those that take turns. O(n log n).
    pub(super) fn count_apart(&self) -> usize {
        let mut own: Vec<Vec<Range<i64>>> = vec![Vec::new(); self.models.len()];
        for tensor in &self.all {
            own[tensor.owner.model.index()].push(tensor.lower..tensor.upper);
        }
        let inside: u64 = own.iter().map(|own| disjoint_pairs(own)).sum();
        (disjoint_pairs(&own.concat()) - inside) as usize
    }

    /// Whether two ranks are of different models and never alive together; `false` if one of them
    /// does not exist.
    pub(super) fn may_share(&self, a: usize, b: usize) -> bool {
        let (Some(x), Some(y)) = (self.all.get(a), self.all.get(b)) else {
            return false;
        };
        let apart = x.upper <= y.lower || y.upper <= x.lower;
        x.owner.model != y.owner.model && (apart || self.never_meet(x, y))
    }

    /// Whether two ranks may share although neither has died for good before the other is born.
    pub(super) fn take_turns(&self, a: usize, b: usize) -> bool {
        let (x, y) = (&self.all[a], &self.all[b]);
        let interleave = x.lower < y.upper && y.lower < x.upper;
        x.owner.model != y.owner.model && interleave && self.never_meet(x, y)
    }

    /// The pair of two ranks that may share.
    pub(super) fn opportunity(&self, a: usize, b: usize) -> SharingOpportunity {
        let (smaller, larger) = (&self.all[a.min(b)], &self.all[a.max(b)]);
        SharingOpportunity {
            smaller: smaller.owner,
            larger: larger.owner,
            bytes: smaller.size,
        }
    }

    /// Whether two tensors of which one has gaps are never alive together.
    fn never_meet(&self, x: &TimedTensor, y: &TimedTensor) -> bool {
        let gaps = x.has_gaps || y.has_gaps;
        let ((one, row), (other, others)) = (self.source(x), self.source(y));
        gaps && !one.meets(row, other, others)
    }

    fn source(&self, x: &TimedTensor) -> (&TimedModel, &Lifetime) {
        let model = &self.models[x.owner.model.index()];
        (model, &model.lifetimes().rows()[x.owner.tensor.index()])
    }
}

fn timed(model: &TimedModel, owner: ModelTensor) -> Option<TimedTensor> {
    let row = model.lifetimes().get(owner.tensor)?;
    let (lower, upper) = model.hull(row)?;
    row.occupies().then_some(TimedTensor {
        owner,
        lower,
        upper,
        size: row.size,
        has_gaps: model.starts().len() > 1,
    })
}
