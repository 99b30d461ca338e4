//! Leaving local optima: some choices are changed at random, and what follows is improved again.
//!
//! Stands on the moves. It is the iterated local search of Lourenço, Martin and Stützle (*Iterated
//! local search*, 2003). It begins from starts as in a greedy randomised adaptive search (Feo and
//! Resende, *Greedy randomized adaptive search procedures*, 1995): picks with scores that are
//! changed at random. Invariant: what is found never costs more than what was there before, and
//! the same model leads to the same schedule.

use alloc::vec::Vec;

use super::{
    chances::backs,
    choices::{Choice, Choices, Way},
    estimate::Operands,
    load_tree::LoadTree,
    model::NONE,
    rules::Rule,
    search::{Banned, Search, Solution},
    tail_changes::change_tails,
};
use crate::planner::random::Random;

/// The fewest kicks in a row that lead to nothing better before the search ends.
const LEAST_KICKS: usize = 40;

/// Kicks end when they lead to nothing better for this part of the work.
const PART_IN_VAIN: u64 = 8;

/// The most starts with scores that are changed at random.
const MOST_ATTEMPTS: usize = 60;

/// The most operators before which a kick recomputes a root.
const BACKS_OF_KICKS: usize = 6;

impl Search<'_> {
    /// Starts by rules whose scores are changed at random, for a part of the work: a greedy
    /// randomised search.
    pub(super) fn noisy_starts(&mut self, known: usize) -> Vec<Solution> {
        let mut random = Random::new(0);
        let mut starts = Vec::new();
        let least = self.work - self.work / 4;
        for attempt in 0..MOST_ATTEMPTS {
            let is_found = known + starts.len() > 0;
            if self.is_over() || self.work < least && is_found {
                break;
            }
            let mut banned = self.nothing_banned();
            // Where there is no schedule yet, not every choice is possible.
            let one_of = [u64::MAX, 16, 4][if is_found { 0 } else { attempt % 3 }];
            for banned in &mut banned {
                if random.below(one_of) == 0 {
                    banned.ban(way(&mut random));
                }
            }
            let (choices, rule) = (Choices::new(self.model), Rule::noisy(&mut random));
            let found = self.repair(choices, rule, &mut banned, false);
            starts.extend(found.ok().map(|found| self.polished(found, NONE)));
        }
        starts
    }

    /// The best of what kicks lead to.
    pub(super) fn kicked(&mut self, mut best: Solution) -> Solution {
        let mut random = Random::new(1);
        let patience = self.work / PART_IN_VAIN;
        let (mut in_vain, mut since) = (0, self.work);
        while !self.is_over() && !self.is_best(&best) {
            if in_vain >= LEAST_KICKS && since - self.work >= patience {
                break;
            }
            in_vain += 1;
            let Some(found) = self.kick(&best, &mut random) else {
                continue;
            };
            let found = self.polished(found, NONE);
            let found = self.descended(found);
            if found.seconds < best.seconds * (1.0 - 1e-9) {
                best = self.improved(found);
                (in_vain, since) = (0, self.work);
            } else if found.seconds <= best.seconds {
                best = found;
            }
        }
        best
    }

    /// As few choices as possible, by moves that do without one.
    fn descended(&mut self, mut found: Solution) -> Solution {
        loop {
            let before = found.seconds;
            found = self.without_each(found);
            if self.is_over() || found.seconds >= before {
                return found;
            }
        }
    }

    /// Another solution: one to three choices or tails are changed, and the others repaired.
    fn kick(&mut self, best: &Solution, random: &mut Random) -> Option<Solution> {
        let idles = self.model.idles.len() as u32;
        let is_chosen = |idle: &u32| best.choices.way(*idle) != Way::Keep;
        let chosen: Vec<u32> = (0..idles).filter(is_chosen).collect();
        self.spend(best.emitted.len());
        let fast = LoadTree::new(best.emitted.fast_loads(self.model).into_iter());
        let mut banned = self.nothing_banned();
        let mut choices = best.choices.clone();
        let late = self.needed_late(best);
        for _ in 0..1 + random.below(3) {
            if !late.is_empty() && random.below(4) == 0 {
                let (root, until) = late[random.below(late.len() as u64) as usize];
                let changes = self.tail_changes(&choices, root, until);
                if !changes.is_empty() {
                    let change = &changes[random.below(changes.len() as u64) as usize];
                    change_tails(&mut choices, change);
                }
                continue;
            }
            if !chosen.is_empty() && random.below(4) > 0 {
                let idle = chosen[random.below(chosen.len() as u64) as usize];
                let banned = &mut banned[idle as usize];
                match random.below(2) {
                    0 => *banned = Banned::ALL,
                    _ => banned.ban(choices.way(idle)),
                }
                choices.keep(self.model, idle);
                continue;
            }
            let idle = random.below(u64::from(idles)) as u32;
            let way = way(random);
            if !self.is_possible(idle, way) {
                continue;
            }
            let backs = backs(self.model, idle, BACKS_OF_KICKS);
            let back = match way {
                Way::Recompute => backs[random.below(backs.len() as u64) as usize],
                _ => self.model.idle(idle).until,
            };
            let operands = Operands::ALL[random.below(Operands::ALL.len() as u64) as usize];
            let room = self.room(&fast);
            let choice = Choice::new(way, back);
            if let Some(forced) = self.forced(&choices, idle, choice, operands, &room) {
                choices = forced;
            }
        }
        let rule = Rule::noisy(random);
        self.repair(choices, rule, &mut banned, false).ok()
    }
}

fn way(random: &mut Random) -> Way {
    Way::FREEING[random.below(Way::FREEING.len() as u64) as usize]
}
