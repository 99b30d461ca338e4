//! How errors name tensors and operators: by the id, for the program, and by the name, for the
//! reader.
//!
//! Stands on the ids. Plain values.

use alloc::boxed::Box;
use core::fmt;

use crate::ids::{OpId, TensorId};

/// A tensor that an error is about. Displayed as `tensor 'x'`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedTensor {
    id: TensorId,
    name: Box<str>,
}

impl NamedTensor {
    pub(super) fn new(id: TensorId, name: &str) -> Self {
        let name = name.into();
        Self { id, name }
    }

    /// The tensor.
    #[must_use]
    pub fn id(&self) -> TensorId {
        self.id
    }

    /// The tensor's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for NamedTensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tensor '{}'", self.name)
    }
}

/// An operator that an error is about. Displayed as `operator 'relu' (step 3)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedOp {
    id: OpId,
    name: Box<str>,
}

impl NamedOp {
    pub(super) fn new(id: OpId, name: &str) -> Self {
        let name = name.into();
        Self { id, name }
    }

    /// The operator; its index is its step.
    #[must_use]
    pub fn id(&self) -> OpId {
        self.id
    }

    /// The operator's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for NamedOp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "operator '{}' (step {})", self.name, self.id.index())
    }
}

/// Where a declaration mentions a tensor.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mention {
    /// An operator reads or writes it.
    Op(NamedOp),
    /// It is declared to be a graph input.
    Inputs,
    /// It is declared to be a graph output.
    Outputs,
    /// It is declared to be an input whose bytes the caller gives up.
    Donated,
    /// It is declared to be an output that has the bytes of an input, or that input.
    OutputAliases,
}

impl fmt::Display for Mention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Op(op) => write!(f, "{op}"),
            Self::Inputs => write!(f, "the list of graph inputs"),
            Self::Outputs => write!(f, "the list of graph outputs"),
            Self::Donated => write!(f, "the list of donated inputs"),
            Self::OutputAliases => write!(f, "the list of outputs in the bytes of inputs"),
        }
    }
}
