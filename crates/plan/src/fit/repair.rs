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
    choices::{Choices, Tail},
    emitter::Missing,
    loads::{Loads, TooFull},
    picks::Pick,
    rules::Rule,
    search::{Banned, Search, Solution},
};

/// The most schedules that a repair makes, beside those that something is missing for.
const MOST_ROUNDS: usize = 60;
/// The most picks of a round for each idle interval. A pick that empties one moment may fill
/// another one, whose best pick may undo the first.
const MOST_PICKS: usize = 4;

/// Why a repair has led to no schedule that fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    /// No choices are left that help in this moment, which has so many bytes.
    Full { moment: u32, load: i64 },
    /// The slow memory is too full, something that nothing makes is missing, or the work is over.
    Other,
}

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
    /// Chooses more, until everything fits.
    ///
    /// # Errors
    /// If no choices are left that help, or if the work is over and this is not to be done always.
    pub(super) fn repair(
        &mut self,
        mut choices: Choices,
        rule: Rule,
        banned: &mut [Banned],
        always: bool,
    ) -> Result<Solution, Unfit> {
        let mut rounds = 0;
        while rounds < MOST_ROUNDS && (always || !self.is_over()) {
            let emitted = match self.emitted_or_all_missing(&choices) {
                Ok(emitted) => emitted,
                Err(missing) => {
                    let mut has_undone = false;
                    for it in missing {
                        has_undone |= self.undo(&mut choices, banned, it);
                    }
                    if !has_undone {
                        return Err(Unfit::Other);
                    }
                    continue;
                }
            };
            rounds += 1;
            let fast = emitted.fast_loads(self.model);
            let slow = emitted.slow_loads(self.model);
            if let Some(moment) = slow.iter().position(|&load| load > self.slow_capacity) {
                if !self.ban_spill(&mut choices, banned, moment as u32) {
                    return Err(Unfit::Other);
                }
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
                return Ok(Solution {
                    seconds: emitted.cost.seconds(),
                    choices,
                    emitted,
                    load,
                });
            }
            let mut loads = Loads::new(&fast, &slow, self.capacity);
            if !self.round(&mut choices, &mut loads, rule, banned, always) {
                let (moment, load) = loads.fast.fullest();
                let is_stopped = self.is_over() && !always;
                return Err(match is_stopped {
                    true => Unfit::Other,
                    false => Unfit::Full { moment, load },
                });
            }
        }
        Err(Unfit::Other)
    }

    /// Undoes the choice for which something is missing. False if there is no such choice.
    fn undo(&self, choices: &mut Choices, banned: &mut [Banned], missing: Missing) -> bool {
        match missing {
            Missing::It => return false,
            Missing::Again(root) => choices.tails[root as usize] = Tail::Gone,
            Missing::Idle(idle) => {
                // An interval fails at most once in each way.
                let banned = &mut banned[idle as usize];
                banned.recompute = true;
                banned.ban(choices.way(idle));
                choices.keep(self.model, idle);
            }
        }
        true
    }

    /// Chooses until no moment is too full by estimates, or until picks seem to undo each other.
    /// False if nothing could be chosen, or if the work is over and this is not to be done always.
    fn round(
        &mut self,
        choices: &mut Choices,
        loads: &mut Loads,
        rule: Rule,
        banned: &[Banned],
        always: bool,
    ) -> bool {
        let most = MOST_PICKS * (self.model.idles.len() + 1);
        let mut made = 0;
        while always || !self.is_over() {
            let (moment, load) = loads.fast.fullest();
            if load <= self.capacity as i64 {
                return true;
            }
            let before = made;
            self.empty(choices, loads, rule, banned, moment, &mut made);
            if made == before {
                return made > 0 || self.give_up_kept(choices, moment);
            }
            if made > most {
                return true;
            }
        }
        false
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fit::model::Model;
    use crate::fit::{Fit, OperatorCosts, SlowMemory};
    use crate::graph::GraphBuilder;
    use core::{alloc::Layout, cell::Cell};

    #[test]
    fn what_cannot_be_made_again_is_given_up_alone() {
        let mut g = GraphBuilder::new();
        let [x, a, b, c, y] =
            ["x", "a", "b", "c", "y"].map(|name| g.tensor(name, Layout::new::<u8>()));
        g.op("first").reads([x]).writes([a]);
        g.op("second").reads([a]).writes([b]);
        g.op("third").reads([b, x]).writes([c]);
        g.op("fourth").reads([c]).writes([y]);
        let graph = g.output(y).build().expect("a chain");
        // The second operator may not be rerun.
        let costs = OperatorCosts::from_seconds([1.0, f64::INFINITY, 1.0, 1.0]);
        let costs = costs.expect("not negative");
        let model = Model::new(&graph, &costs, &Fit::within(4).recompute(true));
        let mut search = Search {
            model: &model,
            capacity: 4,
            slow_capacity: 0,
            work: 1000,
            visited: Cell::default(),
            goal: 0.0,
            cancels: &[],
        };
        let root = |op: usize| model.ops[op].products[0].of.root as usize;
        let mut choices = Choices::new(&model);
        choices.tails[root(0)] = Tail::Again(2);
        choices.tails[root(1)] = Tail::Again(3);
        let mut banned = search.nothing_banned();
        let found = search.repair(choices, Rule::ALL[0], &mut banned, true);
        let tails = found.expect("all of it fits").choices.tails;
        assert_eq!(
            [tails[root(0)], tails[root(1)]],
            [Tail::Again(2), Tail::Gone]
        );
    }

    #[test]
    fn a_round_ends_with_the_work_unless_it_is_done_always() {
        let mut g = GraphBuilder::new();
        let sizes = [("x", 1), ("a", 2), ("b", 2), ("c", 1), ("y", 1)];
        let tensors = sizes.map(|(name, size)| {
            let layout = Layout::from_size_align(size, 1).expect("small");
            g.tensor(name, layout)
        });
        let [x, a, b, c, y] = tensors;
        g.op("first").reads([x]).writes([a]);
        // `x` is idle, and there is one byte too few.
        g.op("second").reads([a]).writes([b]);
        g.op("third").reads([b]).writes([c]);
        g.op("fourth").reads([c, x]).writes([y]);
        let graph = g.output(y).build().expect("a chain");
        let costs = OperatorCosts::from_seconds([1.0; 4]).expect("not negative");
        let fit = Fit::within(4).slow(SlowMemory::new(10, 1.0));
        let model = Model::new(&graph, &costs, &fit);
        let mut search = Search {
            model: &model,
            capacity: 4,
            slow_capacity: 10,
            work: 0,
            visited: Cell::default(),
            goal: 0.0,
            cancels: &[],
        };
        let banned = search.nothing_banned();
        let has_chosen = [false, true].map(|always| {
            let mut choices = Choices::new(&model);
            let emitted = search.emitted(&choices).expect("nothing is missing");
            let fast = emitted.fast_loads(&model);
            let mut loads = Loads::new(&fast, &emitted.slow_loads(&model), 4);
            search.round(&mut choices, &mut loads, Rule::ALL[0], &banned, always)
        });
        assert_eq!(has_chosen, [false, true]);
    }
}
