//! The allocator that planned memory is compared with on Vulkan: `gpu-allocator`, which cuts
//! buffers from blocks of device memory.
//!
//! Its blocks have the smallest size that it can be given, 4 MiB; by default they have 256 MiB. A
//! larger buffer has a block for itself. Invariant: a buffer's memory goes back after the buffer.

use gpu_allocator::{
    AllocationSizes, MemoryLocation,
    vulkan::{Allocation, AllocationCreateDesc, AllocationScheme, Allocator, AllocatorCreateDesc},
};
use orionrt_devices::vulkan::{VulkanBuffer, VulkanDevice, ash::vk};

use super::gpu::Peer;
use crate::failure::Failure;

/// The smallest blocks that the allocator can be told to make.
const BLOCK_BYTES: u64 = 4 << 20;

/// `gpu-allocator` on a device.
pub struct GpuAllocator<'g> {
    device: &'g VulkanDevice,
    allocator: Allocator,
}

/// A buffer in memory of the allocator.
pub struct AllocatedTensor {
    buffer: VulkanBuffer,
    allocation: Allocation,
}

impl<'g> GpuAllocator<'g> {
    /// An allocator that has nothing of the device so far.
    ///
    /// # Errors
    /// The driver refuses it.
    pub fn new(device: &'g VulkanDevice) -> Result<Self, Failure> {
        let allocator = Allocator::new(&AllocatorCreateDesc {
            instance: device.raw_instance().clone(),
            device: device.raw().clone(),
            physical_device: device.raw_physical(),
            debug_settings: Default::default(),
            buffer_device_address: false,
            allocation_sizes: AllocationSizes::new(BLOCK_BYTES, BLOCK_BYTES),
        });
        let allocator = allocator.map_err(Failure::demo)?;
        Ok(Self { device, allocator })
    }
}

impl Peer for GpuAllocator<'_> {
    type Buffer = VulkanBuffer;
    type Tensor = AllocatedTensor;

    fn allocate(&mut self, name: &str, bytes: u64) -> Result<AllocatedTensor, Failure> {
        let device = self.device.raw();
        let wanted = vk::BufferCreateInfo::default()
            .size(bytes)
            .usage(vk::BufferUsageFlags::STORAGE_BUFFER)
            .sharing_mode(vk::SharingMode::EXCLUSIVE);
        // SAFETY: a valid structure; the `VulkanBuffer` below destroys the buffer.
        let buffer = unsafe { device.create_buffer(&wanted, None) }.map_err(Failure::demo)?;
        // SAFETY: a query of a live buffer of the device.
        let requirements = unsafe { device.get_buffer_memory_requirements(buffer) };
        let allocation = self.allocator.allocate(&AllocationCreateDesc {
            name,
            requirements,
            location: MemoryLocation::GpuOnly,
            linear: true,
            allocation_scheme: AllocationScheme::GpuAllocatorManaged,
        });
        let allocation = match allocation {
            Ok(allocation) => allocation,
            Err(error) => {
                // SAFETY: made above, and nobody uses it.
                unsafe { device.destroy_buffer(buffer, None) };
                return Err(Failure::demo(error));
            }
        };
        // SAFETY: `free` gives the memory back after the buffer, and nobody else binds it.
        let (memory, offset) = (unsafe { allocation.memory() }, allocation.offset());
        // SAFETY: a new buffer, and memory of the device that fulfils its requirements.
        let bound = unsafe { device.bind_buffer_memory(buffer, memory, offset) };
        // SAFETY: a buffer of this device for kernels, of this size, that nobody else destroys. Its
        // memory stays until `free` drops the buffer, and the device has done its work by then.
        let buffer = unsafe { VulkanBuffer::from_raw(self.device, buffer, bytes) };
        let tensor = AllocatedTensor { buffer, allocation };
        match bound {
            Ok(()) => Ok(tensor),
            Err(error) => {
                self.free(tensor)?;
                Err(Failure::demo(error))
            }
        }
    }

    fn buffer<'t>(&self, tensor: &'t AllocatedTensor) -> &'t VulkanBuffer {
        &tensor.buffer
    }

    fn free(&mut self, tensor: AllocatedTensor) -> Result<(), Failure> {
        let AllocatedTensor { buffer, allocation } = tensor;
        drop(buffer);
        self.allocator.free(allocation).map_err(Failure::demo)
    }

    fn held(&self) -> u64 {
        self.allocator.capacity()
    }
}
