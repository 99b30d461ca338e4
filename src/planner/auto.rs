//! The portfolio: every fast strategy, the best of them improved until it is optimal or the budget ends.
//!
//! The improvement is a *squeaky wheel* (Joslin and Clements 1999): buffers that end above the goal are the ones that
//! squeak; they move earlier in the order, by a random factor, and the order is decoded again. An
//! order that has led nowhere for a while is dropped for another start.

use alloc::{vec, vec::Vec};

use super::{
    Budget, Strategy, Task,
    greedy::{Decoder, GreedyBy},
    online::Online,
    random::Random,
};

/// Rounds without a better peak after which the search starts anew from another order.
const PATIENCE: u64 = 60;

/// The default strategy; see the source's module docs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Auto;

impl Strategy for Auto {
    fn name(&self) -> &str {
        "auto"
    }

    fn place(&self, task: &Task<'_>) -> Vec<u64> {
        let mut best = Best::new(task);
        let mut decoder = Decoder::new(task.buffers);
        let mut orders = Vec::new();
        for by in GreedyBy::ALL {
            orders.push(by.order(task.buffers, decoder.sections()));
            if best.try_order(task, &mut decoder, &orders[orders.len() - 1]) {
                return best.offsets;
            }
        }
        for fit in [Online::BestFit, Online::FirstFit] {
            let offsets = fit.place(task);
            if best.offer(task, task.peak(&offsets), &offsets) || task.budget.is_time_up() {
                return best.offsets;
            }
        }
        best.improve(task, &mut decoder, &orders);
        best.offsets
    }
}

struct Best {
    peak: u64,
    offsets: Vec<u64>,
}

impl Best {
    fn new(task: &Task<'_>) -> Self {
        Self {
            peak: u64::MAX,
            offsets: vec![0; task.buffers.len()],
        }
    }

    /// Keeps the offsets if they are better; returns whether the goal is reached.
    fn offer(&mut self, task: &Task<'_>, peak: u64, offsets: &[u64]) -> bool {
        if peak < self.peak {
            self.peak = peak;
            self.offsets.copy_from_slice(offsets);
        }
        self.peak <= task.goal
    }

    /// Decodes one order; returns whether to stop. The first one is decoded to its end, so there always is an
    /// answer.
    fn try_order(&mut self, task: &Task<'_>, decoder: &mut Decoder<'_>, order: &[usize]) -> bool {
        let first = Budget::unlimited();
        let budget = if self.peak == u64::MAX {
            &first
        } else {
            &task.budget
        };
        match decoder.decode(order, budget) {
            Some(peak) => self.offer(task, peak, &decoder.offsets) || task.budget.is_time_up(),
            None => true,
        }
    }

    fn improve(&mut self, task: &Task<'_>, decoder: &mut Decoder<'_>, orders: &[Vec<usize>]) {
        let mut random = Random::new(task.seed);
        let mut rounds = 0;
        for start in 0.. {
            let order = &orders[start % orders.len()];
            let mut wheel = Wheel::new(order, start as u64 / orders.len() as u64, &mut random);
            let (mut lowest, mut stale) = (u64::MAX, 0);
            while stale < PATIENCE {
                if task.budget.is_spent(rounds) {
                    return;
                }
                rounds += 1;
                let Some(peak) = decoder.decode(&wheel.order, &task.budget) else {
                    return;
                };
                if self.offer(task, peak, &decoder.offsets) {
                    return;
                }
                stale = if peak < lowest { 0 } else { stale + 1 };
                lowest = lowest.min(peak);
                wheel.squeak(task, &decoder.offsets, &mut random);
            }
        }
    }
}

/// An order under improvement: buffers by priority, least first.
struct Wheel {
    order: Vec<usize>,
    priority: Vec<f64>,
}

impl Wheel {
    /// The given order; from the second use on with noise.
    fn new(order: &[usize], use_number: u64, random: &mut Random) -> Self {
        let noise = use_number.min(8) as f64 * 0.05;
        let mut wheel = Self {
            order: order.to_vec(),
            priority: vec![0.0; order.len()],
        };
        let count = order.len() as f64;
        for (rank, &i) in order.iter().enumerate() {
            wheel.priority[i] = rank as f64 + random.unit() * noise * count;
        }
        wheel.sort();
        wheel
    }

    fn sort(&mut self) {
        let priority = &self.priority;
        self.order
            .sort_by(|&a, &b| priority[a].total_cmp(&priority[b]).then(a.cmp(&b)));
    }

    /// Moves the buffers that end above the goal earlier.
    fn squeak(&mut self, task: &Task<'_>, offsets: &[u64], random: &mut Random) {
        for (i, buffer) in task.buffers.iter().enumerate() {
            if offsets[i] + buffer.size > task.goal {
                self.priority[i] *= random.unit();
            }
        }
        self.sort();
        for (rank, &i) in self.order.iter().enumerate() {
            self.priority[i] = rank as f64;
        }
    }
}
