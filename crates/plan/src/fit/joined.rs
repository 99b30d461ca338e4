//! Operands that lie within the results of concatenations, so that the operator has nothing to do.
//!
//! Stands on [`Emitted`]. A result is joined if all of its operands are whole copies that end with
//! the concatenation: their bytes are then a part of those that the result needs from that step on.
//! A result may itself be an operand of another concatenation, and lie within that, at a multiple
//! of the alignments of all copies that lie within it.
//!
//! ```text
//! step        0     1     2        a is written or fetched at 0, b at 1; r is joined of both at 2
//! r                       ├──────
//!             ├──── a ────┤        the bytes of r that a has
//!                   ├─ b ─┤        the others
//! ```
//!
//! Invariant: nothing writes to an operand's copy while the result is there, and the caller neither
//! fills nor reads that copy.

use alloc::{vec, vec::Vec};

use super::{
    emitted::{Action, CopyKind, Emitted},
    model::{MOST_WITHIN, Model},
};

impl Emitted {
    /// Puts copies of operands within those of results wherever that is possible.
    pub(super) fn join(&mut self, model: &Model) {
        if !model.can_join {
            return;
        }
        let mut placed: Vec<(u32, (u32, u64))> = Vec::new();
        let mut counts = vec![0; self.copies.len()];
        // The greatest alignment of a copy and of those within it.
        let alignments = self.copies.iter();
        let alignments = alignments.map(|copy| model.root(copy.root).alignment.max(1));
        let mut alignments: Vec<u64> = alignments.collect();
        for (step, (action, reads, writes)) in self.steps().enumerate() {
            let (Action::Run(op) | Action::Rerun(op)) = action else {
                continue;
            };
            for join in &model.ops[op as usize].joins {
                let operands = join.parts.iter().map(|&(read, start)| (reads[read], start));
                let may_lie = |(copy, start): (u32, u64)| {
                    let is_aligned = start % alignments[copy as usize] == 0;
                    is_aligned && self.ends_at(step, copy) && !writes.contains(&copy)
                };
                let within = operands.clone().map(|(copy, _)| 1 + counts[copy as usize]);
                let count: usize = within.sum();
                if count <= MOST_WITHIN && operands.clone().all(may_lie) {
                    let result = writes[join.product];
                    counts[result as usize] = count;
                    let most = operands.clone().map(|(copy, _)| alignments[copy as usize]);
                    let most = most.max().unwrap_or(1);
                    let own = &mut alignments[result as usize];
                    *own = most.max(*own);
                    placed.extend(operands.map(|(copy, start)| (copy, (result, start))));
                }
            }
        }
        for (copy, within) in placed {
            self.copies[copy as usize].within = Some(within);
        }
    }

    /// Whether a copy has been there before a step, as it is, and ends with it.
    fn ends_at(&self, step: usize, copy: u32) -> bool {
        let copy = &self.copies[copy as usize];
        copy.kind == CopyKind::Plain && copy.steps.start < step && copy.steps.end == step + 1
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
