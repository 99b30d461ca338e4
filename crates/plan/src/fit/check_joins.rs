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
    schedule::{CopyId, FitAction, FitStep, Form, Memory},
};
use crate::graph::{Op, Part};
use crate::ids::TensorId;
use crate::lifetimes::Aliasing;

/// What is found of a result whose copy begins with its operator.
#[derive(Default)]
struct Joined {
    /// The operands that are where the result has them.
    operands: Vec<CopyId>,
    /// The bytes of these operands.
    filled: u64,
}

impl Check<'_> {
    /// The copies of results that begin with a step and are joined there: each with the copies of
    /// the operands that fill it, which are where the result has them and end in that step. Whether
    /// they hold the operands is seen when the operator runs. O(n log n) for n operands, results
    /// and parts of the step.
    pub(super) fn joined_at(&self, step: usize) -> BTreeMap<CopyId, Vec<CopyId>> {
        let Some((what, op)) = self.concatenation(step) else {
            return BTreeMap::new();
        };
        let (mut results, mut written) = (BTreeMap::new(), BTreeSet::new());
        for (&result, &copy) in op.writes().iter().zip(&what.writes) {
            let of = self.schedule.copy(copy);
            let begins = of.is_some_and(|of| of.steps.start == step && of.memory == Memory::Fast);
            // Of the results in one copy, the first is that which the others are views of.
            if written.insert(copy) && begins {
                results.insert(result, copy);
            }
        }
        let operands = op.reads().iter().copied().zip(what.reads.iter().copied());
        let operands: BTreeMap<TensorId, CopyId> = operands.collect();
        let mut joined: BTreeMap<CopyId, Joined> = BTreeMap::new();
        let parts = op.parts().iter();
        for part in parts.filter(|part| self.size(part.operand) > 0) {
            let Some(&whole) = results.get(&part.result) else {
                continue;
            };
            let of = joined.entry(whole).or_default();
            let operand = operands.get(&part.operand).copied();
            let operand = operand.filter(|copy| !written.contains(copy));
            if let Some(copy) = operand.filter(|&copy| self.is_part(copy, whole, *part)) {
                of.operands.push(copy);
                of.filled += self.size(part.operand);
            }
        }
        // Parts of one result have no bytes in common: where they fill it, none is elsewhere.
        let size = |copy: CopyId| self.schedule.copies[copy.index()].bytes(self.graph);
        joined.retain(|&whole, of| of.filled == size(whole));
        let joined = joined.into_iter();
        joined.map(|(whole, of)| (whole, of.operands)).collect()
    }

    /// The operator of a step that has parts, if it may have operands within results.
    fn concatenation(&self, step: usize) -> Option<(&FitStep, &Op)> {
        let what = self.schedule.steps.get(step)?;
        let (FitAction::Run(op) | FitAction::Rerun(op)) = what.action else {
            return None;
        };
        let op = self.graph.ops().get(op.index())?;
        let may_join = self.fit.aliasing == Aliasing::Parts && !op.parts().is_empty();
        may_join.then_some((what, op))
    }

    /// Whether a copy is all of an operand, lies where the result has it, and ends with the first
    /// step of the result's copy.
    fn is_part(&self, copy: CopyId, whole: CopyId, part: Part) -> bool {
        let whole = &self.schedule.copies[whole.index()];
        let step = whole.steps.start;
        self.schedule.copy(copy).is_some_and(|operand| {
            let is_plain = (operand.memory, operand.form()) == (Memory::Fast, Form::Plain);
            let ends_here = operand.steps.start < step && operand.steps.end == step + 1;
            let is_whole = operand.bytes(self.graph) == self.size(part.operand);
            let start = whole.offset.checked_add(part.offset);
            is_plain && ends_here && is_whole && Some(operand.offset) == start
        })
    }
}
