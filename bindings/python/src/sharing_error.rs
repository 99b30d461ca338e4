//! Why models or a schedule were refused, as exceptions.
//!
//! Stands on `planning` and `raise`. Invariant: an exception has the names and the steps of the
//! error that it is made of.

use orionrt::models::SharingError;
use pyo3::prelude::*;

use crate::{planning::planner_error, raise::Exception};

/// Why models, a schedule or a joint plan were refused.
pub(crate) fn sharing_error(py: Python<'_>, error: &SharingError, is_interrupted: bool) -> PyErr {
    match error {
        SharingError::Planning { error, .. } => planner_error(py, error, is_interrupted, None),
        error => refusal(py, error).error(),
    }
}

/// An exception with the names and steps of an error.
fn refusal<'py>(py: Python<'py>, error: &SharingError) -> Exception<'py> {
    let exception = Exception::new(py, "SharingError", error);
    match error {
        SharingError::OutOfTime {
            model,
            tensor,
            start,
        } => exception
            .with("models", (&**model,))
            .with("tensor", &**tensor)
            .with("starts", (*start,)),
        SharingError::RunsOverlap {
            model,
            tensor,
            starts,
        } => exception
            .with("models", (&**model,))
            .with("tensor", &**tensor)
            .with("starts", (starts[0], starts[1])),
        SharingError::DuplicateModel { name: model, .. }
        | SharingError::PairedWithItself { model }
        | SharingError::NeverStarts { model }
        | SharingError::TooManyRuns { model, .. }
        | SharingError::SeveralInOne { model }
        | SharingError::StreamsOnClock { model } => exception.with("models", (&**model,)),
        _ => exception,
    }
}
