//! Planning: lifetimes and limits in, a plan out.
//!
//! Stands on `search`, `progress`, `plan` and `errors`. Invariant: the interpreter's lock is free
//! while the library searches, and whatever ended a search early is told, also by an error.

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
    number::Whole,
    plan::PyPlan,
    progress::Reporter,
    raise::Exception,
    search::{self, Answer, OnInterrupt, PyCancel, Report},
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
    let rows = Arc::clone(&lifetimes.get().lifetimes);
    let answer = limits.get().run(py, |planner| planner.plan(&rows))?;
    let is_interrupted = answer.is_interrupted;
    match answer.value {
        Ok(plan) => Ok(PyPlan::new(plan)
            .ended_early(is_interrupted)
            .of_model(model)),
        Err(error) => Err(planner_error(py, &error, is_interrupted, model)),
    }
}

/// What limits a search, and what it starts from; see `orionrt.plan`.
#[pyclass(frozen, module = "orionrt._native")]
pub(crate) struct Limits {
    planner: Planner,
    /// The flag of the user.
    flag: Option<Cancel>,
    progress: Option<Py<PyAny>>,
    on_interrupt: OnInterrupt,
}

impl Limits {
    /// Runs a search within these limits.
    pub(crate) fn run<T: Send>(
        &self,
        py: Python<'_>,
        search: impl FnOnce(&Planner) -> T + Send,
    ) -> PyResult<Answer<T>> {
        let cancel = Cancel::new();
        let mut planner = self.planner.clone().cancelled_by(&cancel);
        let callback = self.progress.as_ref().map(|callback| callback.bind(py));
        let reporter = callback.map(Reporter::new);
        if let Some(reporter) = &reporter {
            planner = planner.reported_to(reporter.found());
        }
        let report = reporter.as_ref().map(|reporter| || reporter.report());
        let report = report.as_ref().map(|report| report as Report<'_>);
        let search = || search(&planner);
        let mut answer = search::run(py, &cancel, report, self.on_interrupt, search)?;
        answer.is_interrupted |= self.flag.as_ref().is_some_and(Cancel::is_cancelled);
        Ok(answer)
    }
}

#[pymethods]
impl Limits {
    #[new]
    #[pyo3(signature = (
        *, capacity=None, alignment=Whole(Ok(1)), time_limit=None, nodes=None,
        threads=Whole(Ok(1)), seed=Whole(Ok(0)), strategy="auto", keep=None, start_from=None,
        cancel=None, progress=None, on_interrupt="best"
    ), text_signature = "(*, capacity=None, alignment=1, time_limit=None, nodes=None, threads=1, \
        seed=0, strategy='auto', keep=None, start_from=None, cancel=None, progress=None, \
        on_interrupt='best')")]
    #[allow(clippy::too_many_arguments)]
    fn new(
        py: Python<'_>,
        capacity: Option<Whole>,
        alignment: Whole,
        time_limit: Option<f64>,
        nodes: Option<Whole>,
        threads: Whole,
        seed: Whole,
        strategy: &str,
        keep: Option<&Bound<'_, PyPlan>>,
        start_from: Option<&Bound<'_, PyPlan>>,
        cancel: Option<&Bound<'_, PyCancel>>,
        progress: Option<Py<PyAny>>,
        on_interrupt: &str,
    ) -> PyResult<Self> {
        let bytes = "a number of bytes, 0 or more";
        let capacity = capacity.map(|number| number.named(py, "capacity", bytes));
        let nodes = nodes.map(|number| number.named(py, "nodes", "a number of nodes, 0 or more"));
        let (capacity, nodes) = (capacity.transpose()?, nodes.transpose()?);
        let alignment = alignment.alignment(py)?;
        let threads = threads.named(py, "threads", "a number of threads, 0 or more")?;
        let threads = usize::try_from(threads).unwrap_or(usize::MAX);
        let seed = seed.named(py, "seed", "a whole number, 0 or more and below 2^64")?;
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
        let flag = cancel.map(|cancel| cancel.get().flag.clone());
        if let Some(flag) = &flag {
            planner = planner.cancelled_by(flag);
        }
        Ok(Self {
            planner,
            flag,
            progress,
            on_interrupt: OnInterrupt::named(on_interrupt)?,
        })
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

/// Why there is no plan of a model, if it is of one, and whether the search was ended early.
pub(crate) fn planner_error(
    py: Python<'_>,
    error: &PlannerError,
    is_interrupted: bool,
    model: Option<Py<PyModel>>,
) -> PyErr {
    match error {
        PlannerError::Lifetimes(error) => lifetimes_error(py, error),
        PlannerError::Fixed(error) | PlannerError::Strategy { error, .. } => plan_error(py, error),
        PlannerError::Capacity { capacity, best } => {
            let best = PyPlan::new(Plan::clone(best)).ended_early(is_interrupted);
            let exception = Exception::new(py, "CapacityError", error);
            let exception = exception.with("capacity", *capacity);
            let exception = exception.with("interrupted", is_interrupted);
            exception.with("best", best.of_model(model)).error()
        }
        error => Exception::new(py, "OrionError", error).error(),
    }
}
