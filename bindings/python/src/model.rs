//! Models: an ONNX or TensorFlow Lite file as lifetimes.
//!
//! Stands on `lifetimes`, `model_error` and `order`. Invariant: what the lifetimes leave
//! out is listed, so that no claim about a plan says more than it may.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use orionrt::{
    Aliasing, Lifetimes,
    graph::{Donation, DonationError},
};
use orionrt_cli::{Drawing, DrawnModel};
use orionrt_models::{Format, InputValue, LeftOutReason, Model, ModelError, Options, Unknown};
use pyo3::{
    buffer::PyUntypedBuffer,
    exceptions::{PyTypeError, PyValueError},
    prelude::*,
    types::PyBool,
};

use crate::{
    lifetimes::PyLifetimes,
    model_error::model_error,
    number::Whole,
    order::{Order, in_order},
    raise::{Exception, instead, is_refusal},
};

/// A model that was read: its lifetimes, and the facts about its file.
#[pyclass(frozen, name = "Model", module = "orionrt")]
pub(crate) struct PyModel {
    lifetimes: Arc<Lifetimes>,
    format: Format,
    nodes: usize,
    weights_bytes: u64,
    assumed: Vec<(String, u64)>,
    bounds: Vec<(String, u64)>,
    left_out: Vec<(String, String)>,
    operators: Vec<String>,
    /// The load in the order of the file, and whether the load of the order that was found is the
    /// least of all, if an order was searched.
    searched: Option<(u64, bool)>,
    drawn: DrawnModel,
}

impl PyModel {
    /// The drawing with the operators of this model.
    pub(crate) fn onto<'p>(&'p self, drawing: Drawing<'p>) -> Drawing<'p> {
        let drawing = drawing.model(&self.drawn);
        let assumed = self
            .assumed
            .iter()
            .map(|(name, size)| format!("assumed: {name} = {size}"));
        let bounds = self
            .bounds
            .iter()
            .map(|(name, most)| format!("at most: {name} = {most}"));
        let left_out = self.left_out.iter();
        let left_out = left_out.map(|(name, why)| format!("not planned: {name} ({why})"));
        assumed
            .chain(bounds)
            .chain(left_out)
            .fold(drawing, Drawing::note)
    }
}

#[pymethods]
impl PyModel {
    /// The lifetimes of the tensors.
    #[getter]
    fn lifetimes(&self) -> PyLifetimes {
        PyLifetimes::shared(Arc::clone(&self.lifetimes))
    }

    /// `"onnx"` or `"tflite"`.
    #[getter]
    fn format(&self) -> &'static str {
        match self.format {
            Format::Onnx => "onnx",
            _ => "tflite",
        }
    }

    /// The nodes in the file, bodies included.
    #[getter]
    fn nodes(&self) -> usize {
        self.nodes
    }

    /// Bytes of the weights, which are not in the plan.
    #[getter]
    fn weights_bytes(&self) -> u64 {
        self.weights_bytes
    }

    /// Dimensions that were not given, with the sizes assumed for them.
    #[getter]
    fn assumed(&self) -> BTreeMap<String, u64> {
        self.assumed.iter().cloned().collect()
    }

    /// Dimensions that depend on data, with their upper bounds.
    #[getter]
    fn bounds(&self) -> BTreeMap<String, u64> {
        self.bounds.iter().cloned().collect()
    }

    /// What is not in the plan: names with the reasons.
    #[getter]
    fn left_out(&self) -> Vec<(String, String)> {
        self.left_out.clone()
    }

    /// The names of the operators, in the order that is planned.
    #[getter]
    fn operators(&self) -> Vec<String> {
        self.operators.clone()
    }

    /// The load in bytes in the order of the file, if an order was searched.
    #[getter]
    fn file_load(&self) -> Option<u64> {
        self.searched.map(|(load, _)| load)
    }

    /// Whether it is proven that no order has a smaller load, if an order was searched.
    #[getter]
    fn order_optimal(&self) -> Option<bool> {
        self.searched.map(|(_, is_optimal)| is_optimal)
    }

    fn __copy__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __deepcopy__(slf: Py<Self>, _memo: &Bound<'_, PyAny>) -> Py<Self> {
        slf
    }

    fn __repr__(&self) -> String {
        let (tensors, load) = (self.lifetimes.len(), self.lifetimes.load());
        let format = self.format();
        format!(
            "<Model: {format}, {} nodes, {tensors} tensors, load {load} bytes>",
            self.nodes
        )
    }
}

/// Where a model is.
enum Source {
    File(PathBuf),
    Bytes(Vec<u8>),
}

impl Source {
    /// A path, or an object with the buffer protocol.
    fn of(py: Python<'_>, model: &Bound<'_, PyAny>) -> PyResult<Self> {
        let buffer = match PyUntypedBuffer::get(model) {
            Ok(buffer) => buffer,
            Err(error) if is_refusal(py, &error) => return Ok(Self::File(model.extract()?)),
            Err(error) => return Err(error),
        };
        let bytes = buffer.into_typed::<u8>()?;
        Ok(Self::Bytes(bytes.to_vec(py)?))
    }

    fn read(&self, options: &Options) -> Result<Model, ModelError> {
        match self {
            Self::File(path) => orionrt_models::load(path, options),
            Self::Bytes(bytes) => orionrt_models::parse(bytes, options),
        }
    }
}

/// How much sharing of bytes an executor follows.
pub(crate) fn aliasing(name: &str) -> PyResult<Aliasing> {
    match name {
        "off" => Ok(Aliasing::Off),
        "views" => Ok(Aliasing::Views),
        "in-place" => Ok(Aliasing::InPlace),
        "parts" => Ok(Aliasing::Parts),
        other => Err(PyValueError::new_err(format!(
            "aliasing is '{other}', expected 'off', 'views', 'in-place' or 'parts'"
        ))),
    }
}

/// Reads a model; see `orionrt.read_model`.
#[pyfunction]
#[pyo3(signature = (
    model, *, dims, inputs, aliasing, order, alignment, unknown, micro, donate, same
))]
#[allow(clippy::too_many_arguments)]
pub(crate) fn read_model(
    py: Python<'_>,
    model: &Bound<'_, PyAny>,
    dims: BTreeMap<String, u64>,
    inputs: BTreeMap<String, Vec<Bound<'_, PyAny>>>,
    aliasing: &str,
    order: &Bound<'_, PyAny>,
    alignment: Option<Whole>,
    unknown: &str,
    micro: bool,
    donate: Option<Vec<String>>,
    same: BTreeMap<String, String>,
) -> PyResult<PyModel> {
    let donation = donation(donate, same);
    if donation.donates_inputs() && matches!(aliasing, "off" | "views") {
        let message = format!(
            "donate with aliasing '{aliasing}', expected aliasing 'in-place' or 'parts': without \
             it no result is written over an input"
        );
        return Err(PyValueError::new_err(message));
    }
    let aliasing = self::aliasing(aliasing)?;
    let order = Order::of(order)?;
    let mut options = Options::new();
    if micro {
        options = options.tflite_micro();
    }
    if let Some(alignment) = alignment {
        options = options.alignment(alignment.alignment(py)?);
    }
    options = options.unknown(match unknown {
        "refuse" => Unknown::Refuse,
        "skip" => Unknown::Skip,
        other => {
            let message = format!("unknown is '{other}', expected 'refuse' or 'skip'");
            return Err(PyValueError::new_err(message));
        }
    });
    options.dims = dims;
    for (name, values) in inputs {
        let value = input(py, &name, &values)?;
        options.inputs.insert(name, value);
    }
    let source = Source::of(py, model)?;
    let read = py.detach(|| {
        let mut model = source.read(&options).map_err(Refusal::Model)?;
        model.graph = donation
            .declare_in(model.graph)
            .map_err(Refusal::Donation)?;
        planned(model, &order, aliasing)
    });
    read.map_err(|refusal| match refusal {
        Refusal::Model(error) => model_error(py, &error),
        Refusal::Donation(error) => {
            let exception = Exception::new(py, "GraphError", error.to_string());
            let name = match error {
                DonationError::UnknownInput { name, .. }
                | DonationError::UnknownOutput { name, .. } => Some(name),
                _ => None,
            };
            exception.with("name", name).error()
        }
        Refusal::Order(message) => Exception::new(py, "OrderError", message).error(),
    })
}

/// Why a model was refused.
enum Refusal {
    Model(ModelError),
    Order(String),
    Donation(DonationError),
}

/// The inputs that are given up, `None` for all of them, and the outputs in the bytes of an input.
fn donation(inputs: Option<Vec<String>>, outputs: BTreeMap<String, String>) -> Donation {
    let donation = match inputs {
        None => Donation::new().all_inputs(),
        Some(names) => names.into_iter().fold(Donation::new(), Donation::input),
    };
    let add = |donation: Donation, (output, input)| donation.alias_output(output, input);
    outputs.into_iter().fold(donation, add)
}

fn planned(model: Model, order: &Order, aliasing: Aliasing) -> Result<PyModel, Refusal> {
    let (graph, searched) = match order {
        Order::File => (model.graph.clone(), None),
        Order::Memory => {
            let found = model.graph.reordered_with(aliasing);
            (found.graph, Some((found.load_before, found.is_optimal)))
        }
        Order::Given(names) => (in_order(&model.graph, names).map_err(Refusal::Order)?, None),
    };
    Ok(PyModel {
        lifetimes: Arc::new(graph.lifetimes_with(aliasing)),
        format: model.format,
        nodes: model.nodes,
        weights_bytes: model.weights_bytes,
        assumed: model.assumed.clone(),
        bounds: model
            .bounds
            .iter()
            .map(|bound| (bound.name.clone(), bound.bound))
            .collect(),
        left_out: (model.left_out.iter())
            .map(|left_out| (left_out.name.clone(), reason(&left_out.reason)))
            .collect(),
        operators: graph.ops().iter().map(|op| op.name().to_string()).collect(),
        searched,
        drawn: DrawnModel::new(&model, graph),
    })
}

/// The elements of an input.
fn input(py: Python<'_>, name: &str, values: &[Bound<'_, PyAny>]) -> PyResult<InputValue> {
    // A shape of no dimensions is one of whole numbers.
    if !values.is_empty() && values.iter().all(|value| value.is_instance_of::<PyBool>()) {
        let bools = values.iter().map(|value| value.extract::<bool>());
        return Ok(InputValue::Bools(bools.collect::<PyResult<_>>()?));
    }
    let ints = values.iter().map(|value| value.extract::<i64>());
    match ints.collect::<PyResult<_>>() {
        Ok(values) => return Ok(InputValue::Ints(values)),
        Err(error) if is_refusal(py, &error) => (),
        Err(error) => return Err(error),
    }
    let floats = values.iter().map(|value| value.extract::<f64>());
    let floats: PyResult<Vec<f64>> = floats.collect();
    let better = || {
        PyTypeError::new_err(format!(
            "input '{name}' has other elements than numbers and truth values, which are expected"
        ))
    };
    floats
        .map(InputValue::Floats)
        .map_err(|error| instead(py, error, better))
}

fn reason(reason: &LeftOutReason) -> String {
    match reason {
        LeftOutReason::NotMemory { kind } => format!("{kind} have no planned memory"),
        LeftOutReason::UnknownSize { dims } if dims.is_empty() => "unknown rank".into(),
        LeftOutReason::UnknownSize { dims } => format!("unknown size of {}", dims.join(", ")),
        LeftOutReason::Branch { reason } => format!("branch that cannot be typed: {reason}"),
        LeftOutReason::EntryPoint => "another entry point".into(),
        LeftOutReason::Body { operator } => {
            format!("body of {operator}, whose control flow is not known")
        }
        _ => "not planned".into(),
    }
}

/// A dimension as Python sees it.
type Dimension = (String, Vec<String>, Option<u64>, bool);

/// The symbolic dimensions of a model: `(name, places, assumed, is_bound)`.
#[pyfunction]
pub(crate) fn dimensions(py: Python<'_>, model: &Bound<'_, PyAny>) -> PyResult<Vec<Dimension>> {
    let source = Source::of(py, model)?;
    let dims = py.detach(|| match &source {
        Source::File(path) => orionrt_models::dimensions(path),
        Source::Bytes(bytes) => orionrt_models::dimensions_of(bytes),
    });
    let dims = dims.map_err(|error| model_error(py, &error))?.into_iter();
    Ok(dims
        .map(|dim| (dim.name, dim.places, dim.assumed, dim.is_bound))
        .collect())
}
