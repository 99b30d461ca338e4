//! The order of a model's operators.
//!
//! Stands on nothing. Invariant: an order names operators of the graph; whether it is complete and
//! valid is the graph's to check.

use std::collections::{HashMap, VecDeque};

use orionrt::{Graph, graph::OpId};
use pyo3::{exceptions::PyValueError, prelude::*, types::PyString};

/// Which order of the operators is planned.
pub(crate) enum Order {
    File,
    Memory,
    Given(Vec<String>),
}

impl Order {
    pub(crate) fn of(order: &Bound<'_, PyAny>) -> PyResult<Self> {
        if let Ok(name) = order.cast::<PyString>() {
            return match name.to_str()? {
                "file" => Ok(Self::File),
                "memory" => Ok(Self::Memory),
                other => Err(PyValueError::new_err(format!(
                    "order is '{other}', expected 'file', 'memory', or a list of names"
                ))),
            };
        }
        Ok(Self::Given(order.extract()?))
    }
}

/// The graph with its operators in the order of these names. Operators of one name keep theirs.
pub(crate) fn in_order(graph: &Graph, names: &[String]) -> Result<Graph, String> {
    let mut by_name: HashMap<&str, VecDeque<u32>> = HashMap::new();
    for (op, index) in graph.ops().iter().zip(0..) {
        by_name.entry(op.name()).or_default().push_back(index);
    }
    let mut order = Vec::with_capacity(names.len());
    for (place, name) in names.iter().enumerate() {
        let index = by_name.get_mut(&**name).and_then(VecDeque::pop_front);
        let index = index.ok_or_else(|| {
            format!(
                "order[{place}] is '{name}', expected the name of an operator that has no earlier \
                 place"
            )
        })?;
        order.push(OpId::new(index));
    }
    graph.in_order(&order).map_err(|error| error.to_string())
}
