//! Moves of roots after their last use.
//!
//! Stands on the changes, the repair and the polishing. Invariant: what is found never costs more
//! than what was there before.

use alloc::{collections::BTreeMap, vec::Vec};

use super::{
    choices::{Presence, Tail},
    model::NONE,
    rules::Rule,
    search::{Search, Solution},
    tail_changes::change_tails,
};

impl Search<'_> {
    /// The better one of what is there and what moves of roots after their last use lead to.
    pub(super) fn with_tails(&mut self, mut best: Solution) -> Solution {
        for (root, until) in self.needed_late(&best) {
            for change in self.tail_changes(&best.choices, root, until) {
                if self.is_over() {
                    return best;
                }
                let mut choices = best.choices.clone();
                change_tails(&mut choices, &change);
                let mut banned = self.nothing_banned();
                if let Ok(found) = self.repair(choices, Rule::ALL[0], &mut banned, false) {
                    best = self.better(best, found, NONE);
                }
            }
        }
        best
    }

    /// The roots that are needed after their last use, and the last operator before which they are.
    pub(super) fn needed_late(&mut self, found: &Solution) -> Vec<(u32, u32)> {
        let end = self.model.ops.len() as u32;
        self.spend(found.choices.tails.len() / 8 + found.emitted.temporaries.len());
        let mut late: BTreeMap<u32, u32> = BTreeMap::new();
        for (root, &tail) in found.choices.tails.iter().enumerate() {
            match tail {
                Tail::Gone => {}
                Tail::Kept(until) => drop(late.insert(root as u32, until)),
                _ => drop(late.insert(root as u32, end)),
            }
        }
        for &(operand, op) in &found.emitted.temporaries {
            let root = operand.root;
            let presence = found.choices.presence(self.model, root, op);
            if presence == (Presence::Over, operand.version) {
                let until = late.entry(root).or_insert(op);
                *until = op.max(*until);
            }
        }
        late.into_iter().collect()
    }
}
