//! A plan: a mapping from the names of tensors to their places.
//!
//! Stands on `column`, `lifetimes`, `tensor` and `output`. Invariant: a plan is never changed, and
//! has passed the library's check.

use std::{
    collections::HashMap,
    ffi::CStr,
    hash::{DefaultHasher, Hash, Hasher},
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use orionrt::{Lifetimes, Plan, TensorId};
use orionrt_cli::Drawing;
use pyo3::{
    exceptions::{PyKeyError, PyTypeError, PyUserWarning},
    prelude::*,
    types::{PyBytes, PyList, PyType},
};

use crate::{
    column::Column,
    errors::{file_error, os_error, plan_error},
    lifetimes::PyLifetimes,
    mapping::view,
    model::PyModel,
    output::{create, is_csv, stem},
    tensor::Tensor,
};

/// The most tensors that a notebook shows as a picture.
const MOST_DRAWN: usize = 5000;

/// The offset of every tensor, checked: no two tensors that are alive together share a byte.
///
/// A mapping from names to `Tensor`. All offsets and sizes are in bytes. Made by `orionrt.plan`,
/// `orionrt.plan_model`, `orionrt.check` and `orionrt.load`.
#[pyclass(frozen, mapping, name = "Plan", module = "orionrt")]
pub(crate) struct PyPlan {
    pub(crate) plan: Arc<Plan>,
    /// A copy of its lifetimes, once they were asked for.
    lifetimes: OnceLock<Arc<Lifetimes>>,
    is_interrupted: bool,
    model: Option<Py<PyModel>>,
    positions: OnceLock<HashMap<Box<str>, u32>>,
}

impl PyPlan {
    pub(crate) fn new(plan: Plan) -> Self {
        Self::shared(Arc::new(plan))
    }

    pub(crate) fn shared(plan: Arc<Plan>) -> Self {
        Self {
            plan,
            lifetimes: OnceLock::new(),
            is_interrupted: false,
            model: None,
            positions: OnceLock::new(),
        }
    }

    /// This plan, of which is known whether its search was ended early.
    pub(crate) fn ended_early(mut self, is_interrupted: bool) -> Self {
        self.is_interrupted = is_interrupted;
        self
    }

    /// This plan, which is of a model.
    pub(crate) fn of_model(mut self, model: Option<Py<PyModel>>) -> Self {
        self.model = model;
        self
    }

    /// Whether tensors may conflict although no step has both alive, which no file can say.
    fn is_concurrent(&self) -> bool {
        !self.plan.lifetimes().steps_tell_conflicts()
    }

    /// The tensor of this name.
    pub(crate) fn find(&self, name: &str) -> Option<TensorId> {
        let positions = self.positions.get_or_init(|| {
            let all = self.plan.lifetimes().iter();
            all.map(|(id, name, _)| (name.into(), id.index() as u32))
                .collect()
        });
        positions.get(name).copied().map(TensorId::new)
    }

    fn drawing<'p>(&'p self, title: &'p str) -> Drawing<'p> {
        let drawing = Drawing::new(title, &self.plan);
        match &self.model {
            Some(model) => model.get().onto(drawing),
            None => drawing,
        }
    }
}

/// What is told where a plan is saved whose conflicts are not those of its steps.
const CONCURRENT: &CStr =
    c"a file has the steps of tensors alone: that some of these may be alive \
together at different steps, as operators or models run at the same time, is not saved";

/// What makes a plan again, and what it is given: the plan's file, its bound, and whether its
/// search was ended.
type Pickled<'py> = (Bound<'py, PyAny>, (Bound<'py, PyBytes>, u64, bool));

#[pymethods]
impl PyPlan {
    /// The size of the planned region in bytes: the largest `offset + size`.
    #[getter]
    fn peak(&self) -> u64 {
        self.plan.peak()
    }

    /// The most bytes that are alive at one step.
    #[getter]
    fn load(&self) -> u64 {
        self.plan.load()
    }

    /// The best proven lower bound of the peak of every plan, in bytes.
    #[getter]
    fn lower_bound(&self) -> u64 {
        self.plan.lower_bound()
    }

    /// Peak over lower bound: 1.0 is optimal.
    #[getter]
    fn ratio(&self) -> f64 {
        match self.plan.lower_bound() {
            0 => 1.0,
            bound => self.plan.peak() as f64 / bound as f64,
        }
    }

    /// Whether the peak is the proven lower bound, so that no plan can be smaller.
    #[getter]
    fn optimal(&self) -> bool {
        self.plan.is_optimal()
    }

    /// The alignment in bytes that the base of the planned region needs.
    #[getter]
    fn alignment(&self) -> u64 {
        self.plan.alignment()
    }

    /// The strategy that found the offsets, or "given".
    #[getter]
    fn strategy(&self) -> &str {
        self.plan.strategy()
    }

    /// Whether Ctrl-C, the callback or a `Cancel` has ended the search, so that the plan is the
    /// best until then.
    #[getter]
    fn interrupted(&self) -> bool {
        self.is_interrupted
    }

    /// The offset of every tensor in bytes, in order: `numpy.asarray` shares its memory.
    #[getter]
    fn offsets(&self) -> Column {
        Column::offsets(Arc::clone(&self.plan))
    }

    /// The use of the region over time: `(lower, upper, live_bytes, reach)` for steps with the same
    /// tensors alive. `reach` is the end of the topmost of them in bytes; what lies below and is
    /// not alive is fragmentation.
    fn usage(&self, py: Python<'_>) -> Vec<(i64, i64, u64, u64)> {
        let usage = py.detach(|| self.plan.usage());
        let each = usage.sections.into_iter();
        each.map(|one| (one.steps.start, one.steps.end, one.live_bytes, one.reach))
            .collect()
    }

    /// The names of the tensors that are alive when most bytes are alive for the first time,
    /// largest first: to need less memory, make these smaller.
    #[getter]
    fn at_peak(&self, py: Python<'_>) -> Vec<String> {
        let usage = py.detach(|| self.plan.usage());
        let name = |id| self.plan.lifetimes().name(id).unwrap_or_default().into();
        usage.at_peak.into_iter().map(name).collect()
    }

    /// The lifetimes that were planned.
    #[getter]
    fn lifetimes(&self, py: Python<'_>) -> PyLifetimes {
        let copy = || Arc::new(self.plan.lifetimes().clone());
        let lifetimes = py.detach(|| Arc::clone(self.lifetimes.get_or_init(copy)));
        PyLifetimes::shared(lifetimes)
    }

    /// The model that was planned, if it was one.
    #[getter]
    fn model(&self, py: Python<'_>) -> Option<Py<PyModel>> {
        self.model.as_ref().map(|model| model.clone_ref(py))
    }

    /// Checks the offsets once more: raises a `PlanError` if they are no plan.
    fn check(&self, py: Python<'_>) -> PyResult<()> {
        let again = py.detach(|| {
            let (lifetimes, offsets) = (self.plan.lifetimes(), self.plan.offsets());
            Plan::new(lifetimes.clone(), offsets.to_vec())
        });
        again.map(|_| ()).map_err(|error| plan_error(py, &error))
    }

    /// Writes the plan: as CSV if the name of the file ends in `.csv`, otherwise as JSON. The file
    /// appears complete or not at all.
    ///
    /// Neither format has a bound that a search has proven, nor the model, and CSV has no strategy,
    /// so a plan that is loaded may be less than this one. Warns if tensors conflict that no step
    /// has alive together, as those of several streams: a file has the steps alone.
    fn save(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        if self.is_concurrent() {
            let category = py.get_type::<PyUserWarning>();
            PyErr::warn(py, &category, CONCURRENT, 1)?;
        }
        let written = create(py, &path, |output| match is_csv(&path) {
            true => self.plan.write_csv(output),
            false => self.plan.write_json(output),
        })?;
        written.map_err(|error| file_error(py, &path, &error))
    }

    /// Writes the plan as an interactive page: one HTML file that opens anywhere.
    #[pyo3(signature = (path, *, title=None))]
    fn to_html(&self, py: Python<'_>, path: PathBuf, title: Option<String>) -> PyResult<()> {
        let title = title.unwrap_or_else(|| stem(&path));
        let drawing = self.drawing(&title);
        let written = create(py, &path, |output| drawing.write_page(output))?;
        written.map_err(|error| os_error(py, &path, &error))
    }

    /// Writes the plan as a picture in SVG.
    #[pyo3(signature = (path, *, title=None))]
    fn to_svg(&self, py: Python<'_>, path: PathBuf, title: Option<String>) -> PyResult<()> {
        let title = title.unwrap_or_else(|| stem(&path));
        let drawing = self.drawing(&title);
        let written = create(py, &path, |output| drawing.write_picture(output))?;
        written.map_err(|error| os_error(py, &path, &error))
    }

    /// What a notebook shows: the figures of the plan, and a picture unless there are too many
    /// tensors.
    fn _repr_html_(&self, py: Python<'_>) -> PyResult<String> {
        let picture = self.picture(py)?.unwrap_or_default();
        Ok(format!("<p>{}</p>{picture}", self.summary()))
    }

    /// The names of all tensors, in order.
    fn keys<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        view(slf, "KeysView")
    }

    /// All tensors, in order.
    fn values<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        view(slf, "ValuesView")
    }

    /// The names of all tensors with the tensors, in order.
    fn items<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        view(slf, "ItemsView")
    }

    /// The tensor of a name, or `default`.
    #[pyo3(signature = (name, default=None))]
    fn get(&self, py: Python<'_>, name: &str, default: Option<Py<PyAny>>) -> PyResult<Py<PyAny>> {
        let tensor = self.find(name).and_then(|id| Tensor::of(&self.plan, id));
        match tensor {
            Some(tensor) => Ok(Py::new(py, tensor)?.into_any()),
            None => Ok(default.unwrap_or_else(|| py.None())),
        }
    }

    fn __getitem__(&self, name: &str) -> PyResult<Tensor> {
        let tensor = self.find(name).and_then(|id| Tensor::of(&self.plan, id));
        tensor.ok_or_else(|| PyKeyError::new_err(name.to_string()))
    }

    fn __contains__(&self, name: &Bound<'_, PyAny>) -> bool {
        name.extract::<&str>()
            .is_ok_and(|name| self.find(name).is_some())
    }

    fn __len__(&self) -> usize {
        self.plan.len()
    }

    fn __iter__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let names = self.plan.lifetimes().iter().map(|(_, name, _)| name);
        Ok(PyList::new(py, names)?.try_iter()?.into_any())
    }

    fn __hash__(&self) -> u64 {
        hash_of(self.plan.offsets())
    }

    /// Equal offsets, lifetimes, strategy and bound; a model is not compared.
    fn __eq__(&self, other: &Bound<'_, Self>) -> bool {
        self.plan == other.get().plan
    }

    fn __repr__(&self) -> String {
        format!("<Plan: {}>", self.summary())
    }

    fn __copy__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __deepcopy__(slf: Py<Self>, _memo: &Bound<'_, PyAny>) -> Py<Self> {
        slf
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<Pickled<'py>> {
        let (py, this) = (slf.py(), slf.get());
        if this.is_concurrent() {
            return Err(PyTypeError::new_err(
                "cannot pickle a plan of operators or models that may run at the same time: its \
                 file has the steps alone",
            ));
        }
        let mut text = Vec::new();
        let written = py.detach(|| this.plan.write_json(&mut text));
        written.map_err(|error| file_error(py, Path::new("pickle"), &error))?;
        let make = slf.get_type().getattr("_from_pickle")?;
        Ok((
            make,
            (
                PyBytes::new(py, &text),
                this.plan.lower_bound(),
                this.is_interrupted,
            ),
        ))
    }

    /// The plan that `__reduce__` has taken apart.
    #[classmethod]
    fn _from_pickle(
        _class: &Bound<'_, PyType>,
        py: Python<'_>,
        text: &[u8],
        proven: u64,
        interrupted: bool,
    ) -> PyResult<Self> {
        let plan = py.detach(|| Plan::read_json(text));
        let plan = plan.map_err(|error| file_error(py, Path::new("pickle"), &error))?;
        let proven = proven.min(plan.peak());
        Ok(Self::new(plan.with_proven_bound(proven)).ended_early(interrupted))
    }
}

impl PyPlan {
    /// The picture that a notebook shows; `None` if there are too many tensors to draw.
    fn picture(&self, py: Python<'_>) -> PyResult<Option<String>> {
        if self.plan.len() > MOST_DRAWN {
            return Ok(None);
        }
        let drawing = self.drawing("plan");
        let mut picture = Vec::new();
        py.detach(|| drawing.write_picture(&mut picture))?;
        Ok(Some(String::from_utf8(picture)?))
    }

    fn summary(&self) -> String {
        let (count, peak, bound) = (self.plan.len(), self.plan.peak(), self.plan.lower_bound());
        match peak == bound {
            true => format!("{count} tensors, peak {peak} bytes, optimal"),
            false => format!(
                "{count} tensors, peak {peak} bytes, {:.4} of the lower bound {bound}",
                self.ratio()
            ),
        }
    }
}

/// A hash of offsets: equal plans have equal offsets.
pub(crate) fn hash_of(offsets: &[u64]) -> u64 {
    let mut hasher = DefaultHasher::new();
    offsets.hash(&mut hasher);
    hasher.finish()
}
