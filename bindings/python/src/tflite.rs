//! Plans written into TensorFlow Lite models.
//!
//! Stands on `model_error` and `plan`.

use pyo3::{prelude::*, types::PyBytes};

use crate::{model_error::model_error, plan::PyPlan};

/// A copy of a TensorFlow Lite model with a plan in it; see `orionrt.tflite.with_plan`.
#[pyfunction]
pub(crate) fn with_offline_plan<'py>(
    py: Python<'py>,
    model: &[u8],
    plan: &Bound<'_, PyPlan>,
) -> PyResult<Bound<'py, PyBytes>> {
    let plan = &plan.get().plan;
    let copy = py.detach(|| {
        let tensors = plan.lifetimes().iter().zip(plan.offsets());
        let offsets = tensors.map(|((_, name, _), &offset)| (name, offset));
        orionrt_models::with_offline_plan(model, offsets)
    });
    let copy = copy.map_err(|error| model_error(py, &error))?;
    Ok(PyBytes::new(py, &copy))
}
