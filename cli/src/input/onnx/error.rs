//! Why a file is not a model that can be planned.
//!
//! Stands on the errors of tract and of the library. Invariant: a message names the node or tensor
//! at fault; the file's name is the caller's to add.

#![forbid(unsafe_code)]

use std::{collections::BTreeSet, io};

use orionrt::graph::GraphError;
use tract_onnx::tract_hir::infer::InferenceFact;
use tract_onnx::tract_hir::internal::TractError;

/// The most characters of a message of tract's.
const MAX_REASON: usize = 600;

/// Why a file is not a model that can be planned. The file's name is the caller's to add.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OnnxError {
    /// The file cannot be opened.
    #[error("cannot be read: {source}")]
    Read {
        /// What the operating system reports.
        source: io::Error,
    },
    /// The bytes are not an ONNX model.
    #[error("not an ONNX model: {reason}")]
    NotOnnx {
        /// What was found instead.
        reason: String,
    },
    /// The file is ONNX, but contradicts itself or goes beyond what tract reads.
    #[error("the model cannot be read: {reason}")]
    Refused {
        /// What tract reports, with the node.
        reason: String,
    },
    /// An operator that tract does not know, writing a tensor whose shape the file does not state.
    #[error(
        "node '{node}' has the unsupported operator {operator}; \
         it can be planned only if the file states the shape of the one tensor it writes"
    )]
    UnknownOperator {
        /// The node.
        node: String,
        /// Its type.
        operator: String,
    },
    /// A name given for a dimension is not in the model.
    #[error("the model has no dimension named '{name}': {}", known_dims(known))]
    UnknownDim {
        /// The name given.
        name: String,
        /// The names that the model has.
        known: Vec<String>,
    },
    /// A dimension has no size.
    #[error(
        "tensor '{tensor}' of node '{node}' has the incomplete shape [{shape}]: add {}",
        dim_flags(missing)
    )]
    MissingDim {
        /// The tensor.
        tensor: String,
        /// The node that writes it, or the input itself.
        node: String,
        /// What is known of its shape.
        shape: String,
        /// The dimensions to give.
        missing: Vec<String>,
    },
    /// A shape or type that inference cannot find and the user cannot give.
    #[error(
        "tensor '{tensor}' of node '{node}' ({operator}) has a shape or type that is only known \
         when the model runs: [{shape}]"
    )]
    UnknownShape {
        /// The tensor.
        tensor: String,
        /// The node that writes it.
        node: String,
        /// The type of the node.
        operator: String,
        /// What is known.
        shape: String,
    },
    /// A tensor that is too large for memory, or has elements without a fixed size.
    #[error(
        "tensor '{tensor}' with the shape and type [{shape}] cannot be placed in memory: \
         it is too large, or its elements have no fixed size"
    )]
    NoLayout {
        /// The tensor.
        tensor: String,
        /// Its shape and type.
        shape: String,
    },
    /// The alignment asked for is not a power of two.
    #[error("the alignment {0} is not a power of two")]
    Alignment(usize),
    /// The graph breaks one of the library's rules.
    #[error(transparent)]
    Graph(Box<GraphError>),
}

impl From<GraphError> for OnnxError {
    fn from(error: GraphError) -> Self {
        Self::Graph(error.into())
    }
}

fn known_dims(known: &[String]) -> String {
    if known.is_empty() {
        "all of its dimensions are numbers".into()
    } else {
        format!("it has {}", known.join(", "))
    }
}

fn dim_flags(missing: &[String]) -> String {
    let flags = missing.iter().map(|name| format!("--dim {name}=N"));
    flags.collect::<Vec<_>>().join(" ")
}

/// An error of tract's, on one line of limited length.
pub(super) fn refused(error: TractError) -> OnnxError {
    OnnxError::Refused {
        reason: format!("{error:#}").chars().take(MAX_REASON).collect(),
    }
}

pub(super) fn not_onnx(reason: impl Into<String>) -> OnnxError {
    let reason = reason.into();
    OnnxError::NotOnnx { reason }
}

pub(super) fn missing_dim(
    tensor: String,
    node: String,
    fact: &InferenceFact,
    missing: BTreeSet<String>,
) -> OnnxError {
    let (shape, missing) = (format!("{:?}", fact.shape), missing.into_iter().collect());
    OnnxError::MissingDim {
        tensor,
        node,
        shape,
        missing,
    }
}
