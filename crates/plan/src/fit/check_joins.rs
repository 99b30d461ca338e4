//! The part of the check that looks at concatenations whose operands lie within the result.
//!
//! Stands on [`Check`]. The operator has nothing to do there, so the result's copy may begin with
//! the step in which those of its operands end. Invariant: all bytes of the result are those of
//! operands whose copies are not written any more.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

use super::{
    check_state::Check,
    schedule::{CopyId, FitAction, Form, Memory},
};
use crate::ids::TensorId;
use crate::lifetimes::Aliasing;

impl Check<'_> {
    /// The copies of operands that fill a copy, if it is that of a result which the operator of its
    /// first step would fill with them, and each is where the result has it; none otherwise. They
    /// end in that step. Whether they hold the operands is seen when the operator runs.
    pub(super) fn joined_to(&self, id: CopyId) -> Vec<CopyId> {
        let whole = &self.schedule.copies[id.index()];
        let step = whole.steps.start;
        let (Some(what), Aliasing::Parts) = (self.schedule.steps.get(step), self.fit.aliasing)
        else {
            return Vec::new();
        };
        let (FitAction::Run(op) | FitAction::Rerun(op)) = what.action else {
            return Vec::new();
        };
        let Some(op) = self.graph.ops().get(op.index()) else {
            return Vec::new();
        };
        let mut results = op.writes().iter().zip(&what.writes);
        let Some((&result, _)) = results.find(|&(_, &copy)| copy == id) else {
            return Vec::new();
        };
        let written: BTreeSet<CopyId> = what.writes.iter().copied().collect();
        let operands = op.reads().iter().copied().zip(what.reads.iter().copied());
        let operands: BTreeMap<TensorId, CopyId> = operands.collect();
        let parts = op.parts().iter().filter(|part| part.result == result);
        let (mut joined, mut filled) = (Vec::new(), 0);
        for part in parts.filter(|part| self.size(part.operand) > 0) {
            let Some(&copy) = operands.get(&part.operand) else {
                return Vec::new();
            };
            let is_there = self.schedule.copy(copy).is_some_and(|operand| {
                let is_plain = (operand.memory, operand.form()) == (Memory::Fast, Form::Plain);
                let ends_here = operand.steps.start < step && operand.steps.end == step + 1;
                let is_whole = operand.bytes(self.graph) == self.size(part.operand);
                let start = whole.offset.checked_add(part.offset);
                is_plain && ends_here && is_whole && Some(operand.offset) == start
            });
            if !is_there || written.contains(&copy) {
                return Vec::new();
            }
            filled += self.size(part.operand);
            joined.push(copy);
        }
        // Parts of one result have no bytes in common.
        match filled == whole.bytes(self.graph) && whole.memory == Memory::Fast {
            true => joined,
            false => Vec::new(),
        }
    }
}
