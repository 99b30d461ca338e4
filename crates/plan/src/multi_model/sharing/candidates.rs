//! All tensors that may share at all, smallest first.
//!
//! It stands on the models. A *rank* is a position here. Invariant: ranks are in order of size, then of owner; every
//! candidate needs bytes at some time.
//!
//! ```text
//! rank    0   1   2   3   4       the bytes that two can share are the size of the one with the lower rank
//! size    4   8   8  16  64
//! ```

use alloc::vec::Vec;

use super::{
    ModelTensor, SharingOpportunity,
    model::{self, Model},
};
use crate::lifetimes::Lifetime;

#[derive(Clone, Copy, Debug)]
pub(super) struct Candidate {
    pub(super) owner: ModelTensor,
    /// The first birth on the common clock.
    pub(super) lower: i64,
    /// The last death on the common clock.
    pub(super) upper: i64,
    pub(super) size: u64,
    /// Whether its model runs several times, so it may be dead between `lower` and `upper`.
    pub(super) has_gaps: bool,
}

#[derive(Debug)]
pub(super) struct Candidates<'a> {
    models: &'a [Model],
    all: Vec<Candidate>,
}

impl<'a> Candidates<'a> {
    pub(super) fn new(models: &'a [Model]) -> Self {
        Self::of(models, model::tensors(models))
    }

    /// Those of the tensors, which are the models', that may share at all.
    pub(super) fn of(models: &'a [Model], of: impl IntoIterator<Item = ModelTensor>) -> Self {
        let found = of
            .into_iter()
            .filter_map(|owner| candidate(&models[owner.model.index()], owner));
        let mut all: Vec<Candidate> = found.collect();
        all.sort_unstable_by_key(|each| (each.size, each.owner));
        Self { models, all }
    }

    /// In order of rank.
    pub(super) fn all(&self) -> &[Candidate] {
        &self.all
    }

    /// Whether two ranks are of different models and never alive together; not where one of them does not exist.
    pub(super) fn may_share(&self, a: usize, b: usize) -> bool {
        let (Some(x), Some(y)) = (self.all.get(a), self.all.get(b)) else {
            return false;
        };
        let apart = x.upper <= y.lower || y.upper <= x.lower;
        x.owner.model != y.owner.model && (apart || self.takes_turns(x, y))
    }

    /// Whether two ranks may share although neither has died for good before the other is born.
    pub(super) fn interleave(&self, a: usize, b: usize) -> bool {
        let (x, y) = (&self.all[a], &self.all[b]);
        let meet = x.lower < y.upper && y.lower < x.upper;
        x.owner.model != y.owner.model && meet && self.takes_turns(x, y)
    }

    /// What two ranks that may share can share.
    pub(super) fn opportunity(&self, a: usize, b: usize) -> SharingOpportunity {
        let (smaller, larger) = (&self.all[a.min(b)], &self.all[a.max(b)]);
        SharingOpportunity {
            smaller: smaller.owner,
            larger: larger.owner,
            bytes: smaller.size,
        }
    }

    fn takes_turns(&self, x: &Candidate, y: &Candidate) -> bool {
        let gaps = x.has_gaps || y.has_gaps;
        let ((one, row), (other, others)) = (self.source(x), self.source(y));
        gaps && !one.meets(row, other, others)
    }

    fn source(&self, x: &Candidate) -> (&Model, &Lifetime) {
        let model = &self.models[x.owner.model.index()];
        (model, &model.lifetimes().rows()[x.owner.tensor.index()])
    }
}

fn candidate(model: &Model, owner: ModelTensor) -> Option<Candidate> {
    let row = model.lifetimes().get(owner.tensor)?;
    let (lower, upper) = model.hull(row)?;
    row.occupies().then_some(Candidate {
        owner,
        lower,
        upper,
        size: row.size,
        has_gaps: model.starts().len() > 1,
    })
}
