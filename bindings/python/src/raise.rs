//! Raising the exceptions of `orionrt/_errors.py`.
//!
//! Stands on nothing. The classes are Python's, so that they have annotations and can be pickled.
//! Invariant: what an error is about is in the attributes of its exception, not in its text alone.

use std::fmt::Display;

use pyo3::{
    IntoPyObjectExt,
    exceptions::{PyBufferError, PyOverflowError, PyTypeError, PyValueError},
    prelude::*,
    types::PyRange,
};

/// Whether an exception says that a value is not of the kind or in the range that was asked for.
/// Others, as that of Ctrl-C, are to be passed on.
pub(crate) fn is_refusal(py: Python<'_>, error: &PyErr) -> bool {
    error.is_instance_of::<PyTypeError>(py)
        || error.is_instance_of::<PyValueError>(py)
        || error.is_instance_of::<PyOverflowError>(py)
        || error.is_instance_of::<PyBufferError>(py)
}

/// An exception that says more than one that refuses a value, which becomes its cause.
pub(crate) fn instead(py: Python<'_>, error: PyErr, better: impl FnOnce() -> PyErr) -> PyErr {
    if !is_refusal(py, &error) {
        return error;
    }
    let better = better();
    better.set_cause(py, Some(error));
    better
}

/// An exception on its way: its class, its message and its attributes.
pub(crate) struct Exception<'py> {
    py: Python<'py>,
    value: PyResult<Bound<'py, PyAny>>,
}

impl<'py> Exception<'py> {
    /// An exception of a class of `orionrt/_errors.py`.
    pub(crate) fn new(py: Python<'py>, class: &str, message: impl Display) -> Self {
        let module = py.import("orionrt._errors");
        let class = module.and_then(|module| module.getattr(class));
        let value = class.and_then(|class| class.call1((message.to_string(),)));
        Self { py, value }
    }

    /// Adds an attribute.
    pub(crate) fn with(self, name: &str, attribute: impl IntoPyObject<'py>) -> Self {
        let py = self.py;
        let value = self.value.and_then(|value| {
            value.setattr(name, attribute.into_bound_py_any(py)?)?;
            Ok(value)
        });
        Self { py, value }
    }

    /// Adds an attribute that is a range of numbers.
    pub(crate) fn with_range<N: TryInto<isize>>(
        self,
        name: &str,
        range: std::ops::Range<N>,
    ) -> Self {
        let [start, end] = [range.start, range.end].map(|end| end.try_into().unwrap_or(isize::MAX));
        match PyRange::new(self.py, start, end) {
            Ok(range) => self.with(name, range),
            Err(error) => Self {
                py: self.py,
                value: Err(error),
            },
        }
    }

    /// The exception, to be raised.
    pub(crate) fn error(self) -> PyErr {
        self.value.map_or_else(|error| error, PyErr::from_value)
    }
}
