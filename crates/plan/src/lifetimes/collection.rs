//! The lifetimes of all tensors, with their names and the relation that says which of them
//! conflict.
//!
//! Stands on [`Lifetime`], [`LiveRanges`], [`WindowedRows`] and [`ConflictRelation`]. It only
//! reads: `checked_rows` makes `Lifetimes` from rows, `gaps` adds gaps and `windows` windows,
//! `of_graph` makes `Lifetimes` from a graph, `concatenated` from several models, and each of these
//! keeps what the parent module promises.
//!
//! Clones share names and rows until one of them changes its own: plans and searches have
//! lifetimes, too, and a million rows take more than 70 MB.

use alloc::{sync::Arc, vec::Vec};
use core::ops::Range;

use super::{
    conflict_relation::ConflictRelation, lifetime::Lifetime, live_ranges::LiveRanges, names::Names,
    piece::Piece, pieces::WindowedRows,
};
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
    pub(super) names: Arc<Names>,
    pub(super) rows: Arc<Vec<Lifetime>>,
    pub(super) live_ranges: LiveRanges,
    pub(super) windows: WindowedRows,
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

    /// The lifetimes in order: position *i* belongs to `TensorId::new(i)`. A row is the hull of the
    /// steps at which its tensor is alive, without its [gaps](Self::gaps).
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

    /// Whether any tensor has a gap: steps in its lifetime at which it needs no bytes.
    #[must_use]
    pub fn has_gaps(&self) -> bool {
        !self.live_ranges.is_empty()
    }

    /// The steps at which a tensor is alive: ranges in ascending order that neither overlap nor
    /// touch. That is one range for a tensor without gaps, and none for one that is never alive or
    /// unknown.
    pub fn live_ranges(&self, id: TensorId) -> impl Iterator<Item = Range<i64>> {
        let row = self.get(id);
        row.into_iter()
            .flat_map(move |row| self.live_ranges.of(id.index(), row))
    }

    /// The gaps of a tensor, in ascending order: the steps between its
    /// [live ranges](Self::live_ranges).
    pub fn gaps(&self, id: TensorId) -> impl Iterator<Item = Range<i64>> {
        self.live_ranges.gaps(id.index())
    }

    /// Whether any tensor has a window: steps at which only some of its bytes are needed.
    #[must_use]
    pub fn has_windows(&self) -> bool {
        !self.windows.is_empty()
    }

    /// Which bytes of a tensor are needed at which steps. Without windows, that is the whole tensor
    /// in each of its [live ranges](Self::live_ranges). The steps of two pieces are equal or have
    /// none in common; pieces ascend by their steps, then by their bytes.
    pub fn pieces(&self, id: TensorId) -> impl Iterator<Item = Piece> {
        let row = self.get(id);
        row.into_iter()
            .flat_map(move |row| self.windows.of(id.index(), row, &self.live_ranges))
    }

    /// The pieces of a tensor that are not all of it.
    #[cfg(feature = "files")]
    pub(crate) fn windows_of(&self, id: TensorId) -> impl Iterator<Item = Piece> {
        let size = self.get(id).map_or(0, |row| row.size);
        let pieces = self.windows.several(id.index()).iter();
        pieces.filter(move |piece| piece.size() < size).cloned()
    }

    /// The live ranges of all tensors that have bytes of their own, each with its row.
    pub(crate) fn lives(&self) -> impl Iterator<Item = (usize, Range<i64>)> {
        let rows = self.rows.iter().enumerate();
        let occupying = rows.filter(|(_, row)| row.occupies());
        occupying.flat_map(|(i, row)| self.live_ranges.of(i, row).map(move |steps| (i, steps)))
    }

    /// Whether two tensors must not share bytes: both need bytes of their own, and they are alive
    /// at a common step or, with several streams or models, may be alive at the same time. Tensors
    /// with [windows](Self::with_windows) may share bytes that not both of them need there.
    #[must_use]
    pub fn conflict(&self, a: TensorId, b: TensorId) -> bool {
        let occupies = |id| self.get(id).is_some_and(Lifetime::occupies);
        let pair = [a.index(), b.index()];
        let conflict = || (self.conflict_relation).contains(&self.rows, &self.live_ranges, pair);
        a != b && occupies(a) && occupies(b) && conflict()
    }

    /// Whether tensors must not share bytes exactly if their rows overlap: there are no gaps nor
    /// windows, nor conflicts beside those of lifetimes.
    pub(crate) fn rows_tell_conflicts(&self) -> bool {
        self.conflict_relation.is_intervals() && !self.has_gaps() && !self.has_windows()
    }

    /// Whether tensors conflict exactly if they are alive at a common step. With several streams,
    /// or with several models, others may [conflict](Self::conflict), too; files of lifetimes and
    /// of plans, which have steps alone, do not tell that.
    #[must_use]
    pub fn steps_tell_conflicts(&self) -> bool {
        self.conflict_relation.is_intervals()
    }

    /// Whether tensors that [conflict](Self::conflict) may share bytes although steps do not tell
    /// conflicts: tensors of one of several models, by their windows.
    pub(crate) fn has_windows_of_models(&self) -> bool {
        self.has_windows() && matches!(self.conflict_relation, ConflictRelation::Models(_))
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

    /// Lifetimes without gaps and windows: each tensor is taken to be needed whole from its birth
    /// to its death.
    pub(crate) fn without_gaps(self) -> Self {
        Self {
            live_ranges: LiveRanges::default(),
            windows: WindowedRows::default(),
            ..self
        }
    }

    /// Replaces gaps, windows and other conflict relations by overlap of rows. A tensor with gaps
    /// is taken to be alive in its gaps. Where operators run on several streams, their steps do not
    /// say when a tensor is alive, so each one is then taken to be alive from the first birth to
    /// the last death.
    pub(crate) fn into_intervals(self) -> Self {
        let mut all = self.without_gaps();
        if all.conflict_relation.is_intervals() {
            return all;
        }
        let alive = all.rows.iter().filter(|row| row.has_bytes());
        let lower = alive.clone().map(|row| row.lower).min();
        let upper = alive.map(|row| row.upper).max();
        if let (Some(lower), Some(upper)) = (lower, upper) {
            let rows = Arc::make_mut(&mut all.rows).iter_mut();
            for row in rows.filter(|row| row.has_bytes()) {
                (row.lower, row.upper) = (lower, upper);
            }
        }
        all.conflict_relation = ConflictRelation::Intervals;
        all
    }
}
