//! Compressed forms that have no room beside the plain ones, at the steps that need both.
//!
//! Stands on the choices. Invariant: an interval is moved once at most, and then kept.

use super::{
    choices::{Choice, Choices, Tail, Way},
    model::moment_before,
    search::{Banned, Search},
};

impl Search<'_> {
    /// Lets a root be compressed and expanded at other times than in a moment, or not at all. False
    /// if it is neither of them there by choice.
    pub(super) fn uncrowd(
        &self,
        choices: &mut Choices,
        banned: &mut [Banned],
        fast: &[u64],
        (root, moment): (u32, u32),
    ) -> bool {
        let model = self.model;
        let uses = model.root(root).uses.iter().map(|used| used.idle);
        let mut compressed = uses.filter(|&idle| choices.way(idle) == Way::Compress);
        let idle = compressed.find(|&idle| {
            let (of, choice) = (model.idle(idle), choices.get(idle));
            (of.from..=moment_before(choice.back)).contains(&moment)
        });
        match idle.map(|idle| (idle, self.at_another_time(choices, idle, fast))) {
            Some((idle, Some(choice))) => choices.set(idle, choice),
            Some((idle, None)) => {
                banned[idle as usize].compress = true;
                choices.keep(model, idle);
            }
            None if choices.tails[root as usize] == Tail::Compressed => {
                choices.tails[root as usize] = Tail::Gone;
            }
            None => return false,
        }
        true
    }

    /// A choice to compress a root later, or to expand it earlier, where both forms have room;
    /// `None` if there is no such time, or if it has been moved before.
    fn at_another_time(&self, choices: &Choices, idle: u32, fast: &[u64]) -> Option<Choice> {
        let (model, choice, of) = (self.model, choices.get(idle), self.model.idle(idle));
        if choice.way != Way::Compress || choice.leave > 0 || choice.back < of.until {
            return None;
        }
        let (freed, size) = (choice.freed(model, of) as u64, model.size(of.root));
        let has_room = |moment: u32, bytes| fast[moment as usize] + bytes <= self.capacity;
        let absence = choice.absence(of);
        // The bytes of its compressed form are in the loads.
        let mut moments = absence.clone();
        let stays = moments
            .by_ref()
            .take_while(|&moment| has_room(moment, freed));
        let later = stays.filter(|&moment| moment % 2 == 0 && has_room(moment, size));
        let leave = later
            .last()
            .filter(|&leave| leave > 0)
            .map(|moment| moment / 2);
        let comes = absence.rev().take_while(|&moment| has_room(moment, freed));
        let earlier = comes.filter(|&moment| moment % 2 == 0 && has_room(moment, size));
        let back = earlier.last().map(|moment| moment / 2);
        let is_crowded_at_start = !has_room(of.from, 0);
        let is_crowded_at_end = !has_room(moment_before(of.until), 0);
        let choice = Choice {
            leave: leave.filter(|_| is_crowded_at_start).unwrap_or(0),
            back: back.filter(|_| is_crowded_at_end).unwrap_or(of.until),
            ..choice
        };
        let is_moved = choice.leave > 0 || choice.back < of.until;
        (is_moved && choice.leave < choice.back).then_some(choice)
    }
}
