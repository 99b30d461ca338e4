//! What a stream holds: all that the device may still run of it, and command buffers that it has
//! done.
//!
//! Stands on `command`, `recorder` and `point`. Invariant: a submission's commands, and the
//! semaphores for which it waits, are held until the stream's timeline says that it is done. A
//! spare command buffer is one that nobody else holds.

use core::mem;
use std::{collections::VecDeque, sync::Arc};

use super::{
    command::RecordedCommands,
    point::VulkanPoint,
    recorder::{VulkanCommands, VulkanRecorder},
};
use crate::error::DeviceMemoryError;

/// How many command buffers are kept for transfers.
const SPARE: usize = 16;

/// What a stream holds.
#[derive(Default)]
pub(super) struct Held {
    /// What the device may still run, oldest first.
    running: VecDeque<Running>,
    /// Command buffers that the device has done and nobody else holds, for transfers.
    spare: Vec<RecordedCommands>,
}

/// What a submission uses until the device has done it.
struct Running {
    /// The number of the submission in the stream's timeline.
    value: u64,
    commands: Arc<RecordedCommands>,
    /// The timelines of other streams for which it waits.
    _waits: Vec<VulkanPoint>,
}

impl Held {
    /// How many submissions the device may still run.
    pub(super) fn running(&self) -> usize {
        self.running.len()
    }

    /// Holds what the submission of this number uses. It is the last one.
    pub(super) fn add(
        &mut self,
        value: u64,
        commands: Arc<RecordedCommands>,
        waits: Vec<VulkanPoint>,
    ) {
        self.running.push_back(Running {
            value,
            commands,
            _waits: waits,
        });
    }

    /// Lets go of the submissions up to this number, which the device has done.
    pub(super) fn let_go(&mut self, done: u64) {
        while self
            .running
            .front()
            .is_some_and(|oldest| oldest.value <= done)
        {
            let ended = self.running.pop_front();
            self.keep_spare(ended.map(|ended| ended.commands));
        }
    }

    /// Keeps what the device may still run for ever.
    pub(super) fn leak(&mut self) {
        mem::forget(mem::take(&mut self.running));
    }

    /// Keeps a command buffer that nobody else holds, such as a transfer's, for the next transfers.
    fn keep_spare(&mut self, ended: Option<Arc<RecordedCommands>>) {
        let ended = ended.and_then(Arc::into_inner);
        let Some(mut ended) = ended.filter(RecordedCommands::is_without_sets) else {
            return;
        };
        if self.spare.len() < SPARE {
            ended.forget();
            self.spare.push(ended);
        }
    }

    /// Makes a list of copies into commands: in a command buffer of earlier ones, if there is one.
    pub(super) fn record(
        &mut self,
        copies: VulkanRecorder,
    ) -> Result<VulkanCommands, DeviceMemoryError> {
        let Some(mut spare) = self.spare.pop() else {
            return copies.finish();
        };
        // SAFETY: the stream's timeline said that the device has done these commands, which nobody
        // else could submit.
        unsafe { spare.record_copies(copies.into_list())? };
        let shared = Arc::new(spare);
        Ok(VulkanCommands { shared })
    }
}
