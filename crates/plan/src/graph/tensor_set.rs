//! A set of tensors, for what must not look through a list once for each of its members.
//!
//! Stands on the ids. An operator may have a hundred thousand views, and each is declared and
//! checked in logarithmic time. Tests count the comparisons.

use alloc::collections::BTreeSet;
use core::cmp::Ordering;

use crate::ids::TensorId;
use crate::work;

/// A set of tensors.
#[derive(Clone, Debug, Default)]
pub(crate) struct TensorSet(BTreeSet<Member>);

/// A tensor whose comparisons are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Member(TensorId);

impl Ord for Member {
    fn cmp(&self, other: &Self) -> Ordering {
        work::count(1);
        self.0.cmp(&other.0)
    }
}

impl PartialOrd for Member {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl TensorSet {
    /// Adds a tensor; returns whether it is new.
    pub(crate) fn insert(&mut self, tensor: TensorId) -> bool {
        self.0.insert(Member(tensor))
    }

    pub(crate) fn contains(&self, tensor: TensorId) -> bool {
        self.0.contains(&Member(tensor))
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}

impl FromIterator<TensorId> for TensorSet {
    fn from_iter<I: IntoIterator<Item = TensorId>>(tensors: I) -> Self {
        Self(tensors.into_iter().map(Member).collect())
    }
}
