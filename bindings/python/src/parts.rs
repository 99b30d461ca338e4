//! Lifetimes taken apart to be pickled, and put together again.
//!
//! Stands on `errors`. Rows are bytes, without an object of Python for each number; what few
//! tensors have is listed by their positions. Invariant: what is put together passes the checks
//! that any other rows pass.

use orionrt::{
    Lifetimes, TensorId,
    lifetimes::{Lifetime, LifetimesError, Piece},
};
use pyo3::{exceptions::PyValueError, prelude::*};

use crate::errors::lifetimes_error;

/// What is needed of a tensor: the first step, the first step after it, the first byte, and the
/// first byte after it.
pub(crate) type Window = (i64, i64, u64, u64);

/// The pieces of a tensor that has windows; none if it is needed whole whenever it is alive.
pub(crate) fn windows(lifetimes: &Lifetimes, id: TensorId) -> Vec<Window> {
    let size = lifetimes.get(id).map_or(0, |row| row.size);
    let pieces: Vec<Piece> = match lifetimes.has_windows() {
        true => lifetimes.pieces(id).collect(),
        false => Vec::new(),
    };
    if pieces.iter().all(|piece| piece.bytes == (0..size)) {
        return Vec::new();
    }
    let window = |Piece { steps, bytes, .. }| (steps.start, steps.end, bytes.start, bytes.end);
    pieces.into_iter().map(window).collect()
}

/// The windows as the library takes them.
pub(crate) fn pieces(windows: &[Window]) -> Vec<Piece> {
    let each = windows.iter();
    each.map(|&(lower, upper, first, end)| Piece::new(lower..upper, first..end))
        .collect()
}

/// The bytes of a row: lower, upper, size and alignment.
const ROW: usize = 32;

/// Lifetimes in plain values.
pub(crate) struct Parts {
    pub(crate) names: Vec<String>,
    /// For each tensor lower, upper, size and alignment, each of 8 bytes, the lowest byte first.
    pub(crate) rows: Vec<u8>,
    /// Tensors with a fixed offset.
    pub(crate) fixed: Vec<(u32, u64)>,
    /// Tensors that lie within another one: the other one, and the offset in its bytes.
    pub(crate) within: Vec<(u32, u32, u64)>,
    /// Tensors with gaps.
    pub(crate) gaps: Vec<(u32, Vec<(i64, i64)>)>,
    /// Tensors with windows: all of their pieces.
    pub(crate) windows: Vec<(u32, Vec<Window>)>,
}

impl Parts {
    /// The parts of lifetimes.
    pub(crate) fn of(lifetimes: &Lifetimes) -> Self {
        let rows = lifetimes.rows().iter().flat_map(|row| {
            let steps = [row.lower, row.upper].map(i64::to_le_bytes);
            let bytes = [row.size, row.alignment].map(u64::to_le_bytes);
            steps.into_iter().chain(bytes).flatten()
        });
        let each = || lifetimes.rows().iter().zip(0..);
        let within = each().filter_map(|(row, index)| {
            let within = row.within?;
            Some((index, within.root.index() as u32, within.offset))
        });
        let gaps = (0..lifetimes.len() as u32).map(|index| {
            let gaps = lifetimes.gaps(TensorId::new(index));
            (index, gaps.map(|gap| (gap.start, gap.end)).collect())
        });
        let windows = (0..lifetimes.len() as u32)
            .map(|index| (index, windows(lifetimes, TensorId::new(index))));
        Self {
            names: lifetimes.iter().map(|(_, name, _)| name.into()).collect(),
            rows: rows.collect(),
            fixed: each()
                .filter_map(|(row, index)| Some((index, row.fixed_offset?)))
                .collect(),
            within: within.collect(),
            gaps: gaps
                .filter(|(_, gaps): &(u32, Vec<_>)| !gaps.is_empty())
                .collect(),
            windows: windows.filter(|(_, windows)| !windows.is_empty()).collect(),
        }
    }

    /// The lifetimes of these parts.
    pub(crate) fn lifetimes(self, py: Python<'_>) -> PyResult<Lifetimes> {
        let count = self.names.len();
        let (rows, rest) = self.rows.as_chunks::<ROW>();
        if rows.len() != count || !rest.is_empty() {
            let (found, expected) = (self.rows.len(), count.saturating_mul(ROW));
            let message = format!("{count} names with {found} bytes of rows, expected {expected}");
            return Err(PyValueError::new_err(message));
        }
        let mut rows: Vec<Lifetime> = rows.iter().map(row).collect();
        for &(index, offset) in &self.fixed {
            change(&mut rows, index, |row| row.with_fixed_offset(offset))?;
        }
        for &(index, root, offset) in &self.within {
            change(&mut rows, index, |row| {
                row.with_root(TensorId::new(root), offset)
            })?;
        }
        let lifetimes = py.detach(|| self.checked(rows));
        lifetimes.map_err(|error| lifetimes_error(py, &error))
    }

    fn checked(&self, rows: Vec<Lifetime>) -> Result<Lifetimes, LifetimesError> {
        let gaps = self.gaps.iter().map(|(index, gaps)| {
            let gaps = gaps.iter().map(|&(lower, upper)| lower..upper);
            (TensorId::new(*index), gaps.collect())
        });
        let windows = self.windows.iter();
        let windows = windows.map(|(index, windows)| (TensorId::new(*index), pieces(windows)));
        Lifetimes::from_named(self.names.iter().zip(rows))?
            .with_all_gaps(gaps)?
            .with_all_windows(windows)
    }
}

fn row(bytes: &[u8; ROW]) -> Lifetime {
    let (numbers, _) = bytes.as_chunks::<8>();
    let [lower, upper] = [numbers[0], numbers[1]].map(i64::from_le_bytes);
    let [size, alignment] = [numbers[2], numbers[3]].map(u64::from_le_bytes);
    Lifetime::new(lower, upper, size).with_alignment(alignment)
}

fn change(rows: &mut [Lifetime], index: u32, of: impl Fn(Lifetime) -> Lifetime) -> PyResult<()> {
    let count = rows.len();
    let row = rows.get_mut(index as usize).ok_or_else(|| {
        let message = format!("position {index}, expected that of one of {count} tensors");
        PyValueError::new_err(message)
    })?;
    *row = of(*row);
    Ok(())
}
