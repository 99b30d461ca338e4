//! Squeaky wheel optimization (Joslin and Clements 1999): improves an order of the buffers by what
//! went wrong when it was decoded.
//!
//! Buffers that end above the goal "squeak": their priority is raised by a random amount, and the
//! new order is decoded. When the peak has not fallen for a while, the wheel restarts with
//! priorities computed in another way. A [`PriorityOrder`] computes priorities and makes them an
//! order: there is one for lifetimes here, and one for interference in
//! `interference/priorities.rs`.

use alloc::vec::Vec;

use super::decoder::{Decoder, FreeSpace};
use super::incumbent::Incumbent;
use super::random::Random;
use super::sections::Sections;
use super::size_buckets::{LOG2_ONE, SizeBuckets};
use super::strategy::Task;
use crate::lifetimes::Lifetime;

/// Rounds without a lower peak after which the wheel restarts.
const PATIENCE: u32 = 12;
/// The limit of how much a squeaking buffer's priority is raised, as a fixed-point logarithm: a
/// factor of four in size.
const MOST_RAISE: u64 = 2 * LOG2_ONE;

/// How priorities come from buffers, and an order from priorities.
pub(super) trait PriorityOrder {
    /// The priority of each buffer before anything has squeaked, as a fixed-point logarithm.
    fn priorities(&self, buffers: &[Lifetime]) -> Vec<u64>;

    /// The buffers by priority, highest first.
    fn order(&self, priorities: &[u64]) -> Vec<usize>;

    /// Changes how priorities and orders are computed, for a restart.
    fn restart(&mut self, random: &mut Random);
}

/// The state of squeaky wheel optimization.
#[derive(Debug)]
pub(super) struct SqueakyWheel<O> {
    ordering: O,
    priorities: Vec<u64>,
    /// The lowest peak since the last restart, and for how many rounds it has not fallen.
    lowest: u64,
    stale: u32,
    random: Random,
}

impl<O: PriorityOrder> SqueakyWheel<O> {
    pub(super) fn new(task: &Task<'_>, ordering: O) -> Self {
        Self {
            priorities: ordering.priorities(task.buffers),
            ordering,
            lowest: u64::MAX,
            stale: 0,
            random: Random::new(task.seed),
        }
    }

    /// Decodes one order and adjusts the priorities; returns whether to stop.
    pub(super) fn turn<S: FreeSpace>(
        &mut self,
        task: &Task<'_>,
        decoder: &mut Decoder<'_, S>,
        incumbent: &mut Incumbent,
    ) -> bool {
        let order = self.ordering.order(&self.priorities);
        let Some(peak) = decoder.decode(&order, &task.budget) else {
            return true;
        };
        if incumbent.offer(task, peak, decoder.offsets()) {
            return true;
        }
        self.stale = if peak < self.lowest {
            0
        } else {
            self.stale + 1
        };
        self.lowest = self.lowest.min(peak);
        if self.stale < PATIENCE {
            self.raise_squeaking(task, decoder.offsets());
        } else {
            self.restart(task);
        }
        false
    }

    fn raise_squeaking(&mut self, task: &Task<'_>, offsets: &[u64]) {
        let placed = task.buffers.iter().zip(offsets);
        for (priority, (buffer, offset)) in self.priorities.iter_mut().zip(placed) {
            if offset.saturating_add(buffer.size) > task.goal {
                *priority += self.random.below(MOST_RAISE);
            }
        }
    }

    fn restart(&mut self, task: &Task<'_>) {
        self.ordering.restart(&mut self.random);
        self.priorities = self.ordering.priorities(task.buffers);
        (self.lowest, self.stale) = (u64::MAX, 0);
    }

    #[cfg(test)]
    pub(super) fn current_priorities(&self) -> &[u64] {
        &self.priorities
    }
}

/// Priorities by [size buckets](SizeBuckets) and by the load that rows live through.
#[derive(Debug)]
pub(super) struct SectionPriorities {
    buckets: SizeBuckets,
    sections: Sections,
    /// The largest load of the sections that each buffer covers.
    peak_loads: Vec<u64>,
}

impl SectionPriorities {
    pub(super) fn new(buffers: &[Lifetime], sections: &Sections) -> Self {
        Self {
            buckets: SizeBuckets::default(),
            peak_loads: sections.peak_loads(buffers),
            sections: sections.clone(),
        }
    }
}

impl PriorityOrder for SectionPriorities {
    fn priorities(&self, buffers: &[Lifetime]) -> Vec<u64> {
        self.buckets.priorities(buffers, &self.peak_loads)
    }

    fn order(&self, priorities: &[u64]) -> Vec<usize> {
        self.buckets.order(priorities, &self.sections)
    }

    fn restart(&mut self, random: &mut Random) {
        self.buckets = SizeBuckets::random(random);
    }
}
