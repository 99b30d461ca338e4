//! Contents of small tensors: what decides shapes, branches and counts.
//!
//! Stands on `types`, `symbols` and the payloads in `syntax`. Invariant: a [`Small`] has one cell
//! for every element, and at most [`MOST_CELLS`].

use super::symbols::Symbols;
use super::syntax::{TensorData, TensorDef};
use super::types::{Element, Size, Symbol, Type};
use crate::options::InputValue;

/// Contents of more elements than this are not looked at.
pub(crate) const MOST_CELLS: usize = 4096;

/// Contents of floating point beyond this are weights, which decide no shape.
const MOST_FLOATS: usize = 64;

/// How far a number may be relied on; of two, the result of an operator has the greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Trust {
    /// It follows from constants and exact shapes: known before the model runs.
    Constant,
    /// It follows from the value that the user gave for an input.
    Given,
    /// It is the most that it can be.
    Bound,
}

/// An element.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Cell {
    /// A whole number or a truth value.
    Int(i64, Trust),
    Float(f64, Trust),
    Unknown(Symbol),
}

impl Cell {
    /// A constant whole number.
    pub(crate) fn int(value: i64) -> Self {
        Self::Int(value, Trust::Constant)
    }

    /// The whole number, if it is exact.
    pub(crate) fn exact(self) -> Option<i64> {
        match self {
            Self::Int(value, trust) if trust < Trust::Bound => Some(value),
            _ => None,
        }
    }

    /// A size as an element of a tensor.
    pub(crate) fn of_size(size: Size) -> Self {
        match size {
            Size::Known(size) => Self::Int(size as i64, Trust::Constant),
            Size::Bound(size) => Self::Int(size as i64, Trust::Bound),
            Size::Unknown(symbol) => Self::Unknown(symbol),
        }
    }
}

/// The contents of a tensor, in row-major order.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Small {
    pub(crate) dims: Vec<u64>,
    pub(crate) cells: Vec<Cell>,
}

impl Small {
    /// A tensor of rank 0.
    pub(crate) fn scalar(cell: Cell) -> Self {
        Self {
            dims: Vec::new(),
            cells: vec![cell],
        }
    }

    /// A tensor of rank 1.
    pub(crate) fn vector(cells: Vec<Cell>) -> Self {
        Self {
            dims: vec![cells.len() as u64],
            cells,
        }
    }

    /// A tensor of nothing but unknown elements, if its shape is exact and small.
    pub(crate) fn unknown(of: &Type) -> Option<Self> {
        let is_exact = |size: &Size| match size {
            Size::Known(size) => Some(*size),
            _ => None,
        };
        let dims: Vec<u64> = of.shape()?.iter().map(is_exact).collect::<Option<_>>()?;
        let count = count(&dims)?;
        Some(Self {
            dims,
            cells: vec![Cell::Unknown(Symbols::NAMELESS); count],
        })
    }

    /// The contents of a tensor in the file, if they are there and may decide something.
    pub(crate) fn of_tensor(tensor: &TensorDef<'_>) -> Option<Self> {
        let dims: Vec<u64> = tensor
            .dims
            .iter()
            .map(|&dim| u64::try_from(dim).ok())
            .collect::<Option<_>>()?;
        let count = count(&dims)?;
        let element = Element::of(tensor.element)?;
        let cells = match &tensor.data {
            TensorData::Absent => Vec::new(),
            TensorData::Raw(bytes) => raw_cells(element, count, bytes)?,
            TensorData::Typed(chunks) => typed_cells(element, count, chunks)?,
        };
        (cells.len() == count).then_some(Self { dims, cells })
    }

    /// The value that the user gave for an input of these sizes.
    pub(crate) fn of_input(value: &InputValue, dims: Vec<u64>) -> Self {
        let cells = match value {
            InputValue::Ints(values) => values
                .iter()
                .map(|&value| Cell::Int(value, Trust::Given))
                .collect(),
            InputValue::Floats(values) => values
                .iter()
                .map(|&value| Cell::Float(value, Trust::Given))
                .collect(),
            InputValue::Bools(values) => values
                .iter()
                .map(|&value| Cell::Int(value.into(), Trust::Given))
                .collect(),
        };
        Self { dims, cells }
    }

    /// The exact whole numbers in it, if it has nothing else.
    pub(crate) fn ints(&self) -> Option<Vec<i64>> {
        self.cells.iter().map(|cell| cell.exact()).collect()
    }

    /// Its only whole number, if it is exact.
    pub(crate) fn single(&self) -> Option<i64> {
        match self.cells.as_slice() {
            [cell] => cell.exact(),
            _ => None,
        }
    }

    /// How far all of it may be relied on; `None` if some element is unknown.
    pub(crate) fn trust(&self) -> Option<Trust> {
        self.cells
            .iter()
            .try_fold(Trust::Constant, |all, cell| match cell {
                Cell::Int(_, trust) | Cell::Float(_, trust) => Some(all.max(*trust)),
                Cell::Unknown(_) => None,
            })
    }

    /// The least that its known elements may be relied on.
    pub(crate) fn least_trust(&self) -> Trust {
        let trust = self.cells.iter().map(|cell| match cell {
            Cell::Int(_, trust) | Cell::Float(_, trust) => *trust,
            Cell::Unknown(_) => Trust::Constant,
        });
        trust.max().unwrap_or(Trust::Constant)
    }

    /// Whether some element is a bound.
    pub(crate) fn has_bound(&self) -> bool {
        self.least_trust() == Trust::Bound
    }

    /// The symbols of its unknown elements.
    pub(crate) fn unknowns(&self) -> impl Iterator<Item = Symbol> + '_ {
        self.cells.iter().filter_map(|cell| match cell {
            Cell::Unknown(symbol) => Some(*symbol),
            _ => None,
        })
    }
}

/// What is known of an operand.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Operand<'v> {
    pub(crate) of: &'v Type,
    pub(crate) contents: Option<&'v Small>,
}

/// The number of elements of a tensor of these sizes, if it is small. An empty one is so only if
/// its other sizes are: an operator may go through all of them, or replace the one that is 0.
pub(crate) fn count(dims: &[u64]) -> Option<usize> {
    let mut sizes = dims.iter().filter(|&&dim| dim > 0);
    let extent = sizes.try_fold(1u64, |n, &dim| n.checked_mul(dim))?;
    let extent = usize::try_from(extent).ok();
    let extent = extent.filter(|&count| count <= MOST_CELLS)?;
    Some(if dims.contains(&0) { 0 } else { extent })
}

fn raw_cells(element: Element, count: usize, bytes: &[u8]) -> Option<Vec<Cell>> {
    fn each<const N: usize>(bytes: &[u8], cell: impl Fn([u8; N]) -> Cell) -> Vec<Cell> {
        let chunks = bytes.chunks_exact(N);
        chunks
            .map(|chunk| cell(chunk.try_into().expect("a chunk has N bytes")))
            .collect()
    }
    if !element.is_whole() && count > MOST_FLOATS {
        return None;
    }
    Some(match element.code() {
        1 => each(bytes, |b| {
            Cell::Float(f32::from_le_bytes(b).into(), Trust::Constant)
        }),
        11 => each(bytes, |b| {
            Cell::Float(f64::from_le_bytes(b), Trust::Constant)
        }),
        2 | 9 => each(bytes, |b| Cell::int(u8::from_le_bytes(b).into())),
        3 => each(bytes, |b| Cell::int(i8::from_le_bytes(b).into())),
        4 => each(bytes, |b| Cell::int(u16::from_le_bytes(b).into())),
        5 => each(bytes, |b| Cell::int(i16::from_le_bytes(b).into())),
        6 => each(bytes, |b| Cell::int(i32::from_le_bytes(b).into())),
        7 | 13 => each(bytes, |b| Cell::int(i64::from_le_bytes(b))),
        12 => each(bytes, |b| Cell::int(u32::from_le_bytes(b).into())),
        10 => each(bytes, |b| {
            Cell::Float(half(u16::from_le_bytes(b)), Trust::Constant)
        }),
        16 => each(bytes, |b| {
            let bits = u32::from(u16::from_le_bytes(b)) << 16;
            Cell::Float(f32::from_bits(bits).into(), Trust::Constant)
        }),
        _ => return None,
    })
}

/// The number that these bits are in half precision.
fn half(bits: u16) -> f64 {
    let fraction = f64::from(bits & 0x3ff) / 1024.0;
    let magnitude = match (bits >> 10) & 0x1f {
        0 => fraction * 2f64.powi(-14),
        31 if fraction == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        exponent => (1.0 + fraction) * 2f64.powi(i32::from(exponent) - 15),
    };
    if bits >> 15 == 1 {
        -magnitude
    } else {
        magnitude
    }
}

fn typed_cells(element: Element, count: usize, chunks: &[&[u8]]) -> Option<Vec<Cell>> {
    match element.code() {
        1 | 11 => raw_cells(element, count, &chunks.concat()),
        10 | 16 => {
            let cells = varints(chunks, count)?;
            let bytes: Vec<u8> = cells
                .into_iter()
                .flat_map(|bits| (bits as u16).to_le_bytes())
                .collect();
            raw_cells(element, count, &bytes)
        }
        _ if element.is_whole() => {
            let values = varints(chunks, count)?;
            Some(values.into_iter().map(Cell::int).collect())
        }
        _ => None,
    }
}

/// The numbers of a repeated field; `None` for more than `most` or for bytes that are none.
fn varints(chunks: &[&[u8]], most: usize) -> Option<Vec<i64>> {
    let mut values = Vec::new();
    let mut value = 0u64;
    let mut shift = 0;
    for chunk in chunks {
        for &byte in *chunk {
            value |= u64::from(byte & 0x7f).checked_shl(shift)?;
            shift += 7;
            if byte < 0x80 {
                values.push(value as i64);
                (value, shift) = (0, 0);
            }
            if values.len() > most {
                return None;
            }
        }
    }
    Some(values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tensor_is_small_only_if_it_would_be_with_one_for_each_size_of_zero() {
        for (dims, expected) in [
            (&[][..], Some(1)),
            (&[64, 64], Some(4096)),
            (&[64, 65], None),
            (&[0, 4096], Some(0)),
            (&[0, 4097], None),
            (&[u64::MAX, 0, 2], None),
        ] {
            assert_eq!(count(dims), expected, "{dims:?}");
        }
    }
}
