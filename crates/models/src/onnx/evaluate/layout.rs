//! Operators that move elements and change none: reshape, slice, join, look up.
//!
//! Stands on `small`. Sizes and positions are checked: what does not fit gives no result.

use crate::onnx::small::{Cell, Small, count};
use crate::onnx::symbols::Symbols;

/// An axis that may count from the end, of a tensor of this rank.
pub(super) fn axis(axis: i64, rank: usize) -> Option<usize> {
    let axis = if axis < 0 { axis + rank as i64 } else { axis };
    usize::try_from(axis).ok().filter(|&axis| axis < rank)
}

/// The elements in another shape.
pub(super) fn with_dims(of: &Small, dims: Vec<u64>) -> Option<Small> {
    let fits = count(&dims)? == of.cells.len();
    let cells = of.cells.clone();
    fits.then_some(Small { dims, cells })
}

/// `Reshape`: a size of 0 is that of the operand, and one of -1 follows from the others.
pub(super) fn reshape(of: &Small, to: &[i64], keeps_zero: bool) -> Option<Small> {
    let mut dims = Vec::new();
    let mut open = None;
    for (at, &size) in to.iter().enumerate() {
        dims.push(match size {
            0 if !keeps_zero => *of.dims.get(at)?,
            -1 => {
                open = Some(at);
                1
            }
            size => u64::try_from(size).ok()?,
        });
    }
    if let Some(at) = open {
        let others = count(&dims)?.max(1);
        dims[at] = (of.cells.len() / others) as u64;
    }
    with_dims(of, dims)
}

/// `Squeeze`: all axes of size 1 if none are named.
pub(super) fn squeeze(of: &Small, axes: Option<&[i64]>) -> Option<Small> {
    let rank = of.dims.len();
    let named: Option<Vec<usize>> = match axes {
        Some(axes) => axes.iter().map(|&at| axis(at, rank)).collect(),
        None => Some((0..rank).filter(|&at| of.dims[at] == 1).collect()),
    };
    let named = named?;
    let kept = (0..rank).filter(|at| !named.contains(at));
    with_dims(of, kept.map(|at| of.dims[at]).collect())
}

/// `Unsqueeze`.
pub(super) fn unsqueeze(of: &Small, axes: &[i64]) -> Option<Small> {
    let rank = of.dims.len() + axes.len();
    let new: Vec<usize> = axes
        .iter()
        .map(|&at| axis(at, rank))
        .collect::<Option<_>>()?;
    let mut old = of.dims.iter();
    let dims = (0..rank).map(|at| {
        if new.contains(&at) {
            Some(1)
        } else {
            old.next().copied()
        }
    });
    with_dims(of, dims.collect::<Option<_>>()?)
}

/// The elements at these positions of an axis.
pub(super) fn take(of: &Small, axis: usize, places: &[usize]) -> Option<Small> {
    let mut dims = of.dims.clone();
    dims[axis] = places.len() as u64;
    let total = count(&dims)?;
    let inner = of.dims[axis + 1..].iter().product::<u64>() as usize;
    let size = of.dims[axis] as usize;
    let outer = of.dims[..axis].iter().product::<u64>() as usize;
    let mut cells = Vec::with_capacity(total);
    for block in 0..outer {
        for &place in places {
            let start = (block * size + place) * inner;
            cells.extend_from_slice(of.cells.get(start..start + inner)?);
        }
    }
    Some(Small { dims, cells })
}

/// `Slice` along one axis.
pub(super) fn slice(of: &Small, axis: usize, range: (i64, i64), step: i64) -> Option<Small> {
    let size = of.dims[axis] as i64;
    let from_end = |at: i64| if at < 0 { at.saturating_add(size) } else { at };
    let (start, end) = (from_end(range.0), from_end(range.1));
    let places: Vec<usize> = if step > 0 {
        let (start, end) = (start.clamp(0, size), end.clamp(0, size));
        let step = usize::try_from(step).ok()?;
        (start..end).step_by(step).map(|at| at as usize).collect()
    } else {
        let (start, end) = (start.clamp(-1, size - 1), end.clamp(-1, size - 1));
        let step = usize::try_from(step.checked_neg()?)
            .ok()
            .filter(|&step| step > 0)?;
        let down = (end + 1..=start).rev();
        down.step_by(step).map(|at| at as usize).collect()
    };
    take(of, axis, &places)
}

/// `Gather` along an axis.
pub(super) fn gather(of: &Small, axis: usize, indices: &Small) -> Option<Small> {
    let size = *of.dims.get(axis)?;
    let places: Option<Vec<usize>> = indices
        .cells
        .iter()
        .map(|cell| {
            let at = cell.exact()?;
            let at = if at < 0 { at + size as i64 } else { at };
            usize::try_from(at).ok().filter(|&at| (at as u64) < size)
        })
        .collect();
    let mut dims = of.dims[..axis].to_vec();
    dims.extend(&indices.dims);
    dims.extend(&of.dims[axis + 1..]);
    let Some(places) = places else {
        let unknown = vec![Cell::Unknown(Symbols::NAMELESS); count(&dims)?];
        return Some(Small {
            dims,
            cells: unknown,
        });
    };
    with_dims(&take(of, axis, &places)?, dims)
}

/// `Concat` along an axis.
pub(super) fn concat(parts: &[&Small], axis: usize) -> Option<Small> {
    let mut dims = parts.first()?.dims.clone();
    dims[axis] = 0;
    for part in parts {
        let agrees = part.dims.len() == dims.len()
            && (0..dims.len()).all(|at| at == axis || part.dims[at] == dims[at]);
        if !agrees {
            return None;
        }
        dims[axis] += part.dims[axis];
    }
    let total = count(&dims)?;
    let outer = dims[..axis].iter().product::<u64>() as usize;
    let mut cells = Vec::with_capacity(total);
    for block in 0..outer {
        for part in parts {
            let length = part.cells.len() / outer;
            cells.extend_from_slice(&part.cells[block * length..(block + 1) * length]);
        }
    }
    Some(Small { dims, cells })
}

/// `Transpose`; the axes are reversed if no order is given.
pub(super) fn transpose(of: &Small, order: Option<&[i64]>) -> Option<Small> {
    let rank = of.dims.len();
    let order: Vec<usize> = match order {
        Some(order) => order
            .iter()
            .map(|&at| axis(at, rank))
            .collect::<Option<_>>()?,
        None => (0..rank).rev().collect(),
    };
    let mut sorted = order.clone();
    sorted.sort_unstable();
    if !sorted.into_iter().eq(0..rank) {
        return None;
    }
    let mut steps = vec![1usize; rank];
    for at in (1..rank).rev() {
        steps[at - 1] = steps[at] * of.dims[at] as usize;
    }
    let dims: Vec<u64> = order.iter().map(|&at| of.dims[at]).collect();
    let mut cells = Vec::with_capacity(of.cells.len());
    for index in 0..of.cells.len() {
        let (mut rest, mut from) = (index as u64, 0);
        for at in (0..rank).rev() {
            from += (rest % dims[at]) as usize * steps[order[at]];
            rest /= dims[at];
        }
        cells.push(of.cells[from]);
    }
    Some(Small { dims, cells })
}
