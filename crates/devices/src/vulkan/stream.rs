//! Streams: what is submitted to one runs in this order, whatever others do.
//!
//! Invariant: a stream holds what it submitted until the device has done it, and waits for the
//! device when it is dropped.

use core::{fmt, mem};
use std::sync::Arc;

use ash::vk;
use orionrt_alloc::Arena;

use super::{
    answer::refused,
    device::VulkanDevice,
    held::Held,
    logical::Owned,
    point::{Timeline, VulkanPoint},
    recorder::VulkanCommands,
    staging::Staging,
};
use crate::{error::DeviceMemoryError, order::StreamId};

/// How often a stream that is dropped waits for a driver that has no memory for that.
const WAITS: usize = 8;

/// A stream of commands on one of a device's queues, with memory for transfers.
///
/// Streams share the device's queues if there are more streams than queues; what is promised of
/// their order are their points alone.
pub struct VulkanStream {
    pub(super) device: VulkanDevice,
    id: StreamId,
    pub(super) timeline: Arc<Timeline>,
    pub(super) submitted: u64,
    /// What the device may still run, and command buffers for transfers.
    pub(super) held: Held,
    /// What the next submission comes after: one point a timeline.
    next: Vec<VulkanPoint>,
    pub(super) staging: Staging,
}

impl VulkanStream {
    /// Makes a stream with this number, and with so many bytes of memory of the host for transfers,
    /// which are cut into pieces of at most half that size.
    ///
    /// # Errors
    /// The driver refuses it, or there is no memory for the transfers.
    pub fn new(
        device: &VulkanDevice,
        id: StreamId,
        transfer_bytes: u64,
    ) -> Result<Self, DeviceMemoryError> {
        Self::with_staging(device, id, Staging::new(device, transfer_bytes)?)
    }

    /// Makes a stream with this number, whose memory for transfers is a block of a pinned arena of
    /// the host. The block is rounded up to what the device needs, often 4096 bytes, and given back
    /// when the stream and its last transfer are gone.
    ///
    /// The device uses the arena's pages themselves if it can import memory of the host
    /// (`VK_EXT_external_memory_host`). If it cannot, or is an engine's own, the driver allocates
    /// the memory as for [`new`](Self::new), and the arena is not used:
    /// [`stages_in_arena`](Self::stages_in_arena) says which of the two it is. Transfers copy
    /// between the caller's values and this memory in both cases.
    ///
    /// # Errors
    /// The arena is not pinned, or has no such block; otherwise as [`new`](Self::new).
    pub fn new_in(
        device: &VulkanDevice,
        id: StreamId,
        transfer_bytes: u64,
        arena: &Arc<Arena>,
    ) -> Result<Self, DeviceMemoryError> {
        Self::with_staging(device, id, Staging::new_in(device, transfer_bytes, arena)?)
    }

    fn with_staging(
        device: &VulkanDevice,
        id: StreamId,
        staging: Staging,
    ) -> Result<Self, DeviceMemoryError> {
        let mut kind = vk::SemaphoreTypeCreateInfo::default()
            .semaphore_type(vk::SemaphoreType::TIMELINE)
            .initial_value(0);
        let wanted = vk::SemaphoreCreateInfo::default().push_next(&mut kind);
        // SAFETY: valid structures, and the device has timelines; `Owned` destroys the semaphore.
        let semaphore = unsafe { device.raw().create_semaphore(&wanted, None) };
        let semaphore = semaphore.map_err(refused("make a stream"))?;
        let semaphore = Owned::new(&device.logical, semaphore);
        Ok(Self {
            device: device.clone(),
            id,
            timeline: Arc::new(Timeline { semaphore }),
            submitted: 0,
            held: Held::default(),
            next: Vec::new(),
            staging,
        })
    }

    /// The device.
    #[must_use]
    pub fn device(&self) -> &VulkanDevice {
        &self.device
    }

    /// Whether the memory for transfers is a block of an arena of the host.
    #[must_use]
    pub fn stages_in_arena(&self) -> bool {
        self.staging.is_in_arena()
    }

    /// The stream in the [`StreamOrder`](crate::StreamOrder) of the device.
    #[must_use]
    pub fn id(&self) -> StreamId {
        self.id
    }

    /// The end of what was submitted last.
    #[must_use]
    pub fn last(&self) -> VulkanPoint {
        VulkanPoint {
            timeline: Arc::clone(&self.timeline),
            value: self.submitted,
        }
    }

    /// Has the device run commands, after all that was submitted to this stream before and after
    /// the points of other streams. The same commands can be submitted again at once.
    ///
    /// # Errors
    /// The commands or a point are of another device, the device was lost, or the driver has no
    /// memory.
    pub fn submit(
        &mut self,
        commands: &VulkanCommands,
        waits: &[VulkanPoint],
    ) -> Result<VulkanPoint, DeviceMemoryError> {
        self.retire()?;
        let recorded = &commands.shared;
        commands.check_own(&self.device)?;
        self.check(waits)?;
        let mut behind = self.next.clone();
        waits.iter().for_each(|point| self.add(&mut behind, point));
        let value = self.submitted + 1;
        self.queue(recorded.buffer, &behind, value)?;
        self.submitted = value;
        self.next.clear();
        self.held.add(value, Arc::clone(recorded), behind);
        Ok(self.last())
    }

    /// Has all that is submitted to this stream from now on, transfers included, come after points
    /// of other streams. Nothing is submitted for that: the next submission waits.
    ///
    /// # Errors
    /// A point is of another device.
    pub fn wait_for(&mut self, points: &[VulkanPoint]) -> Result<(), DeviceMemoryError> {
        self.check(points)?;
        let mut next = mem::take(&mut self.next);
        points.iter().for_each(|point| self.add(&mut next, point));
        self.next = next;
        Ok(())
    }

    /// Checks that points are of this device.
    fn check(&self, points: &[VulkanPoint]) -> Result<(), DeviceMemoryError> {
        let mut devices = points.iter().map(|point| &point.timeline.semaphore.device);
        devices.try_for_each(|device| self.device.check_own(device, "a timeline point"))
    }

    /// Adds a point of another stream to a list that has one point a timeline.
    fn add(&self, to: &mut Vec<VulkanPoint>, point: &VulkanPoint) {
        if !Arc::ptr_eq(&point.timeline, &self.timeline) {
            point.add_to(to);
        }
    }

    fn queue(
        &self,
        buffer: vk::CommandBuffer,
        waits: &[VulkanPoint],
        value: u64,
    ) -> Result<(), DeviceMemoryError> {
        // Nothing else orders a stream: others may share its queue.
        let own = self.last();
        let waits = waits.iter().chain(core::iter::once(&own));
        let (semaphores, values): (Vec<_>, Vec<_>) = waits.map(VulkanPoint::semaphore).unzip();
        let stages = vec![vk::PipelineStageFlags::ALL_COMMANDS; semaphores.len()];
        let (signalled, signal_values) = ([self.timeline.semaphore.handle], [value]);
        let mut timelines = vk::TimelineSemaphoreSubmitInfo::default()
            .wait_semaphore_values(&values)
            .signal_semaphore_values(&signal_values);
        let buffers = [buffer];
        let work = [vk::SubmitInfo::default()
            .wait_semaphores(&semaphores)
            .wait_dst_stage_mask(&stages)
            .command_buffers(&buffers)
            .signal_semaphores(&signalled)
            .push_next(&mut timelines)];
        let action = "submit commands";
        let queue = self
            .device
            .queue(self.id)
            .ok_or(DeviceMemoryError::Refused {
                action,
                answer: "the device was given without queues".into(),
            })?;
        let submit = || {
            let (device, no_fence) = (self.device.raw(), vk::Fence::null());
            // SAFETY: the queue is locked, everything is of this device and valid, `held` has
            // the commands and the semaphores of other streams until the timeline has reached
            // `value`; what is waited for has been submitted, so the device gets on.
            let answer = unsafe { device.queue_submit(*queue, &work, no_fence) };
            answer.map_err(refused(action))
        };
        let submissions = self.device.submissions();
        submissions.make(&self.timeline, value, submit)
    }

    /// Lets go of what the device has done.
    pub(super) fn retire(&mut self) -> Result<(), DeviceMemoryError> {
        let done = self.timeline.done()?;
        self.held.let_go(done);
        self.staging.ring.complete(done);
        Ok(())
    }

    /// Waits until the device has done all that was submitted.
    ///
    /// # Errors
    /// The device was lost.
    pub fn wait(&mut self) -> Result<(), DeviceMemoryError> {
        self.timeline.wait(self.submitted, u64::MAX)?;
        self.retire()
    }
}

impl Drop for VulkanStream {
    fn drop(&mut self) {
        for _ in 0..WAITS {
            // A device that was lost runs nothing any more.
            if matches!(self.wait(), Ok(()) | Err(DeviceMemoryError::Lost { .. })) {
                return;
            }
        }
        // It may still run: rather kept for ever than destroyed too early, with the semaphores for
        // which it waits. The commands hold the memory for transfers.
        self.held.leak();
        mem::forget(Arc::clone(&self.timeline));
    }
}

impl fmt::Debug for VulkanStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VulkanStream")
            .field("id", &self.id)
            .field("submitted", &self.submitted)
            .field("running", &self.held.running())
            .finish_non_exhaustive()
    }
}
