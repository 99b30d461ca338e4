//! Sums, products and extremes along axes.
//!
//! Stands on `arithmetic` and `layout`.

use super::arithmetic::{Binary, binary_cell};
use super::layout;
use crate::onnx::small::{Cell, Small};
use crate::onnx::symbols::Symbols;

/// The elements of these axes combined, which keep size 1 if `keeps` says so.
pub(super) fn reduce(
    of: &Small,
    operation: Binary,
    axes: &[i64],
    keeps: bool,
    symbols: &mut Symbols,
) -> Option<Small> {
    let rank = of.dims.len();
    let axes: Vec<usize> = axes
        .iter()
        .map(|&at| layout::axis(at, rank))
        .collect::<Option<_>>()?;
    let mut result = of.clone();
    for &axis in &axes {
        result = along(&result, operation, axis, symbols)?;
    }
    if !keeps {
        let named: Vec<i64> = axes.iter().map(|&at| at as i64).collect();
        result = layout::squeeze(&result, Some(&named))?;
    }
    Some(result)
}

fn along(of: &Small, operation: Binary, axis: usize, symbols: &mut Symbols) -> Option<Small> {
    let size = of.dims[axis] as usize;
    let inner = of.dims[axis + 1..].iter().product::<u64>() as usize;
    let outer = of.dims[..axis].iter().product::<u64>() as usize;
    let mut cells = Vec::with_capacity(outer * inner);
    for block in 0..outer {
        for place in 0..inner {
            let mut all = (0..size).map(|at| of.cells[(block * size + at) * inner + place]);
            // An empty sum or product has no type here, and an empty extreme no value.
            let first = match (all.next(), operation) {
                (Some(first), _) => first,
                (None, Binary::Mul) => Cell::int(1),
                (None, Binary::Add) => Cell::int(0),
                (None, _) => return None,
            };
            cells.push(all.try_fold(first, |sum, cell| {
                binary_cell(operation, sum, cell, symbols)
            })?);
        }
    }
    let mut dims = of.dims.clone();
    dims[axis] = 1;
    Some(Small { dims, cells })
}
