//! Local search: choices are exchanged for others that cost less together.
//!
//! Stands on [`Search`]. A move makes one choice, lets the repair make the others that are needed
//! then, and takes back what is not needed any more. A move that leads to a lower cost is made; the
//! search ends when no move does, or when the work is done. Invariant: what is found never costs
//! more than what was there before.

use alloc::vec::Vec;

use super::{
    chances::backs,
    choices::{Choice, Way},
    estimate::Operands,
    load_tree::LoadTree,
    rules::Rule,
    search::{Banned, Search, Solution},
};

/// The most operators before which a move recomputes a root.
const BACKS_OF_MOVES: usize = 6;

impl Search<'_> {
    /// The end of a descent by moves.
    pub(super) fn improved(&mut self, mut best: Solution) -> Solution {
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
    pub(super) fn without_each(&mut self, mut best: Solution) -> Solution {
        for idle in self.chosen(&best) {
            for way in [Way::Keep].into_iter().chain(Way::FREEING) {
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
            for way in Way::FREEING {
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
    pub(super) fn is_possible(&self, idle: u32, way: Way) -> bool {
        let model = self.model;
        let writer = model.writer(model.idle(idle).operand());
        match way {
            Way::Keep => true,
            Way::Spill => model.can_spill,
            Way::Compress => model.compressed(model.idle(idle).root).is_some(),
            Way::Recompute => writer.is_some_and(|op| model.may_rerun(op)),
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
        for back in backs(self.model, idle, most) {
            for &operands in all.iter().filter(|it| it.is_possible(self.model)) {
                self.spend(1);
                let choice = Choice::new(way, back);
                let room = self.room(&fast);
                let forced = self.forced(&best.choices, idle, choice, operands, &room);
                let Some(choices) = forced else {
                    continue;
                };
                let mut banned = self.nothing_banned();
                if way == Way::Keep {
                    banned[idle as usize] = Banned::ALL;
                }
                if let Ok(found) = self.repair(choices, Rule::ALL[0], &mut banned, false) {
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
    use crate::fit::{choices::Choices, model::Model};
    use crate::graph::GraphBuilder;
    use core::{alloc::Layout, cell::Cell};

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
            visited: Cell::default(),
            goal: 0.0,
            cancels: &[],
        }
    }

    /// Four operators, the last of which reads what the first one writes, which has been used.
    fn with_a_skip() -> Model {
        let mut g = GraphBuilder::new();
        let [x, a, b, c, y] =
            ["x", "a", "b", "c", "y"].map(|name| g.tensor(name, Layout::new::<u8>()));
        g.op("first").reads([x]).writes([a]);
        g.op("second").reads([a]).writes([b]);
        g.op("third").reads([b]).writes([c]);
        g.op("fourth").reads([c, a]).writes([y]);
        let graph = g.output(y).build().expect("a chain");
        let costs = OperatorCosts::from_bytes(&graph, 1.0);
        Model::new(&graph, &costs, &Fit::within(4).recompute(true))
    }

    #[test]
    fn estimates_and_what_is_given_up_count_as_work() {
        let model = with_a_skip();
        let mut search = search(&model);
        let mut choices = Choices::new(&model);
        let fast = LoadTree::new([0; 9].into_iter());
        let before = search.work;
        for _ in 0..2 {
            // An operator with two operands and results.
            let choice = Choice::new(Way::Recompute, 3);
            let room = search.room(&fast);
            let forced = search.forced(&choices, 0, choice, Operands::Keep, &room);
            assert!(forced.is_some());
            search.spend(0);
        }
        assert_eq!(search.work, before - 1);
        assert!(!search.give_up_kept(&mut choices, 5));
        assert_eq!(search.work, before - 2);
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
