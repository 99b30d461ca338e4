//! Why an order of operators cannot be used.
//!
//! Stands on the names of tensors and operators, and on constructs. Plain values. Steps are those
//! of the graph that is to be reordered.

use core::{error::Error, fmt};

use super::{
    construct::Construct,
    named::{NamedOp, NamedTensor},
};
use crate::ids::OpId;

/// What can be wrong with an order of operators.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OrderMistake {
    /// An id that is not an operator of the graph.
    UnknownOp {
        /// The id.
        op: OpId,
        /// How many operators the graph has.
        ops: usize,
    },
    /// An operator is named twice.
    Twice {
        /// The operator.
        op: NamedOp,
    },
    /// An operator is not named.
    Missing {
        /// The operator.
        op: NamedOp,
    },
    /// An operator would read a tensor before it is written.
    ReadTooEarly {
        /// The operator that reads.
        op: NamedOp,
        /// The operand.
        tensor: NamedTensor,
        /// The operator that writes the operand.
        writer: NamedOp,
    },
    /// An operator would write a tensor before another one has used what is in it. Only tensors
    /// that loops carry are written again.
    WrittenTooEarly {
        /// The operator that writes.
        op: NamedOp,
        /// The tensor.
        tensor: NamedTensor,
        /// The operator that reads or writes the tensor before, in the given graph.
        before: NamedOp,
    },
    /// An operator would run before one for which it waits.
    WaitsForLater {
        /// The operator.
        op: NamedOp,
        /// The operator for which it waits.
        waits_for: NamedOp,
    },
    /// The operators of a construct do not follow each other as they do in the graph.
    ConstructSplit {
        /// The branches or the loop, with no other construct around.
        construct: Construct,
        /// The first operator that comes in between, or in another order.
        op: NamedOp,
    },
}

impl fmt::Display for OrderMistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownOp { op, ops } => write!(
                f,
                "it names operator {op}, but the graph has {ops} operators, counted from O0"
            ),
            Self::Twice { op } => write!(f, "it names {op} twice"),
            Self::Missing { op } => write!(f, "it does not name {op}"),
            Self::ReadTooEarly { op, tensor, writer } => {
                write!(f, "{op} would read {tensor} before {writer} writes it")
            }
            Self::WrittenTooEarly { op, tensor, before } => {
                write!(f, "{op} would write {tensor} before {before} uses it")
            }
            Self::WaitsForLater { op, waits_for } => {
                write!(f, "{op} would run before {waits_for}, for which it waits")
            }
            Self::ConstructSplit { construct, op } => write!(
                f,
                "{construct} must follow each other as in the graph, but {op} is in between"
            ),
        }
    }
}

impl Error for OrderMistake {}
