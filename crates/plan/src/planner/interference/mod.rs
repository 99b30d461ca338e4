//! Placement where any two buffers may conflict, whenever they are alive: buffers of operators that run on several streams, or of
//! several models.
//!
//! Who conflicts with whom is a [`Relation`] that others define. [`place`] is the portfolio: greedy passes, a squeaky wheel, all
//! orders of a few buffers, and a search that fits everything below ever lower capacities. How low a peak can be, [`cliques`](crate::cliques)
//! say.
//!
//! ```text
//! stream 1    ├─a─┤ ├──b──┤          c may run beside a and b: it conflicts with both. a and b share bytes.
//! stream 2        ├─c─┤ ├─d─┤        d waits for b's event: no conflict, though submitted before b's end
//! ```
//!
//! Invariant: whatever the budget, conflicting buffers of a finished placement share no byte.

mod adjacency;
mod decoder;
mod orders;
mod squeaky_wheel;
mod exact;
mod ejection;
mod blocks;
#[cfg(test)]
mod tests;

use alloc::vec::Vec;

pub(crate) use blocks::stack_blocks;

use self::{adjacency::Neighbours, decoder::Decoder, ejection::Ejection, squeaky_wheel::Wheel};
use super::{Budget, Task, best::Best};

/// Who must not share bytes with whom: symmetric; a buffer is never asked about itself.
pub(crate) trait Relation {
    /// Whether two buffers, by position, must not share bytes.
    fn conflict(&self, a: usize, b: usize) -> bool;
}

/// Steps of the first search below a capacity, besides one for each buffer.
const FIRST_STEPS: u64 = 1000;
/// Turns of the wheel before the first search, and after the searches with the fewest steps.
const FIRST_TURNS: u64 = 30;
const MORE_TURNS: u64 = 6;
/// Capacities between the goal and the best peak, in 64ths of the gap, the highest first.
const RUNGS: [u64; 4] = [40, 12, 2, 0];

/// An offset for each of `task.buffers`, conflicting ones apart, aligned, the fixed ones where they are; the peak is as low as
/// was found before the budget's end or the goal.
///
/// The goal is no lower than the end of any fixed buffer, and those that conflict do not overlap. Without a budget, a
/// goal that cannot be reached is looked for without end, unless all orders can be tried.
pub(crate) fn place(task: &Task<'_>, relation: &dyn Relation) -> Vec<u64> {
    let mut best = Best::new(task);
    if task.buffers.is_empty() || (!best.is_empty() && best.peak <= task.goal) {
        return best.offsets;
    }
    let near = Neighbours::new(task.buffers.len(), relation);
    let breadths = orders::breadths(task.buffers, &near);
    let mut decoder = Decoder::new(task.buffers, near);
    if single_passes(task, &breadths, &mut decoder, &mut best) {
        return best.offsets;
    }
    if task.buffers.len() <= exact::FEW && exact::improve(task, &decoder, &mut best) {
        return best.offsets;
    }
    let mut wheel = Wheel::new(task, breadths);
    if !(0..FIRST_TURNS).any(|_| wheel.turn(task, &mut decoder, &mut best)) {
        descend(task, &mut wheel, &mut decoder, &mut best);
    }
    best.offsets
}

/// Lets buffers sink in order of the offsets wanted, those without one last; fixed ones stay.
pub(super) fn settled(
    buffers: &[crate::lifetimes::Lifetime],
    wanted: &[Option<u64>],
    relation: &dyn Relation,
) -> Vec<u64> {
    let mut order: Vec<usize> = (0..buffers.len()).collect();
    order.sort_by_key(|&i| (wanted[i].is_none(), wanted[i], i));
    let mut decoder = Decoder::new(buffers, Neighbours::new(buffers.len(), relation));
    decoder.decode(&order, &Budget::unlimited());
    decoder.offsets().to_vec()
}

/// Greedy orders, of which the first is decoded to its end whatever the budget says; returns whether to stop.
fn single_passes(
    task: &Task<'_>,
    breadths: &[u64],
    decoder: &mut Decoder<'_>,
    best: &mut Best,
) -> bool {
    let orders: [&dyn Fn() -> Vec<usize>; 4] = [
        &|| orders::by_area(task.buffers, breadths),
        &|| orders::by_size(task.buffers, breadths),
        &|| orders::by_bands(task.buffers),
        &|| orders::by_breadth(task.buffers, breadths),
    ];
    let endless = Budget::unlimited();
    for order in orders {
        let is_first = best.is_empty();
        let budget = if is_first { &endless } else { &task.budget };
        let Some(peak) = decoder.decode(&order(), budget) else {
            return true;
        };
        if is_first {
            task.budget.spend(endless.spent());
        }
        if best.offer(task, peak, decoder.offsets()) {
            return true;
        }
    }
    task.budget.is_over()
}

/// Searches below one capacity after the other: a lower one after each success, a higher one after each failure.
/// From the highest on, with turns of the wheel and twice the steps.
fn descend(task: &Task<'_>, wheel: &mut Wheel, decoder: &mut Decoder<'_>, best: &mut Best) {
    let mut ejection = Ejection::new(task.buffers.len(), task.seed);
    let first = FIRST_STEPS + task.buffers.len() as u64;
    let (mut rung, mut steps) = (0, first);
    while best.peak > task.goal && !task.budget.is_over() {
        let before = best.peak;
        let gap = best.peak - 1 - task.goal;
        let above = (u128::from(gap) * u128::from(RUNGS[rung]) / 64) as u64;
        let capacity = task.goal + above;
        let found = ejection.fit(decoder, &best.offsets, capacity, steps, &task.budget);
        if let Some(offsets) = found {
            best.offer(task, task.peak(offsets), offsets);
            if let Some(peak) = decoder.settle(offsets, &task.budget) {
                best.offer(task, peak, decoder.offsets());
            }
        }
        if best.peak < before {
            rung = (rung + 1).min(RUNGS.len() - 1);
        } else if rung > 0 {
            rung -= 1;
        } else {
            let turns = (steps / first).saturating_mul(MORE_TURNS);
            if (0..turns).any(|_| wheel.turn(task, decoder, best)) {
                return;
            }
            steps = steps.saturating_mul(2);
            rung = RUNGS.len() - 1;
        }
    }
}
