//! Plans that others made: those of a file, and offsets to be checked.
//!
//! Stands on `output` and `plan`. Invariant: a plan that is returned has passed the library's
//! check.

use std::{fs::File, path::PathBuf};

use orionrt::{Lifetimes, Plan, TensorId};
use pyo3::{
    buffer::PyUntypedBuffer,
    exceptions::{PyOverflowError, PyTypeError},
    prelude::*,
};

use crate::{
    buffers::whole_numbers,
    errors::{file_error, os_error, plan_error},
    lifetimes::PyLifetimes,
    output::is_csv,
    plan::PyPlan,
    raise::{Exception, instead, is_refusal},
};

/// Reads a plan from a file, as CSV if its name ends in `.csv` and otherwise as JSON, and checks
/// it.
#[pyfunction]
pub(crate) fn load(py: Python<'_>, path: PathBuf) -> PyResult<PyPlan> {
    let plan = py.detach(|| {
        let file = File::open(&path)?;
        Ok(match is_csv(&path) {
            true => Plan::read_csv(file),
            false => Plan::read_json(file),
        })
    });
    plan.map_err(|error| os_error(py, &path, &error))?
        .map(PyPlan::new)
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
    let lifetimes = &lifetimes.get().lifetimes;
    let offsets = match PyUntypedBuffer::get(offsets) {
        Ok(_) => whole_numbers(py, "offsets", offsets, |index, offset| {
            negative(py, lifetimes, index, offset)
        })?,
        Err(error) if is_refusal(py, &error) => listed(lifetimes, offsets)?,
        Err(error) => return Err(error),
    };
    let plan = py.detach(|| Plan::new(Lifetimes::clone(lifetimes), offsets));
    let plan = plan.map_err(|error| plan_error(py, &error))?;
    Ok(PyPlan::new(plan))
}

/// The offsets of a sequence.
fn listed(lifetimes: &Lifetimes, offsets: &Bound<'_, PyAny>) -> PyResult<Vec<u64>> {
    let py = offsets.py();
    let each = offsets.try_iter()?.enumerate();
    let each = each.map(|(index, offset)| {
        let offset = offset?;
        offset.extract::<u64>().map_err(|error| {
            if error.is_instance_of::<PyOverflowError>(py) {
                return negative(py, lifetimes, index, offset);
            }
            let text = format!("offsets[{index}] is {offset}, expected a whole number of bytes");
            instead(py, error, || PyTypeError::new_err(text))
        })
    });
    each.collect()
}

/// An offset that no plan has.
fn negative(
    py: Python<'_>,
    lifetimes: &Lifetimes,
    index: usize,
    offset: impl std::fmt::Display,
) -> PyErr {
    let id = u32::try_from(index).map(TensorId::new).ok();
    let name = id.and_then(|id| lifetimes.name(id)).unwrap_or_default();
    let message = format!(
        "tensor '{name}' (id {index}) is at offset {offset}, expected 0 or more, and less than 2^63"
    );
    let exception = Exception::new(py, "PlanError", message).with("ids", (index,));
    exception.with("names", (name,)).error()
}
