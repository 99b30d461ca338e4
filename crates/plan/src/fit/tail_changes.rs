//! Changes of what becomes of roots after their last use.
//!
//! Stands on the estimates. An operator that is rerun late needs operands that may have had their
//! last use long before. Each of them stays, is spilled or compressed, is recomputed with the
//! operator, or is recomputed earlier, where what it is made of is still there:
//!
//! ```text
//! kept         ── t ──────────────────────────────────┐
//! made again   ── t ──┐             ┌─ rerun of t ────┤ late rerun, which reads t
//! recomputed   ── t ──┐                    rerun of t ┘
//! ```
//!
//! Invariant: a change names only roots that have had their last use before they stay or are
//! recomputed.

use alloc::{vec, vec::Vec};
use core::ops::Range;

use super::{
    chances::chances,
    choices::{Choices, Presence, Tail},
    estimate::{Operands, recomputation},
    load_tree::LoadTree,
    model::{Operand, moment_before},
    search::Search,
};

/// The most operators before which a root is recomputed after its last use.
const MOST_CHANCES: usize = 6;

/// Roots with what they shall be after their last use.
pub(super) type TailChange = Vec<(u32, Tail)>;

impl Search<'_> {
    /// Other ways to have a root after its last use, until before an operator.
    pub(super) fn tail_changes(&self, choices: &Choices, root: u32, until: u32) -> Vec<TailChange> {
        let model = self.model;
        let end = model.ops.len() as u32;
        let now = choices.tails[root as usize];
        let mut tails = vec![Tail::Gone, Tail::Kept(end)];
        if model.can_spill {
            tails.push(Tail::Spilled);
        }
        if model.compressed(root).is_some() {
            tails.push(Tail::Compressed);
        }
        let is_other = |tail: &Tail| *tail != now;
        let others = tails.into_iter().filter(is_other);
        let mut changes: Vec<TailChange> = others.map(|tail| vec![(root, tail)]).collect();
        let last = model.root(root).uses.last();
        let (from, version) = last.map_or((0, 0), |last| (last.moment, last.version));
        let operand = Operand { root, version };
        let writer = model.writer(operand).filter(|&op| model.may_rerun(op));
        if writer.is_some() {
            changes.extend(self.agains(choices, operand, from..until));
        }
        // What it is made of stays instead.
        let operands = writer
            .iter()
            .flat_map(|&op| &model.ops[op as usize].operands);
        let is_over = |of: &&Operand| {
            choices.presence(model, of.root, until) == (Presence::Over, of.version)
                && choices.tails[of.root as usize] == Tail::Gone
        };
        let kept = operands.filter(is_over);
        let mut instead: TailChange = kept.map(|of| (of.root, Tail::Kept(until))).collect();
        if !instead.is_empty() {
            instead.push((root, Tail::Gone));
            changes.push(instead);
        }
        changes
    }

    /// The ways to recompute a root that has had its last use, after a moment and before an
    /// operator, each with what has to stay for that.
    pub(super) fn agains(
        &self,
        choices: &Choices,
        operand: Operand,
        between: Range<u32>,
    ) -> Vec<TailChange> {
        let model = self.model;
        let fast = &LoadTree::new([0].into_iter());
        let room = self.room(fast);
        let mut changes = Vec::new();
        let chances = chances(model, operand, between.start, between.end);
        let is_after = |op: &u32| moment_before(*op) > between.start;
        for back in chances.into_iter().filter(is_after).take(MOST_CHANCES) {
            for operands in [Operands::Keep, Operands::KeepLeast, Operands::Recompute] {
                let made = recomputation(model, choices, operand, back, operands, &room);
                let Some(made) = made else {
                    continue;
                };
                let kept = made.kept.into_iter().map(|root| (root, Tail::Kept(back)));
                let mut change: TailChange = kept.collect();
                change.push((operand.root, Tail::Again(back)));
                if !changes.contains(&change) {
                    changes.push(change);
                }
            }
        }
        changes
    }
}

/// Makes a change.
pub(super) fn change_tails(choices: &mut Choices, change: &[(u32, Tail)]) {
    for &(root, tail) in change {
        choices.tails[root as usize] = tail;
    }
}
