//! Points of streams that others can wait for.

use core::fmt;
use std::{sync::Arc, time::Duration};

use ash::vk;

use super::{answer::refused, logical::Owned};
use crate::error::DeviceMemoryError;

/// A stream's timeline: a number that grows with each of its submissions that is done.
pub(super) struct Timeline {
    pub(super) semaphore: Owned<vk::Semaphore>,
}

/// The end of a submission. A clone is the same point.
#[derive(Clone)]
pub struct VulkanPoint {
    pub(super) timeline: Arc<Timeline>,
    pub(super) value: u64,
}

impl Timeline {
    /// The number now: the last submission that is done.
    pub(super) fn done(&self) -> Result<u64, DeviceMemoryError> {
        let Owned { handle, device } = &self.semaphore;
        // SAFETY: a query of a live timeline semaphore of the device.
        let value = unsafe { device.raw.get_semaphore_counter_value(*handle) };
        value.map_err(refused("say how far a stream is"))
    }

    /// Waits for a submission for at most so many nanoseconds; whether it is done.
    pub(super) fn wait(&self, value: u64, nanoseconds: u64) -> Result<bool, DeviceMemoryError> {
        let device = &self.semaphore.device.raw;
        let (semaphores, values) = ([self.semaphore.handle], [value]);
        let which = vk::SemaphoreWaitInfo::default()
            .semaphores(&semaphores)
            .values(&values);
        // SAFETY: a live timeline semaphore of the device.
        match unsafe { device.wait_semaphores(&which, nanoseconds) } {
            Ok(()) => Ok(true),
            Err(vk::Result::TIMEOUT) => Ok(false),
            Err(answer) => Err(refused("wait for a stream")(answer)),
        }
    }
}

impl VulkanPoint {
    /// Whether the device is there.
    ///
    /// # Errors
    /// The device was lost.
    pub fn is_done(&self) -> Result<bool, DeviceMemoryError> {
        Ok(self.timeline.done()? >= self.value)
    }

    /// Waits until the device is there, for at most `timeout`; whether it is.
    ///
    /// # Errors
    /// The device was lost.
    pub fn wait(&self, timeout: Duration) -> Result<bool, DeviceMemoryError> {
        let nanoseconds = u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX);
        self.timeline.wait(self.value, nanoseconds)
    }

    /// Adds the point to a list that has the last point of each timeline.
    pub(super) fn add_to(&self, list: &mut Vec<Self>) {
        let mut known = list.iter_mut();
        match known.find(|known| Arc::ptr_eq(&known.timeline, &self.timeline)) {
            Some(known) => known.value = known.value.max(self.value),
            None => list.push(self.clone()),
        }
    }

    /// The timeline semaphore and the value that it has from here on, for an engine's own
    /// submissions. The engine keeps the point until the device has done each of its submissions
    /// that names the semaphore.
    #[must_use]
    pub fn semaphore(&self) -> (vk::Semaphore, u64) {
        (self.timeline.semaphore.handle, self.value)
    }
}

impl fmt::Debug for VulkanPoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VulkanPoint")
            .field("submission", &self.value)
            .finish_non_exhaustive()
    }
}
