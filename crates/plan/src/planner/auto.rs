//! The default strategy, a portfolio: a good greedy plan at once, which is then improved until it
//! reaches the goal or the budget is spent.

use alloc::vec::Vec;

use super::capacity_search::{CapacitySearch, first_pass};
use super::critical::CriticalSet;
use super::greedy::Greedy;
use super::incumbent::Incumbent;
use super::interference;
use super::online::HeapFit;
use super::section_space::SectionDecoder;
use super::squeaky_wheel::{SectionPriorities, SqueakyWheel};
use super::strategy::{Strategy, Task};

/// Greedy orders, then search of the critical set at growing capacities and squeaky wheel
/// optimization in turns.
#[derive(Clone, Copy, Debug)]
pub(super) struct Auto;

/// Up to this many buffers, a search and every fast strategy are tried before the wheel.
const FEW: usize = 20_000;
/// Nodes of that search.
const FIRST_NODES: u64 = 8000;
/// Turns of the wheel before the capacity search.
const FIRST_TURNS: u32 = 3;

impl Strategy for Auto {
    fn name(&self) -> &str {
        "auto"
    }

    fn needs_interference(&self) -> bool {
        true
    }

    fn place(&self, task: &Task<'_>) -> Vec<u64> {
        if let Some(interference) = &task.interference {
            return interference::place(task, interference);
        }
        let mut incumbent = Incumbent::new(task);
        let mut decoder = SectionDecoder::of_lifetimes(task.buffers);
        if first_pass(task, &mut decoder, &mut incumbent) {
            return incumbent.offsets;
        }
        let mut critical = CriticalSet::empty(task, &decoder);
        if task.buffers.len() <= FEW {
            critical.attempt(task, task.goal, FIRST_NODES, &mut decoder, &mut incumbent);
            let is_reached = incumbent.peak <= task.goal;
            if is_reached || other_passes(task, &mut decoder, &mut incumbent) {
                return incumbent.offsets;
            }
        }
        let priorities = SectionPriorities::new(task.buffers, decoder.sections());
        let mut wheel = SqueakyWheel::new(task, priorities);
        if (0..FIRST_TURNS).any(|_| wheel.turn(task, &mut decoder, &mut incumbent)) {
            return incumbent.offsets;
        }
        let search = CapacitySearch::new(task, critical, Some(wheel));
        search.improve(task, &mut decoder, &mut incumbent);
        incumbent.offsets
    }
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
