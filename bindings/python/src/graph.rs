//! A graph of operators, declared by names.
//!
//! Stands on `lifetimes`, `model` and `raise`. Invariant: a name that was not declared is refused
//! where it is used; everything else is checked by the library when the graph is used. Python does
//! not run while a graph is locked.

use std::{
    alloc::Layout,
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use orionrt::{
    Graph, GraphBuilder, TensorId,
    graph::{DeviceId, OpId},
};
use pyo3::{exceptions::PyValueError, prelude::*, sync::MutexExt, types::PyDict};

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
}

/// What was refused: the message, and the name that it is about. No exception, as Python may run
/// where one is made.
struct Refused {
    message: String,
    name: Option<String>,
}

impl Refused {
    fn error(self, py: Python<'_>) -> PyErr {
        let exception = Exception::new(py, "GraphError", self.message);
        exception.with("name", self.name).error()
    }
}

impl Declared {
    fn tensor(&self, name: &str) -> Result<TensorId, Refused> {
        known("tensor", &self.tensors, name)
    }

    fn all(&self, names: &[String]) -> Result<Vec<TensorId>, Refused> {
        names.iter().map(|name| self.tensor(name)).collect()
    }

    /// "host" and the names of the devices that were declared.
    fn devices(&self) -> Vec<String> {
        let mut devices: Vec<_> = self.devices.iter().collect();
        devices.sort_unstable_by_key(|(_, id)| id.index());
        let names = devices.into_iter().map(|(name, _)| name.clone());
        std::iter::once(HOST.to_string()).chain(names).collect()
    }

    /// The device of this name; none is needed where there is one memory alone.
    fn device(&self, name: Option<&str>) -> Result<Option<DeviceId>, Refused> {
        match name {
            Some(HOST) => Ok(Some(DeviceId::HOST)),
            Some(name) => known("device", &self.devices, name).map(Some),
            None if self.devices.is_empty() => Ok(None),
            None => Err(Refused {
                message: format!(
                    "tensors are on devices {}, each with a memory of its own: expected one of \
                     them, as in graph.lifetimes(device=\"{HOST}\")",
                    self.devices().join(", ")
                ),
                name: None,
            }),
        }
    }

    fn add(&mut self, op: Op) -> Result<(), Refused> {
        let (reads, writes) = (self.all(&op.reads)?, self.all(&op.writes)?);
        let views = op
            .views
            .iter()
            .map(|(result, of, offset)| Ok((self.tensor(result)?, self.tensor(of)?, *offset)));
        let views: Vec<_> = views.collect::<Result<_, _>>()?;
        let pairs = op.in_place.iter();
        let pairs = pairs.map(|(result, of)| Ok((self.tensor(result)?, self.tensor(of)?)));
        let pairs: Vec<_> = pairs.collect::<Result<_, _>>()?;
        let waits = op.after.iter().map(|op| known("operator", &self.ops, op));
        let waits: Vec<OpId> = waits.collect::<Result<_, _>>()?;
        let mut added = self.builder.op(&*op.name).reads(reads).writes(writes);
        added = added.stream(op.stream);
        for (result, of, offset) in views {
            added = added.view(result, of, offset);
        }
        for (result, of) in pairs {
            added = added.in_place(result, of);
        }
        let id = added.after(waits).id();
        self.ops.insert(op.name, id);
        Ok(())
    }
}

/// An operator, by names.
struct Op {
    name: String,
    reads: Vec<String>,
    writes: Vec<String>,
    views: Vec<(String, String, u64)>,
    in_place: Vec<(String, String)>,
    stream: u32,
    after: Vec<String>,
}

/// What was declared under a name.
fn known<T: Copy>(kind: &str, declared: &HashMap<String, T>, name: &str) -> Result<T, Refused> {
    declared.get(name).copied().ok_or_else(|| Refused {
        message: format!("no {kind} '{name}' was declared, expected one before its use"),
        name: Some(name.to_string()),
    })
}

fn declared_twice(kind: &str, name: String) -> Refused {
    Refused {
        message: format!("{kind} '{name}' is there already"),
        name: Some(name),
    }
}

impl PyGraph {
    /// Reads or changes what was declared. Python does not run meanwhile: neither an object is
    /// looked into, nor an exception made.
    fn with<T>(
        &self,
        py: Python<'_>,
        action: impl FnOnce(&mut Declared) -> Result<T, Refused>,
    ) -> PyResult<T> {
        let done = {
            let declared = self.declared.lock_py_attached(py);
            action(&mut declared.unwrap_or_else(PoisonError::into_inner))
        };
        done.map_err(|refused| refused.error(py))
    }

    fn build(&self, py: Python<'_>) -> PyResult<Graph> {
        self.with(py, |declared| {
            declared.builder.build().map_err(|error| Refused {
                message: error.to_string(),
                name: None,
            })
        })
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
        self.with(py, |declared| {
            if declared.devices.contains_key(&name) || name == HOST {
                return Err(declared_twice("device", name));
            }
            let id = declared.builder.device(&*name, alignment);
            declared.devices.insert(name, id);
            Ok(())
        })
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
        self.with(py, |declared| {
            if declared.tensors.contains_key(&name) {
                return Err(declared_twice("tensor", name));
            }
            let device = declared.device(device.or(Some(HOST)))?;
            let device = device.unwrap_or(DeviceId::HOST);
            let id = declared.builder.tensor_on(device, &*name, layout);
            declared.tensors.insert(name, id);
            Ok(())
        })
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
        let mut op = Op {
            name,
            reads,
            writes,
            views: Vec::new(),
            in_place: Vec::new(),
            stream,
            after,
        };
        for (result, view) in views.into_iter().flatten() {
            let (of, offset) = view.extract()?;
            op.views.push((result.extract()?, of, offset));
        }
        for (result, of) in in_place.into_iter().flatten() {
            op.in_place.push((result.extract()?, of.extract()?));
        }
        self.with(py, |declared| declared.add(op))
    }

    /// Marks a tensor that is there before the first operator.
    fn input(&self, py: Python<'_>, name: &str) -> PyResult<()> {
        self.with(py, |declared| {
            let id = declared.tensor(name)?;
            declared.builder.input(id);
            Ok(())
        })
    }

    /// Marks a tensor that is needed after the last operator.
    fn output(&self, py: Python<'_>, name: &str) -> PyResult<()> {
        self.with(py, |declared| {
            let id = declared.tensor(name)?;
            declared.builder.output(id);
            Ok(())
        })
    }

    /// Gives up the bytes of an input, so that results in place may be written over it: its value
    /// is not needed after the graph has run.
    fn donate(&self, py: Python<'_>, name: &str) -> PyResult<()> {
        self.with(py, |declared| {
            let id = declared.tensor(name)?;
            declared.builder.donate(id);
            Ok(())
        })
    }

    /// Declares that an output is the new value of an input, as the present of a key-value cache is
    /// of its past: both have one offset in every plan, whatever the aliasing.
    fn alias_output(&self, py: Python<'_>, output: &str, input: &str) -> PyResult<()> {
        self.with(py, |declared| {
            let (output, input) = (declared.tensor(output)?, declared.tensor(input)?);
            declared.builder.alias_output(output, input);
            Ok(())
        })
    }

    /// The names of the operators in the order that needs least memory, as far as one is found.
    #[pyo3(signature = (*, aliasing="in-place"))]
    fn memory_order(&self, py: Python<'_>, aliasing: &str) -> PyResult<Vec<String>> {
        let aliasing = self::aliasing(aliasing)?;
        let graph = self.build(py)?;
        let found = py.detach(|| graph.reordered_with(aliasing));
        Ok(found
            .graph
            .ops()
            .iter()
            .map(|op| op.name().to_string())
            .collect())
    }

    /// The lifetimes of the tensors; if devices were declared, of those on `device`. `order` is
    /// `"given"` or `"memory"`, and `aliasing` says how much the executor shares bytes between
    /// operands and results: `"off"`, `"views"` or `"in-place"`.
    #[pyo3(signature = (*, aliasing="in-place", order="given", device=None))]
    fn lifetimes(
        &self,
        py: Python<'_>,
        aliasing: &str,
        order: &str,
        device: Option<&str>,
    ) -> PyResult<PyLifetimes> {
        let aliasing = self::aliasing(aliasing)?;
        let device = self.with(py, |declared| declared.device(device))?;
        let graph = self.build(py)?;
        let graph = match order {
            "given" => graph,
            "memory" => py.detach(|| graph.reordered_with(aliasing).graph),
            other => {
                let message = format!("order is '{other}', expected 'given' or 'memory'");
                return Err(PyValueError::new_err(message));
            }
        };
        let lifetimes = py.detach(|| match device {
            Some(device) => graph.lifetimes_on(device, aliasing),
            None => graph.lifetimes_with(aliasing),
        });
        Ok(PyLifetimes::new(lifetimes))
    }

    /// The names of the devices: "host" and those that were declared.
    #[getter]
    fn devices(&self, py: Python<'_>) -> PyResult<Vec<String>> {
        self.with(py, |declared| Ok(declared.devices()))
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        self.with(py, |declared| {
            let (tensors, ops) = (declared.tensors.len(), declared.builder.next_op().index());
            Ok(format!("<Graph: {tensors} tensors, {ops} operators>"))
        })
    }
}

/// The device whose memory is that of the process.
const HOST: &str = "host";
