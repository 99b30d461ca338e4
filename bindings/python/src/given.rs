//! Plans that others made: those of a file, and offsets to be checked.
//!
//! Stands on `output` and `plan`. Invariant: a plan that is returned has passed the library's
//! check.

use std::{fs::File, path::PathBuf};

use orionrt::{Lifetimes, Plan};
use pyo3::{buffer::PyUntypedBuffer, prelude::*};

use crate::{
    buffers::bytes,
    errors::{file_error, os_error, plan_error},
    lifetimes::PyLifetimes,
    output::is_csv,
    plan::PyPlan,
};

/// Reads a plan from a file, as CSV if its name ends in `.csv` and otherwise as JSON, and checks
/// it.
#[pyfunction]
pub(crate) fn load(py: Python<'_>, path: PathBuf) -> PyResult<PyPlan> {
    let file = File::open(&path).map_err(|error| os_error(&path, &error))?;
    let plan = py.detach(|| match is_csv(&path) {
        true => Plan::read_csv(file),
        false => Plan::read_json(file),
    });
    plan.map(PyPlan::new)
        .map_err(|error| file_error(py, &path, &error))
}

/// Accepts offsets in bytes, a buffer or a sequence of one for each tensor in order, if they make a
/// plan.
#[pyfunction]
pub(crate) fn check(
    py: Python<'_>,
    lifetimes: &Bound<'_, PyLifetimes>,
    offsets: &Bound<'_, PyAny>,
) -> PyResult<PyPlan> {
    let offsets = match PyUntypedBuffer::get(offsets) {
        Ok(_) => bytes(py, "offsets", offsets)?,
        Err(_) => offsets.extract()?,
    };
    let given = lifetimes.get();
    let plan = py.detach(|| Plan::new(Lifetimes::clone(&given.lifetimes), offsets));
    let plan = plan.map_err(|error| plan_error(py, &error))?;
    Ok(PyPlan::new(plan).concurrent(given.is_concurrent))
}
