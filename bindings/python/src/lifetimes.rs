//! Lifetimes, made of rows, of columns or of a file.
//!
//! Stands on `buffers`, `rows`, `parts`, `column` and `reading`. Invariant: what is here has passed
//! the library's checks.

use std::{path::PathBuf, sync::Arc};

use orionrt::{
    Lifetimes, TensorId,
    lifetimes::{Lifetime, Piece},
};
use orionrt_cli::read_lifetimes;
use pyo3::{
    exceptions::{PyIndexError, PyKeyError, PyTypeError, PyValueError},
    prelude::*,
    types::{PyBytes, PyType},
};

use crate::{
    buffers::{bytes, steps},
    column::Column,
    errors::lifetimes_error,
    number::Whole,
    parts::{Parts, Window},
    reading::{reading_error, warn},
    rows,
};

/// When each tensor is alive, and how many bytes it needs: what a planner gets to see.
///
/// Steps count positions in the order of execution; a tensor is alive in `lower..upper`, without
/// `upper`. Sizes and alignments are in bytes.
#[pyclass(frozen, name = "Lifetimes", module = "orionrt")]
pub(crate) struct PyLifetimes {
    pub(crate) lifetimes: Arc<Lifetimes>,
}

impl PyLifetimes {
    pub(crate) fn new(lifetimes: Lifetimes) -> Self {
        Self {
            lifetimes: Arc::new(lifetimes),
        }
    }

    pub(crate) fn shared(lifetimes: Arc<Lifetimes>) -> Self {
        Self { lifetimes }
    }

    fn numbered(&self, index: u32) -> PyResult<TensorId> {
        let count = self.lifetimes.len();
        if index as usize >= count {
            let message = format!("tensor {index} of {count}, counted from 0");
            return Err(PyIndexError::new_err(message));
        }
        Ok(TensorId::new(index))
    }

    fn find(&self, tensor: NameOrNumber) -> PyResult<TensorId> {
        let name = match tensor {
            NameOrNumber::Number(index) => return self.numbered(index),
            NameOrNumber::Name(name) => name,
        };
        let found = self.lifetimes.find(&name);
        found.ok_or_else(|| PyKeyError::new_err(name))
    }

    fn of_rows<T>(&self, field: impl Fn(&Lifetime) -> T) -> Vec<T> {
        self.lifetimes.rows().iter().map(field).collect()
    }
}

/// A tensor as a caller calls it.
#[derive(FromPyObject)]
enum NameOrNumber {
    #[pyo3(annotation = "str")]
    Name(String),
    #[pyo3(annotation = "int")]
    Number(u32),
}

/// What makes lifetimes again: see `Parts`.
type Pickled<'py> = (
    Vec<String>,
    Bound<'py, PyBytes>,
    Vec<(u32, u64)>,
    Vec<(u32, u32, u64)>,
    Vec<(u32, Vec<(i64, i64)>)>,
    Vec<(u32, Vec<Window>)>,
);

#[pymethods]
impl PyLifetimes {
    /// Lifetimes from rows: tuples `(name, lower, upper, size[, alignment])` or mappings with these
    /// keys and optionally `gaps`, `windows`, `fixed_offset` and `within`.
    #[staticmethod]
    fn from_rows(py: Python<'_>, rows: &Bound<'_, PyAny>) -> PyResult<Self> {
        rows::lifetimes(py, rows).map(Self::new)
    }

    /// Lifetimes from columns of whole numbers with the buffer protocol. Without `names`, tensors
    /// are called by their numbers: "0", "1", ... Of `fixed_offset`, a negative number fixes none.
    #[staticmethod]
    #[pyo3(signature = (lower, upper, size, alignment=None, fixed_offset=None, names=None))]
    fn from_columns(
        py: Python<'_>,
        lower: &Bound<'_, PyAny>,
        upper: &Bound<'_, PyAny>,
        size: &Bound<'_, PyAny>,
        alignment: Option<&Bound<'_, PyAny>>,
        fixed_offset: Option<&Bound<'_, PyAny>>,
        names: Option<Vec<String>>,
    ) -> PyResult<Self> {
        let columns = Columns {
            lower: steps(py, "lower", lower)?,
            upper: steps(py, "upper", upper)?,
            size: bytes(py, "size", size)?,
            alignment: alignment
                .map(|column| bytes(py, "alignment", column))
                .transpose()?,
            fixed: fixed_offset
                .map(|column| steps(py, "fixed_offset", column))
                .transpose()?,
            names,
        };
        columns.check_lengths()?;
        let lifetimes = py.detach(|| columns.lifetimes());
        lifetimes
            .map(Self::new)
            .map_err(|error| lifetimes_error(py, &error))
    }

    /// Lifetimes from a file: CSV, or idealloc's `.plc`. Of CSV with a column `device`, `device`
    /// chooses one, which it must where there are several.
    #[staticmethod]
    #[pyo3(signature = (path, *, device=None))]
    fn read(py: Python<'_>, path: PathBuf, device: Option<&str>) -> PyResult<Self> {
        read(py, path, device, 1)
    }

    /// The names of all tensors.
    #[getter]
    fn names(&self) -> Vec<&str> {
        self.lifetimes.iter().map(|(_, name, _)| name).collect()
    }

    /// The first step of each tensor.
    #[getter]
    fn lower(&self) -> Column {
        Column::steps(self.of_rows(|row| row.lower))
    }

    /// The step after the last one of each tensor.
    #[getter]
    fn upper(&self) -> Column {
        Column::steps(self.of_rows(|row| row.upper))
    }

    /// The size of each tensor in bytes.
    #[getter]
    fn size(&self) -> Column {
        Column::bytes(self.of_rows(|row| row.size))
    }

    /// The alignment of each tensor in bytes.
    #[getter]
    fn alignment(&self) -> Column {
        Column::bytes(self.of_rows(|row| row.alignment))
    }

    /// These lifetimes with every alignment raised to at least this one, in bytes.
    fn with_alignment(&self, py: Python<'_>, alignment: Whole) -> PyResult<Self> {
        let alignment = alignment.alignment(py)?;
        let aligned = py.detach(|| Lifetimes::clone(&self.lifetimes).with_alignment(alignment));
        aligned
            .map(Self::new)
            .map_err(|error| lifetimes_error(py, &error))
    }

    /// The most bytes that are alive at one step: no plan has a lower peak.
    #[getter]
    fn load(&self, py: Python<'_>) -> u64 {
        py.detach(|| self.lifetimes.load())
    }

    /// The best lower bound of any plan's peak that is known without a search, in bytes.
    #[getter]
    fn lower_bound(&self, py: Python<'_>) -> u64 {
        py.detach(|| self.lifetimes.lower_bound())
    }

    /// The load over time: `(lower, upper, bytes)` for steps with the same tensors alive.
    fn load_profile(&self, py: Python<'_>) -> Vec<(i64, i64, u64)> {
        let profile = py.detach(|| self.lifetimes.load_profile());
        let each = profile.into_iter();
        each.map(|(steps, bytes)| (steps.start, steps.end, bytes))
            .collect()
    }

    /// A lower bound over time: `(lower, upper, bytes)` for steps with the same tensors alive, each
    /// with the least end of the topmost one in any plan. It is above the load where alignment
    /// costs bytes or an offset is fixed.
    fn bound_profile(&self, py: Python<'_>) -> Vec<(i64, i64, u64)> {
        let profile = py.detach(|| self.lifetimes.bound_profile());
        let each = profile.into_iter();
        each.map(|(steps, bytes)| (steps.start, steps.end, bytes))
            .collect()
    }

    /// Whether two tensors, given by name or by number, must not share bytes: both need bytes of
    /// their own, and they may be alive at the same time.
    fn conflict(&self, a: NameOrNumber, b: NameOrNumber) -> PyResult<bool> {
        Ok(self.lifetimes.conflict(self.find(a)?, self.find(b)?))
    }

    /// The gaps of a tensor, by its number: pairs `(lower, upper)` of steps at which its bytes are
    /// not needed.
    fn gaps(&self, index: u32) -> PyResult<Vec<(i64, i64)>> {
        let gaps = self.lifetimes.gaps(self.numbered(index)?);
        Ok(gaps.map(|gap| (gap.start, gap.end)).collect())
    }

    /// Which bytes of a tensor, given by its number, are needed at which steps: `(lower, upper,
    /// first, end)`, counted from the start of the tensor. Without gaps and windows that is all of
    /// its bytes in all of its steps.
    fn pieces(&self, index: u32) -> PyResult<Vec<Window>> {
        let pieces = self.lifetimes.pieces(self.numbered(index)?);
        let plain = |piece: Piece| {
            let (steps, bytes) = (piece.steps, piece.bytes);
            (steps.start, steps.end, bytes.start, bytes.end)
        };
        Ok(pieces.map(plain).collect())
    }

    fn __len__(&self) -> usize {
        self.lifetimes.len()
    }

    fn __hash__(&self) -> u64 {
        self.lifetimes.total_bytes() ^ (self.lifetimes.len() as u64).rotate_left(32)
    }

    fn __eq__(&self, other: &Bound<'_, Self>) -> bool {
        self.lifetimes == other.get().lifetimes
    }

    fn __copy__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __deepcopy__(slf: Py<Self>, _memo: &Bound<'_, PyAny>) -> Py<Self> {
        slf
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, Pickled<'py>)> {
        let (py, lifetimes) = (slf.py(), &slf.get().lifetimes);
        if !lifetimes.steps_tell_conflicts() {
            return Err(PyTypeError::new_err(
                "cannot pickle lifetimes of operators or models that may run at the same time: \
                 their steps do not say which tensors may be alive together",
            ));
        }
        let parts = py.detach(|| Parts::of(lifetimes));
        let rows = PyBytes::new(py, &parts.rows);
        let pickled = (
            parts.names,
            rows,
            parts.fixed,
            parts.within,
            parts.gaps,
            parts.windows,
        );
        Ok((slf.get_type().getattr("_from_pickle")?, pickled))
    }

    /// The lifetimes that `__reduce__` has taken apart; pickles of earlier versions have no
    /// windows.
    #[classmethod]
    #[pyo3(signature = (names, rows, fixed, within, gaps, windows=vec![]))]
    #[allow(clippy::too_many_arguments)]
    fn _from_pickle(
        _class: &Bound<'_, PyType>,
        py: Python<'_>,
        names: Vec<String>,
        rows: &[u8],
        fixed: Vec<(u32, u64)>,
        within: Vec<(u32, u32, u64)>,
        gaps: Vec<(u32, Vec<(i64, i64)>)>,
        windows: Vec<(u32, Vec<Window>)>,
    ) -> PyResult<Self> {
        let rows = rows.to_vec();
        let parts = Parts {
            names,
            rows,
            fixed,
            within,
            gaps,
            windows,
        };
        parts.lifetimes(py).map(Self::new)
    }

    fn __repr__(&self) -> String {
        let lifetimes = &self.lifetimes;
        format!(
            "<Lifetimes: {} tensors, load {} bytes>",
            lifetimes.len(),
            lifetimes.load()
        )
    }
}

/// Lifetimes from a file; `stack_level` is that of Python's warnings.
#[pyfunction]
#[pyo3(name = "read_lifetimes")]
pub(crate) fn read(
    py: Python<'_>,
    path: PathBuf,
    device: Option<&str>,
    stack_level: i32,
) -> PyResult<PyLifetimes> {
    let read = py.detach(|| read_lifetimes(&path, device));
    let (lifetimes, warnings) = read.map_err(|error| reading_error(py, &path, &error))?;
    warn(py, &path, &warnings, stack_level)?;
    Ok(PyLifetimes::new(lifetimes))
}

/// Columns of the same length.
struct Columns {
    lower: Vec<i64>,
    upper: Vec<i64>,
    size: Vec<u64>,
    alignment: Option<Vec<u64>>,
    fixed: Option<Vec<i64>>,
    names: Option<Vec<String>>,
}

impl Columns {
    fn check_lengths(&self) -> PyResult<()> {
        let count = self.lower.len();
        let others = [
            ("upper", Some(self.upper.len())),
            ("size", Some(self.size.len())),
            ("alignment", self.alignment.as_ref().map(Vec::len)),
            ("fixed_offset", self.fixed.as_ref().map(Vec::len)),
            ("names", self.names.as_ref().map(Vec::len)),
        ];
        let other = others
            .iter()
            .find(|(_, length)| length.is_some_and(|n| n != count));
        match other {
            Some((name, length)) => Err(PyValueError::new_err(format!(
                "{name} has {} values, expected {count}, as lower has",
                length.unwrap_or_default()
            ))),
            None => Ok(()),
        }
    }

    fn lifetimes(self) -> Result<Lifetimes, orionrt::lifetimes::LifetimesError> {
        let row = |index: usize| {
            let alignment = self.alignment.as_ref().map_or(1, |column| column[index]);
            let row = Lifetime::new(self.lower[index], self.upper[index], self.size[index]);
            let row = row.with_alignment(alignment);
            let fixed = self.fixed.as_ref().map(|column| column[index]);
            match fixed.and_then(|offset| u64::try_from(offset).ok()) {
                Some(offset) => row.with_fixed_offset(offset),
                None => row,
            }
        };
        let rows = (0..self.lower.len()).map(row);
        match &self.names {
            Some(names) => Lifetimes::from_named(names.iter().zip(rows)),
            None => {
                let numbers = (0..self.lower.len()).map(|index| index.to_string());
                Lifetimes::from_named(numbers.zip(rows))
            }
        }
    }
}
