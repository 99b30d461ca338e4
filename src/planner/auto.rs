//! The portfolio: every fast strategy, the best of them improved until it is optimal or the budget ends.
//!
//! The improvement is a *squeaky wheel* (Joslin and Clements 1999): buffers that end above the goal are the ones that
//! squeak; they move earlier in the order, by a random factor, and the order is decoded again. An
//! order that has led nowhere for a while is dropped for another start.

use alloc::{boxed::Box, vec, vec::Vec};

use super::{
    Strategy, Task,
    greedy::{Decoder, Greedy, GreedyBy},
    online::Online,
    random::Random,
    sections::Sections,
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
        if best.try_all(task) {
            return best.offsets;
        }
        let sections = Sections::new(task.buffers);
        let orders = GreedyBy::ALL.map(|by| by.order(task.buffers, &sections));
        best.improve(task, &orders, sections);
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

    /// The fast strategies, one after another. The first always runs, so there always is an answer.
    fn try_all(&mut self, task: &Task<'_>) -> bool {
        let greedy = GreedyBy::ALL.map(|by| Box::new(Greedy { by }) as Box<dyn Strategy>);
        let online =
            [Online::BestFit, Online::FirstFit].map(|fit| Box::new(fit) as Box<dyn Strategy>);
        for (round, strategy) in (0..).zip(greedy.into_iter().chain(online)) {
            if round > 0 && task.budget.is_spent(round) {
                return true;
            }
            let offsets = strategy.place(task);
            if self.offer(task, task.peak(&offsets), &offsets) {
                return true;
            }
        }
        false
    }

    fn improve(&mut self, task: &Task<'_>, orders: &[Vec<usize>], sections: Sections) {
        let mut random = Random::new(task.seed);
        let mut decoder = Decoder::new(task.buffers, sections);
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
                let peak = decoder.decode(&wheel.order);
                if self.offer(task, peak, &decoder.offsets) {
                    return;
                }
                stale = if peak < lowest { 0 } else { stale + 1 };
                lowest = lowest.min(peak);
                wheel.squeak(task, &decoder, &mut random);
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
    fn squeak(&mut self, task: &Task<'_>, decoder: &Decoder<'_>, random: &mut Random) {
        debug_assert!(decoder.sections().count() > 0);
        for (i, buffer) in task.buffers.iter().enumerate() {
            if decoder.offsets[i] + buffer.size > task.goal {
                self.priority[i] *= random.unit();
            }
        }
        self.sort();
        for (rank, &i) in self.order.iter().enumerate() {
            self.priority[i] = rank as f64;
        }
    }
}
