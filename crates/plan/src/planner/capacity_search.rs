//! The way to a lower peak: capacities to try, and nodes for each.
//!
//! A peak at the goal ends everything, so the goal is the first capacity to be tried. Where that is not found within the nodes, higher
//! ones follow, in steps that grow, up to just below the best peak known. Proving that a capacity is too low rarely ends, so
//! bisection would be the wrong shape. When no capacity is found, the nodes double.

use alloc::vec::Vec;

use super::{
    Task,
    best::Best,
    critical::{Attempt, Core},
    greedy::Decoder,
    squeaky_wheel::Wheel,
};

/// Nodes of the first attempts: so many, and one for every other buffer.
const FIRST_NODES: u64 = 4000;
/// The goal gets so many times the nodes of other capacities.
const GOAL_SHARE: u64 = 3;
/// Turns of the wheel after the first attempts; more as the nodes become more.
const FIRST_TURNS: u64 = 6;
/// Capacities between the goal and the best peak, in 64ths of the gap.
const RUNGS: [u64; 4] = [0, 2, 12, 40];

pub(super) struct Climb {
    core: Core,
    /// Turned in between, if at all.
    wheel: Option<Wheel>,
    /// Offsets are sums of sizes, rounded up to alignments: all are multiples of this.
    grain: u64,
    /// Above the goal no plan is of use.
    is_capacity: bool,
}

impl Climb {
    pub(super) fn new(task: &Task<'_>, core: Core, wheel: Option<Wheel>) -> Self {
        let grains = task.buffers.iter().map(|b| 1 << b.size.trailing_zeros());
        let grain = grains.min().unwrap_or(1);
        let is_plain = task.buffers.iter().all(|b| b.fixed_offset.is_none());
        Self {
            core,
            wheel,
            grain: if is_plain { grain } else { 1 },
            is_capacity: task.capacity.is_some(),
        }
    }

    /// Improves the best plan until it reaches the goal, the budget is spent, or there is nothing left to try.
    pub(super) fn improve(mut self, task: &Task<'_>, decoder: &mut Decoder<'_>, best: &mut Best) {
        let first = FIRST_NODES + task.buffers.len() as u64 / 2;
        let mut nodes = first;
        // Below this everything has been tried.
        let mut least = task.goal;
        while best.peak > task.goal && !task.budget.is_over() {
            let before = best.peak;
            let rungs = self.rungs(least, best.peak);
            if rungs.is_empty() {
                return;
            }
            let mut too_large = true;
            for capacity in rungs {
                let share = if capacity == task.goal { GOAL_SHARE } else { 1 };
                let nodes = nodes.saturating_mul(share);
                let attempt = self.core.attempt(task, capacity, nodes, decoder, best);
                too_large &= attempt == Attempt::TooLarge;
                match attempt {
                    Attempt::Fits => break,
                    Attempt::Spent | Attempt::TooLarge => {}
                    Attempt::Hopeless => least = least.max(capacity + 1),
                }
                if best.peak <= task.goal || task.budget.is_over() {
                    return;
                }
            }
            let turns = FIRST_TURNS * (nodes / first);
            if self.turn(task, turns, decoder, best) || (too_large && self.wheel.is_none()) {
                return;
            }
            if best.peak == before {
                nodes = nodes.saturating_mul(2);
            }
        }
    }

    /// Capacities from `least` on and below `peak`, the lowest first.
    fn rungs(&self, least: u64, peak: u64) -> Vec<u64> {
        let Some(gap) = (peak - 1).checked_sub(least) else {
            return Vec::new();
        };
        let rung = |part: &u64| {
            let above = (u128::from(gap) * u128::from(*part) / 64) as u64;
            least + above / self.grain * self.grain
        };
        let mut rungs: Vec<u64> = RUNGS.iter().map(rung).collect();
        if self.is_capacity {
            rungs.truncate(1);
        }
        rungs.dedup();
        rungs
    }

    /// Turns the wheel a few times; returns whether to stop.
    fn turn(
        &mut self,
        task: &Task<'_>,
        turns: u64,
        decoder: &mut Decoder<'_>,
        best: &mut Best,
    ) -> bool {
        let Some(wheel) = &mut self.wheel else {
            return false;
        };
        (0..turns).any(|_| wheel.turn(task, decoder, best))
    }
}
