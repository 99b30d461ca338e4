//! What the user says of a model's inputs: which are given up, and which get a new value.
//!
//! Stands on the library's [`Donation`] and on [`near`](super::near). Invariant: what a donation is
//! refused for is wrong usage of the option that asked for it.

#![forbid(unsafe_code)]

use orionrt::{
    Graph, TensorId,
    graph::{Donation, DonationError, GraphError, OutputAliasMistake},
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
    let donation =
        args.donated
            .iter()
            .fold(Donation::new(), |donation, name| match name.as_str() {
                ALL => donation.all_inputs(),
                name => donation.input(name),
            });
    let pairs = args.same.iter();
    let donation = pairs.fold(donation, |donation, OutputInInput { output, input }| {
        donation.alias_output(output, input)
    });
    donation
        .declare_in(graph)
        .map_err(|error| failure(&error, args))
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

/// Names the option that asked for what is refused, and says what may help.
fn failure(error: &DonationError, args: &ModelArgs) -> Failure {
    Failure::Usage(match error {
        DonationError::UnknownInput {
            name,
            output,
            known,
        } => {
            let option = output.as_ref().map_or("--donate", |_| "--same");
            unknown(option, "input", name, known)
        }
        DonationError::UnknownOutput { name, known } => unknown("--same", "output", name, known),
        DonationError::Graph(GraphError::BadOutputAlias { mistake, .. }) => match **mistake {
            OutputAliasMistake::ReadAfterwards { .. } => {
                format!("--same: {error}; another --order may help")
            }
            _ => format!("--same: {error}"),
        },
        _ if args.donated.is_empty() => format!("--same: {error}"),
        _ => format!("--donate: {error}"),
    })
}

/// That no input or output has this name, and which names are near.
fn unknown(option: &str, role: &str, name: &str, known: &[String]) -> String {
    let near = near(name, known.iter().map(String::as_str));
    let near: Vec<String> = near.into_iter().map(|name| format!("'{name}'")).collect();
    let expected = match near.is_empty() {
        true => "it has none with bytes to plan".into(),
        false => format!("expected {}", near.join(", ")),
    };
    format!("{option}: no {role} of the model is called '{name}'; {expected}")
}
