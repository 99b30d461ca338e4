//! What a repair gives up where no pick is left: roots that are kept after their last use, and
//! spills for which the slow memory has no room.
//!
//! Stands on the changes of tails. Invariant: each call gives something up, or says that there is
//! nothing left.

use super::{
    choices::{Choices, Tail, Way},
    model::{Operand, moment_before},
    search::{Banned, Search},
    tail_changes::change_tails,
};

impl Search<'_> {
    /// Gives up what is kept in a moment after its last use: it is recomputed later if something
    /// of which it is made is still there then. False if there is nothing.
    pub(super) fn give_up_kept(&mut self, choices: &mut Choices, moment: u32) -> bool {
        self.spend(choices.tails.len() / 8 + 1);
        let mut has_changed = false;
        for root in 0..choices.tails.len() {
            let uses = &self.model.roots[root].uses;
            let last = uses.last().map_or(0, |used| used.moment);
            let tail = choices.tails[root];
            if last < moment && tail.reaches(moment.div_ceil(2)) {
                has_changed = true;
                choices.tails[root] = Tail::Gone;
                if let Tail::Kept(until) = tail {
                    self.make_again_after(choices, root as u32, moment, until);
                }
            }
        }
        has_changed
    }

    /// Has a root recomputed after a moment and before an operator, if what it takes is there then.
    fn make_again_after(&self, choices: &mut Choices, root: u32, moment: u32, until: u32) {
        let version = self.model.last_version(root);
        let again = self.agains(choices, Operand { root, version }, moment..until);
        if let Some(change) = again.first() {
            change_tails(choices, change);
        }
    }

    /// Keeps the largest root that is spilled across a moment in which the slow memory has too many
    /// bytes; else gives up one that is spilled after its last use; else keeps one that was spilled
    /// earlier, whose copy is still read. False if there is none.
    pub(super) fn ban_spill(
        &self,
        choices: &mut Choices,
        banned: &mut [Banned],
        moment: u32,
    ) -> bool {
        let model = self.model;
        let is_spilled = |&idle: &u32| choices.way(idle) == Way::Spill;
        let is_there = |&idle: &u32| {
            let of = model.idle(idle);
            !model.is_stored(of.operand()) && of.from <= moment
        };
        let idles = (0..model.idles.len() as u32).filter(is_spilled);
        let idles = idles.filter(is_there);
        let near = |idle: &u32| {
            let of = model.idle(*idle);
            (moment_before(of.until) >= moment, model.size(of.root))
        };
        let largest = idles.max_by_key(near);
        let is_across = largest.is_some_and(|idle| near(&idle).0);
        if !is_across && self.give_up_spilled(choices, moment) {
            return true;
        }
        let Some(idle) = largest else {
            return false;
        };
        banned[idle as usize].spill = true;
        choices.keep(model, idle);
        true
    }

    /// Gives up the largest root that is spilled after its last use, up to a moment. False if
    /// there is none.
    fn give_up_spilled(&self, choices: &mut Choices, moment: u32) -> bool {
        let model = self.model;
        let is_spilled = |&root: &u32| {
            let last = model.root(root).uses.last();
            let is_over = last.is_none_or(|last| last.moment <= moment);
            let version = model.last_version(root);
            let is_there = is_over && !model.is_stored(Operand { root, version });
            is_there && choices.tails[root as usize] == Tail::Spilled
        };
        let roots = (0..choices.tails.len() as u32).filter(is_spilled);
        let largest = roots.max_by_key(|&root| model.size(root));
        if let Some(root) = largest {
            choices.tails[root as usize] = Tail::Gone;
        }
        largest.is_some()
    }
}
