//! The incumbent: the best offsets found so far.

use alloc::vec::Vec;

use super::remainder::{Conflicts, place_rest};
use super::strategy::Task;

/// The best offsets that a strategy has found for its task, and their peak.
#[derive(Debug)]
pub(super) struct Incumbent {
    pub(super) peak: u64,
    pub(super) offsets: Vec<u64>,
}

impl Incumbent {
    /// Begins with the offsets that the task starts from; empty if there are none.
    pub(super) fn new(task: &Task<'_>) -> Self {
        match &task.start {
            Some(offsets) => Self {
                peak: task.peak(offsets),
                offsets: offsets.clone(),
            },
            None => Self {
                peak: u64::MAX,
                offsets: alloc::vec![0; task.buffers.len()],
            },
        }
    }

    /// Whether no offsets have been found yet.
    pub(super) fn is_empty(&self) -> bool {
        self.peak == u64::MAX
    }

    /// Offers the offsets that a pass has found before its time was over, and any for the rest.
    pub(super) fn complete(&mut self, task: &Task<'_>, offsets: &[u64], conflicts: Conflicts) {
        let mut offsets = offsets.to_vec();
        place_rest(task.buffers, &mut offsets, conflicts);
        self.offer(task, task.peak(&offsets), &offsets);
    }

    /// Replaces the offsets if these are better; returns whether the goal is reached.
    pub(super) fn offer(&mut self, task: &Task<'_>, peak: u64, offsets: &[u64]) -> bool {
        if peak < self.peak {
            task.report(peak);
            self.peak = peak;
            self.offsets.copy_from_slice(offsets);
        }
        self.peak <= task.goal
    }
}
