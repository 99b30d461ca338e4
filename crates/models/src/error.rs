//! Why a file cannot be planned as a model.
//!
//! Stands on nothing. Invariant: every message names the place, the value found and what was
//! expected.

use std::{io, path::PathBuf};

use orionrt_plan::GraphError;
use thiserror::Error;

/// Why a file cannot be planned as a model.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ModelError {
    /// The file cannot be read.
    #[error("{}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The file is neither an ONNX nor a TensorFlow Lite model.
    #[error("neither an ONNX nor a TensorFlow Lite model: it looks like {looks_like}")]
    Format {
        /// What the bytes look like.
        looks_like: &'static str,
    },
    /// The file is damaged, or not valid in its format.
    #[error("{place}: {found}; expected {expected}")]
    Malformed {
        /// Where in the file: a message, a field, a byte.
        place: String,
        /// What is there.
        found: String,
        /// What would be valid.
        expected: String,
    },
    /// The file exceeds a limit on what is read.
    #[error("{what}: {found}, more than the limit of {limit}")]
    TooLarge {
        /// What is too many or too large.
        what: String,
        /// How many there are, or how large it is.
        found: u64,
        /// The most that is accepted.
        limit: u64,
    },
    /// An operator that contradicts itself or its operands.
    #[error("operator '{node}' ({operator}): {reason}")]
    Operator {
        /// The node's name, or that of its first result.
        node: String,
        /// Its operator.
        operator: String,
        /// What is wrong.
        reason: String,
    },
    /// The shape that follows from the operands is not the one that the file states.
    #[error("tensor '{tensor}': inferred as {inferred}, but the file states {stated}")]
    Disagreement {
        /// The tensor.
        tensor: String,
        /// Type and shape that follow from the operands.
        inferred: String,
        /// Type and shape in the file.
        stated: String,
    },
    /// Dimensions whose size must be given.
    #[error("{}", missing_message(missing))]
    MissingDims {
        /// All that are missing.
        missing: Vec<MissingDim>,
    },
    /// A dimension was given that the model does not have.
    #[error("no dimension is called '{name}'; the model has {}", names_of(known))]
    UnknownDim {
        /// The name that was given.
        name: String,
        /// The names that the model has.
        known: Vec<String>,
    },
    /// A value was given for an input that the model does not have, or one that does not fit.
    #[error("input '{name}': {reason}")]
    Input {
        /// The name that was given.
        name: String,
        /// What is wrong, and what was expected.
        reason: String,
    },
    /// A tensor whose place cannot be part of a file's memory plan.
    #[error("memory plan, tensor '{tensor}': {found}; expected {expected}")]
    Placement {
        /// The tensor.
        tensor: String,
        /// Its offset, or that it has none.
        found: String,
        /// What would be valid.
        expected: &'static str,
    },
    /// The alignment is not a power of two, or too large.
    #[error("an alignment of {0} bytes; expected a power of two up to 2^62")]
    Alignment(u64),
    /// The operators do not make a valid graph.
    #[error(transparent)]
    Graph(#[from] GraphError),
}

/// A dimension whose size must be given.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MissingDim {
    /// The name to give it by.
    pub name: String,
    /// Where it occurs first: a tensor and its shape.
    pub place: String,
    /// Whether the size depends on data, so that an upper bound is asked for.
    pub is_bound: bool,
}

impl MissingDim {
    /// A dimension that is missing.
    #[must_use]
    pub fn new(name: impl Into<String>, place: impl Into<String>, is_bound: bool) -> Self {
        Self {
            name: name.into(),
            place: place.into(),
            is_bound,
        }
    }
}

/// The most missing dimensions that a message lists: nobody gives more by hand.
const MOST_MISSING: usize = 500;

/// The most names of which a message says that they could have been given.
const MOST_KNOWN: usize = 100;

fn missing_message(missing: &[MissingDim]) -> String {
    let mut text = String::from("sizes are missing:\n");
    let listed = &missing[..missing.len().min(MOST_MISSING)];
    for dim in listed {
        let kind = if dim.is_bound {
            " (depends on data: give an upper bound)"
        } else {
            ""
        };
        text += &format!("  {} in {}{kind}\n", dim.name, dim.place);
    }
    if listed.len() < missing.len() {
        text += &format!("  and {} more\n", missing.len() - listed.len());
    }
    text += "give them with:";
    for dim in listed {
        text += &format!(" --dim {}=N", dim.name);
    }
    text
}

fn names_of(known: &[String]) -> String {
    listed(known.iter().map(String::as_str))
}

/// Names for a message, with the number of those that are left out of it.
pub(crate) fn listed<'n>(names: impl Iterator<Item = &'n str>) -> String {
    let mut names = names.peekable();
    if names.peek().is_none() {
        return "none that can be given".into();
    }
    let quoted: Vec<String> = names
        .by_ref()
        .take(MOST_KNOWN)
        .map(|name| format!("'{name}'"))
        .collect();
    let mut text = quoted.join(", ");
    let more = names.count();
    if more > 0 {
        text += &format!(" and {more} more");
    }
    text
}
