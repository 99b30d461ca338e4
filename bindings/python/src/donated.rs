//! Inputs of a model that are given up, and outputs that have the bytes of an input.
//!
//! Stands on the library's graphs. Invariant: the graph that is returned has the tensors and the
//! operators of the given one.

use orionrt::{Graph, GraphBuilder, TensorId};

/// What the caller says of a model's inputs.
pub(crate) struct Donated {
    /// The names of the inputs whose bytes are given up; `None` for all of them.
    pub(crate) inputs: Option<Vec<String>>,
    /// Names of outputs, each with that of the input that it is the new value of.
    pub(crate) outputs: Vec<(String, String)>,
}

impl Donated {
    /// Whether results may be written over inputs.
    pub(crate) fn has_inputs(&self) -> bool {
        self.inputs.as_ref().is_none_or(|names| !names.is_empty())
    }

    /// The graph with these inputs given up, or why it cannot be: the message, and the name that is
    /// not known.
    pub(crate) fn in_graph(&self, graph: Graph) -> Result<Graph, (String, Option<String>)> {
        if !self.has_inputs() && self.outputs.is_empty() {
            return Ok(graph);
        }
        let inputs: Vec<TensorId> = match &self.inputs {
            None => graph.inputs().to_vec(),
            Some(names) => {
                let ids = names.iter().map(|name| find(&graph, "input", name));
                ids.collect::<Result<_, _>>()?
            }
        };
        let pairs = self.outputs.iter().map(|(output, input)| {
            let output = find(&graph, "output", output)?;
            Ok((output, find(&graph, "input", input)?))
        });
        let pairs: Vec<(TensorId, TensorId)> = pairs.collect::<Result<_, _>>()?;
        let mut builder = GraphBuilder::from(graph);
        for input in inputs {
            builder.donate(input);
        }
        for (output, input) in pairs {
            builder.alias_output(output, input);
        }
        builder.build().map_err(|error| (error.to_string(), None))
    }
}

/// The input or the output of this name.
fn find(graph: &Graph, role: &str, name: &str) -> Result<TensorId, (String, Option<String>)> {
    let known = match role {
        "input" => graph.inputs(),
        _ => graph.outputs(),
    };
    let name_of = |id: TensorId| graph.tensor(id).map_or("", |tensor| tensor.name());
    let found = known.iter().find(|id| name_of(**id) == name);
    found.copied().ok_or_else(|| {
        let names: Vec<&str> = known
            .iter()
            .map(|&id| name_of(id))
            .take(MOST_NAMED)
            .collect();
        let expected = match names.is_empty() {
            true => "it has none with bytes to plan".into(),
            false => format!("expected one of {}", names.join(", ")),
        };
        let message = format!("no {role} of the model is called '{name}'; {expected}");
        (message, Some(name.into()))
    })
}

/// The most names that a message lists.
const MOST_NAMED: usize = 8;
