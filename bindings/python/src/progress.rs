//! What a callback is told of a search that goes on.
//!
//! Stands on the library. Invariant: the lower bound is that of every plan that the search may
//! find, and no best peak is below it.

use std::{cell::OnceCell, time::Instant};

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
pub(crate) struct Reporter<'c, 'py, B> {
    callback: &'c Bound<'py, PyAny>,
    start: Instant,
    found: Progress,
    bound: B,
    known: OnceCell<u64>,
}

impl<'c, 'py, B: Fn() -> u64 + Sync> Reporter<'c, 'py, B> {
    /// `bound` is asked once, when there is something to report.
    pub(crate) fn new(callback: &'c Bound<'py, PyAny>, bound: B) -> Self {
        Self {
            callback,
            start: Instant::now(),
            found: Progress::new(),
            bound,
            known: OnceCell::new(),
        }
    }

    /// What the planner is to report to.
    pub(crate) fn found(&self) -> &Progress {
        &self.found
    }

    /// Calls back; returns whether the search is to go on.
    pub(crate) fn report(&self, py: Python<'py>) -> PyResult<bool> {
        let bound = &self.bound;
        let lower_bound = *self.known.get_or_init(|| py.detach(bound));
        let progress = PyProgress {
            seconds: self.start.elapsed().as_secs_f64(),
            best_peak: self.found.best_peak(),
            lower_bound,
        };
        let answer = self.callback.call1((progress,))?;
        Ok(answer.extract::<bool>().unwrap_or(true))
    }
}
