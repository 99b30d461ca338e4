//! Each piece as a row of its own, with bytes of its own.
//!
//! Stands on [`Lifetimes`]. Pieces of one tensor share an offset; here they do not, so what no plan
//! of the pieces can be below, no plan of the tensors is either. A placed tensor places its pieces:
//! that is how a plan with windows is checked and shown.
//!
//! ```text
//! tensor at offset 32, alignment 16        its pieces as rows
//! steps 0..4, bytes 0..64                  0..4, 64 bytes, alignment 16, at 32
//! steps 4..6, bytes 8..24                  4..6, 16 bytes, alignment 8, at 40
//! ```
//!
//! Invariant: a piece begins at a multiple of its alignment wherever its tensor is.

use alloc::{borrow::Cow, sync::Arc, vec::Vec};

use super::{
    collection::Lifetimes, conflict_relation::ConflictRelation, lifetime::Lifetime,
    live_ranges::LiveRanges, names::Names, pieces::WindowedRows,
};

/// The pieces of all tensors that have bytes of their own, without names.
pub(crate) struct PieceRows {
    pub(crate) lifetimes: Lifetimes,
    /// For each piece, its tensor's row and where in the tensor it begins.
    owners: Vec<(usize, u64)>,
}

impl Lifetimes {
    /// The pieces of all tensors; `None` if no tensor has a window.
    pub(crate) fn piece_rows(&self) -> Option<PieceRows> {
        if !self.has_windows() {
            return None;
        }
        let (mut rows, mut owners) = (Vec::new(), Vec::new());
        for (index, row) in self
            .rows
            .iter()
            .enumerate()
            .filter(|(_, row)| row.occupies())
        {
            for piece in self.windows.of(index, row, &self.live_ranges) {
                let start = piece.bytes.start;
                let lifetime = Lifetime::new(piece.steps.start, piece.steps.end, piece.size());
                rows.push(Lifetime {
                    alignment: alignment_within(row.alignment, start),
                    fixed_offset: row.fixed_offset.map(|offset| offset + start),
                    ..lifetime
                });
                owners.push((index, start));
            }
        }
        let lifetimes = Self {
            names: Arc::new(Names::default()),
            rows: Arc::new(rows),
            live_ranges: LiveRanges::default(),
            windows: WindowedRows::default(),
            conflict_relation: ConflictRelation::Intervals,
        };
        Some(PieceRows { lifetimes, owners })
    }

    /// These lifetimes or, if there are windows, those of the pieces: loads and the bounds that
    /// follow from loads are theirs.
    pub(crate) fn in_pieces(&self) -> Cow<'_, Self> {
        match self.piece_rows() {
            Some(pieces) => Cow::Owned(pieces.lifetimes),
            None => Cow::Borrowed(self),
        }
    }
}

impl PieceRows {
    /// The row of the tensor that a piece is of.
    pub(crate) fn row(&self, piece: usize) -> usize {
        self.owners[piece].0
    }

    /// The offsets of the pieces of tensors at these offsets.
    pub(crate) fn offsets(&self, of_tensors: &[u64]) -> Vec<u64> {
        let owners = self.owners.iter();
        owners
            .map(|&(row, start)| of_tensors[row] + start)
            .collect()
    }
}

/// The largest power of two of which all multiples of `alignment` are multiples when `start` is
/// added to them.
pub(crate) const fn alignment_within(alignment: u64, start: u64) -> u64 {
    let all = alignment | start;
    all & all.wrapping_neg()
}
