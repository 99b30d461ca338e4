//! The solver: restarts the [search](super::search) with other heuristics, by Luby's sequence,
//! until it succeeds or its nodes are spent.
//!
//! Nogoods pass from one run to the next. If nothing but what they rule out is left to try, a run
//! without them has as many nodes as are left to make that a proof.

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

/// Runs are multiples of this many nodes, or of one and a half times the items if that is more.
const SHORTEST_RUN: u64 = 500;

/// The most pairs of a class and a section: about 16 bytes each.
const MOST_PAIRS: usize = 1 << 24;

/// A solver that can be asked for several capacities, and asked again with more nodes.
#[derive(Debug)]
pub(crate) struct SkylineSolver {
    problem: Rc<SkylineProblem>,
    state: SearchState,
    nogoods: NogoodTable,
    /// The capacity that the nogoods hold for.
    capacity: u64,
    /// There is no plan within it.
    is_exhausted: bool,
    offsets: Vec<u64>,
    random: Random,
    /// How many runs there were for this capacity, and the number of the first one, which chooses
    /// its heuristics.
    runs: u64,
    first_run: u64,
}

impl SkylineSolver {
    /// Whether the memory for these buffers is bounded well: it grows with the pairs of a class and
    /// a section that it covers.
    pub(crate) fn is_affordable(buffers: &[Lifetime]) -> bool {
        SkylineProblem::pairs(buffers) <= MOST_PAIRS
    }

    pub(crate) fn new(buffers: &[Lifetime], seed: u64) -> Self {
        let problem = Rc::new(SkylineProblem::new(buffers));
        Self {
            state: SearchState::new(Rc::clone(&problem)),
            nogoods: NogoodTable::new(),
            capacity: 0,
            is_exhausted: false,
            offsets: alloc::vec![0; problem.items.len()],
            random: Random::new(seed),
            runs: 0,
            // Seeds that follow each other begin differently.
            first_run: seed,
            problem,
        }
    }

    /// Looks for offsets with ends at most at `capacity`, visiting about `nodes` nodes.
    pub(crate) fn solve(&mut self, capacity: u64, nodes: u64, budget: &Budget) -> SearchOutcome {
        if self.capacity != capacity {
            self.nogoods.clear();
            self.capacity = capacity;
            self.is_exhausted = false;
            self.runs = 0;
        }
        if self.is_exhausted {
            return SearchOutcome::Exhausted;
        }
        let outcome = self.search(nodes, budget);
        self.is_exhausted = outcome == SearchOutcome::Exhausted;
        outcome
    }

    /// Runs within the capacity until one tells whether there is a plan, or the nodes are spent.
    fn search(&mut self, nodes: u64, budget: &Budget) -> SearchOutcome {
        let capacity = self.capacity;
        let unit = SHORTEST_RUN.max(self.problem.items.len() as u64 * 3 / 2);
        let mut left = nodes;
        while left > 0 && !budget.is_over() {
            let number = self.first_run.wrapping_add(self.runs);
            let ranks = ranks::ranks(&self.problem, number, &mut self.random);
            let heuristics = Heuristics::of_run(number);
            self.state.scoring.order = heuristics.variables;
            self.runs += 1;
            let most = luby(self.runs).saturating_mul(unit).min(left.max(unit));
            let mut search = SkylineSearch::new(
                &mut self.state,
                &mut self.nogoods,
                heuristics,
                &ranks,
                &mut self.offsets,
            );
            let outcome = search.run(capacity, most, budget);
            // A run that ended early because of its work counts with all its nodes.
            let is_spent = outcome == SearchOutcome::Spent;
            left = left.saturating_sub(if is_spent { most } else { search.nodes });
            match outcome {
                SearchOutcome::Spent => {}
                SearchOutcome::Exhausted if self.nogoods.has_ruled_out() => {
                    return self.confirm(capacity, left.max(unit), budget, heuristics, &ranks);
                }
                SearchOutcome::Fits | SearchOutcome::Exhausted | SearchOutcome::GivenUp => {
                    return outcome;
                }
            }
        }
        SearchOutcome::Spent
    }

    /// Searches without nogoods where nothing was left to try with them.
    fn confirm(
        &mut self,
        capacity: u64,
        nodes: u64,
        budget: &Budget,
        heuristics: Heuristics,
        ranks: &[u32],
    ) -> SearchOutcome {
        let (state, offsets) = (&mut self.state, &mut self.offsets);
        let mut no_nogoods = NogoodTable::none();
        let mut search = SkylineSearch::new(state, &mut no_nogoods, heuristics, ranks, offsets);
        match search.run(capacity, nodes, budget) {
            SearchOutcome::Spent => SearchOutcome::GivenUp,
            outcome => outcome,
        }
    }

    /// The offsets that were found, as pairs of position and offset, without the fixed buffers.
    pub(crate) fn placed(&self) -> impl Iterator<Item = (usize, u64)> {
        let items = self.problem.items.iter().zip(&self.offsets);
        items.map(|(item, offset)| (item.position as usize, *offset))
    }
}

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
mod tests {
    use super::*;

    #[test]
    fn luby_s_sequence_begins_as_published() {
        let begin: Vec<u64> = (1..=15).map(luby).collect();
        assert_eq!(begin, [1, 1, 2, 1, 1, 2, 4, 1, 1, 2, 1, 1, 2, 4, 8]);
    }

    /// A solver of three buffers of one byte, all alive at once.
    fn of_three() -> SkylineSolver {
        let buffers = [(0, 2), (1, 3), (0, 3)].map(|(lower, upper)| Lifetime::new(lower, upper, 1));
        SkylineSolver::new(&buffers, 0)
    }

    /// Such a solver whose nogoods for a capacity have the hash of the first state.
    fn misled(capacity: u64) -> SkylineSolver {
        let mut solver = of_three();
        solver.capacity = capacity;
        assert!(solver.state.reset(capacity));
        let first = solver.state.mark().hash();
        solver.nogoods.insert(first);
        solver
    }

    #[test]
    fn a_state_that_shares_its_hash_with_a_nogood_proves_nothing() {
        let outcome = misled(3).solve(3, 1000, &Budget::unlimited());
        assert_eq!(outcome, SearchOutcome::Fits);
    }

    #[test]
    fn what_was_proven_is_known_without_further_nodes() {
        let mut solver = of_three();
        let budget = Budget::unlimited();
        for (capacity, nodes, outcome) in [
            (2, 0, SearchOutcome::Spent),
            (2, 1000, SearchOutcome::Exhausted),
            (2, 0, SearchOutcome::Exhausted),
            (3, 0, SearchOutcome::Spent),
            (3, 1000, SearchOutcome::Fits),
        ] {
            assert_eq!(
                solver.solve(capacity, nodes, &budget),
                outcome,
                "{capacity}"
            );
        }
    }
}
