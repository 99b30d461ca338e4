//! Operands that lie within the results of concatenations, so that the operator has nothing to do.
//!
//! Stands on [`Emitted`]. A result is joined if all of its operands are whole copies that end with
//! the concatenation: their bytes are then a part of those that the result needs from that step on.
//! An operand that is only read after that, while the result is there and not written over, is read
//! within the result, and its own copy ends with the concatenation, too. A result may itself be an
//! operand of another concatenation, and lie within that, at a multiple of the alignments of all
//! copies that lie within it, unless operands are read within it after that.
//!
//! ```text
//! step        0     1     2     3  a is written or fetched at 0, b at 1; r is joined of both at 2
//! r                       ├──────
//!             ├──── a ────┤        the bytes of r that a has; who reads a at 3 reads those of r
//!                   ├─ b ─┤        the others
//! ```
//!
//! Invariant: nothing writes to an operand's copy while the result is there, and the caller neither
//! fills nor reads that copy.

use alloc::{vec, vec::Vec};

use super::{
    emitted::{Action, CopyKind, Emitted},
    model::{Join, MOST_WITHIN, Model, ModelOp, Writes},
};

/// How many steps are looked at for operands that are read within results, for each step of the
/// schedule.
const LOOKED_AT: usize = 8;

/// What lies within each copy.
struct Nested {
    /// How many copies.
    counts: Vec<usize>,
    /// The greatest alignment of the copy and of those within it.
    alignments: Vec<u64>,
    /// The steps that may still be looked at.
    looks: usize,
}

impl Emitted {
    /// Puts copies of operands within those of results wherever that is possible.
    pub(super) fn join(&mut self, model: &Model) {
        if !model.can_join {
            return;
        }
        let alignments = self.copies.iter();
        let alignments = alignments.map(|copy| model.root(copy.root).alignment.max(1));
        let mut nested = Nested {
            counts: vec![0; self.copies.len()],
            alignments: alignments.collect(),
            looks: LOOKED_AT * self.len(),
        };
        for step in 0..self.len() {
            let (Action::Run(op) | Action::Rerun(op), ..) = self.step(step) else {
                continue;
            };
            let what = &model.ops[op as usize];
            for join in &what.joins {
                if let Some(operands) = self.operands(model, step, what, join, &mut nested) {
                    self.put_within(step, join, &operands, &mut nested);
                }
            }
        }
    }

    /// The copies of a concatenation's operands, each with where it begins in the result, if all of
    /// them may lie there.
    fn operands(
        &self,
        model: &Model,
        step: usize,
        what: &ModelOp,
        join: &Join,
        nested: &mut Nested,
    ) -> Option<Vec<(u32, u64)>> {
        let (_, reads, writes) = self.step(step);
        let operands = join.parts.iter().map(|&(read, start)| (reads[read], start));
        let within = operands
            .clone()
            .map(|(copy, _)| nested.counts[copy as usize] + 1);
        if within.sum::<usize>() > MOST_WITHIN {
            return None;
        }
        for (&(read, start), copy) in join.parts.iter().zip(operands.clone().map(|of| of.0)) {
            let of = &self.copies[copy as usize];
            // An operand may be read within another result already.
            let is_own = of.root == what.operands[read].root && of.within.is_none();
            let is_aligned = start % nested.alignments[copy as usize] == 0;
            let is_there = of.kind == CopyKind::Plain && of.steps.start < step;
            if !(is_own && is_aligned && is_there) || writes.contains(&copy) {
                return None;
            }
        }
        let result = writes[join.product];
        let operands: Vec<(u32, u64)> = operands.collect();
        let mut copies = operands.iter().map(|&(copy, _)| copy);
        let may_end = |copy| self.may_end(model, step, copy, result, &mut nested.looks);
        copies.all(may_end).then_some(operands)
    }

    /// Whether a copy ends with a step, or whoever reads it later may read the result instead that
    /// begins with the step.
    fn may_end(
        &self,
        model: &Model,
        step: usize,
        copy: u32,
        result: u32,
        looks: &mut usize,
    ) -> bool {
        let [end, last] = [copy, result].map(|copy| self.copies[copy as usize].steps.end);
        let later = step + 1..end;
        if end > last || later.len() > *looks || self.outputs.contains(&copy) {
            return false;
        }
        *looks -= later.len();
        later.into_iter().all(|at| {
            let (action, reads, writes) = self.step(at);
            let (Action::Run(op) | Action::Rerun(op)) = action else {
                return !reads.contains(&copy);
            };
            let what = &model.ops[op as usize];
            let mut written = what.products.iter().zip(writes);
            let is_written = written.any(|(product, &to)| {
                product.writes != Writes::Nothing && (to == copy || to == result)
            });
            // What lies within it is found in the result only if it is an operand of that.
            let root = self.copies[copy as usize].root;
            let mut operands = what.operands.iter().zip(reads);
            if operands.any(|(of, &read)| read == copy && of.root != root) {
                return false;
            }
            // Another concatenation may have room for it.
            let mut parts = what.joins.iter().flat_map(|join| &join.parts);
            !is_written && !parts.any(|&(read, _)| reads[read] == copy)
        })
    }

    /// Puts operands within the result of a concatenation.
    fn put_within(
        &mut self,
        step: usize,
        join: &Join,
        operands: &[(u32, u64)],
        nested: &mut Nested,
    ) {
        let result = self.step(step).2[join.product];
        for &(copy, start) in operands {
            let of = &mut self.copies[copy as usize];
            let later = step + 1..of.steps.end;
            of.within = Some((result, start));
            of.steps.end = step + 1;
            self.rename(later, copy, result);
            nested.counts[result as usize] += 1 + nested.counts[copy as usize];
            let alignment = nested.alignments[copy as usize];
            let own = &mut nested.alignments[result as usize];
            *own = alignment.max(*own);
        }
    }

    /// The copy that a copy lies within and that lies within none, and where in it; itself if it
    /// lies within none.
    pub(super) fn place(&self, copy: u32) -> (u32, u64) {
        let (mut place, mut start) = (copy, 0);
        while let Some((result, offset)) = self.copies[place as usize].within {
            (place, start) = (result, start + offset);
        }
        (place, start)
    }
}
