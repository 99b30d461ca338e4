//! Several models in one region.
//!
//! Stands on `planning`, `plan` and `lifetimes`. Invariant: a model is called by the name that it
//! was given, and its part of the joint plan has its own names and steps.

use std::{
    collections::HashMap,
    sync::{Arc, OnceLock},
};

use orionrt::{
    ModelSet, Plan, Schedule,
    models::{ModelId, SharedPlan, SharingError},
};
use pyo3::{
    exceptions::{PyKeyError, PyTypeError, PyValueError},
    prelude::*,
    types::{PyDict, PyList, PyString},
};

use crate::{
    lifetimes::PyLifetimes,
    mapping::view,
    plan::{PyPlan, hash_of},
    planning::{Limits, planner_error},
    raise::{Exception, instead},
};

/// A plan of several models in one region: a mapping from the names of the models to their parts,
/// each a `Plan` with offsets in the joint region. Bytes everywhere.
#[pyclass(frozen, mapping, name = "SharedPlan", module = "orionrt")]
pub(crate) struct PySharedPlan {
    shared: SharedPlan,
    /// A copy of its joint plan, once it was asked for.
    joint: OnceLock<Arc<Plan>>,
    is_interrupted: bool,
}

impl PySharedPlan {
    fn find(&self, name: &str) -> PyResult<ModelId> {
        let model = self.shared.find(name);
        model.ok_or_else(|| PyKeyError::new_err(name.to_string()))
    }
}

#[pymethods]
impl PySharedPlan {
    /// The joint plan of all models; its tensors are called `model/tensor`.
    #[getter]
    fn plan(&self, py: Python<'_>) -> PyPlan {
        let copy = || Arc::new(self.shared.plan().clone());
        let plan = py.detach(|| Arc::clone(self.joint.get_or_init(copy)));
        PyPlan::shared(plan).ended_early(self.is_interrupted)
    }

    /// The size of the joint region in bytes.
    #[getter]
    fn peak(&self) -> u64 {
        self.shared.plan().peak()
    }

    /// The best proven lower bound of the peak of every plan for this schedule, in bytes.
    #[getter]
    fn lower_bound(&self) -> u64 {
        self.shared.plan().lower_bound()
    }

    /// Whether the peak is the proven lower bound, so that no plan can be smaller.
    #[getter]
    fn optimal(&self) -> bool {
        self.shared.plan().is_optimal()
    }

    /// What a region of its own for each model takes, one after the other, in bytes.
    #[getter]
    fn isolated_sum(&self) -> u64 {
        self.shared.isolated_sum()
    }

    /// How many bytes the joint region saves compared to regions of their own.
    #[getter]
    fn saved_bytes(&self) -> u64 {
        self.shared.saved_bytes()
    }

    /// Whether Ctrl-C, the callback or a `Cancel` has ended a search.
    #[getter]
    fn interrupted(&self) -> bool {
        self.is_interrupted
    }

    /// The plan that a model has alone.
    fn isolated(&self, model: &str) -> PyResult<PyPlan> {
        let plan = self.shared.isolated(self.find(model)?);
        let plan = plan.ok_or_else(|| PyKeyError::new_err(model.to_string()))?;
        Ok(PyPlan::new(plan.clone()))
    }

    /// Whether two models may run at the same time.
    fn may_run_together(&self, a: &str, b: &str) -> PyResult<bool> {
        Ok(self.shared.may_run_together(self.find(a)?, self.find(b)?))
    }

    /// The names of the models, in order.
    fn keys<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        view(slf, "KeysView")
    }

    /// The parts of all models, in order.
    fn values<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        view(slf, "ValuesView")
    }

    /// The names of the models with their parts, in order.
    fn items<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        view(slf, "ItemsView")
    }

    /// The part of a model, or `default`.
    #[pyo3(signature = (model, default=None))]
    fn get(&self, py: Python<'_>, model: &str, default: Option<Py<PyAny>>) -> PyResult<Py<PyAny>> {
        match self.shared.find(model) {
            Some(_) => Ok(Py::new(py, self.__getitem__(model)?)?.into_any()),
            None => Ok(default.unwrap_or_else(|| py.None())),
        }
    }

    fn __getitem__(&self, model: &str) -> PyResult<PyPlan> {
        let part = self.shared.part(self.find(model)?);
        let part = part.ok_or_else(|| PyKeyError::new_err(model.to_string()))?;
        Ok(PyPlan::new(part).ended_early(self.is_interrupted))
    }

    fn __contains__(&self, model: &Bound<'_, PyAny>) -> bool {
        let model = model.extract::<&str>();
        model.is_ok_and(|model| self.shared.find(model).is_some())
    }

    fn __len__(&self) -> usize {
        self.shared.models().len()
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        Ok(PyList::new(py, self.shared.models().map(|(_, name)| name))?
            .try_iter()?
            .into_any())
    }

    fn __hash__(&self) -> u64 {
        hash_of(self.shared.plan().offsets())
    }

    fn __eq__(&self, other: &Bound<'_, Self>) -> bool {
        self.shared == other.get().shared
    }

    fn __copy__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __deepcopy__(slf: Py<Self>, _memo: &Bound<'_, PyAny>) -> Py<Self> {
        slf
    }

    fn __repr__(&self) -> String {
        let (count, peak, saved) = (self.__len__(), self.peak(), self.saved_bytes());
        format!("<SharedPlan: {count} models, peak {peak} bytes, {saved} fewer than alone>")
    }
}

/// Plans several models into one region; see `orionrt.share`.
#[pyfunction]
pub(crate) fn share(
    py: Python<'_>,
    models: Vec<(String, Py<PyLifetimes>)>,
    schedule: &Bound<'_, PyAny>,
    limits: &Bound<'_, Limits>,
) -> PyResult<PySharedPlan> {
    let mut set = ModelSet::new();
    for (name, lifetimes) in models {
        let lifetimes = lifetimes.get().lifetimes.as_ref().clone();
        set.add(name, lifetimes)
            .map_err(|error| sharing_error(py, &error, false))?;
    }
    let schedule = schedule_of(schedule, &set)?;
    let answer = (limits.get()).run(py, move |planner| set.plan(&schedule, planner))?;
    let is_interrupted = answer.is_interrupted;
    let shared = answer.value;
    let shared = shared.map_err(|error| sharing_error(py, &error, is_interrupted))?;
    Ok(PySharedPlan {
        shared,
        joint: OnceLock::new(),
        is_interrupted,
    })
}

/// A schedule: one of two words, pairs of names, or a dictionary of starts.
fn schedule_of(schedule: &Bound<'_, PyAny>, set: &ModelSet) -> PyResult<Schedule> {
    const EXPECTED: &str = "expected 'one-at-a-time', 'together', pairs of names of models, or a \
                            dictionary of names and lists of starts";
    let found = || format!("schedule is {schedule}, {EXPECTED}");
    if let Ok(word) = schedule.cast::<PyString>() {
        return match word.to_str()? {
            "one-at-a-time" => Ok(Schedule::OneAtATime),
            "together" => Ok(Schedule::AnyTogether),
            _ => Err(PyValueError::new_err(found())),
        };
    }
    let id = |name: &str| {
        let model = set.find(name);
        model.ok_or_else(|| PyKeyError::new_err(name.to_string()))
    };
    if let Ok(starts) = schedule.cast::<PyDict>() {
        let starts: HashMap<String, Vec<i64>> = starts.extract()?;
        starts.keys().try_for_each(|name| id(name).map(|_| ()))?;
        let each = set
            .iter()
            .map(|(_, name, _)| starts.get(name).cloned().unwrap_or_default());
        return Ok(Schedule::starts(each));
    }
    let pairs = schedule.extract::<Vec<(String, String)>>();
    let py = schedule.py();
    let pairs = pairs.map_err(|error| instead(py, error, || PyTypeError::new_err(found())))?;
    let pairs: PyResult<Vec<_>> = pairs.iter().map(|(a, b)| Ok((id(a)?, id(b)?))).collect();
    Ok(Schedule::pairs(pairs?))
}

/// Why models, a schedule or a joint plan were refused.
fn sharing_error(py: Python<'_>, error: &SharingError, is_interrupted: bool) -> PyErr {
    match error {
        SharingError::Planning { error, .. } => planner_error(py, error, is_interrupted, None),
        error => Exception::new(py, "SharingError", error).error(),
    }
}
