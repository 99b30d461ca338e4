//! Planned blocks of device memory.

use core::{fmt, ops::Range};
use std::sync::Arc;

use ash::vk;

use super::{
    block::{Block, VulkanBuffer},
    device::VulkanDevice,
    memory_type::Home,
};
use crate::{error::DeviceMemoryError, memory::DeviceMemory, properties::DeviceProperties};

/// One block of a Vulkan device's memory: a single `VkDeviceMemory`, in which every tensor has a
/// buffer at its planned offset.
///
/// Where the driver wants a dedicated allocation, there is one buffer over the whole block, of
/// which the tensors are ranges.
pub struct VulkanMemory {
    device: VulkanDevice,
    block: Arc<Block>,
}

impl VulkanMemory {
    /// Allocates a block, in the device's fastest memory if that is large enough. Its size is
    /// rounded up to whole words of 4 bytes.
    ///
    /// # Errors
    /// The block is larger than the device allows, or the device has no memory for it.
    pub fn allocate(device: &VulkanDevice, bytes: u64) -> Result<Self, DeviceMemoryError> {
        Self::new(device, bytes, false)
    }

    /// Allocates a block as one buffer, of which tensors are ranges, even where the driver does not
    /// ask for it: for engines that bind one buffer and give offsets to their kernels.
    ///
    /// # Errors
    /// As [`allocate`](Self::allocate).
    pub fn allocate_as_one_buffer(
        device: &VulkanDevice,
        bytes: u64,
    ) -> Result<Self, DeviceMemoryError> {
        Self::new(device, bytes, true)
    }

    fn new(device: &VulkanDevice, bytes: u64, as_one: bool) -> Result<Self, DeviceMemoryError> {
        let block = Arc::new(Block::new(device, bytes, Home::Device, as_one)?);
        let device = device.clone();
        Ok(Self { device, block })
    }

    /// The device whose memory this is.
    #[must_use]
    pub fn device(&self) -> &VulkanDevice {
        &self.device
    }

    /// The driver's handle of the block.
    #[must_use]
    pub fn handle(&self) -> vk::DeviceMemory {
        self.block.memory.handle
    }

    /// How many bytes the driver has allocated: the block, rounded up to what buffers need.
    #[must_use]
    pub fn allocated(&self) -> u64 {
        self.block.allocated
    }
}

impl DeviceMemory for VulkanMemory {
    type Buffer = VulkanBuffer;

    fn properties(&self) -> &DeviceProperties {
        self.device.properties()
    }

    fn bytes(&self) -> u64 {
        self.block.bytes
    }

    fn buffer(&self, bytes: Range<u64>) -> Result<VulkanBuffer, DeviceMemoryError> {
        let alignment = self.properties().plan_alignment();
        if bytes.start > bytes.end || bytes.end > self.block.bytes {
            return Err(DeviceMemoryError::OutOfBlock {
                start: bytes.start,
                end: bytes.end,
                block: self.block.bytes,
            });
        }
        if !bytes.start.is_multiple_of(alignment) {
            return Err(DeviceMemoryError::Refused {
                action: "make a buffer",
                answer: format!("offset {} is not a multiple of {alignment}", bytes.start),
            });
        }
        VulkanBuffer::new(&self.block, bytes)
    }

    fn submitted(&self) -> u64 {
        self.device.submissions().last()
    }

    fn completed(&self) -> Result<u64, DeviceMemoryError> {
        self.device.submissions().ended()
    }

    fn wait_for(&self, submission: u64) -> Result<(), DeviceMemoryError> {
        self.device.submissions().wait(submission)
    }
}

impl fmt::Debug for VulkanMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VulkanMemory")
            .field("bytes", &self.block.bytes)
            .field("allocated", &self.allocated())
            .finish_non_exhaustive()
    }
}
