//! Which results of an operator need no bytes of their own.
//!
//! Stands on [`Operator`] and on shapes that are numbers. Invariant: a result is an
//! [`AliasKind::View`] only if it is, byte for byte, the part of the operand that begins there, and
//! an [`AliasKind::InPlace`] only if each of its elements needs no element of that operand except
//! the one that it replaces. If that is not certain, it is neither: a copy.
//!
//! ```text
//! x [1, 6, 4]   ├───┼───┼───┼───┼───┼───┤
//! x[:, 2:5]             ├───┼───┼───┤        one run of bytes, 2 · 4 elements from the start:
//!                                            the axes before axis 1 are 1, those behind it whole
//! x[:, :, 1:3]   ┄─┄ ┄─┄ ┄─┄ ┄─┄ ┄─┄ ┄─┄     a part of every row: a copy
//! ```

#![forbid(unsafe_code)]

use std::ops::Range;

use super::dims::TypedShape;
use super::operators::{Operator, SliceBounds};

/// A result that shares the bytes of an operand, both given by their slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Alias {
    pub(super) result: usize,
    pub(super) operand: usize,
    pub(super) kind: AliasKind,
}

/// How a result shares bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AliasKind {
    /// The result is the part of the operand that begins at this byte.
    View(u64),
    /// The result may be written over the operand, which has the same size.
    InPlace,
}

/// The shapes of a node's tensors: `None` for a tensor without bytes or of unknown shape.
pub(super) struct NodeShapes<'n> {
    pub(super) operands: &'n [Option<TypedShape>],
    pub(super) results: &'n [Option<TypedShape>],
    /// The elements of an operand, if it is a constant.
    pub(super) numbers: &'n dyn Fn(usize) -> Option<Vec<i64>>,
}

/// The results of a node that may share bytes, in the order of the operands.
pub(super) fn aliases(operator: &Operator, node: &NodeShapes<'_>) -> Vec<Alias> {
    let start = |offset: Option<u64>| offset.map(|offset| view(0, offset)).into_iter().collect();
    match operator {
        Operator::Same => start(node.same()),
        Operator::Dropout { training } => {
            let numbers = |slot: usize| (node.numbers)(slot);
            match training.map(numbers) {
                None => start(node.same()),
                Some(Some(mode)) if mode == [0] => start(node.same()),
                Some(_) => node.in_place(&(0..1)),
            }
        }
        Operator::Cast => match node.same() {
            None => node.in_place(&(0..1)),
            same => start(same),
        },
        Operator::Transpose { order } => start(node.transposed(order.as_deref())),
        Operator::Slice(bounds) => start(node.sliced(bounds)),
        Operator::Split { axis } => node.split(*axis).unwrap_or_default(),
        Operator::ByElement { operands } => node.in_place(operands),
        Operator::Other => Vec::new(),
    }
}

fn view(result: usize, offset: u64) -> Alias {
    Alias {
        result,
        operand: 0,
        kind: AliasKind::View(offset),
    }
}

impl NodeShapes<'_> {
    fn operand(&self, slot: usize) -> Option<&TypedShape> {
        self.operands.get(slot)?.as_ref()
    }

    fn result(&self, slot: usize) -> Option<&TypedShape> {
        self.results.get(slot)?.as_ref()
    }

    /// The first operand and result, if they have the same type.
    fn alike(&self) -> Option<(&TypedShape, &TypedShape)> {
        let (operand, result) = (self.operand(0)?, self.result(0)?);
        (operand.element == result.element).then_some((operand, result))
    }

    /// 0 if the first result has as many elements as the first operand.
    fn same(&self) -> Option<u64> {
        let (operand, result) = self.alike()?;
        (operand.bytes() == result.bytes()).then_some(0)
    }

    /// 0 if only dimensions of size 1 move.
    fn transposed(&self, order: Option<&[i64]>) -> Option<u64> {
        let rank = self.operand(0)?.dims.len();
        let reversed: Vec<i64> = (0..rank as i64).rev().collect();
        let order = order.unwrap_or(&reversed);
        let order: Option<Vec<usize>> = order.iter().map(|&axis| self.axis(axis)).collect();
        let order = order.filter(|order| order.len() == rank)?;
        let long = |axis: &usize| self.operand(0).is_some_and(|x| x.dims[*axis] != 1);
        let stays = order.iter().copied().filter(long).is_sorted();
        stays.then(|| self.same())?
    }

    /// The byte of the first operand at which the slice begins, if it is one run of bytes.
    fn sliced(&self, bounds: &SliceBounds) -> Option<u64> {
        let (operand, result) = self.alike()?;
        let rank = operand.dims.len();
        let (starts, ends, axes) = self.bounds(bounds)?;
        if starts.len() != axes.len() || ends.len() != axes.len() {
            return None;
        }
        let mut ranges: Vec<Option<Range<usize>>> = vec![None; rank];
        for (i, &axis) in axes.iter().enumerate() {
            let axis = self.axis(axis)?;
            let range =
                clamped(starts[i], operand.dims[axis])..clamped(ends[i], operand.dims[axis]);
            if ranges[axis].replace(range).is_some() {
                return None;
            }
        }
        let whole = |(range, &dim): (Option<Range<usize>>, &usize)| range.unwrap_or(0..dim);
        let ranges: Vec<_> = ranges.into_iter().zip(&operand.dims).map(whole).collect();
        let lengths = ranges.iter().map(Range::len);
        // A step above 1 gives fewer elements than the range; a negative one has an empty range.
        let is_as_inferred = lengths.eq(result.dims.iter().copied());
        is_as_inferred.then(|| start_of_run(operand, &ranges))?
    }

    /// The starts, ends and axes of a slice.
    fn bounds(&self, bounds: &SliceBounds) -> Option<(Vec<i64>, Vec<i64>, Vec<i64>)> {
        let (starts, ends, axes) = match bounds {
            SliceBounds::Attributes { starts, ends, axes } => {
                (starts.clone(), ends.clone(), axes.clone())
            }
            SliceBounds::Operands { axes } => {
                let axes = match axes {
                    None => None,
                    Some(slot) => Some((self.numbers)(*slot)?),
                };
                ((self.numbers)(1)?, (self.numbers)(2)?, axes)
            }
        };
        let first = (0..starts.len() as i64).collect();
        Some((starts, ends, axes.unwrap_or(first)))
    }

    /// The results that are each one run of bytes.
    fn split(&self, axis: i64) -> Option<Vec<Alias>> {
        let operand = self.operand(0)?;
        let axis = self.axis(axis)?;
        let mut ranges: Vec<_> = operand.dims.iter().map(|&dim| 0..dim).collect();
        let (mut parts, mut end) = (Vec::new(), 0usize);
        for slot in 0..self.results.len() {
            let result = self.result(slot)?;
            let start = end;
            end = start.checked_add(*result.dims.get(axis)?)?;
            ranges[axis] = start..end;
            let is_part = ranges
                .iter()
                .map(Range::len)
                .eq(result.dims.iter().copied());
            if end > operand.dims[axis] || !is_part || result.element != operand.element {
                return None;
            }
            parts.extend(start_of_run(operand, &ranges).map(|offset| view(slot, offset)));
        }
        (end == operand.dims[axis]).then_some(parts)
    }

    fn in_place(&self, operands: &Range<usize>) -> Vec<Alias> {
        let Some(result) = self.result(0) else {
            return Vec::new();
        };
        let fits = |slot: &usize| {
            let operand = self.operand(*slot);
            operand.is_some_and(|x| x.dims == result.dims && x.bytes() == result.bytes())
        };
        let slots = (operands.start..operands.end.min(self.operands.len())).filter(fits);
        let in_place = |operand| Alias {
            result: 0,
            operand,
            kind: AliasKind::InPlace,
        };
        slots.map(in_place).collect()
    }

    /// An axis of the first operand; negative ones count from the end.
    fn axis(&self, axis: i64) -> Option<usize> {
        let rank = self.operand(0)?.dims.len();
        let counted = if axis < 0 { axis + rank as i64 } else { axis };
        usize::try_from(counted).ok().filter(|&axis| axis < rank)
    }
}

/// A bound of a slice: negative bounds count from the end, and all are clamped to the dimension.
fn clamped(bound: i64, dim: usize) -> usize {
    let counted = if bound < 0 {
        bound.saturating_add_unsigned(dim as u64)
    } else {
        bound
    };
    usize::try_from(counted).map_or(0, |bound| bound.min(dim))
}

/// The byte at which the elements in these ranges, one for each axis, begin, if they are
/// contiguous.
fn start_of_run(whole: &TypedShape, ranges: &[Range<usize>]) -> Option<u64> {
    let is_cut = |(range, &dim): (&Range<usize>, &usize)| range.len() != dim;
    let last_cut = ranges.iter().zip(&whole.dims).rposition(is_cut);
    let before = &ranges[..last_cut.unwrap_or(0)];
    if before.iter().any(|range| range.len() != 1) {
        return None;
    }
    let mut stride = whole.element.size_of();
    let mut start = 0;
    for (range, dim) in ranges.iter().zip(&whole.dims).rev() {
        start += range.start * stride;
        stride *= dim;
    }
    Some(start as u64)
}
