//! Several models in one region.
//!
//! Stands on `planning`, `plan`, `lifetimes`, `schedule` and `sharing`. Invariant: a model is
//! called by the name that it was given, and its part of the joint plan has its own names and
//! steps.

use std::{
    ops::ControlFlow,
    sync::{Arc, OnceLock},
};

use orionrt::{
    Plan, Schedule,
    models::{ModelId, ModelTensor, SavedJointPlan, SharedPlan},
};
use pyo3::{
    exceptions::PyKeyError,
    prelude::*,
    types::{PyList, PyType},
};

use crate::{
    lifetimes::PyLifetimes,
    mapping::view,
    plan::{PyPlan, hash_of},
    planning::Limits,
    schedule::{object_of, schedule_of},
    sharing::{Named, model_set},
    sharing_error::sharing_error,
};

/// What makes a plan again, and what it is given: the plans of the models alone, their schedule,
/// and the offsets, strategy and bound of the joint plan.
type Pickled<'py> = (
    Vec<(String, PyPlan)>,
    Bound<'py, PyAny>,
    Vec<u64>,
    String,
    u64,
    bool,
);

/// Two tensors of different models, and the bytes that both have: the first, and the end.
type SharedRange = (Named, Named, u64, u64);

/// A plan of several models in one region: a mapping from the names of the models to their parts,
/// each a `Plan` with offsets in the joint region. Bytes everywhere.
#[pyclass(frozen, mapping, name = "SharedPlan", module = "orionrt")]
pub(crate) struct PySharedPlan {
    shared: SharedPlan,
    schedule: Schedule,
    /// A copy of its joint plan, once it was asked for.
    joint: OnceLock<Arc<Plan>>,
    is_interrupted: bool,
}

impl PySharedPlan {
    fn new(shared: SharedPlan, schedule: Schedule, is_interrupted: bool) -> Self {
        Self {
            shared,
            schedule,
            joint: OnceLock::new(),
            is_interrupted,
        }
    }

    /// The names of the models with the plans that they have alone.
    fn alone(&self) -> Vec<(&str, PyPlan)> {
        let models = self.shared.models();
        let alone = models.filter_map(|(id, name)| {
            let plan = self.shared.isolated(id)?;
            Some((name, PyPlan::new(plan.clone())))
        });
        alone.collect()
    }

    fn named(&self, tensor: ModelTensor) -> Named {
        let mut models = self.shared.models();
        let model = models.find(|(id, _)| *id == tensor.model);
        let alone = self.shared.isolated(tensor.model);
        let name = alone.and_then(|plan| plan.lifetimes().name(tensor.tensor));
        let model = model.map_or("", |(_, name)| name);
        (model.into(), name.unwrap_or_default().into())
    }

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

    /// How many pairs of tensors of different models share bytes.
    #[getter]
    fn shared_pairs(&self, py: Python<'_>) -> u64 {
        py.detach(|| self.shared.shared_pairs())
    }

    /// Every two tensors of different models that share bytes, the first byte that they share, and
    /// the end of those bytes; in order of the first byte, and no more than `most` of them.
    #[pyo3(signature = (most=None))]
    fn shared_ranges(&self, py: Python<'_>, most: Option<usize>) -> Vec<SharedRange> {
        let most = most.unwrap_or(usize::MAX);
        py.detach(|| {
            let mut found = Vec::new();
            let _ = self.shared.visit_shared(|pair| {
                if found.len() == most {
                    return ControlFlow::Break(());
                }
                let [a, b] = pair.tensors.map(|tensor| self.named(tensor));
                found.push((a, b, pair.bytes.start, pair.bytes.end));
                ControlFlow::Continue(())
            });
            found
        })
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

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyAny>, Pickled<'py>)> {
        let this = slf.get();
        let joint = this.shared.plan();
        let names: Vec<&str> = this.shared.models().map(|(_, name)| name).collect();
        let alone = this.alone().into_iter();
        let pickled = (
            alone.map(|(name, plan)| (name.into(), plan)).collect(),
            object_of(slf.py(), &this.schedule, &names)?,
            joint.offsets().to_vec(),
            joint.strategy().into(),
            joint.lower_bound(),
            this.is_interrupted,
        );
        Ok((slf.get_type().getattr("_from_pickle")?, pickled))
    }

    /// The plan that `__reduce__` has taken apart.
    #[classmethod]
    #[allow(clippy::too_many_arguments)]
    fn _from_pickle(
        _class: &Bound<'_, PyType>,
        py: Python<'_>,
        models: Vec<(String, Py<PyPlan>)>,
        schedule: &Bound<'_, PyAny>,
        offsets: Vec<u64>,
        strategy: String,
        bound: u64,
        interrupted: bool,
    ) -> PyResult<Self> {
        let names: Vec<String> = models.iter().map(|(name, _)| name.clone()).collect();
        let schedule = schedule_of(schedule, &names)?;
        let alone = models.into_iter();
        let alone = alone.map(|(name, plan)| (name, Plan::clone(&plan.get().plan)));
        let joint = SavedJointPlan {
            offsets,
            strategy,
            bound,
        };
        let alone: Vec<_> = alone.collect();
        let shared = py.detach(|| SharedPlan::from_saved(alone, &schedule, joint));
        let shared = shared.map_err(|error| sharing_error(py, &error, interrupted))?;
        Ok(Self::new(shared, schedule, interrupted))
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
    let (set, names) = model_set(py, models)?;
    let schedule = schedule_of(schedule, &names)?;
    let answer = limits
        .get()
        .run(py, |planner| set.plan(&schedule, planner))?;
    let is_interrupted = answer.is_interrupted;
    let shared = answer.value;
    let shared = shared.map_err(|error| sharing_error(py, &error, is_interrupted))?;
    Ok(PySharedPlan::new(shared, schedule, is_interrupted))
}
