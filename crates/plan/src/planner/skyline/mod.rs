//! Skyline search: does everything fit below a capacity?
//!
//! What is placed grows upwards from 0, and nothing is ever put below what is there, so the state is a skyline: for each
//! section of time the height reached. The search decides again and again what comes next above a low place of it
//! ([`search`]), keeps at hand what follows from that ([`state`]), and starts anew with another [order](ranking) and another
//! [tactic] when it has got lost (restarts by Luby's sequence).
//!
//! ```text
//! offset   C ─────────────────────────  capacity
//!    │          ┌───────┐
//!    │          │       │     ┌──┐        b can only lie in the low place if it is alive there and nowhere else;
//!    │    ┌─────┤       ├·····┤  │        where nothing can, the place is given up, if the bytes that must
//!    │    │     │       │  b? │  │        still come leave so much room below C.
//!    └────┴─────┴───────┴─────┴──┴───── section
//! ```
//!
//! Grown from MiniMalloc's sections (Moffitt, ASPLOS 2023); classes, refusals instead of skipped places, and blame are ours.

mod problem;
mod ranking;
mod scoring;
mod state;
mod fitting;
mod tactic;
mod failed;
mod search;

use alloc::{rc::Rc, vec::Vec};

use super::{Budget, random::Random};
use crate::lifetimes::Lifetime;
use failed::Failed;
use problem::Problem;
use search::Search;
use state::State;
use tactic::Tactic;

pub(super) use search::Outcome;

/// Runs are multiples of so many nodes, and of one and a half times the items.
const SHORTEST_RUN: u64 = 500;

/// A search that can be asked for several capacities, and asked again with more nodes.
#[derive(Debug)]
pub(super) struct Solver {
    problem: Rc<Problem>,
    state: State,
    failed: Failed,
    /// The capacity that `failed` is about.
    capacity: u64,
    offsets: Vec<u64>,
    random: Random,
    /// How many runs there were, and from which on the orders and rules are counted.
    runs: u64,
    first_run: u64,
}

impl Solver {
    /// Whether buffers can be searched with memory in proportion to them: how many pairs of a class and a section there are
    /// at most.
    pub(super) fn is_affordable(buffers: &[Lifetime]) -> bool {
        Problem::pairs(buffers) <= MOST_PAIRS
    }

    pub(super) fn new(buffers: &[Lifetime], seed: u64) -> Self {
        let problem = Rc::new(Problem::new(buffers));
        Self {
            state: State::new(Rc::clone(&problem)),
            failed: Failed::new(),
            capacity: 0,
            offsets: alloc::vec![0; problem.items.len()],
            random: Random::new(seed),
            runs: 0,
            // Seeds that follow each other begin differently.
            first_run: seed,
            problem,
        }
    }

    /// Looks for offsets with ends at most at `capacity`, visiting about `nodes` nodes.
    pub(super) fn solve(&mut self, capacity: u64, nodes: u64, budget: &Budget) -> Outcome {
        if self.capacity != capacity {
            self.failed.clear();
            self.capacity = capacity;
            self.runs = 0;
        }
        let unit = SHORTEST_RUN.max(self.problem.items.len() as u64 * 3 / 2);
        let mut left = nodes;
        while left > 0 && !budget.is_over() {
            let number = self.first_run.wrapping_add(self.runs);
            let ranks = ranking::ranks(&self.problem, number, &mut self.random);
            let tactic = Tactic::of_run(number);
            self.state.scoring.rule = tactic.rule;
            self.runs += 1;
            let most = luby(self.runs).saturating_mul(unit).min(left.max(unit));
            let mut search = Search::new(
                &mut self.state,
                &mut self.failed,
                tactic,
                &ranks,
                &mut self.offsets,
            );
            let outcome = search.run(capacity, most, budget);
            // A run that was ended for its work has had its nodes.
            let is_spent = outcome == Outcome::Spent;
            left = left.saturating_sub(if is_spent { most } else { search.nodes });
            if outcome != Outcome::Spent {
                return outcome;
            }
        }
        Outcome::Spent
    }

    /// The offsets that were found, as pairs of a position among the buffers and an offset; fixed buffers left out.
    pub(super) fn placed(&self) -> impl Iterator<Item = (usize, u64)> {
        let items = self.problem.items.iter().zip(&self.offsets);
        items.map(|(item, offset)| (item.position as usize, *offset))
    }
}

/// About 16 bytes each.
const MOST_PAIRS: usize = 1 << 24;

/// The sequence 1, 1, 2, 1, 1, 2, 4, ... from `n` = 1 on (Luby, Sinclair and Zuckerman 1993).
fn luby(mut n: u64) -> u64 {
    loop {
        let bits = 64 - n.leading_zeros();
        if n == (1 << bits) - 1 {
            return 1 << (bits - 1);
        }
        n -= (1 << (bits - 1)) - 1;
    }
}

#[cfg(test)]
mod tests;
