//! Buffers of tensors, and what memory they need.

use std::sync::Arc;

use ash::vk;

use super::{
    answer::refused,
    logical::{Logical, Owned},
};
use crate::error::DeviceMemoryError;

/// What the buffers of planned tensors are used for.
pub(super) const USAGE: vk::BufferUsageFlags = vk::BufferUsageFlags::from_raw(
    vk::BufferUsageFlags::STORAGE_BUFFER.as_raw()
        | vk::BufferUsageFlags::TRANSFER_SRC.as_raw()
        | vk::BufferUsageFlags::TRANSFER_DST.as_raw(),
);

/// Makes a buffer for tensors, without memory.
pub(super) fn buffer(
    device: &Arc<Logical>,
    bytes: u64,
) -> Result<Owned<vk::Buffer>, DeviceMemoryError> {
    make(device, &wanted(bytes))
}

/// Makes a buffer for memory that is imported from handles of a kind, without memory.
pub(super) fn imported_buffer(
    device: &Arc<Logical>,
    bytes: u64,
    handles: vk::ExternalMemoryHandleTypeFlags,
) -> Result<Owned<vk::Buffer>, DeviceMemoryError> {
    let mut imported = vk::ExternalMemoryBufferCreateInfo::default().handle_types(handles);
    make(device, &wanted(bytes).push_next(&mut imported))
}

fn wanted<'a>(bytes: u64) -> vk::BufferCreateInfo<'a> {
    vk::BufferCreateInfo::default()
        .size(bytes)
        .usage(USAGE)
        .sharing_mode(vk::SharingMode::EXCLUSIVE)
}

fn make(
    device: &Arc<Logical>,
    wanted: &vk::BufferCreateInfo<'_>,
) -> Result<Owned<vk::Buffer>, DeviceMemoryError> {
    // SAFETY: a valid structure; `Owned` destroys the buffer.
    let buffer = unsafe { device.raw.create_buffer(wanted, None) };
    let buffer = buffer.map_err(refused("make a buffer"))?;
    Ok(Owned::new(device, buffer))
}

/// What memory a buffer needs, and whether the driver wants an allocation for it alone.
pub(super) fn needs(buffer: &Owned<vk::Buffer>) -> (vk::MemoryRequirements, bool) {
    let which = vk::BufferMemoryRequirementsInfo2::default().buffer(buffer.handle);
    let mut alone = vk::MemoryDedicatedRequirements::default();
    let mut needs = vk::MemoryRequirements2::default().push_next(&mut alone);
    // SAFETY: a query of a live buffer of the device into valid structures.
    unsafe {
        buffer
            .device
            .raw
            .get_buffer_memory_requirements2(&which, &mut needs)
    };
    let needs = needs.memory_requirements;
    let alone = alone.prefers_dedicated_allocation | alone.requires_dedicated_allocation;
    (needs, alone == vk::TRUE)
}
