//! Parts of a tensor that are one run of bytes.
//!
//! Stands on [`TensorType`]. Invariant: a run begins and ends at whole bytes; only the last byte of
//! the whole tensor may be one that is not filled up.
//!
//! ```text
//! x [1, 6, 4]   ├───┼───┼───┼───┼───┼───┤
//! x[:, 2:5]             ├───┼───┼───┤        one run of bytes, 2 · 4 elements from the start:
//!                                            the axes before axis 1 are 1, those behind it whole
//! x[:, :, 1:3]   ┄─┄ ┄─┄ ┄─┄ ┄─┄ ┄─┄ ┄─┄     a part of every row: a copy
//! ```

use std::ops::Range;

use crate::tensor_type::TensorType;

/// The elements of a tensor; `None` beyond what a `u64` holds.
pub(crate) fn elements(tensor: &TensorType) -> Option<u64> {
    if tensor.dims.contains(&0) {
        return Some(0);
    }
    let mut dims = tensor.dims.iter();
    dims.try_fold(1u64, |product, &dim| product.checked_mul(dim))
}

/// An axis of a tensor; negative ones count from the end.
pub(crate) fn axis(tensor: &TensorType, axis: i64) -> Option<usize> {
    let rank = tensor.dims.len();
    let counted = if axis < 0 {
        axis.checked_add(i64::try_from(rank).ok()?)?
    } else {
        axis
    };
    usize::try_from(counted).ok().filter(|&axis| axis < rank)
}

/// A bound of a slice: negative bounds count from the end, and all are clamped to the dimension.
pub(crate) fn clamped(bound: i64, dim: u64) -> u64 {
    let counted = if bound < 0 {
        bound.saturating_add_unsigned(dim)
    } else {
        bound
    };
    u64::try_from(counted).map_or(0, |bound| bound.min(dim))
}

/// The length of a range, which is empty if it ends before it begins.
pub(crate) fn length(range: &Range<u64>) -> u64 {
    range.end.saturating_sub(range.start)
}

/// The byte at which the elements in these ranges, one for each axis, begin, if they are one run
/// of bytes.
///
/// Where dimensions are upper bounds, only a run from the start of the tensor is certain to stay
/// where it is.
pub(crate) fn start_of_run(whole: &TensorType, ranges: &[Range<u64>]) -> Option<u64> {
    let is_cut = |(range, &dim): (&Range<u64>, &u64)| length(range) != dim;
    let last_cut = ranges.iter().zip(&whole.dims).rposition(is_cut);
    let before = &ranges[..last_cut.unwrap_or(0)];
    if before.iter().any(|range| length(range) != 1) {
        return None;
    }
    let (mut stride, mut start, mut count) = (1u64, 0u64, 1u64);
    for (range, &dim) in ranges.iter().zip(&whole.dims).rev() {
        start = start.checked_add(range.start.checked_mul(stride)?)?;
        stride = stride.checked_mul(dim)?;
        count = count.checked_mul(length(range))?;
    }
    let bits = whole.element.bits();
    let (first, end) = (
        start.checked_mul(bits)?,
        start.checked_add(count)?.checked_mul(bits)?,
    );
    let is_whole = |bit: u64| bit.is_multiple_of(8);
    let ends_whole = is_whole(end) || start.checked_add(count) == elements(whole);
    let is_fixed = start == 0 || !whole.is_bound;
    (is_whole(first) && ends_whole && is_fixed).then_some(first / 8)
}
