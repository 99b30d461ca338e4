//! Operators as a graph declares them: what each reads and writes, and which results share bytes
//! with operands.
//!
//! Stands on the ids. Plain values; `build` checks them.

use alloc::{string::String, vec::Vec};

use crate::ids::{OpId, TensorId};

/// A result that is part of an operand and has no bytes of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct View {
    /// The tensor that the operator writes.
    pub result: TensorId,
    /// The operand whose bytes the result is.
    pub of: TensorId,
    /// Where in the operand the result begins, in bytes.
    pub offset: u64,
}

impl View {
    /// `result` is the bytes of `of` from byte `offset` on.
    #[must_use]
    pub const fn new(result: TensorId, of: TensorId, offset: u64) -> Self {
        Self { result, of, offset }
    }
}

/// A result that may take the bytes of an operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InPlace {
    /// The tensor that the operator writes.
    pub result: TensorId,
    /// The operand whose bytes the result may take; it has as many as the result.
    pub of: TensorId,
}

impl InPlace {
    /// `result` may take the bytes of `of`.
    #[must_use]
    pub const fn new(result: TensorId, of: TensorId) -> Self {
        Self { result, of }
    }
}

/// An operand that may lie within a result, which has its bytes at some place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Part {
    /// The operand.
    pub operand: TensorId,
    /// The tensor that the operator writes.
    pub result: TensorId,
    /// Where in the result the bytes of the operand begin.
    pub offset: u64,
}

impl Part {
    /// `result` has the bytes of `operand` from byte `offset` on.
    #[must_use]
    pub const fn new(operand: TensorId, result: TensorId, offset: u64) -> Self {
        Self {
            operand,
            result,
            offset,
        }
    }
}

/// An operator: one step of the execution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Op {
    pub(super) name: String,
    pub(super) reads: Vec<TensorId>,
    pub(super) writes: Vec<TensorId>,
    pub(super) views: Vec<View>,
    pub(super) in_place: Vec<InPlace>,
    pub(super) parts: Vec<Part>,
    pub(super) stream: u32,
    pub(super) waits: Vec<OpId>,
}

impl Op {
    /// The name given to [`GraphBuilder::op`](super::GraphBuilder::op).
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The tensors that the operator reads.
    #[must_use]
    pub fn reads(&self) -> &[TensorId] {
        &self.reads
    }

    /// The tensors that the operator writes.
    #[must_use]
    pub fn writes(&self) -> &[TensorId] {
        &self.writes
    }

    /// The results that are views of operands.
    #[must_use]
    pub fn views(&self) -> &[View] {
        &self.views
    }

    /// The results that may take the bytes of operands, in order of preference.
    #[must_use]
    pub fn in_place(&self) -> &[InPlace] {
        &self.in_place
    }

    /// The operands whose bytes results have as they are.
    #[must_use]
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The stream on which the operator runs; 0 by default.
    #[must_use]
    pub fn stream(&self) -> u32 {
        self.stream
    }

    /// The operators for which this one waits, in addition to the earlier ones of its stream.
    #[must_use]
    pub fn waits(&self) -> &[OpId] {
        &self.waits
    }
}
