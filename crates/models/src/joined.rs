//! Operands of a concatenation: where each of them begins in the result.
//!
//! Stands on [`runs`](crate::runs). Invariant: an operand is listed only if the result has its
//! bytes as they are, one after the other, from that byte on.
//!
//! ```text
//! a [1, 2, 4]   ├───┼───┤                        r = a, w and b along axis 1: the axes before it
//! w [1, ?, 4]           ┄─┄┄┄                    are 1, so each operand is one run of bytes
//! b [1, 3, 4]                ├───┼───┼───┤       w is a constant, whose size is not known here:
//! r [1, 6, 4]   ├───┼───┼───┼───┼───┼───┤       a is placed from the start, and b from the end
//! ```

use std::ops::Range;

use crate::runs::{elements, start_of_run};
use crate::tensor_type::TensorType;

/// The most operands of a concatenation that are looked at.
const MOST_OPERANDS: usize = 1024;

/// The operands that are parts of `result`, which has all of them one after the other along an
/// axis: the position of each, and the byte of the result at which it begins. An operand is `None`
/// if it is a constant, or its size is not known.
pub(crate) fn parts_along(
    along: usize,
    operands: &[Option<&TensorType>],
    result: &TensorType,
) -> Vec<(usize, u64)> {
    let places = match operands.len() {
        ..=MOST_OPERANDS => places(along, operands, result),
        _ => None,
    };
    // Behind an operand with a dimension that is an upper bound, others may begin earlier.
    let is_exact = operands.iter().flatten().all(|operand| !operand.is_bound);
    let places = places.into_iter().flatten();
    let fixed = places.filter(|(_, place)| place.start == 0 || is_exact);
    let starts = fixed.filter_map(|(at, place)| Some((at, start_of(along, place, result)?)));
    starts.collect()
}

/// The places of the axis that each operand has, as far as they are known; `None` if the operands
/// do not fit the result.
fn places(
    along: usize,
    operands: &[Option<&TensorType>],
    result: &TensorType,
) -> Option<Vec<(usize, Range<u64>)>> {
    let (mut start, mut end) = (0u64, *result.dims.get(along)?);
    let mut places = Vec::new();
    let sized = operands.iter().map_while(|operand| *operand);
    for (at, operand) in sized.enumerate() {
        let before = start;
        start = start.checked_add(size_along(along, operand, result)?)?;
        places.push((at, before..start));
    }
    let known = places.len();
    let behind = operands.iter().enumerate().skip(known).rev();
    for (at, operand) in behind.map_while(|(at, operand)| Some((at, (*operand)?))) {
        let after = end;
        end = end.checked_sub(size_along(along, operand, result)?)?;
        places.push((at, end..after));
    }
    let fits = start <= end && (known < operands.len() || start == end);
    fits.then_some(places)
}

/// The size of an operand along the axis, if it has that of the result along all others.
fn size_along(along: usize, operand: &TensorType, result: &TensorType) -> Option<u64> {
    let mut sizes = operand.dims.iter().zip(&result.dims).enumerate();
    let fits = operand.element == result.element
        && operand.dims.len() == result.dims.len()
        && sizes.all(|(axis, (size, whole))| axis == along || size == whole);
    fits.then(|| operand.dims[along])
}

/// The byte at which some places of the axis begin, if they have elements and are one run of bytes.
fn start_of(along: usize, place: Range<u64>, result: &TensorType) -> Option<u64> {
    if place.is_empty() || elements(result)? == 0 {
        return None;
    }
    let mut ranges: Vec<_> = result.dims.iter().map(|&dim| 0..dim).collect();
    ranges[along] = place;
    start_of_run(result, &ranges)
}
