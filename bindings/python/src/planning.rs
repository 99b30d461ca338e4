//! Planning: lifetimes and limits in, a plan out.
//!
//! Stands on `search`, `plan` and `errors`. Invariant: the interpreter's lock is free while the
//! library searches.

use std::{sync::Arc, time::Duration};

use orionrt::{
    Plan, Planner,
    planner::{Cancel, PlannerError},
};
use pyo3::{exceptions::PyValueError, prelude::*};

use crate::{
    errors::{lifetimes_error, plan_error},
    lifetimes::PyLifetimes,
    model::PyModel,
    plan::PyPlan,
    raise::Exception,
    search::{self, PyCancel},
};

/// Plans lifetimes; see `orionrt.plan`.
#[pyfunction]
#[pyo3(signature = (lifetimes, limits, model=None))]
pub(crate) fn plan(
    py: Python<'_>,
    lifetimes: &Bound<'_, PyLifetimes>,
    limits: &Bound<'_, Limits>,
    model: Option<Py<PyModel>>,
) -> PyResult<PyPlan> {
    let (lifetimes, limits) = (lifetimes.get(), limits.get());
    let cancel = Cancel::new();
    let planner = limits.planner.clone().cancelled_by(&cancel);
    let rows = Arc::clone(&lifetimes.lifetimes);
    let progress = limits.progress.as_ref().map(|progress| progress.bind(py));
    let answer = search::run(py, &cancel, progress, move || planner.plan(&rows))?;
    let plan = answer.value.map_err(|error| planner_error(py, &error))?;
    let plan = PyPlan::new(plan).ended_early(answer.is_interrupted);
    Ok(plan.of_model(model).concurrent(lifetimes.is_concurrent))
}

/// What limits a search, and what it starts from; see `orionrt.plan`.
#[pyclass(frozen, module = "orionrt._native")]
pub(crate) struct Limits {
    pub(crate) planner: Planner,
    pub(crate) progress: Option<Py<PyAny>>,
}

#[pymethods]
impl Limits {
    #[new]
    #[pyo3(signature = (
        *, capacity=None, alignment=1, time_limit=None, nodes=None, threads=1, seed=0,
        strategy="auto", keep=None, start_from=None, cancel=None, progress=None
    ))]
    #[allow(clippy::too_many_arguments)]
    fn new(
        capacity: Option<u64>,
        alignment: u64,
        time_limit: Option<f64>,
        nodes: Option<u64>,
        threads: usize,
        seed: u64,
        strategy: &str,
        keep: Option<&Bound<'_, PyPlan>>,
        start_from: Option<&Bound<'_, PyPlan>>,
        cancel: Option<&Bound<'_, PyCancel>>,
        progress: Option<Py<PyAny>>,
    ) -> PyResult<Self> {
        let planner = Planner::new().strategy_named(strategy);
        let planner = planner.ok_or_else(|| unknown_strategy(strategy))?;
        let mut planner = planner.alignment(alignment).threads(threads).seed(seed);
        if let Some(nodes) = nodes {
            planner = planner.nodes(nodes);
        }
        if let Some(seconds) = time_limit {
            planner = with_time_limit(planner, seconds, nodes.is_some())?;
        }
        if let Some(capacity) = capacity {
            planner = planner.capacity(capacity);
        }
        if let Some(plan) = keep {
            planner = planner.keep(&plan.get().plan);
        }
        if let Some(plan) = start_from {
            planner = planner.start_from(&plan.get().plan);
        }
        if let Some(cancel) = cancel {
            planner = planner.cancelled_by(&cancel.get().flag);
        }
        Ok(Self { planner, progress })
    }
}

/// The planner with a limit in seconds, which may be infinite.
fn with_time_limit(planner: Planner, seconds: f64, has_nodes: bool) -> PyResult<Planner> {
    if seconds == f64::INFINITY {
        return Ok(match has_nodes {
            true => planner,
            false => planner.nodes(u64::MAX),
        });
    }
    let limit = Duration::try_from_secs_f64(seconds).map_err(|_| {
        PyValueError::new_err(format!(
            "time_limit is {seconds}, expected a number of seconds, 0 or more"
        ))
    })?;
    Ok(planner.time_limit(limit))
}

fn unknown_strategy(name: &str) -> PyErr {
    let known = strategies().join(", ");
    PyValueError::new_err(format!("strategy is '{name}', expected one of {known}"))
}

/// The names of all strategies, the default first.
#[pyfunction]
pub(crate) fn strategies() -> Vec<String> {
    let all = Planner::strategies();
    all.iter()
        .map(|strategy| strategy.name().to_string())
        .collect()
}

/// Why there is no plan.
pub(crate) fn planner_error(py: Python<'_>, error: &PlannerError) -> PyErr {
    match error {
        PlannerError::Lifetimes(error) => lifetimes_error(py, error),
        PlannerError::Fixed(error) | PlannerError::Strategy { error, .. } => plan_error(py, error),
        PlannerError::Capacity { capacity, best } => {
            let exception = Exception::new(py, "CapacityError", error);
            let exception = exception.with("capacity", *capacity);
            exception
                .with("best", PyPlan::new(Plan::clone(best)))
                .error()
        }
        error => Exception::new(py, "OrionError", error).error(),
    }
}
