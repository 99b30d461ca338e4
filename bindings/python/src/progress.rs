//! What a callback is told of a search that goes on.
//!
//! Stands on the library. Invariant: the lower bound is that of every plan that the search may
//! find, and no best peak is below it.

use std::time::Instant;

use orionrt::planner::Progress;
use pyo3::prelude::*;

/// How far a search has come.
#[pyclass(frozen, get_all, name = "Progress", module = "orionrt")]
pub(crate) struct PyProgress {
    /// The seconds since the search began.
    seconds: f64,
    /// The lowest peak in bytes of all plans found so far; `None` before the first one. Of several
    /// models that are planned together, that of a joint plan.
    best_peak: Option<u64>,
    /// A lower bound of the peak of every plan in bytes, as it is known without a search.
    lower_bound: u64,
}

#[pymethods]
impl PyProgress {
    fn __repr__(&self) -> String {
        let peak = self
            .best_peak
            .map_or("None".into(), |peak| peak.to_string());
        format!(
            "<Progress: {:.3} seconds, best peak {peak}, lower bound {}>",
            self.seconds, self.lower_bound
        )
    }
}

/// Calls back during a search.
pub(crate) struct Reporter<'c, 'py> {
    callback: &'c Bound<'py, PyAny>,
    start: Instant,
    found: Progress,
}

impl<'c, 'py> Reporter<'c, 'py> {
    pub(crate) fn new(callback: &'c Bound<'py, PyAny>) -> Self {
        Self {
            callback,
            start: Instant::now(),
            found: Progress::new(),
        }
    }

    /// What the planner is to report to.
    pub(crate) fn found(&self) -> &Progress {
        &self.found
    }

    /// Calls back, unless nothing is known yet; returns whether the search is to go on.
    pub(crate) fn report(&self) -> PyResult<bool> {
        let (best_peak, lower_bound) = (self.found.best_peak(), self.found.lower_bound());
        if best_peak.is_none() && lower_bound == 0 {
            return Ok(true);
        }
        let progress = PyProgress {
            seconds: self.start.elapsed().as_secs_f64(),
            best_peak,
            lower_bound,
        };
        let answer = self.callback.call1((progress,))?;
        Ok(answer.extract::<bool>().unwrap_or(true))
    }
}
