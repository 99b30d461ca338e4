//! When it may be good to recompute a root: before the operator that needs it, or earlier, where
//! something of which it is made is still there.
//!
//! Stands on [`Model`]. Invariant: the number of operands and uses that are looked at is limited.

use alloc::{collections::BTreeSet, vec, vec::Vec};

use super::model::{Model, Operand};

/// The most operands that are looked at for when to recompute a root.
const MOST_LOOKED_AT: usize = 6;

/// The operators before which it may be good to recompute a root: that which needs it, and those of
/// [`chances`]. At most `most`.
pub(super) fn backs(model: &Model, idle: u32, most: usize) -> Vec<u32> {
    let of = model.idle(idle);
    let mut backs = chances(model, of.operand(), of.from, of.until);
    backs.insert(0, of.until);
    backs.truncate(most);
    backs
}

/// The operators after a moment and before an operator at which something is there of which a root
/// can be recomputed: first those after the last use of something, the latest first, and then those
/// that use something of which it is made at once.
pub(super) fn chances(model: &Model, operand: Operand, from: u32, until: u32) -> Vec<u32> {
    let mut operands = vec![operand];
    let mut known = BTreeSet::from([operand]);
    let (mut backs, mut uses_of_operands) = (Vec::new(), Vec::new());
    let mut next = 0;
    while let Some(&operand) = operands.get(next).filter(|_| next < MOST_LOOKED_AT) {
        next += 1;
        let writer = model.writer(operand).filter(|&op| model.may_rerun(op));
        for &operand in writer
            .iter()
            .flat_map(|&op| &model.ops[op as usize].operands)
        {
            if known.insert(operand) {
                operands.push(operand);
                let uses = &model.root(operand.root).uses;
                let last = uses.last().map_or(0, |used| used.moment);
                if from < last && last / 2 + 1 < until {
                    backs.push(last / 2 + 1);
                }
                if next == 1 {
                    let after = uses.partition_point(|used| used.moment <= from);
                    let before = uses.partition_point(|used| used.moment / 2 < until);
                    let near = after..before.max(after).min(after + MOST_LOOKED_AT);
                    uses_of_operands.extend(uses[near].iter().map(|used| used.moment / 2));
                }
            }
        }
    }
    backs.sort_unstable_by(|a, b| b.cmp(a));
    backs.dedup();
    uses_of_operands.sort_unstable_by(|a, b| b.cmp(a));
    uses_of_operands.dedup();
    uses_of_operands.retain(|op| !backs.contains(op));
    backs.extend(uses_of_operands);
    backs
}
