//! The best offsets found so far.

use alloc::vec::Vec;

use super::Task;

#[derive(Debug)]
pub(super) struct Best {
    pub(super) peak: u64,
    pub(super) offsets: Vec<u64>,
}

impl Best {
    /// What the task starts from, or nothing.
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

    /// Whether there is nothing yet.
    pub(super) fn is_empty(&self) -> bool {
        self.peak == u64::MAX
    }

    /// Keeps the offsets if they are better; returns whether the goal is reached.
    pub(super) fn offer(&mut self, task: &Task<'_>, peak: u64, offsets: &[u64]) -> bool {
        if peak < self.peak {
            self.peak = peak;
            self.offsets.copy_from_slice(offsets);
        }
        self.peak <= task.goal
    }
}
