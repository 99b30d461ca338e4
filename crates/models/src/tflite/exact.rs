//! Shapes of results that follow exactly from the shapes of operands, constants and options.
//!
//! Stands on `shape` and `table`. The numbers of the options' fields are those of the public
//! schema. Invariant: a shape is returned only if it is right whatever the values of the operands
//! are.

use super::shape::Shape;
use super::table::Table;
use crate::error::ModelError;

/// An operator whose result has a shape that is known exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exact {
    Transpose,
    ExpandDims,
    Squeeze,
    /// A window that moves over rows and columns.
    Window(Window),
    Concatenate,
    Pack,
    Unpack,
    Pad,
    Reduce,
    MatMul,
    Slice,
    StridedSlice,
    Gather,
}

/// What moves over rows and columns, which decides where its size is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Window {
    Convolution,
    Depthwise,
    Pool,
}

/// The operands and options of an operator.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Given<'a> {
    pub(crate) operands: &'a [Option<&'a Shape>],
    pub(crate) options: Option<Table<'a>>,
}

impl<'a> Given<'a> {
    fn dims(&self, position: usize) -> Option<&'a [u64]> {
        let operand = self.operands.get(position).copied().flatten();
        operand.and_then(|operand| operand.dims.as_deref())
    }

    fn content(&self, position: usize) -> Option<&'a [i64]> {
        let operand = self.operands.get(position).copied().flatten();
        operand.and_then(|operand| operand.content.as_deref())
    }

    fn number(&self, slot: u16) -> Result<i64, ModelError> {
        let number = self.options.map(|options| options.u32(slot)).transpose()?;
        Ok(i64::from(number.unwrap_or(0).cast_signed()))
    }

    fn is_set(&self, slot: u16) -> Result<bool, ModelError> {
        let byte = self.options.map(|options| options.u8(slot)).transpose()?;
        Ok(byte.unwrap_or(0) != 0)
    }

    /// A number that is positive in valid files, 1 if it is left out.
    fn positive(&self, slot: u16) -> Result<u64, ModelError> {
        Ok(u64::try_from(self.number(slot)?).unwrap_or(1).max(1))
    }
}

/// The shape of the first result; `None` if it is not known.
pub(crate) fn shape(exact: Exact, given: &Given<'_>) -> Result<Option<Vec<u64>>, ModelError> {
    Ok(match exact {
        Exact::Transpose => transpose(given),
        Exact::ExpandDims => expand_dims(given),
        Exact::Squeeze => squeeze(given)?,
        Exact::Window(kind) => window(kind, given)?,
        Exact::Concatenate => concatenate(given, given.number(0)?),
        Exact::Pack => insert(given.dims(0), given.number(1)?, given.operands.len() as u64),
        Exact::Unpack => remove(given.dims(0), &[given.number(1)?]),
        Exact::Pad => pad(given),
        Exact::Reduce => reduce(given, given.is_set(0)?),
        Exact::MatMul => mat_mul(given, given.is_set(0)?, given.is_set(1)?),
        Exact::Slice => slice(given),
        Exact::StridedSlice => strided_slice(given)?,
        Exact::Gather => gather(given, given.number(0)?, given.number(1)?),
    })
}

/// An axis counted from the front; negative ones count from the end.
pub(super) fn axis_of(axis: i64, rank: usize) -> Option<usize> {
    let rank = i64::try_from(rank).ok()?;
    let axis = if axis < 0 { axis + rank } else { axis };
    usize::try_from(axis).ok().filter(|_| axis < rank)
}

fn insert(dims: Option<&[u64]>, axis: i64, size: u64) -> Option<Vec<u64>> {
    let mut dims = dims?.to_vec();
    dims.insert(axis_of(axis, dims.len() + 1)?, size);
    Some(dims)
}

fn remove(dims: Option<&[u64]>, axes: &[i64]) -> Option<Vec<u64>> {
    let dims = dims?;
    let axes = axes.iter().map(|&axis| axis_of(axis, dims.len()));
    let axes: Vec<usize> = axes.collect::<Option<_>>()?;
    let kept = dims.iter().enumerate();
    let kept = kept.filter(|(axis, _)| !axes.contains(axis));
    Some(kept.map(|(_, &size)| size).collect())
}

fn transpose(given: &Given<'_>) -> Option<Vec<u64>> {
    let (dims, order) = (given.dims(0)?, given.content(1)?);
    let sizes = order.iter().map(|&axis| {
        let axis = axis_of(axis, dims.len())?;
        dims.get(axis).copied()
    });
    sizes.collect()
}

fn expand_dims(given: &Given<'_>) -> Option<Vec<u64>> {
    insert(given.dims(0), *given.content(1)?.first()?, 1)
}

fn squeeze(given: &Given<'_>) -> Result<Option<Vec<u64>>, ModelError> {
    let Some(dims) = given.dims(0) else {
        return Ok(None);
    };
    let axes = given.options.map(|options| options.words(0)).transpose()?;
    let axes: Vec<i64> = match axes {
        Some(axes) if (1..=dims.len()).contains(&axes.len()) => {
            axes.i32s().map(i64::from).collect()
        }
        _ => {
            let ones = (0..).zip(dims).filter(|&(_, &size)| size == 1);
            ones.map(|(axis, _)| axis).collect()
        }
    };
    Ok(remove(Some(dims), &axes))
}

fn window(kind: Window, given: &Given<'_>) -> Result<Option<Vec<u64>>, ModelError> {
    let Some(&[batch, rows, columns, depth]) = given.dims(0) else {
        return Ok(None);
    };
    let (height, width, channels) = match (kind, given.dims(1)) {
        (Window::Pool, _) => (given.positive(4)?, given.positive(3)?, depth),
        (Window::Convolution, Some(&[channels, height, width, _]))
        | (Window::Depthwise, Some(&[_, height, width, channels])) => (height, width, channels),
        _ => return Ok(None),
    };
    let (across, down) = match kind {
        Window::Convolution => (given.positive(4)?, given.positive(5)?),
        Window::Depthwise => (given.positive(5)?, given.positive(6)?),
        Window::Pool => (1, 1),
    };
    let is_valid = given.is_set(0)?;
    let places = |size: u64, window: u64, dilation: u64, stride: u64| {
        let reach = window.saturating_sub(1).saturating_mul(dilation);
        let first = if is_valid {
            size.saturating_sub(reach)
        } else {
            size
        };
        first.div_ceil(stride)
    };
    let rows = places(rows, height, down, given.positive(2)?);
    let columns = places(columns, width, across, given.positive(1)?);
    Ok(Some(vec![batch, rows, columns, channels]))
}

fn concatenate(given: &Given<'_>, axis: i64) -> Option<Vec<u64>> {
    let mut all = given.dims(0)?.to_vec();
    let axis = axis_of(axis, all.len())?;
    for position in 1..given.operands.len() {
        let more = given.dims(position)?.get(axis)?;
        all[axis] = all[axis].checked_add(*more)?;
    }
    Some(all)
}

fn pad(given: &Given<'_>) -> Option<Vec<u64>> {
    let (dims, padding) = (given.dims(0)?, given.content(1)?);
    if padding.len() != 2 * dims.len() {
        return None;
    }
    let pairs = dims.iter().zip(padding.chunks_exact(2));
    let sizes = pairs.map(|(&size, pair)| {
        let more = pair[0].checked_add(pair[1])?;
        size.checked_add_signed(more)
    });
    sizes.collect()
}

fn reduce(given: &Given<'_>, keeps_axes: bool) -> Option<Vec<u64>> {
    let (dims, axes) = (given.dims(0)?, given.content(1)?);
    if !keeps_axes {
        return remove(Some(dims), axes);
    }
    let mut kept = dims.to_vec();
    for &axis in axes {
        kept[axis_of(axis, dims.len())?] = 1;
    }
    Some(kept)
}

fn mat_mul(given: &Given<'_>, is_left_turned: bool, is_right_turned: bool) -> Option<Vec<u64>> {
    let (left, right) = (given.dims(0)?, given.dims(1)?);
    let rank = left.len().max(right.len());
    if left.len().min(right.len()) < 2 {
        return None;
    }
    let size = |dims: &[u64], from_end: usize| {
        let position = dims.len().checked_sub(from_end);
        position.map_or(1, |position| dims[position])
    };
    let batches = (3..=rank).rev().map(|from_end| match size(left, from_end) {
        1 => size(right, from_end),
        other => other,
    });
    let mut sizes: Vec<u64> = batches.collect();
    sizes.push(size(left, if is_left_turned { 1 } else { 2 }));
    sizes.push(size(right, if is_right_turned { 2 } else { 1 }));
    Some(sizes)
}

fn slice(given: &Given<'_>) -> Option<Vec<u64>> {
    let (dims, begins, sizes) = (given.dims(0)?, given.content(1)?, given.content(2)?);
    if begins.len() != dims.len() || sizes.len() != dims.len() {
        return None;
    }
    let sizes = dims.iter().zip(begins).zip(sizes);
    let sizes = sizes.map(|((&size, &begin), &wanted)| match wanted {
        -1 => size.checked_sub(u64::try_from(begin).ok()?),
        wanted => u64::try_from(wanted).ok(),
    });
    sizes.collect()
}

fn strided_slice(given: &Given<'_>) -> Result<Option<Vec<u64>>, ModelError> {
    let masks: Vec<i64> = (0..5)
        .map(|slot| given.number(slot))
        .collect::<Result<_, _>>()?;
    // An ellipsis and new axes move all others; offsets are rare.
    if masks[2] != 0 || masks[3] != 0 || given.is_set(5)? {
        return Ok(None);
    }
    let parts = (
        given.dims(0),
        given.content(1),
        given.content(2),
        given.content(3),
    );
    let (Some(dims), Some(begins), Some(ends), Some(strides)) = parts else {
        return Ok(None);
    };
    let mut sizes = Vec::new();
    for (axis, &size) in dims.iter().enumerate() {
        let is_in = |mask: usize| axis < 32 && masks[mask] >> axis & 1 == 1;
        let (Some(&begin), Some(&end), Some(&stride)) =
            (begins.get(axis), ends.get(axis), strides.get(axis))
        else {
            sizes.push(size);
            continue;
        };
        if is_in(4) {
            continue;
        }
        let begin = if is_in(0) { None } else { Some(begin) };
        let end = if is_in(1) { None } else { Some(end) };
        let Some(size) = steps(size, begin, end, stride) else {
            return Ok(None);
        };
        sizes.push(size);
    }
    Ok(Some(sizes))
}

/// How many elements there are from one to another, by steps of a stride.
fn steps(size: u64, begin: Option<i64>, end: Option<i64>, stride: i64) -> Option<u64> {
    let size = i64::try_from(size).ok()?;
    let within = |index: i64, low: i64, high: i64| {
        let index = if index < 0 {
            index.saturating_add(size)
        } else {
            index
        };
        index.clamp(low, high)
    };
    let distance = if stride > 0 {
        let begin = begin.map_or(0, |begin| within(begin, 0, size));
        end.map_or(size, |end| within(end, 0, size)) - begin
    } else {
        let begin = begin.map_or(size - 1, |begin| within(begin, -1, size - 1));
        begin - end.map_or(-1, |end| within(end, -1, size - 1))
    };
    let stride = stride.unsigned_abs();
    let distance = u64::try_from(distance).unwrap_or(0);
    (stride > 0).then(|| distance.div_ceil(stride))
}

fn gather(given: &Given<'_>, axis: i64, batches: i64) -> Option<Vec<u64>> {
    let (dims, indices) = (given.dims(0)?, given.dims(1)?);
    let axis = axis_of(axis, dims.len()).filter(|_| batches == 0)?;
    Some([&dims[..axis], indices, &dims[axis + 1..]].concat())
}
