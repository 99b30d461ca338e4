//! A graph of operators, declared by names.
//!
//! Stands on `lifetimes`, `model` and `raise`. Invariant: a name that was not declared is refused
//! where it is used; everything else is checked by the library when the graph is used.

use std::{
    alloc::Layout,
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use orionrt::{
    Graph, GraphBuilder, TensorId,
    graph::{DeviceId, OpId},
};
use pyo3::{exceptions::PyValueError, prelude::*, types::PyDict};

use crate::{lifetimes::PyLifetimes, model::aliasing, raise::Exception};

/// A graph of operators and the tensors that they pass on. Operators run in the order in which they
/// are added; each names what it reads and writes.
#[pyclass(frozen, name = "Graph", module = "orionrt")]
pub(crate) struct PyGraph {
    declared: Mutex<Declared>,
}

#[derive(Default)]
struct Declared {
    builder: GraphBuilder,
    tensors: HashMap<String, TensorId>,
    devices: HashMap<String, DeviceId>,
    /// The last operator of each name.
    ops: HashMap<String, OpId>,
    /// Whether operators are on several streams.
    has_streams: bool,
}

impl Declared {
    fn tensor(&self, py: Python<'_>, name: &str) -> PyResult<TensorId> {
        known(py, "tensor", &self.tensors, name)
    }

    fn all(&self, py: Python<'_>, names: &[String]) -> PyResult<Vec<TensorId>> {
        names.iter().map(|name| self.tensor(py, name)).collect()
    }
}

/// What was declared under a name.
fn known<T: Copy>(
    py: Python<'_>,
    kind: &str,
    declared: &HashMap<String, T>,
    name: &str,
) -> PyResult<T> {
    declared.get(name).copied().ok_or_else(|| {
        let message = format!("no {kind} '{name}' was declared, expected one before its use");
        graph_error(py, message, Some(name))
    })
}

fn graph_error(py: Python<'_>, message: impl std::fmt::Display, name: Option<&str>) -> PyErr {
    Exception::new(py, "GraphError", message)
        .with("name", name)
        .error()
}

impl PyGraph {
    fn declared(&self) -> MutexGuard<'_, Declared> {
        self.declared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn build(&self, py: Python<'_>) -> PyResult<(Graph, bool)> {
        let mut declared = self.declared();
        let graph = declared.builder.build();
        let graph = graph.map_err(|error| graph_error(py, error, None))?;
        Ok((graph, declared.has_streams))
    }
}

#[pymethods]
impl PyGraph {
    #[new]
    fn new() -> Self {
        let declared = Mutex::new(Declared::default());
        Self { declared }
    }

    /// Declares a device with memory of its own, in which every tensor starts at a multiple of
    /// `alignment` bytes. Tensors without a device are in the memory of the host.
    #[pyo3(signature = (name, *, alignment=256))]
    fn device(&self, py: Python<'_>, name: String, alignment: u64) -> PyResult<()> {
        let mut declared = self.declared();
        if declared.devices.contains_key(&name) || name == HOST {
            let message = format!("device '{name}' is there already");
            return Err(graph_error(py, message, Some(&name)));
        }
        let id = declared.builder.device(&*name, alignment);
        declared.devices.insert(name, id);
        Ok(())
    }

    /// Declares a tensor of `size` bytes, at a multiple of `alignment` bytes.
    #[pyo3(signature = (name, size, *, alignment=64, device=None))]
    fn tensor(
        &self,
        py: Python<'_>,
        name: String,
        size: usize,
        alignment: usize,
        device: Option<&str>,
    ) -> PyResult<()> {
        let layout = Layout::from_size_align(size, alignment).map_err(|_| {
            PyValueError::new_err(format!(
                "tensor '{name}': {size} bytes at a multiple of {alignment}, expected an alignment \
                 that is a power of two, and fewer than 2^63 bytes"
            ))
        })?;
        let mut declared = self.declared();
        if declared.tensors.contains_key(&name) {
            let message = format!("tensor '{name}' is there already");
            return Err(graph_error(py, message, Some(&name)));
        }
        let device = match device {
            None | Some(HOST) => DeviceId::HOST,
            Some(device) => known(py, "device", &declared.devices, device)?,
        };
        let id = declared.builder.tensor_on(device, &*name, layout);
        declared.tensors.insert(name, id);
        Ok(())
    }

    /// Adds the next operator. `views` says which results are views: `{result: (operand, offset)}`;
    /// `in_place` which may take the bytes of an operand: `{result: operand}`. Operators of several
    /// streams run at the same time unless one waits for another: `after` has names of operators.
    #[pyo3(signature = (
        name, *, reads=vec![], writes=vec![], views=None, in_place=None, stream=0, after=vec![]
    ))]
    #[allow(clippy::too_many_arguments)]
    fn op(
        &self,
        py: Python<'_>,
        name: String,
        reads: Vec<String>,
        writes: Vec<String>,
        views: Option<&Bound<'_, PyDict>>,
        in_place: Option<&Bound<'_, PyDict>>,
        stream: u32,
        after: Vec<String>,
    ) -> PyResult<()> {
        let mut guard = self.declared();
        let declared = &mut *guard;
        let (reads, writes) = (declared.all(py, &reads)?, declared.all(py, &writes)?);
        let mut of_views = Vec::new();
        for (result, view) in views.into_iter().flatten() {
            let (of, offset): (String, u64) = view.extract()?;
            let result: String = result.extract()?;
            of_views.push((
                declared.tensor(py, &result)?,
                declared.tensor(py, &of)?,
                offset,
            ));
        }
        let mut pairs = Vec::new();
        for (result, of) in in_place.into_iter().flatten() {
            let (result, of): (String, String) = (result.extract()?, of.extract()?);
            pairs.push((declared.tensor(py, &result)?, declared.tensor(py, &of)?));
        }
        let ops = after
            .iter()
            .map(|op| known(py, "operator", &declared.ops, op));
        let waits: Vec<OpId> = ops.collect::<PyResult<_>>()?;
        let mut op = declared
            .builder
            .op(&*name)
            .reads(reads)
            .writes(writes)
            .stream(stream);
        for (result, of, offset) in of_views {
            op = op.view(result, of, offset);
        }
        for (result, of) in pairs {
            op = op.in_place(result, of);
        }
        let id = op.after(waits).id();
        declared.ops.insert(name, id);
        declared.has_streams |= stream > 0;
        Ok(())
    }

    /// Marks a tensor that is there before the first operator.
    fn input(&self, py: Python<'_>, name: &str) -> PyResult<()> {
        let mut declared = self.declared();
        let id = declared.tensor(py, name)?;
        declared.builder.input(id);
        Ok(())
    }

    /// Marks a tensor that is needed after the last operator.
    fn output(&self, py: Python<'_>, name: &str) -> PyResult<()> {
        let mut declared = self.declared();
        let id = declared.tensor(py, name)?;
        declared.builder.output(id);
        Ok(())
    }

    /// The names of the operators in the order that needs least memory, as far as one is found.
    #[pyo3(signature = (*, aliasing="in-place"))]
    fn memory_order(&self, py: Python<'_>, aliasing: &str) -> PyResult<Vec<String>> {
        let aliasing = self::aliasing(aliasing)?;
        let (graph, _) = self.build(py)?;
        let found = py.detach(|| graph.reordered_with(aliasing));
        Ok(found
            .graph
            .ops()
            .iter()
            .map(|op| op.name().to_string())
            .collect())
    }

    /// The lifetimes of the tensors, of one device if there are several. `order` is `"given"` or
    /// `"memory"`, and `aliasing` says how much the executor shares bytes between operands and
    /// results: `"off"`, `"views"` or `"in-place"`.
    #[pyo3(signature = (*, aliasing="in-place", order="given", device=None))]
    fn lifetimes(
        &self,
        py: Python<'_>,
        aliasing: &str,
        order: &str,
        device: Option<&str>,
    ) -> PyResult<PyLifetimes> {
        let aliasing = self::aliasing(aliasing)?;
        let (graph, has_streams) = self.build(py)?;
        let graph = match order {
            "given" => graph,
            "memory" => py.detach(|| graph.reordered_with(aliasing).graph),
            other => {
                let message = format!("order is '{other}', expected 'given' or 'memory'");
                return Err(PyValueError::new_err(message));
            }
        };
        let device = match device {
            None => None,
            Some(HOST) => Some(DeviceId::HOST),
            Some(name) => Some(known(py, "device", &self.declared().devices, name)?),
        };
        let lifetimes = py.detach(|| match device {
            Some(device) => graph.lifetimes_on(device, aliasing),
            None => graph.lifetimes_with(aliasing),
        });
        Ok(PyLifetimes::new(lifetimes).concurrent(has_streams))
    }

    /// The names of the devices: "host" and those that were declared.
    #[getter]
    fn devices(&self) -> Vec<String> {
        let declared = self.declared();
        let mut devices: Vec<_> = declared.devices.iter().collect();
        devices.sort_unstable_by_key(|(_, id)| id.index());
        let names = devices.into_iter().map(|(name, _)| name.clone());
        std::iter::once(HOST.to_string()).chain(names).collect()
    }

    fn __repr__(&self) -> String {
        let declared = self.declared();
        let (tensors, ops) = (declared.tensors.len(), declared.builder.next_op().index());
        format!("<Graph: {tensors} tensors, {ops} operators>")
    }
}

/// The device whose memory is that of the process.
const HOST: &str = "host";
