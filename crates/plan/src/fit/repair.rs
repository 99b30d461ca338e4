//! The repair: choosing more until everything fits.
//!
//! Stands on the picks. It looks at the fullest moment and makes the best picks there, until no
//! moment is too full by estimates; then the schedule is made, which says what the loads really
//! are, and the repair goes on with those. Picks wait in a heap by their scores. One that comes out
//! is looked at again, for others were made since, and goes back if it is not the best any more:
//! lazy evaluation as in Minoux, *Accelerated greedy algorithms for maximizing submodular set
//! functions*, 1978. Invariant: the loads of a schedule that comes out are within the capacities.

use alloc::{collections::BinaryHeap, vec::Vec};
use core::cmp::Ordering;

use super::{
    choices::{Choice, Choices, Tail, Way},
    load_tree::LoadTree,
    model::{NONE, Operand, moment_before},
    picks::{Loads, Pick, Rule, TooFull},
    search::{Banned, Search, Solution},
    tail_changes::change_tails,
};

/// The most times that a repair makes the schedule.
const MOST_ROUNDS: usize = 60;

/// A pick that waits, and how many picks were made before it was looked at.
struct Waiting {
    pick: Pick,
    made: usize,
}

impl Ord for Waiting {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_score = self.pick.score.total_cmp(&other.pick.score);
        by_score.then(other.pick.idle.cmp(&self.pick.idle))
    }
}

impl PartialOrd for Waiting {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Waiting {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Waiting {}

impl Search<'_> {
    /// Chooses more, until everything fits; `None` if no choices are left that help.
    pub(super) fn repair(
        &mut self,
        mut choices: Choices,
        rule: Rule,
        banned: &mut [Banned],
        always: bool,
    ) -> Option<Solution> {
        let mut rounds = 0;
        while rounds < MOST_ROUNDS && (always || !self.is_over()) {
            let emitted = match self.emitted(&choices) {
                Ok(emitted) => emitted,
                Err(NONE) => return None,
                Err(idle) => {
                    // Each interval fails once.
                    let banned = &mut banned[idle as usize];
                    banned.recompute = true;
                    banned.ban(choices.way(idle));
                    choices.keep(self.model, idle);
                    continue;
                }
            };
            rounds += 1;
            let fast = emitted.fast_loads(self.model);
            let slow = emitted.slow_loads(self.model);
            if let Some(moment) = slow.iter().position(|&load| load > self.slow_capacity) {
                self.ban_spill(&mut choices, banned, moment as u32)?;
                continue;
            }
            let crowded = emitted.crowded(self.model, self.capacity);
            let mut has_changed = false;
            for (root, moment) in crowded {
                has_changed |= self.uncrowd(&mut choices, banned, &fast, (root, moment));
            }
            if has_changed {
                continue;
            }
            let load = fast.iter().copied().max().unwrap_or(0);
            if load <= self.capacity {
                return Some(Solution {
                    seconds: emitted.cost.seconds(),
                    choices,
                    emitted,
                    load,
                });
            }
            let mut loads = self.loads(&fast, &slow);
            if !self.round(&mut choices, &mut loads, rule, banned) {
                return None;
            }
        }
        None
    }

    /// Lets a root be compressed and expanded at other times than in a moment, or not at all. False
    /// if it is neither of them there by choice.
    fn uncrowd(
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

    fn loads(&self, fast: &[u64], slow: &[u64]) -> Loads {
        let too_full = fast.iter().scan(0, |count, &load| {
            let before = *count;
            *count += u32::from(load > self.capacity);
            Some(before)
        });
        let mut too_full: Vec<u32> = too_full.collect();
        let last = fast.last().is_some_and(|&load| load > self.capacity);
        too_full.push(too_full.last().map_or(0, |&count| count + u32::from(last)));
        Loads {
            fast: LoadTree::new(fast.iter().copied()),
            slow: LoadTree::new(slow.iter().copied()),
            too_full,
        }
    }

    /// Chooses until no moment is too full by estimates. False if nothing could be chosen.
    fn round(
        &mut self,
        choices: &mut Choices,
        loads: &mut Loads,
        rule: Rule,
        banned: &[Banned],
    ) -> bool {
        let mut made = 0;
        loop {
            let (moment, load) = loads.fast.fullest();
            if load <= self.capacity as i64 {
                return true;
            }
            let before = made;
            self.empty(choices, loads, rule, banned, moment, &mut made);
            if made == before {
                return made > 0 || self.give_up_kept(choices, moment);
            }
        }
    }

    /// Makes picks until a moment is not too full by estimates, or none are left.
    fn empty(
        &mut self,
        choices: &mut Choices,
        loads: &mut Loads,
        rule: Rule,
        banned: &[Banned],
        moment: u32,
        made: &mut usize,
    ) {
        let mut open: Vec<u32> = self.model.idles_at(moment).collect();
        let looked_at = open.len();
        open.retain(|&idle| self.is_open(choices, idle, moment));
        self.spend(looked_at / 8 + 4 * open.len() + 1);
        let mut excess = loads.fast.most(moment..moment + 1) - self.capacity as i64;
        let look = |search: &Self, choices: &Choices, loads: &Loads, idle: u32, excess: i64| {
            let banned = banned[idle as usize];
            let too_full = TooFull { moment, excess };
            search.best_pick(choices, loads, rule, banned, idle, too_full)
        };
        let picks = open.into_iter().filter_map(|idle| {
            let pick = look(self, choices, loads, idle, excess)?;
            let made = *made;
            Some(Waiting { pick, made })
        });
        let mut waiting: BinaryHeap<Waiting> = picks.collect();
        while excess > 0 {
            let Some(next) = waiting.pop() else {
                return;
            };
            if next.made < *made {
                self.spend(4);
                let again = look(self, choices, loads, next.pick.idle, excess);
                let made = *made;
                waiting.extend(again.map(|pick| Waiting { pick, made }));
                continue;
            }
            self.choose(choices, loads, &next.pick);
            *made += 1;
            excess = loads.fast.most(moment..moment + 1) - self.capacity as i64;
        }
    }

    /// Gives up what is kept in a moment after its last use: it is recomputed later if something
    /// of which it is made is still there then. False if there is nothing.
    fn give_up_kept(&self, choices: &mut Choices, moment: u32) -> bool {
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

    /// Has a root recomputed after a moment and before an operator, if there is a chance.
    fn make_again_after(&self, choices: &mut Choices, root: u32, moment: u32, until: u32) {
        let last = self.model.root(root).uses.last();
        let version = last.map_or(0, |last| last.version);
        let again = self.agains(choices, Operand { root, version }, moment..until);
        if let Some(change) = again.first() {
            change_tails(choices, change);
        }
    }

    /// Keeps the largest root that is in the slow memory in a moment that has too many bytes there.
    fn ban_spill(&self, choices: &mut Choices, banned: &mut [Banned], moment: u32) -> Option<()> {
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
        let idle = idles.max_by_key(near)?;
        banned[idle as usize].spill = true;
        choices.keep(model, idle);
        Some(())
    }
}
