//! Columns of numbers that Python reads without a copy.
//!
//! Stands on `buffers`. Invariant: what a column shows is never changed.

use std::{
    ffi::{c_int, c_void},
    sync::Arc,
};

use orionrt::Plan;
use pyo3::{
    exceptions::PyIndexError,
    ffi,
    prelude::*,
    types::{PyDict, PyList, PyMemoryView, PySlice},
};

use crate::buffers::{Elements, lend};

/// Numbers in the order of the tensors: a read-only sequence with the buffer protocol, so that
/// `numpy.asarray(column)` and `memoryview(column)` share its memory.
#[pyclass(frozen, sequence, module = "orionrt")]
pub(crate) struct Column {
    numbers: Numbers,
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
        Self { numbers, shape }
    }

    fn get(&self, index: usize) -> Option<i128> {
        match &self.numbers {
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
        match &self.numbers {
            Numbers::Offsets(plan) => PyList::new(py, places.map(|at| plan.offsets()[at])),
            Numbers::Bytes(numbers) => PyList::new(py, places.map(|at| numbers[at])),
            Numbers::Steps(numbers) => PyList::new(py, places.map(|at| numbers[at])),
        }
    }

    fn elements(&self) -> Elements<'_> {
        let (start, format): (*const c_void, _) = match &self.numbers {
            Numbers::Offsets(plan) => (plan.offsets().as_ptr().cast(), c"Q"),
            Numbers::Bytes(numbers) => (numbers.as_ptr().cast(), c"Q"),
            Numbers::Steps(numbers) => (numbers.as_ptr().cast(), c"q"),
        };
        Elements {
            start: start.cast_mut(),
            format,
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

/// How many numbers a representation shows.
const SHOWN: usize = 12;
