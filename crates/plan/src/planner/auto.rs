//! The portfolio: a good greedy plan at once, then improved until it is optimal or the budget ends.

use alloc::vec::Vec;

use super::{
    Budget, Strategy, Task,
    best::Best,
    capacity_search::Climb,
    critical::Core,
    greedy::{Decoder, GreedyBy},
    interference,
    online::Online,
    squeaky_wheel::Wheel,
};

/// The default strategy: greedy orders, then core-first search at growing capacities and a squeaky wheel in turns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Auto;

impl Strategy for Auto {
    fn name(&self) -> &str {
        "auto"
    }

    fn asks_conflicts(&self) -> bool {
        true
    }

    fn place(&self, task: &Task<'_>) -> Vec<u64> {
        if let Some(asked) = &task.asked {
            return interference::place(task, asked);
        }
        let mut best = Best::new(task);
        let mut decoder = Decoder::new(task.buffers);
        if first_plan(task, &mut decoder, &mut best) {
            return best.offsets;
        }
        let mut core = Core::growing(task, &decoder);
        if task.buffers.len() <= FEW {
            core.attempt(task, task.goal, FIRST_NODES, &mut decoder, &mut best);
            if best.peak <= task.goal || other_plans(task, &mut decoder, &mut best) {
                return best.offsets;
            }
        }
        let tightest = decoder.sections().tightest(task.buffers);
        let mut wheel = Wheel::new(task, tightest);
        if (0..FIRST_TURNS).any(|_| wheel.turn(task, &mut decoder, &mut best)) {
            return best.offsets;
        }
        let climb = Climb::new(task, core, Some(wheel));
        climb.improve(task, &mut decoder, &mut best);
        best.offsets
    }
}

/// So many buffers are few enough for a search at once, and for every fast strategy.
const FEW: usize = 20_000;
/// Nodes of that search.
const FIRST_NODES: u64 = 8000;
/// Turns of the wheel before the first search.
const FIRST_TURNS: u32 = 3;

/// The other greedy orders, and best fit; returns whether to stop.
fn other_plans(task: &Task<'_>, decoder: &mut Decoder<'_>, best: &mut Best) -> bool {
    for by in &GreedyBy::ALL[1..] {
        let order = by.order(task.buffers, decoder.sections());
        let Some(peak) = decoder.decode(&order, &task.budget) else {
            return true;
        };
        if best.offer(task, peak, decoder.offsets()) {
            return true;
        }
    }
    let offsets = Online::BestFit.place(task);
    best.offer(task, task.peak(&offsets), &offsets) || task.budget.is_over()
}

/// The search alone, over all buffers at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Skyline;

impl Strategy for Skyline {
    fn name(&self) -> &str {
        "skyline"
    }

    fn place(&self, task: &Task<'_>) -> Vec<u64> {
        search(task, Core::whole)
    }
}

/// The search in the core of the buffers that live through tight moments, the rest around it greedily.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CoreFirst;

impl Strategy for CoreFirst {
    fn name(&self) -> &str {
        "core"
    }

    fn place(&self, task: &Task<'_>) -> Vec<u64> {
        search(task, Core::growing)
    }
}

fn search(task: &Task<'_>, core: impl Fn(&Task<'_>, &Decoder<'_>) -> Core) -> Vec<u64> {
    let mut best = Best::new(task);
    let mut decoder = Decoder::new(task.buffers);
    if !first_plan(task, &mut decoder, &mut best) {
        let core = core(task, &decoder);
        Climb::new(task, core, None).improve(task, &mut decoder, &mut best);
    }
    best.offsets
}

/// One greedy order, decoded to its end whatever the budget says, so that there always is a plan; returns whether to
/// stop.
fn first_plan(task: &Task<'_>, decoder: &mut Decoder<'_>, best: &mut Best) -> bool {
    if !best.is_empty() && best.peak <= task.goal {
        return true;
    }
    let order = GreedyBy::Bands.order(task.buffers, decoder.sections());
    let endless = Budget::unlimited();
    let budget = if best.is_empty() {
        &endless
    } else {
        &task.budget
    };
    if let Some(peak) = decoder.decode(&order, budget)
        && best.offer(task, peak, decoder.offsets())
    {
        return true;
    }
    task.budget.spend(task.buffers.len() as u64);
    task.budget.is_over()
}
