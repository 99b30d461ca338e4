//! The exhaustive solver: its "nothing is left to try" is a proof.
//!
//! It runs the [search](super::search) without a nogood table, whose hashes may collide. Nothing
//! but the capacity and the minimum offsets of items then rules out a placement, so a run that ends
//! by itself has tried all plans in which every item rests on another one, on an obstacle, or on
//! its base; and any plan becomes one of these when its items fall.
//!
//! Runs double in length and take turns with the heuristics. The weights of sections, which runs
//! learn from their failures, pass from one to the next.

use alloc::{rc::Rc, vec::Vec};

use super::heuristics::Heuristics;
use super::nogoods::NogoodTable;
use super::problem::SkylineProblem;
use super::ranks;
use super::search::{SearchOutcome, SkylineSearch};
use super::state::SearchState;
use crate::lifetimes::Lifetime;
use crate::planner::budget::Budget;
use crate::planner::random::Random;

/// Nodes of the first run.
const FIRST_RUN: u64 = 250;

/// A solver for one capacity that can be asked again with more nodes.
#[derive(Debug)]
pub(crate) struct ExhaustiveSolver {
    problem: Rc<SkylineProblem>,
    state: SearchState,
    offsets: Vec<u64>,
    random: Random,
    runs: u64,
    next_run: u64,
}

impl ExhaustiveSolver {
    /// A solver for buffers that may lie at `base` and above, in steps of their alignment. Both
    /// `base` and [`placed`](Self::placed) give buffers by position.
    pub(crate) fn new(buffers: &[Lifetime], base: impl Fn(usize) -> u64, seed: u64) -> Self {
        let problem = Rc::new(SkylineProblem::with_bases(buffers, base));
        Self {
            state: SearchState::new(Rc::clone(&problem)),
            offsets: alloc::vec![0; problem.items.len()],
            random: Random::new(seed),
            runs: 0,
            next_run: FIRST_RUN,
            problem,
        }
    }

    /// Looks for offsets with ends at most at `capacity`; takes what it visits off `nodes`, and
    /// ends when they are spent.
    pub(crate) fn solve(
        &mut self,
        capacity: u64,
        nodes: &mut u64,
        budget: &Budget,
    ) -> SearchOutcome {
        let mut no_nogoods = NogoodTable::none();
        while *nodes > 0 && !budget.is_over() {
            let ranks = ranks::ranks(&self.problem, self.runs, &mut self.random);
            let heuristics = Heuristics::of_run(self.runs);
            self.state.scoring.order = heuristics.variables;
            let mut search = SkylineSearch::new(
                &mut self.state,
                &mut no_nogoods,
                heuristics,
                &ranks,
                &mut self.offsets,
            );
            let most = self.next_run.min(*nodes);
            let outcome = search.run(capacity, most, budget);
            let is_spent = outcome == SearchOutcome::Spent;
            // A run that ended early because of its work counts with all its nodes.
            *nodes -= if is_spent {
                most
            } else {
                search.nodes.min(most)
            };
            if !is_spent {
                return outcome;
            }
            self.runs += 1;
            if most == self.next_run {
                self.next_run = self.next_run.saturating_mul(2);
            }
        }
        SearchOutcome::Spent
    }

    /// The offsets that were found, as pairs of position and offset, without the fixed buffers.
    pub(crate) fn placed(&self) -> impl Iterator<Item = (usize, u64)> {
        let items = self.problem.items.iter().zip(&self.offsets);
        items.map(|(item, offset)| (item.position as usize, *offset))
    }
}
