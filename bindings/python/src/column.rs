//! Columns of numbers that Python reads without a copy.
//!
//! Stands on `buffers` and `arrow`. Invariant: what a column shows is never changed.

use std::{
    ffi::{c_int, c_void},
    sync::Arc,
};

use orionrt::Plan;
use pyo3::{
    exceptions::{PyIndexError, PyValueError},
    ffi,
    prelude::*,
    types::{PyBytes, PyDict, PyList, PyMemoryView, PySlice, PyType},
};

use crate::{
    arrow::{self, Capsules},
    buffers::{Elements, lend},
};

/// Numbers in the order of the tensors: a read-only sequence with the buffer protocol, so that
/// `numpy.asarray(column)` and `memoryview(column)` share its memory.
#[pyclass(frozen, sequence, module = "orionrt")]
pub(crate) struct Column {
    numbers: Arc<Numbers>,
    shape: [ffi::Py_ssize_t; 1],
}

enum Numbers {
    Offsets(Arc<Plan>),
    Bytes(Vec<u64>),
    Steps(Vec<i64>),
}

/// The bytes of a number.
const STRIDES: &[ffi::Py_ssize_t; 1] = &[8];

impl Column {
    /// The offsets of a plan, in bytes.
    pub(crate) fn offsets(plan: Arc<Plan>) -> Self {
        let count = plan.len();
        Self::new(Numbers::Offsets(plan), count)
    }

    /// Sizes or alignments, in bytes.
    pub(crate) fn bytes(numbers: Vec<u64>) -> Self {
        let count = numbers.len();
        Self::new(Numbers::Bytes(numbers), count)
    }

    /// Steps.
    pub(crate) fn steps(numbers: Vec<i64>) -> Self {
        let count = numbers.len();
        Self::new(Numbers::Steps(numbers), count)
    }

    fn new(numbers: Numbers, count: usize) -> Self {
        // A vector has at most `isize::MAX` bytes.
        let shape = [count as ffi::Py_ssize_t];
        let numbers = Arc::new(numbers);
        Self { numbers, shape }
    }

    fn get(&self, index: usize) -> Option<i128> {
        match &*self.numbers {
            Numbers::Offsets(plan) => plan.offsets().get(index).map(|&n| n.into()),
            Numbers::Bytes(numbers) => numbers.get(index).map(|&n| n.into()),
            Numbers::Steps(numbers) => numbers.get(index).map(|&n| n.into()),
        }
    }

    fn values(&self) -> impl ExactSizeIterator<Item = i128> {
        (0..self.shape[0] as usize).map(|index| self.get(index).unwrap_or_default())
    }

    /// The numbers at these places, all of which the column has. They are not widened first: Python
    /// makes a number of 128 bits slowly.
    fn list<'py>(
        &self,
        py: Python<'py>,
        places: impl ExactSizeIterator<Item = usize>,
    ) -> PyResult<Bound<'py, PyList>> {
        match &*self.numbers {
            Numbers::Offsets(plan) => PyList::new(py, places.map(|at| plan.offsets()[at])),
            Numbers::Bytes(numbers) => PyList::new(py, places.map(|at| numbers[at])),
            Numbers::Steps(numbers) => PyList::new(py, places.map(|at| numbers[at])),
        }
    }

    /// The first number, and whether numbers have a sign.
    fn start(&self) -> (*const c_void, bool) {
        match &*self.numbers {
            Numbers::Offsets(plan) => (plan.offsets().as_ptr().cast(), false),
            Numbers::Bytes(numbers) => (numbers.as_ptr().cast(), false),
            Numbers::Steps(numbers) => (numbers.as_ptr().cast(), true),
        }
    }

    fn elements(&self) -> Elements<'_> {
        let (start, is_signed) = self.start();
        Elements {
            start: start.cast_mut(),
            format: if is_signed { c"q" } else { c"Q" },
            item_bytes: STRIDES[0],
            shape: &self.shape,
            strides: STRIDES,
            is_writable: false,
        }
    }
}

#[pymethods]
impl Column {
    fn __len__(&self) -> usize {
        self.shape[0] as usize
    }

    fn __getitem__<'py>(
        &self,
        py: Python<'py>,
        index: &Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        if let Ok(slice) = index.cast::<PySlice>() {
            let picked = slice.indices(self.shape[0])?;
            let places = 0..picked.slicelength;
            let place = |k: usize| (picked.start + k as isize * picked.step) as usize;
            return Ok(self.list(py, places.map(place))?.into_any());
        }
        let (given, count) = (index.extract::<isize>()?, self.shape[0]);
        let at = if given < 0 { given + count } else { given };
        if !(0..count).contains(&at) {
            let message = format!("index {given} of a column of {count} numbers");
            return Err(PyIndexError::new_err(message));
        }
        self.list(py, std::iter::once(at as usize))?.get_item(0)
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Ok(self.tolist(py)?.try_iter()?.into_any())
    }

    fn __eq__(&self, py: Python<'_>, other: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        if let Ok(other) = other.cast::<Self>() {
            let is_equal = self.values().eq(other.get().values());
            return Ok(is_equal.into_pyobject(py)?.to_owned().into_any().unbind());
        }
        if other.is_instance_of::<PyList>() {
            let is_equal = self.tolist(py)?.eq(other)?;
            return Ok(is_equal.into_pyobject(py)?.to_owned().into_any().unbind());
        }
        Ok(py.NotImplemented())
    }

    fn __repr__(&self) -> String {
        let shown: Vec<String> = self.values().take(SHOWN).map(|n| n.to_string()).collect();
        let more = self.values().len().saturating_sub(SHOWN);
        match more {
            0 => format!("Column([{}])", shown.join(", ")),
            more => format!("Column([{}, … {more} more])", shown.join(", ")),
        }
    }

    /// The numbers as a list.
    fn tolist<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        self.list(py, 0..self.shape[0] as usize)
    }

    /// An array of NumPy: what pandas asks for. `numpy.asarray` uses the buffer protocol.
    #[pyo3(signature = (dtype=None, copy=None))]
    fn __array__<'py>(
        slf: &Bound<'py, Self>,
        dtype: Option<&Bound<'py, PyAny>>,
        copy: Option<bool>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = slf.py();
        let arguments = PyDict::new(py);
        arguments.set_item("dtype", dtype)?;
        arguments.set_item("copy", copy)?;
        let numbers = PyMemoryView::from(slf.as_any())?;
        let numpy = py.import("numpy")?;
        numpy.call_method("array", (numbers,), Some(&arguments))
    }

    /// The numbers for libraries that speak Arrow, as polars does, without a copy.
    #[pyo3(signature = (requested_schema=None))]
    fn __arrow_c_array__<'py>(
        &self,
        py: Python<'py>,
        requested_schema: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Capsules<'py>> {
        // Another type may be asked for, and need not be given.
        let _ = requested_schema;
        let (start, is_signed) = self.start();
        let numbers = arrow::Numbers {
            owner: Arc::clone(&self.numbers),
            start,
            count: self.__len__(),
            format: if is_signed { c"l" } else { c"L" },
        };
        // SAFETY: a column has so many numbers, which are never changed and live as long as its
        // owner.
        unsafe { arrow::capsules(py, numbers) }
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, Pickled<'py>)> {
        let (py, this) = (slf.py(), slf.get());
        let bytes = match &*this.numbers {
            Numbers::Offsets(plan) => of_numbers(py, plan.offsets(), u64::to_le_bytes),
            Numbers::Bytes(numbers) => of_numbers(py, numbers, u64::to_le_bytes),
            Numbers::Steps(numbers) => of_numbers(py, numbers, i64::to_le_bytes),
        };
        let (_, is_signed) = this.start();
        let pickled = (bytes, is_signed);
        Ok((slf.get_type().getattr("_from_pickle")?, pickled))
    }

    /// The column that `__reduce__` has taken apart.
    #[classmethod]
    fn _from_pickle(_class: &Bound<'_, PyType>, bytes: &[u8], is_signed: bool) -> PyResult<Self> {
        let (numbers, rest) = bytes.as_chunks::<8>();
        if !rest.is_empty() {
            let message = format!("{} bytes, expected a multiple of 8", bytes.len());
            return Err(PyValueError::new_err(message));
        }
        Ok(match is_signed {
            true => Self::steps(numbers.iter().map(|&n| i64::from_le_bytes(n)).collect()),
            false => Self::bytes(numbers.iter().map(|&n| u64::from_le_bytes(n)).collect()),
        })
    }

    unsafe fn __getbuffer__(
        slf: Bound<'_, Self>,
        view: *mut ffi::Py_buffer,
        flags: c_int,
    ) -> PyResult<()> {
        let elements = slf.get().elements();
        // SAFETY: Python calls this with a view to fill in. A column is never changed, and its
        // numbers and its shape are its own.
        unsafe { lend(slf.clone().into_any(), &elements, view, flags) }
    }
}

/// What makes a column again: its numbers, the lowest byte of each first, and whether they have a
/// sign.
type Pickled<'py> = (Bound<'py, PyBytes>, bool);

fn of_numbers<'py, T: Copy>(
    py: Python<'py>,
    numbers: &[T],
    bytes: impl Fn(T) -> [u8; 8],
) -> Bound<'py, PyBytes> {
    let numbers: Vec<u8> = numbers.iter().flat_map(|&number| bytes(number)).collect();
    PyBytes::new(py, &numbers)
}

/// How many numbers a representation shows.
const SHOWN: usize = 12;
