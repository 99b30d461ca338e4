//! Whole numbers that callers give by name.
//!
//! Stands on `raise`. Invariant: what is refused is named, with what was given and what was
//! expected.

use pyo3::{
    Borrowed,
    exceptions::{PyTypeError, PyValueError},
    prelude::*,
};

use crate::raise::instead;

/// A whole number below 2^64, or what was given instead and why it is none.
pub(crate) struct Whole(pub(crate) Result<u64, (String, PyErr)>);

impl<'py> FromPyObject<'_, 'py> for Whole {
    type Error = PyErr;

    fn extract(value: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        Ok(Self(match value.extract::<u64>() {
            Ok(number) => Ok(number),
            Err(error) => Err((value.repr()?.to_string(), error)),
        }))
    }
}

impl Whole {
    /// The number of the argument of this name.
    pub(crate) fn named(self, py: Python<'_>, name: &str, expected: &str) -> PyResult<u64> {
        self.0.map_err(|(found, error)| {
            let message = format!("{name} is {found}, expected {expected}");
            let is_type = error.is_instance_of::<PyTypeError>(py);
            instead(py, error, || match is_type {
                true => PyTypeError::new_err(message),
                false => PyValueError::new_err(message),
            })
        })
    }

    /// The argument `alignment`.
    pub(crate) fn alignment(self, py: Python<'_>) -> PyResult<u64> {
        power_of_two(self.named(py, "alignment", "a number of bytes, 0 or more")?)
    }
}

/// The alignment of all tensors, unless it is none.
fn power_of_two(alignment: u64) -> PyResult<u64> {
    match alignment.is_power_of_two() {
        true => Ok(alignment),
        false => Err(PyValueError::new_err(format!(
            "alignment is {alignment}, expected a power of two"
        ))),
    }
}
