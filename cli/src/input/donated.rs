//! What the user says of a model's inputs: which are given up, and which get a new value.
//!
//! Stands on the library's `Graph` and on [`near`](super::near). Invariant: the graph that is
//! returned has the tensors and operators of the given one; a name that the model does not have is
//! wrong usage.

#![forbid(unsafe_code)]

use orionrt::{
    Graph, GraphBuilder, TensorId,
    graph::{GraphError, OutputAliasMistake},
};

use super::near::near;
use crate::{
    args::{Aliasing, ModelArgs, OutputInInput},
    failure::Failure,
};

/// What `--donate` takes for all inputs.
const ALL: &str = "all";

/// The graph with the inputs donated that the user gives up, and the outputs in the bytes of the
/// inputs that they are the new values of.
pub(super) fn with_donated(graph: Graph, args: &ModelArgs) -> Result<Graph, Failure> {
    if args.donated.is_empty() && args.same.is_empty() {
        return Ok(graph);
    }
    if let (Some(name), true) = (args.donated.first(), args.aliasing < Aliasing::InPlace) {
        return Err(Failure::Usage(format!(
            "--donate {name} needs --aliasing in-place: with --aliasing {} no result is written \
             over an input",
            args.aliasing.name()
        )));
    }
    let mut donated = Vec::new();
    for name in &args.donated {
        match name.as_str() {
            ALL => donated.extend(graph.inputs()),
            name => donated.push(find(&graph, "--donate", "input", name, graph.inputs())?),
        }
    }
    let mut pairs = Vec::new();
    for OutputInInput { output, input } in &args.same {
        let output = find(&graph, "--same", "output", output, graph.outputs())?;
        pairs.push((
            output,
            find(&graph, "--same", "input", input, graph.inputs())?,
        ));
    }
    let mut builder = GraphBuilder::from(graph);
    for input in donated {
        builder.donate(input);
    }
    for (output, input) in pairs {
        builder.alias_output(output, input);
    }
    builder.build().map_err(failure)
}

/// The names of the inputs that are donated, and `OUTPUT=INPUT` for each output in an input.
pub(super) fn names(graph: &Graph) -> [Vec<String>; 2] {
    let name = |id: TensorId| graph.tensor(id).map_or("", |tensor| tensor.name());
    let aliases = graph.output_aliases().iter();
    // An input that an output has the bytes of is given up, too, but stands in the second list.
    let has_no_output = |id: &&TensorId| aliases.clone().all(|alias| alias.input != **id);
    let donated = graph.donated().iter().filter(has_no_output);
    [
        donated.map(|&id| name(id).to_string()).collect(),
        aliases
            .clone()
            .map(|alias| format!("{}={}", name(alias.output), name(alias.input)))
            .collect(),
    ]
}

/// The input or output of this name.
fn find(
    graph: &Graph,
    option: &str,
    role: &str,
    name: &str,
    known: &[TensorId],
) -> Result<TensorId, Failure> {
    let name_of = |id: TensorId| graph.tensor(id).map_or("", |tensor| tensor.name());
    let found = known.iter().find(|id| name_of(**id) == name);
    found.copied().ok_or_else(|| {
        let near = near(name, known.iter().map(|&id| name_of(id)));
        let near: Vec<String> = near.into_iter().map(|name| format!("'{name}'")).collect();
        let expected = match near.is_empty() {
            true => "it has none with bytes to plan".into(),
            false => format!("expected {}", near.join(", ")),
        };
        Failure::Usage(format!(
            "{option}: no {role} of the model is called '{name}'; {expected}"
        ))
    })
}

/// What the graph refuses is wrong usage of the option that asked for it.
fn failure(error: GraphError) -> Failure {
    let (option, advice) = match &error {
        GraphError::BadOutputAlias { mistake, .. } => match **mistake {
            OutputAliasMistake::ReadAfterwards { .. } => ("--same", "; another --order may help"),
            _ => ("--same", ""),
        },
        _ => ("--donate", ""),
    };
    Failure::Usage(format!("{option}: {error}{advice}"))
}
