//! The lifetimes of all tensors, with their names and the relation that says which of them
//! conflict.
//!
//! Stands on [`Lifetime`] and [`ConflictRelation`]. It only reads: `checked_rows` makes `Lifetimes`
//! from rows, `of_graph` from a graph, `concatenated` from several models, and each of these keeps
//! what the parent module promises.

use alloc::vec::Vec;

use super::{conflict_relation::ConflictRelation, lifetime::Lifetime, names::Names};
use crate::ids::TensorId;

/// The lifetimes of all tensors of a graph, a file or a trace, in one fixed order.
///
/// ```
/// use orionrt_plan::Lifetimes;
/// let rows = [("a", 0, 2, 1024, 64), ("b", 1, 3, 2048, 64), ("c", 2, 4, 1024, 64)];
/// assert_eq!(Lifetimes::from_rows(rows)?.load(), 3072);
/// # Ok::<(), orionrt_plan::LifetimesError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lifetimes {
    pub(super) names: Names,
    pub(super) rows: Vec<Lifetime>,
    pub(super) conflict_relation: ConflictRelation,
}

impl Lifetimes {
    /// How many tensors there are, including those that are never alive.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are no tensors.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The lifetimes in order: position *i* belongs to `TensorId::new(i)`.
    #[must_use]
    pub fn rows(&self) -> &[Lifetime] {
        &self.rows
    }

    /// The lifetime of a tensor; `None` for an unknown id.
    #[must_use]
    pub fn get(&self, id: TensorId) -> Option<&Lifetime> {
        self.rows.get(id.index())
    }

    /// The name of a tensor; `None` for an unknown id.
    #[must_use]
    pub fn name(&self, id: TensorId) -> Option<&str> {
        (id.index() < self.len()).then(|| self.names.get(id.index()))
    }

    /// The tensor with this name, if there is one. Linear in the number of tensors.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<TensorId> {
        let index = (0..self.len()).find(|&i| self.names.get(i) == name)?;
        Some(TensorId::from_index(index))
    }

    /// All tensors as `(id, name, lifetime)`, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (TensorId, &str, &Lifetime)> {
        let each = self.rows.iter().enumerate();
        each.map(|(i, row)| (TensorId::from_index(i), self.names.get(i), row))
    }

    /// Whether two tensors must not share bytes: both need bytes of their own, and they are alive
    /// at a common step or, with several streams, may be alive at the same time.
    #[must_use]
    pub fn conflict(&self, a: TensorId, b: TensorId) -> bool {
        let occupies = |id| self.get(id).is_some_and(Lifetime::occupies);
        let pair = [a.index(), b.index()];
        a != b && occupies(a) && occupies(b) && self.conflict_relation.contains(&self.rows, pair)
    }

    /// Which tensors conflict.
    pub(crate) fn conflict_relation(&self) -> &ConflictRelation {
        &self.conflict_relation
    }

    /// The sum of the sizes of all tensors that have bytes of their own: the peak of a plan in
    /// which no two of them shared any.
    #[must_use]
    pub fn total_bytes(&self) -> u64 {
        let own = self.rows.iter().filter(|row| row.within.is_none());
        own.map(|row| row.size).sum()
    }

    /// Replaces other conflict relations by overlap of intervals. Where operators run on several
    /// streams, their steps do not say when a tensor is alive, so each one is then taken to be
    /// alive from the first birth to the last death.
    pub(crate) fn into_intervals(mut self) -> Self {
        if self.conflict_relation.is_intervals() {
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
        self.conflict_relation = ConflictRelation::Intervals;
        self
    }
}
