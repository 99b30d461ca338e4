//! The best choice among few candidates, by trying all of them.
//!
//! Stands on candidates and on the planner. Invariant: a choice is called the best only if every
//! choice with more traffic is proven to have no plan within the capacity.

use alloc::vec::Vec;

use super::candidates::{Candidates, Choice};
use crate::planner::Budget;

/// With more candidates, no proof is attempted.
pub(super) const MOST: usize = 24;
/// Choices that are looked at, and those that are planned.
const MOST_NODES: u64 = 200_000;
const MOST_PLANS: u64 = 64;

/// Whether a choice has a plan within the capacity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Feasible {
    Yes,
    No,
    Unknown,
}

/// A choice with more traffic than `least` that has a plan, the best one if there are any, and
/// whether it is proven that there is none with more. `plans` tells whether rows have a plan.
pub(super) fn better(
    candidates: &Candidates,
    least: u64,
    budget: &Budget,
    plans: impl FnMut(&[usize]) -> Feasible,
) -> (Option<Vec<usize>>, bool) {
    if candidates.len() > MOST {
        return (None, false);
    }
    let mut order: Vec<usize> = (0..candidates.len()).collect();
    order.sort_by_key(|&one| core::cmp::Reverse(candidates.traffic[one]));
    let mut left = alloc::vec![0u64; order.len() + 1];
    for (at, &one) in order.iter().enumerate().rev() {
        left[at] = left[at + 1] + candidates.traffic[one];
    }
    let mut search = Search {
        candidates,
        order,
        left,
        least,
        found: None,
        is_complete: true,
        nodes: 0,
        planned: 0,
        budget,
        plans,
    };
    search.visit(0, &mut candidates.none());
    (search.found, search.is_complete)
}

struct Search<'a, P> {
    candidates: &'a Candidates,
    /// The candidates, those with most traffic first.
    order: Vec<usize>,
    /// The traffic of the candidates from each position on.
    left: Vec<u64>,
    least: u64,
    found: Option<Vec<usize>>,
    is_complete: bool,
    nodes: u64,
    planned: u64,
    budget: &'a Budget,
    plans: P,
}

impl<P: FnMut(&[usize]) -> Feasible> Search<'_, P> {
    fn visit(&mut self, at: usize, choice: &mut Choice) {
        if choice.traffic + self.left[at] <= self.least {
            return;
        }
        self.nodes += 1;
        let is_over = self.nodes % 256 == 0 && self.budget.is_over();
        if self.nodes > MOST_NODES || self.planned >= MOST_PLANS || is_over {
            self.is_complete = false;
            return;
        }
        let Some(&one) = self.order.get(at) else {
            self.plan(choice);
            return;
        };
        if self.candidates.has_room(choice, one) {
            self.candidates.add(choice, one);
            self.visit(at + 1, choice);
            self.candidates.remove(choice, one);
        }
        self.visit(at + 1, choice);
    }

    fn plan(&mut self, choice: &Choice) {
        self.planned += 1;
        let rows = self.candidates.rows_of(choice);
        match (self.plans)(&rows) {
            Feasible::Yes => {
                self.least = choice.traffic;
                self.found = Some(rows);
            }
            Feasible::No => {}
            Feasible::Unknown => self.is_complete = false,
        }
    }
}
