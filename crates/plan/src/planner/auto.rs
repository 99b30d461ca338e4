//! The default strategy, a portfolio: a good greedy plan at once, which is then improved until it
//! reaches the goal or the budget is spent.
//!
//! Stands on the other strategies. Buffers conflict where their rows overlap, or where their live
//! ranges or their pieces do, or as an interference relation says; each of these cases has its own
//! methods.

use alloc::vec::Vec;
use core::cell::Cell;

use super::capacity_search::{CapacitySearch, first_pass};
use super::conflict::Interference;
use super::critical::{Attempt, CriticalSet};
use super::decoder::FreeSpace as _;
use super::exhaustion::Exhaustion;
use super::greedy::Greedy;
use super::incumbent::Incumbent;
use super::interference;
use super::live_space::LiveDecoder;
use super::nesting::Nesting;
use super::online::HeapFit;
use super::remainder::Conflicts;
use super::section_space::{SectionDecoder, SectionSpace};
use super::sections::Sections;
use super::squeaky_wheel::{SectionPriorities, SqueakyWheel};
use super::strategy::{Strategy, Task};
use super::windows;
use crate::lifetimes::Lifetime;

/// Greedy orders, then search of the critical set at growing capacities and squeaky wheel
/// optimization in turns.
#[derive(Clone, Copy, Debug)]
pub(super) struct Auto;

/// Up to this many buffers, a search and every fast strategy are tried before the wheel.
const FEW: usize = 20_000;
/// Nodes of that search.
const FIRST_NODES: u64 = 8000;
/// Nodes of the first search by exhaustion.
const FIRST_EXHAUSTION_NODES: u64 = 2000;
/// Turns of the wheel before the capacity search.
const FIRST_TURNS: u32 = 3;
/// Nodes of the search without gaps where the goal may be reached so.
const MOST_NODES_WITHOUT_GAPS: u64 = 1 << 20;
/// Nodes for each buffer that come on top: as many as passes.
const PASSES_WITHOUT_GAPS: u64 = 12;

impl Strategy for Auto {
    fn name(&self) -> &str {
        "auto"
    }

    fn needs_interference(&self) -> bool {
        true
    }

    fn place(&self, task: &Task<'_>) -> Vec<u64> {
        match &task.interference {
            None => by_rows(task),
            Some(interference) if interference.is_of_gaps() => with_gaps(task, interference),
            Some(interference) => interference::place(task, interference),
        }
    }
}

/// Places buffers that conflict if and only if their rows overlap.
fn by_rows(task: &Task<'_>) -> Vec<u64> {
    let mut incumbent = Incumbent::new(task);
    let mut decoder = SectionDecoder::of_lifetimes(task.buffers);
    if first_pass(task, &mut decoder, &mut incumbent) {
        return incumbent.offsets;
    }
    let mut critical = CriticalSet::empty(task, &decoder);
    if task.buffers.len() <= FEW {
        let attempt = critical.attempt(task, task.goal, FIRST_NODES, &mut decoder, &mut incumbent);
        if attempt == Attempt::Exhausted {
            task.prove(task.goal + 1);
        }
        let is_reached = incumbent.peak <= task.goal;
        if is_reached || other_passes(task, &mut decoder, &mut incumbent) {
            return incumbent.offsets;
        }
    }
    let mut exhaustion = Exhaustion::new(task);
    if let Some(exhaustion) = &mut exhaustion {
        let is_promising = exhaustion.is_promising(task, &incumbent);
        if is_promising && exhaustion.improve(task, FIRST_EXHAUSTION_NODES, &mut incumbent) {
            return incumbent.offsets;
        }
    }
    let priorities = SectionPriorities::new(task.buffers, decoder.sections());
    let mut wheel = SqueakyWheel::new(task, priorities);
    if (0..FIRST_TURNS).any(|_| wheel.turn(task, &mut decoder, &mut incumbent)) {
        return incumbent.offsets;
    }
    let search = CapacitySearch::new(task, critical, Some(wheel), exhaustion);
    search.improve(task, &mut decoder, &mut incumbent);
    incumbent.offsets
}

/// Places buffers with gaps: first as if they were alive in their gaps, too, all of them and those
/// that do not lie within the gaps of others. If all of them have too much load, the latter come
/// first, so that the budget is not spent on what cannot reach the goal. What is found so settles
/// into the gaps. Then come greedy passes that use the gaps and the windows, and search by
/// interference or, with windows, by distances. If the buffers have too many conflicts for that, a
/// squeaky wheel turns on.
fn with_gaps(task: &Task<'_>, interference: &Interference<'_>) -> Vec<u64> {
    let mut incumbent = Incumbent::new(task);
    if !incumbent.is_empty() && incumbent.peak <= task.goal {
        return incumbent.offsets;
    }
    let is_found = match load_as_whole(task.buffers) <= task.goal {
        true => without_gaps(task, &mut incumbent) || nested(task, interference, &mut incumbent),
        false => nested(task, interference, &mut incumbent) || without_gaps(task, &mut incumbent),
    };
    if is_found {
        return incumbent.offsets;
    }
    let mut decoder = LiveDecoder::of_interference(task.buffers, interference);
    if !incumbent.is_empty() {
        let before = &incumbent.offsets;
        let peak = decoder.settle(|i| Some(before[i]), &task.budget);
        if peak.is_none_or(|peak| incumbent.offer(task, peak, decoder.offsets())) {
            return incumbent.offsets;
        }
    }
    let sections = Sections::new(task.buffers);
    let first_budget = task.budget.of_first_plan(decoder.space().range_count());
    for greedy in Greedy::ALL {
        let order = greedy.order(task.buffers, &sections);
        let is_first = incumbent.is_empty();
        let budget = if is_first {
            &first_budget
        } else {
            &task.budget
        };
        let peak = decoder.decode(&order, budget);
        if is_first && peak.is_none() {
            incumbent.complete(task, decoder.offsets(), Conflicts::OfRows);
        }
        if peak.is_none_or(|peak| incumbent.offer(task, peak, decoder.offsets())) {
            return incumbent.offsets;
        }
    }
    let is_searched = match interference.has_windows() {
        true => windows::improve(task, interference, &sections, &mut incumbent),
        false => interference::improve(task, interference, &mut incumbent),
    };
    if !is_searched {
        let priorities = SectionPriorities::new(task.buffers, &sections);
        let mut wheel = SqueakyWheel::new(task, priorities);
        while !wheel.turn(task, &mut decoder, &mut incumbent) {}
    }
    incumbent.offsets
}

/// The load of buffers that are alive in their gaps, too.
fn load_as_whole(buffers: &[Lifetime]) -> u64 {
    let loads = Sections::new(buffers).loads(buffers);
    loads.into_iter().max().unwrap_or(0)
}

/// Places buffers as if they were alive in their gaps. Returns whether to stop.
fn without_gaps(task: &Task<'_>, incumbent: &mut Incumbent) -> bool {
    let Some(offsets) = as_whole(task, task.buffers) else {
        return false;
    };
    incumbent.offer(task, task.peak(&offsets), &offsets) || task.budget.is_over()
}

/// Places buffers within gaps of others, and those that are left as if they were alive in their
/// gaps. Returns whether to stop.
fn nested(task: &Task<'_>, interference: &Interference<'_>, incumbent: &mut Incumbent) -> bool {
    if interference.has_windows() {
        return false;
    }
    let Some(nesting) = Nesting::new(task.buffers, interference) else {
        return false;
    };
    let outer = nesting.outer().iter().map(|&i| task.buffers[i]);
    let outer: Vec<Lifetime> = outer.collect();
    let Some(of_outer) = as_whole(task, &outer) else {
        return false;
    };
    let offsets = nesting.offsets(task.buffers, &of_outer);
    incumbent.offer(task, task.peak(&offsets), &offsets) || task.budget.is_over()
}

/// Offsets of some of the buffers as if they were alive in their gaps, found with a part of the
/// budget: what is valid so is valid anyway. `None` if fixed buffers are apart only by their gaps.
fn as_whole(task: &Task<'_>, buffers: &[Lifetime]) -> Option<Vec<u64>> {
    let mut space = SectionSpace::new(buffers);
    let fixed = buffers.iter().enumerate();
    let mut fixed = fixed.filter_map(|(i, buffer)| Some((i, buffer.fixed_bytes()?)));
    let are_apart = fixed.all(|(i, bytes)| {
        let is_free = space.is_free(i, bytes.clone());
        space.take(i, bytes);
        is_free
    });
    if !are_apart {
        return None;
    }
    let load = space.sections().loads(buffers);
    let load = load.into_iter().max().unwrap_or(0);
    let count = buffers.len() as u64;
    let nodes = if load <= task.goal {
        MOST_NODES_WITHOUT_GAPS
    } else {
        FIRST_NODES
    };
    let rows = Task {
        buffers,
        goal: task.goal.max(load),
        start: None,
        budget: task.budget.part(nodes + PASSES_WITHOUT_GAPS * count),
        interference: None,
        // What is proven without the gaps does not hold with them.
        proven: Cell::default(),
        ..*task
    };
    let offsets = by_rows(&rows);
    task.budget.spend(rows.budget.spent());
    Some(offsets)
}

/// The greedy orders that the first pass has not tried, and best fit; returns whether to stop.
fn other_passes(
    task: &Task<'_>,
    decoder: &mut SectionDecoder<'_>,
    incumbent: &mut Incumbent,
) -> bool {
    for greedy in &Greedy::ALL[1..] {
        let order = greedy.order(task.buffers, decoder.sections());
        let Some(peak) = decoder.decode(&order, &task.budget) else {
            return true;
        };
        if incumbent.offer(task, peak, decoder.offsets()) {
            return true;
        }
    }
    let offsets = HeapFit::BestFit.place(task);
    incumbent.offer(task, task.peak(&offsets), &offsets) || task.budget.is_over()
}
