//! Rows of operands within those of the results that they are joined to.
//!
//! Stands on the lifetimes. The row of a result then has the steps of its operands as well, at
//! which only the bytes of these are needed. Invariant: a row within another one has steps and
//! bytes of that.

use alloc::{collections::BTreeMap, vec, vec::Vec};

use crate::ids::TensorId;
use crate::lifetimes::{Lifetime, Piece};

/// Puts each row where `places` has it: within which row, and where in that it begins; a row that
/// lies within none is its own place. Returns what is needed, and when, of each row that others lie
/// within.
pub(super) fn put_within<N>(
    rows: &mut [(N, Lifetime)],
    places: impl IntoIterator<Item = (usize, u64)>,
) -> Vec<(usize, Vec<Piece>)> {
    let mut needs: BTreeMap<usize, Vec<Piece>> = BTreeMap::new();
    for (row, (whole, start)) in places.into_iter().enumerate() {
        if whole == row {
            continue;
        }
        let own = rows[row].1;
        let of = &mut rows[whole].1;
        let pieces = needs
            .entry(whole)
            .or_insert_with(|| vec![Piece::new(of.steps(), 0..of.size)]);
        // In its last step, it is a part of a result that has more bytes.
        pieces.push(Piece::new(
            own.lower..own.upper - 1,
            start..start + own.size,
        ));
        of.lower = of.lower.min(own.lower);
        of.alignment = of.alignment.max(own.alignment);
        rows[row].1 = own.with_root(TensorId::new(whole as u32), start);
    }
    needs.into_iter().collect()
}
