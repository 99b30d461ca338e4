//! Local search: choices are exchanged for others that cost less together.
//!
//! Stands on [`Search`]. A move makes one choice, lets the repair make the others that are needed
//! then, and takes back what is not needed any more. A move that leads to a lower cost is made; the
//! search ends when no move does, or when the work is done. Invariant: what is found never costs
//! more than what was there before.

use alloc::vec::Vec;

use super::{
    choices::{Choice, Choices, Tail, Way},
    estimate::{Operands, Room, backs},
    load_tree::LoadTree,
    model::{Model, NONE},
    picks::Rule,
    search::{Banned, Search, Solution},
};

/// The rules that the first repairs go by: by excess, by moments, and whether operands may stay.
const RULES: [Rule; 6] = [
    rule(true, true, true),
    rule(false, true, true),
    rule(true, false, true),
    rule(false, false, true),
    rule(true, true, false),
    rule(false, false, false),
];

const fn rule(by_excess: bool, by_moments: bool, may_stay: bool) -> Rule {
    Rule {
        by_excess,
        by_moments,
        may_stay,
    }
}

/// The most operators before which a move recomputes a root.
const BACKS_OF_MOVES: usize = 6;

/// How much lower a cost must be to count as lower.
const LEAST_GAIN: f64 = 1e-9;

/// The best choices that are found with so much work; `None` if none fit. No choices cost less than
/// `goal`.
pub(super) fn solve(
    model: &Model,
    [capacity, slow]: [u64; 2],
    work: u64,
    goal: f64,
) -> Option<Solution> {
    let mut search = Search {
        model,
        capacity,
        slow_capacity: slow,
        work,
        goal,
    };
    let mut starts: Vec<Solution> = Vec::new();
    for (at, rule) in RULES.into_iter().enumerate() {
        let mut banned = search.nothing_banned();
        let choices = Choices::new(model);
        let is_needed = at == 0 || starts.is_empty();
        if let Some(found) = search.repair(choices, rule, &mut banned, is_needed) {
            let polished = search.polished(found, NONE);
            if search.is_best(&polished) {
                return Some(polished);
            }
            starts.push(polished);
        }
    }
    starts.extend(search.with_one_way());
    starts.sort_by(|a, b| a.seconds.total_cmp(&b.seconds));
    starts.truncate(2);
    let improved = starts.into_iter().map(|start| search.improved(start));
    improved.min_by(|a, b| a.seconds.total_cmp(&b.seconds))
}

impl Search<'_> {
    /// Whether nothing can be better.
    fn is_best(&self, found: &Solution) -> bool {
        found.seconds <= self.goal * (1.0 + LEAST_GAIN)
    }

    /// With what is not needed taken back, and what is there anyway made use of.
    fn polished(&mut self, found: Solution, except: u32) -> Solution {
        let found = self.take_back(found, except);
        self.adopt(found)
    }

    /// Starts that only spill, or only recompute.
    fn with_one_way(&mut self) -> Vec<Solution> {
        let mut starts = Vec::new();
        if !(self.model.can_spill && self.model.can_recompute) {
            return starts;
        }
        for (spill, recompute) in [(true, false), (false, true)] {
            let mut banned = self.nothing_banned();
            banned.fill(Banned { spill, recompute });
            let choices = Choices::new(self.model);
            let found = self.repair(choices, RULES[0], &mut banned, false);
            starts.extend(found.map(|found| self.polished(found, NONE)));
        }
        starts
    }

    /// The end of a descent by moves.
    fn improved(&mut self, mut best: Solution) -> Solution {
        loop {
            let before = best.seconds;
            best = self.without_each(best);
            best = self.with_each(best);
            best = self.with_tails(best);
            if self.is_over() || self.is_best(&best) || best.seconds >= before {
                return best;
            }
        }
    }

    /// Moves that do without a choice, the most expensive first.
    fn without_each(&mut self, mut best: Solution) -> Solution {
        for idle in self.chosen(&best) {
            for way in [Way::Keep, Way::Spill, Way::Recompute] {
                if self.is_over() {
                    return best;
                }
                let now = best.choices.way(idle);
                let is_other = now != way || way == Way::Recompute;
                if now != Way::Keep && is_other {
                    best = self.with_move(best, idle, way);
                }
            }
        }
        best
    }

    /// Moves that make a choice which is not made yet.
    fn with_each(&mut self, mut best: Solution) -> Solution {
        for idle in 0..self.model.idles.len() as u32 {
            for way in [Way::Spill, Way::Recompute] {
                if self.is_over() {
                    return best;
                }
                if best.choices.way(idle) == Way::Keep {
                    best = self.with_move(best, idle, way);
                }
            }
        }
        best
    }

    /// Moves that change where a root is after its last use.
    fn with_tails(&mut self, mut best: Solution) -> Solution {
        let end = self.model.ops.len() as u32;
        for root in 0..self.model.roots.len() {
            for tail in [Tail::Gone, Tail::Kept(end), Tail::Spilled] {
                let now = best.choices.tails[root];
                if now == Tail::Gone || now == tail || self.is_over() {
                    break;
                }
                let mut choices = best.choices.clone();
                choices.tails[root] = tail;
                let mut banned = self.nothing_banned();
                if let Some(found) = self.repair(choices, RULES[0], &mut banned, false) {
                    best = self.better(best, found, NONE);
                }
            }
        }
        best
    }

    /// The better one of what is there and what is found, polished: first beside one choice, and
    /// then without it, if it is not needed.
    fn better(&mut self, best: Solution, found: Solution, except: u32) -> Solution {
        let found = self.polished(found, except);
        let found = self.polished(found, NONE);
        match found.seconds < best.seconds * (1.0 - LEAST_GAIN) {
            true => found,
            false => best,
        }
    }

    /// The intervals that are not kept, the most expensive first.
    fn chosen(&mut self, found: &Solution) -> Vec<u32> {
        let idles = 0..self.model.idles.len() as u32;
        let chosen = idles.filter(|&idle| found.choices.way(idle) != Way::Keep);
        let chosen = chosen.map(|idle| (self.seconds_of(&found.choices, idle), idle));
        let mut chosen: Vec<(f64, u32)> = chosen.collect();
        self.spend(chosen.len());
        chosen.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        chosen.into_iter().map(|(_, idle)| idle).collect()
    }

    /// Whether a root can be treated so in an idle interval.
    fn is_possible(&self, idle: u32, way: Way) -> bool {
        let model = self.model;
        let writer = model.writer(model.idle(idle).operand());
        let may_be_rerun = writer.is_some_and(|op| model.ops[op as usize].cost.is_finite());
        match way {
            Way::Keep => true,
            Way::Spill => model.can_spill,
            Way::Recompute => model.can_recompute && may_be_rerun,
        }
    }

    /// The better one of what is there and what a move leads to. A move that is impossible counts
    /// as work, too.
    fn with_move(&mut self, best: Solution, idle: u32, way: Way) -> Solution {
        self.spend(1);
        if !self.is_possible(idle, way) {
            return best;
        }
        // For the loads.
        self.spend(best.emitted.len() / 4);
        let (all, most) = match way {
            Way::Recompute => (&Operands::ALL[..], BACKS_OF_MOVES),
            _ => (&[Operands::Keep][..], 1),
        };
        let mut best = best;
        let fast = LoadTree::new(best.emitted.fast_loads(self.model).into_iter());
        let room = Room {
            fast: &fast,
            capacity: self.capacity,
        };
        for back in backs(self.model, idle, most) {
            for &operands in all {
                self.spend(1);
                let choice = Choice::new(way, back);
                let forced = self.forced(&best.choices, idle, choice, operands, &room);
                let Some(choices) = forced else {
                    continue;
                };
                let mut banned = self.nothing_banned();
                if way == Way::Keep {
                    banned[idle as usize] = Banned::BOTH;
                }
                if let Some(found) = self.repair(choices, RULES[0], &mut banned, false) {
                    best = self.better(best, found, idle);
                }
                if self.is_over() {
                    return best;
                }
            }
        }
        best
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fit::{Fit, OperatorCosts};
    use crate::graph::GraphBuilder;
    use core::alloc::Layout;

    /// Three operators, the first and the last of which read a weight.
    fn with_a_weight() -> Model {
        let mut g = GraphBuilder::new();
        let [w, a, b, y] = ["w", "a", "b", "y"].map(|name| g.tensor(name, Layout::new::<u8>()));
        g.op("first").reads([w]).writes([a]);
        g.op("second").reads([a]).writes([b]);
        g.op("third").reads([b, w]).writes([y]);
        let graph = g.output(y).build().expect("a chain");
        let costs = OperatorCosts::from_bytes(&graph, 1.0);
        Model::new(&graph, &costs, &Fit::within(4).recompute(true))
    }

    fn search(model: &Model) -> Search<'_> {
        Search {
            model,
            capacity: 4,
            slow_capacity: 0,
            work: 1000,
            goal: 0.0,
        }
    }

    #[test]
    fn moves_and_schedules_that_fail_count_as_work() {
        let model = with_a_weight();
        let mut search = search(&model);
        let kept = search.found(Choices::new(&model)).expect("all of it fits");
        let idle = (0..).find(|&idle| model.writer(model.idle(idle).operand()).is_none());
        let idle = idle.expect("the weight is idle while the second operator runs");

        // No operator writes the weight.
        let before = search.work;
        let kept = search.with_move(kept, idle, Way::Recompute);
        assert!(search.work < before);
        assert_eq!(kept.choices.way(idle), Way::Keep);

        let before = search.work;
        let mut choices = kept.choices;
        choices.set(idle, Choice::new(Way::Recompute, model.idle(idle).until));
        assert!(search.found(choices).is_none());
        assert!(search.work < before);
    }
}
