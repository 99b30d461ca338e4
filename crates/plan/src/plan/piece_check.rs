//! The check of tensors with windows: of two tensors that are alive at a common step, no byte that
//! both need there is the same.
//!
//! Stands on `sweep`, which is shown the pieces of the tensors as if each were a tensor.

use super::{
    error::{PlanError, clash},
    sweep::first_overlap,
};
use crate::lifetimes::{Lifetime, Lifetimes, PieceRows, Timeline};

/// Checks that no two pieces share a byte at a common step. Those of tensors that are not
/// `of_interest` are left out. O(n log n) for n pieces.
///
/// # Errors
/// Two tensors that do; see [`PlanError::Overlap`].
pub(super) fn check_pieces(
    lifetimes: &Lifetimes,
    offsets: &[u64],
    pieces: &PieceRows,
    of_interest: impl Fn(&Lifetime) -> bool,
) -> Result<(), PlanError> {
    let starts = pieces.offsets(offsets);
    let of_interest = |piece: usize| of_interest(&lifetimes.rows()[pieces.row(piece)]);
    let lives = Timeline::of_runs(&pieces.lifetimes, |_| &[0], of_interest);
    let Some((both, steps)) = first_overlap(&pieces.lifetimes, &starts, &lives) else {
        return Ok(());
    };
    let [a, b] = both.map(|piece| pieces.row(piece));
    let (ids, names, _) = clash(lifetimes, offsets, a, b);
    let [x, y] =
        both.map(|piece| starts[piece]..starts[piece] + pieces.lifetimes.rows()[piece].size);
    Err(PlanError::Overlap {
        ids,
        names,
        bytes: x.start.max(y.start)..x.end.min(y.end),
        steps,
    })
}
