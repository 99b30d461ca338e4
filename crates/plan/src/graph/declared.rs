//! What the operator that is being declared uses so far, to be asked for each further operand and
//! result.
//!
//! Stands on [`TensorSet`]. Invariant: the sets have the tensors of the operator's lists, and what
//! shares bytes is also read or written.

use super::tensor_set::TensorSet;
use crate::ids::TensorId;

/// The tensors that the last operator uses.
#[derive(Clone, Debug, Default)]
pub(super) struct Declared {
    read: TensorSet,
    written: TensorSet,
    /// Operands whose bytes some result shares.
    shared_operands: TensorSet,
    /// Results that share the bytes of an operand.
    shared_results: TensorSet,
}

impl Declared {
    /// Starts with the next operator.
    pub(super) fn clear(&mut self) {
        self.read.clear();
        self.written.clear();
        self.shared_operands.clear();
        self.shared_results.clear();
    }

    /// Notes an operand; returns whether it belongs in the list of operands, in which one that a
    /// result shares bytes with is not repeated.
    pub(super) fn reads(&mut self, operand: TensorId) -> bool {
        self.read.insert(operand) || !self.shared_operands.contains(operand)
    }

    /// Notes a result; returns whether it belongs in the list of results.
    pub(super) fn writes(&mut self, result: TensorId) -> bool {
        self.written.insert(result) || !self.shared_results.contains(result)
    }

    /// Notes a result that shares the bytes of an operand; returns whether the operand is new, and
    /// whether the result is.
    pub(super) fn shares(&mut self, result: TensorId, of: TensorId) -> (bool, bool) {
        self.shared_operands.insert(of);
        self.shared_results.insert(result);
        (self.read.insert(of), self.written.insert(result))
    }
}
