//! One block of a device's memory, and buffers bound in it.
//!
//! Invariant: the block is given back when nothing holds it any more; whatever the device may still
//! run holds the buffers that it uses, and they their block.

use core::{fmt, ops::Range};
use std::sync::Arc;

use ash::vk;

use super::{
    answer::refused,
    device::VulkanDevice,
    host_bytes::HostBytes,
    logical::{Logical, Owned},
    memory_type::{Home, heap_number, heap_of, memory_type},
    physical::Budget,
    requirements::{buffer, needs},
};
use crate::error::DeviceMemoryError;

pub(super) struct Block {
    /// The buffer over the whole block, if tensors are ranges of it.
    pub(super) whole: Option<Owned<vk::Buffer>>,
    pub(super) memory: Owned<vk::DeviceMemory>,
    /// What was asked for, in whole words.
    pub(super) bytes: u64,
    /// What was allocated, of which the last buffer may need more than was asked for.
    pub(super) allocated: u64,
    /// The bytes of the host that the memory is, if it was not allocated by the driver; dropped
    /// behind the memory.
    pub(super) host: Option<HostBytes>,
}

impl Block {
    /// Allocates a block: as one buffer if `as_one` or if the driver wants an allocation for a
    /// buffer of this size alone.
    pub(super) fn new(
        device: &VulkanDevice,
        bytes: u64,
        home: Home,
        as_one: bool,
    ) -> Result<Self, DeviceMemoryError> {
        let largest = device.properties().largest_block;
        // Fills are of whole words.
        let bytes = bytes.checked_next_multiple_of(4).unwrap_or(u64::MAX);
        let needed = bytes.max(device.properties().plan_alignment());
        let needed = needed.checked_next_multiple_of(4).unwrap_or(u64::MAX);
        if needed > largest {
            return Err(DeviceMemoryError::TooLarge { needed, largest });
        }
        let whole = buffer(&device.logical, needed)?;
        let (needs, alone) = needs(&whole);
        let one = (alone || as_one).then_some(whole.handle);
        let memory = allocate(device, &needs, home, one)?;
        if one.is_some() {
            bind(&whole, &memory, 0)?;
        }
        Ok(Self {
            whole: one.map(|_| whole),
            memory,
            bytes,
            allocated: needs.size,
            host: None,
        })
    }

    /// Makes a buffer for a range of the block and binds it there.
    pub(super) fn bound(&self, range: &Range<u64>) -> Result<Owned<vk::Buffer>, DeviceMemoryError> {
        let bytes = (range.end - range.start).max(1).next_multiple_of(4);
        let own = buffer(&self.memory.device, bytes)?;
        let (needs, _) = needs(&own);
        let end = range.start.checked_add(needs.size);
        let aligned = range.start.is_multiple_of(needs.alignment.max(1));
        if !aligned || end.is_none_or(|end| end > self.allocated) {
            return Err(DeviceMemoryError::Refused {
                action: "bind a buffer",
                answer: format!(
                    "{bytes} bytes at offset {} become {} at multiples of {}, in a block of {}",
                    range.start, needs.size, needs.alignment, self.allocated
                ),
            });
        }
        bind(&own, &self.memory, range.start)?;
        Ok(own)
    }
}

/// Allocates memory for a buffer: for it alone if `one` names it.
fn allocate(
    device: &VulkanDevice,
    needs: &vk::MemoryRequirements,
    home: Home,
    one: Option<vk::Buffer>,
) -> Result<Owned<vk::DeviceMemory>, DeviceMemoryError> {
    let needed = needs.size;
    let memory = &device.physical().memory;
    let found = memory_type(memory, needs.memory_type_bits, needed, home);
    let memory_type = found.ok_or(DeviceMemoryError::Refused {
        action: "allocate a block",
        answer: "no memory of the device can be used for it".into(),
    })?;
    let heap = heap_of(memory, memory_type);
    if heap.is_some_and(|heap| heap < needed) {
        return Err(DeviceMemoryError::OutOfMemory { needed, heap });
    }
    let mut alone = vk::MemoryDedicatedAllocateInfo::default();
    let mut wanted = vk::MemoryAllocateInfo::default()
        .allocation_size(needed)
        .memory_type_index(memory_type);
    if let Some(one) = one {
        alone = alone.buffer(one);
        wanted = wanted.push_next(&mut alone);
    }
    // SAFETY: a type of this device that the buffer allows, and valid structures; `Owned` gives
    // the memory back.
    let memory = unsafe { device.raw().allocate_memory(&wanted, None) };
    let memory = memory.map_err(|answer| match answer {
        vk::Result::ERROR_OUT_OF_DEVICE_MEMORY => no_memory(device, memory_type, needed),
        other => refused("allocate a block")(other),
    })?;
    Ok(Owned::new(&device.logical, memory))
}

/// Why the driver has no memory of this type for a block: the budget of this process, if the block
/// is beyond that. A budget is an estimate, so it is asked for only when the driver has refused.
fn no_memory(device: &VulkanDevice, memory_type: u32, needed: u64) -> DeviceMemoryError {
    let physical = device.physical();
    let heap = heap_number(&physical.memory, memory_type);
    let budget = heap.and_then(|heap| physical.budget(device.raw_instance(), heap));
    match budget.filter(|budget| needed > budget.bytes.saturating_sub(budget.used)) {
        Some(Budget { bytes, used }) => DeviceMemoryError::OverBudget {
            needed,
            budget: bytes,
            used,
        },
        None => DeviceMemoryError::OutOfMemory {
            needed,
            heap: heap_of(&physical.memory, memory_type),
        },
    }
}

pub(super) fn bind(
    buffer: &Owned<vk::Buffer>,
    memory: &Owned<vk::DeviceMemory>,
    offset: u64,
) -> Result<(), DeviceMemoryError> {
    let device = &buffer.device.raw;
    // SAFETY: the buffer is new and of the memory's device, its callers have checked that it fits
    // at this offset, and both are held together.
    let bound = unsafe { device.bind_buffer_memory(buffer.handle, memory.handle, offset) };
    bound.map_err(refused("bind a buffer"))
}

/// A range of a block, or a buffer of an engine's own, that kernels and copies can be given. A
/// clone is the same bytes.
#[derive(Clone)]
pub struct VulkanBuffer {
    shared: Arc<Bound>,
}

struct Bound {
    bytes: Bytes,
    range: Range<u64>,
}

/// What the driver knows a range by.
enum Bytes {
    /// A range of the buffer that is the block.
    Part(Arc<Block>),
    /// A buffer of its own that is bound in a block.
    Bound(Owned<vk::Buffer>, Arc<Block>),
    /// A buffer in memory of an engine.
    Foreign(Owned<vk::Buffer>),
}

impl VulkanBuffer {
    /// A range of a block, which is within it.
    pub(super) fn new(block: &Arc<Block>, range: Range<u64>) -> Result<Self, DeviceMemoryError> {
        let block = Arc::clone(block);
        let bytes = match block.whole {
            Some(_) => Bytes::Part(block),
            None => Bytes::Bound(block.bound(&range)?, block),
        };
        let shared = Arc::new(Bound { bytes, range });
        Ok(Self { shared })
    }

    /// Takes over a buffer of an engine's own, to give it to kernels. It is destroyed when neither
    /// a clone of the result nor commands hold it any more.
    ///
    /// # Safety
    /// The buffer was made by this device, has this size, rounded up to a multiple of 4 if it is
    /// filled, can be used as kernels and copies use it, and is destroyed by nobody else. Its
    /// memory stays until it is destroyed. Where commands of one list use that memory through other
    /// buffers, too, nothing orders them.
    #[must_use]
    pub unsafe fn from_raw(device: &VulkanDevice, buffer: vk::Buffer, bytes: u64) -> Self {
        let buffer = Owned::new(&device.logical, buffer);
        let (bytes, range) = (Bytes::Foreign(buffer), 0..bytes);
        let shared = Arc::new(Bound { bytes, range });
        Self { shared }
    }

    /// How many bytes the range has.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.shared.range.end - self.shared.range.start
    }

    /// Where in the block the range is.
    #[must_use]
    pub fn range(&self) -> Range<u64> {
        self.shared.range.clone()
    }

    /// The range in the form in which a descriptor set takes it: a buffer, an offset in it, and a
    /// size. `None` for an empty range, which Vulkan cannot bind.
    ///
    /// It is for submissions of an engine's own, of which nothing here knows: the engine keeps this
    /// buffer, or a clone, until the device has done them, and its arena from lending the bytes.
    #[must_use]
    pub fn descriptor(&self) -> Option<vk::DescriptorBufferInfo> {
        let (buffer, offset) = self.place();
        let range = self.bytes();
        (range > 0).then_some(vk::DescriptorBufferInfo {
            buffer,
            offset,
            range,
        })
    }

    /// The driver's buffer, and the offset at which the range begins in it.
    pub(super) fn place(&self) -> (vk::Buffer, u64) {
        let start = self.shared.range.start;
        match &self.shared.bytes {
            Bytes::Bound(buffer, _) | Bytes::Foreign(buffer) => (buffer.handle, 0),
            Bytes::Part(block) => match &block.whole {
                Some(whole) => (whole.handle, start),
                None => (vk::Buffer::null(), 0),
            },
        }
    }

    /// The device that the range is of.
    pub(super) fn device(&self) -> &Arc<Logical> {
        match &self.shared.bytes {
            Bytes::Bound(buffer, _) | Bytes::Foreign(buffer) => &buffer.device,
            Bytes::Part(block) => &block.memory.device,
        }
    }

    /// Whether two ranges have a byte in common.
    pub(super) fn meets(&self, other: &Self) -> bool {
        let same = match (&self.shared.bytes, &other.shared.bytes) {
            (Bytes::Foreign(one), Bytes::Foreign(two)) => one.handle == two.handle,
            (Bytes::Foreign(_), _) | (_, Bytes::Foreign(_)) => false,
            (Bytes::Part(one) | Bytes::Bound(_, one), Bytes::Part(two) | Bytes::Bound(_, two)) => {
                Arc::ptr_eq(one, two)
            }
        };
        let (one, two) = (&self.shared.range, &other.shared.range);
        same && one.start < two.end && two.start < one.end
    }
}

impl fmt::Debug for VulkanBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VulkanBuffer")
            .field("range", &self.range())
            .finish_non_exhaustive()
    }
}
