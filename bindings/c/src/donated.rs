//! The inputs of a model whose bytes the caller gives up.
//!
//! Stands on `failure`. Needs the feature `models`. Invariant: the graph that is returned has the
//! tensors and the operators of the given one.

use ::orionrt_plan::{Graph, GraphBuilder, TensorId};

use crate::failure::Failure;
use crate::status::orionrt_status::ORIONRT_UNKNOWN_NAME;

/// The most names that a message lists.
const MOST_NAMED: usize = 8;

/// Which inputs are given up: all of them, or those of these names.
#[derive(Clone, Debug, Default)]
pub(crate) struct Donated {
    is_all: bool,
    names: Vec<String>,
}

impl Donated {
    pub(crate) fn add(&mut self, name: &str) {
        self.names.push(name.into());
    }

    pub(crate) fn add_all(&mut self) {
        self.is_all = true;
    }

    /// The graph with these inputs given up.
    ///
    /// # Errors
    /// When no input has one of the names, or an output would be written over.
    pub(crate) fn in_graph(&self, graph: Graph) -> Result<Graph, Failure> {
        if !self.is_all && self.names.is_empty() {
            return Ok(graph);
        }
        let named = self.names.iter().map(|name| input(&graph, name));
        let named: Vec<TensorId> = named.collect::<Result<_, _>>()?;
        let all = graph.inputs().iter().filter(|_| self.is_all);
        let inputs: Vec<TensorId> = all.copied().chain(named).collect();
        let mut builder = GraphBuilder::from(graph);
        for input in inputs {
            builder.donate(input);
        }
        Ok(builder.build()?)
    }
}

/// The input of this name.
fn input(graph: &Graph, name: &str) -> Result<TensorId, Failure> {
    let name_of = |id: TensorId| graph.tensor(id).map_or("", |tensor| tensor.name());
    let mut inputs = graph.inputs().iter();
    let found = inputs.find(|id| name_of(**id) == name);
    found.copied().ok_or_else(|| {
        let known = graph.inputs().iter().map(|&id| name_of(id));
        let known: Vec<&str> = known.take(MOST_NAMED).collect();
        let expected = match known.is_empty() {
            true => "it has none with bytes to plan".into(),
            false => format!("expected one of {}", known.join(", ")),
        };
        let message = format!("no input of the model is called '{name}'; {expected}");
        Failure::new(ORIONRT_UNKNOWN_NAME, message)
    })
}
