//! The portfolio for buffers under an interference relation.
//!
//! Greedy passes come first, so that there always is a placement. Of a few buffers, branch and
//! bound then tries all orders that matter. With more of them, turns of a squeaky wheel alternate
//! with guided ejection search, down and up the [capacity ladder](crate::planner::capacity_ladder).

use alloc::vec::Vec;

use super::branch_and_bound;
use super::ejection::EjectionSearch;
use super::free_space::InterferenceDecoder;
use super::obstacles::Obstacles;
use super::orders;
use super::priorities::BreadthPriorities;
use crate::planner::budget::Budget;
use crate::planner::capacity_ladder::{self, RUNGS};
use crate::planner::conflict::InterferenceRelation;
use crate::planner::decoder::{Decoder, FreeSpace};
use crate::planner::incumbent::Incumbent;
use crate::planner::remainder::Conflicts;
use crate::planner::squeaky_wheel::{PriorityOrder, SqueakyWheel};
use crate::planner::strategy::Task;

/// Steps of the first ejection search below a capacity, besides one for each buffer.
const FIRST_STEPS: u64 = 1000;
/// Turns of the wheel before the first ejection search.
const FIRST_TURNS: u64 = 30;
/// Turns of the wheel after a failure on the highest rung; more as the steps become more.
const MORE_TURNS: u64 = 6;

/// How many times as long it takes to place a buffer here as by rows, for the few buffers that are
/// placed whatever the budget.
const COST: usize = 8;

/// The budget of what comes before there is a placement.
fn first_budget(task: &Task<'_>) -> Budget {
    task.budget.of_first_plan(COST * task.buffers.len())
}

/// An offset for each of `task.buffers`: aligned, the fixed ones where they are, conflicting ones
/// apart. The peak is the lowest found before the goal was reached or the budget spent.
///
/// The goal must be no lower than the end of any fixed buffer. Fixed buffers that conflict may
/// overlap only where the tensors' windows let them share bytes; all others stay apart from both.
/// Without a budget, a goal that cannot be reached is searched for without end, unless the buffers
/// are few enough to try all orders.
pub(crate) fn place(task: &Task<'_>, relation: &dyn InterferenceRelation) -> Vec<u64> {
    let mut incumbent = Incumbent::new(task);
    if task.buffers.is_empty() || (!incumbent.is_empty() && incumbent.peak <= task.goal) {
        return incumbent.offsets;
    }
    let budget = first_budget(task);
    let mut decoder = InterferenceDecoder::of_relation(task.buffers, relation, &budget);
    search(task, &mut decoder, &mut incumbent);
    incumbent.offsets
}

/// Improves an incumbent as [`place`] does. Returns `false`, and does nothing, if the buffers have
/// too many conflicts to keep.
pub(crate) fn improve(
    task: &Task<'_>,
    relation: &dyn InterferenceRelation,
    incumbent: &mut Incumbent,
) -> bool {
    let budget = first_budget(task);
    let mut decoder = InterferenceDecoder::of_relation(task.buffers, relation, &budget);
    let is_kept = decoder.adjacency().is_kept();
    if is_kept {
        search(task, &mut decoder, incumbent);
    }
    is_kept
}

fn search(task: &Task<'_>, decoder: &mut InterferenceDecoder<'_>, incumbent: &mut Incumbent) {
    let budget = first_budget(task);
    let Some(breadths) = orders::breadths(task.buffers, decoder.adjacency(), &budget) else {
        if incumbent.is_empty() {
            incumbent.complete(task, decoder.offsets(), Conflicts::Unknown);
        }
        return;
    };
    if greedy_passes(task, &breadths, decoder, incumbent) {
        return;
    }
    let few = task.buffers.len() <= branch_and_bound::MOST_BUFFERS;
    if few && branch_and_bound::improve(task, decoder.adjacency(), incumbent) {
        return;
    }
    let mut wheel = SqueakyWheel::new(task, BreadthPriorities::new(breadths));
    if !(0..FIRST_TURNS).any(|_| wheel.turn(task, decoder, incumbent)) {
        descend(task, &mut wheel, decoder, incumbent);
    }
}

/// Decodes greedy orders, the first of them however few nodes there are if there is no placement
/// yet; returns whether to stop.
fn greedy_passes(
    task: &Task<'_>,
    breadths: &[u64],
    decoder: &mut InterferenceDecoder<'_>,
    incumbent: &mut Incumbent,
) -> bool {
    let orders: [&dyn Fn() -> Vec<usize>; 4] = [
        &|| orders::by_area(task.buffers, breadths),
        &|| orders::by_size(task.buffers, breadths),
        &|| orders::by_size_buckets(task.buffers),
        &|| orders::by_breadth(task.buffers, breadths),
    ];
    let first = first_budget(task);
    for order in orders {
        let is_first = incumbent.is_empty();
        let budget = if is_first { &first } else { &task.budget };
        let peak = decoder.decode(&order(), budget);
        if is_first {
            task.budget.spend(first.spent());
        }
        let Some(peak) = peak else {
            if is_first {
                incumbent.complete(task, decoder.offsets(), Conflicts::Unknown);
            }
            return true;
        };
        if incumbent.offer(task, peak, decoder.offsets()) {
            return true;
        }
    }
    task.budget.is_over()
}

/// Searches below one capacity after the other: a rung lower after each success, a rung higher
/// after each failure. After a failure on the highest rung, the wheel takes some turns and the
/// steps double.
pub(crate) fn descend<S: FreeSpace + Obstacles>(
    task: &Task<'_>,
    wheel: &mut SqueakyWheel<impl PriorityOrder>,
    decoder: &mut Decoder<'_, S>,
    incumbent: &mut Incumbent,
) {
    let mut ejection = EjectionSearch::new(task.buffers, task.seed);
    let first = FIRST_STEPS + task.buffers.len() as u64;
    let (mut rung, mut steps) = (RUNGS - 1, first);
    while incumbent.peak > task.goal && !task.budget.is_over() {
        let before = incumbent.peak;
        let capacity = capacity_ladder::capacity(rung, task.goal, before, 1);
        let space = decoder.space();
        let found = ejection.fit(space, &incumbent.offsets, capacity, steps, &task.budget);
        if let Some(offsets) = found {
            incumbent.offer(task, task.peak(offsets), offsets);
            if let Some(peak) = decoder.settle(|i| Some(offsets[i]), &task.budget) {
                incumbent.offer(task, peak, decoder.offsets());
            }
        }
        if incumbent.peak < before {
            rung = rung.saturating_sub(1);
        } else if rung + 1 < RUNGS {
            rung += 1;
        } else {
            let turns = (steps / first).saturating_mul(MORE_TURNS);
            if (0..turns).any(|_| wheel.turn(task, decoder, incumbent)) {
                return;
            }
            steps = steps.saturating_mul(2);
            rung = 0;
        }
    }
}
