//! Inputs that the caller gives up, by their names: for graphs that somebody else declared.
//!
//! Stands on [`GraphBuilder`]. A model's reader makes the graph, and the caller knows its tensors
//! by name alone. Invariant: the graph that is returned has the tensors and the operators of the
//! given one.

use alloc::{
    string::{String, ToString},
    vec::Vec,
};
use core::{error::Error, fmt};

use super::{builder::GraphBuilder, checked::Graph, error::GraphError};
use crate::ids::TensorId;

/// Which inputs of a graph are donated, and which outputs have the bytes of an input, by name.
///
/// ```
/// use core::alloc::Layout;
/// use orionrt_plan::{Aliasing, GraphBuilder, graph::{Donation, DonationError}};
/// let mut g = GraphBuilder::new();
/// let [x, y] = ["x", "y"].map(|name| g.tensor(name, Layout::new::<[f32; 64]>()));
/// g.op("relu").reads([x]).writes([y]).in_place(y, x);
/// let graph = g.input(x).output(y).build()?;
/// assert_eq!(graph.lifetimes_with(Aliasing::InPlace).load(), 512);
///
/// let graph = Donation::new().input("x").declare_in(graph)?;
/// assert_eq!(graph.lifetimes_with(Aliasing::InPlace).load(), 256);
/// let error = Donation::new().input("z").declare_in(graph).unwrap_err();
/// assert!(matches!(error, DonationError::UnknownInput { .. }));
/// assert_eq!(error.to_string(), "no input of the graph is called 'z'; expected 'x'");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Donation {
    donates_all: bool,
    inputs: Vec<String>,
    /// Pairs of an output and an input.
    outputs: Vec<(String, String)>,
}

impl Donation {
    /// Nothing is given up.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives up the bytes of the input of this name, as [`GraphBuilder::donate`] does.
    #[must_use]
    pub fn input(mut self, name: impl Into<String>) -> Self {
        self.inputs.push(name.into());
        self
    }

    /// Gives up the bytes of all inputs.
    #[must_use]
    pub const fn all_inputs(mut self) -> Self {
        self.donates_all = true;
        self
    }

    /// Places an output in the bytes of an input, as [`GraphBuilder::alias_output`] does.
    #[must_use]
    pub fn alias_output(mut self, output: impl Into<String>, input: impl Into<String>) -> Self {
        self.outputs.push((output.into(), input.into()));
        self
    }

    /// Whether results in place may be written over inputs: one is given up, or all of them are.
    #[must_use]
    pub fn donates_inputs(&self) -> bool {
        self.donates_all || !self.inputs.is_empty()
    }

    /// The graph with these declarations besides its own.
    ///
    /// # Errors
    /// The first name that no input or no output has, or what the graph refuses: an output that
    /// would be written over, for example.
    pub fn declare_in(&self, graph: Graph) -> Result<Graph, DonationError> {
        if !self.donates_inputs() && self.outputs.is_empty() {
            return Ok(graph);
        }
        let donated: Vec<TensorId> = self.donated(&graph)?;
        let pairs: Vec<(TensorId, TensorId)> = self.pairs(&graph)?;
        let mut builder = GraphBuilder::from(graph);
        for input in donated {
            builder.donate(input);
        }
        for (output, input) in pairs {
            builder.alias_output(output, input);
        }
        builder.build().map_err(DonationError::Graph)
    }

    fn donated(&self, graph: &Graph) -> Result<Vec<TensorId>, DonationError> {
        let all = graph.inputs().iter().filter(|_| self.donates_all);
        let named = self.inputs.iter().map(|name| {
            find(graph, graph.inputs(), name).ok_or_else(|| DonationError::UnknownInput {
                name: name.clone(),
                output: None,
                known: names(graph, graph.inputs()),
            })
        });
        all.map(|&id| Ok(id)).chain(named).collect()
    }

    fn pairs(&self, graph: &Graph) -> Result<Vec<(TensorId, TensorId)>, DonationError> {
        let pair = |(output, input): &(String, String)| {
            let unknown_output = || DonationError::UnknownOutput {
                name: output.clone(),
                known: names(graph, graph.outputs()),
            };
            let unknown_input = || DonationError::UnknownInput {
                name: input.clone(),
                output: Some(output.clone()),
                known: names(graph, graph.inputs()),
            };
            Ok((
                find(graph, graph.outputs(), output).ok_or_else(unknown_output)?,
                find(graph, graph.inputs(), input).ok_or_else(unknown_input)?,
            ))
        };
        self.outputs.iter().map(pair).collect()
    }
}

fn name_of(graph: &Graph, id: TensorId) -> &str {
    graph.tensor(id).map_or("", |tensor| tensor.name())
}

fn find(graph: &Graph, among: &[TensorId], name: &str) -> Option<TensorId> {
    let mut ids = among.iter().copied();
    ids.find(|&id| name_of(graph, id) == name)
}

fn names(graph: &Graph, ids: &[TensorId]) -> Vec<String> {
    let names = ids.iter().map(|&id| name_of(graph, id).to_string());
    names.collect()
}

/// Why a [`Donation`] was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DonationError {
    /// A name that no input of the graph has.
    UnknownInput {
        /// The name.
        name: String,
        /// The output that was to have the input's bytes; `None` where the input was to be donated.
        output: Option<String>,
        /// The names of all inputs of the graph.
        known: Vec<String>,
    },
    /// A name that no output of the graph has.
    UnknownOutput {
        /// The name.
        name: String,
        /// The names of all outputs of the graph.
        known: Vec<String>,
    },
    /// The graph with these declarations is refused.
    Graph(GraphError),
}

/// The most names that a message lists.
const MOST_LISTED: usize = 8;

impl fmt::Display for DonationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (role, name, known) = match self {
            Self::UnknownInput { name, known, .. } => ("input", name, known),
            Self::UnknownOutput { name, known } => ("output", name, known),
            Self::Graph(error) => return error.fmt(f),
        };
        write!(f, "no {role} of the graph is called '{name}'; ")?;
        match known.split_first() {
            None => write!(f, "there is no {role} with bytes to plan"),
            Some((first, rest)) => {
                write!(f, "expected '{first}'")?;
                for name in rest.iter().take(MOST_LISTED - 1) {
                    write!(f, ", '{name}'")?;
                }
                match known.len().saturating_sub(MOST_LISTED) {
                    0 => Ok(()),
                    more => write!(f, " or one of {more} more"),
                }
            }
        }
    }
}

impl Error for DonationError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Graph(error) => error.source(),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use core::alloc::Layout;

    use super::*;

    /// `next` is the new value of `state`, and `y` may be written over `x`.
    fn graph() -> Graph {
        let mut g = GraphBuilder::new();
        let [x, y, state, next] = ["x", "y", "state", "next"]
            .map(|name| g.tensor(name, Layout::from_size_align(64, 64).expect("a layout")));
        g.op("relu").reads([x]).writes([y]).in_place(y, x);
        g.op("step").reads([state]).writes([next]);
        g.input(x).input(state).output(y).output(next);
        g.build().expect("a graph")
    }

    #[test]
    fn names_are_those_of_inputs_and_outputs() {
        let donation = Donation::new().input("x").alias_output("y", "x");
        let declared = donation.declare_in(graph()).expect("names of the graph");
        assert_eq!(declared.donated(), [TensorId::new(0)]);
        assert_eq!(declared.output_aliases()[0].output, TensorId::new(1));

        let all = Donation::new().all_inputs();
        let declared = all.declare_in(graph()).expect("inputs are given up");
        assert_eq!(declared.donated(), [TensorId::new(0), TensorId::new(2)]);

        assert_eq!(Donation::new().declare_in(graph()), Ok(graph()));
    }

    #[test]
    fn what_is_refused_names_the_tensor_and_those_that_there_are() {
        let refused = |donation: Donation| donation.declare_in(graph()).unwrap_err();
        let error = refused(Donation::new().input("y"));
        assert_eq!(
            error.to_string(),
            "no input of the graph is called 'y'; expected 'x', 'state'"
        );
        let error = refused(Donation::new().alias_output("x", "x"));
        assert_eq!(
            error.to_string(),
            "no output of the graph is called 'x'; expected 'y', 'next'"
        );
        let error = refused(Donation::new().alias_output("y", "past"));
        let DonationError::UnknownInput {
            name,
            output,
            known,
        } = error
        else {
            panic!("{error:?}");
        };
        assert_eq!(
            (&*name, output.as_deref(), known.len()),
            ("past", Some("y"), 2)
        );
        // The operator uses the old value and is not declared to write over it.
        let error = refused(Donation::new().alias_output("next", "state"));
        assert!(matches!(error, DonationError::Graph(_)), "{error:?}");
    }

    #[test]
    fn a_message_lists_few_of_many_names() {
        let known = (0..20).map(|input| input.to_string()).collect();
        let error = DonationError::UnknownInput {
            name: "x".into(),
            output: None,
            known,
        };
        let message = error.to_string();
        assert!(message.ends_with("'6', '7' or one of 12 more"), "{message}");
    }
}
