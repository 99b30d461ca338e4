//! Blocks in memory of the host: bytes of an arena that the device is given as memory of its own,
//! by `VK_EXT_external_memory_host`.
//!
//! Invariant: the arena has its bytes back when the device's memory object is gone.

use core::ffi::c_void;

use ash::{ext::external_memory_host, vk};

use super::{
    answer::refused,
    block::{Block, bind},
    device::VulkanDevice,
    host_bytes::HostBytes,
    logical::Owned,
    memory_type::{Home, memory_type},
    requirements::{USAGE, imported_buffer, needs},
};
use crate::error::DeviceMemoryError;

const HANDLE: vk::ExternalMemoryHandleTypeFlags =
    vk::ExternalMemoryHandleTypeFlags::HOST_ALLOCATION_EXT;
const ACTION: &str = "take memory of an arena";

/// A block of these bytes, as one buffer; `None` if the device cannot use them as memory that the
/// host needs not flush, or if the driver takes no bytes like these.
pub(super) fn import(
    device: &VulkanDevice,
    host: HostBytes,
) -> Result<Option<Block>, DeviceMemoryError> {
    let bytes = host.bytes();
    if bytes > device.properties().largest_block || !can_import(device) {
        return Ok(None);
    }
    let whole = imported_buffer(&device.logical, bytes, HANDLE)?;
    let (needed, _) = needs(&whole);
    let start = host.start().as_ptr().cast::<c_void>();
    let functions = external_memory_host::Device::new(device.raw_instance(), device.raw());
    let mut of_pointer = vk::MemoryHostPointerPropertiesEXT::default();
    // SAFETY: the device was made with the extension, and the bytes are memory of this process.
    let asked = unsafe {
        let ask = functions.fp().get_memory_host_pointer_properties_ext;
        ask(
            functions.device(),
            HANDLE,
            start.cast_const(),
            &mut of_pointer,
        )
    };
    match asked {
        vk::Result::SUCCESS => {}
        vk::Result::ERROR_INVALID_EXTERNAL_HANDLE => return Ok(None),
        other => return Err(refused(ACTION)(other)),
    }
    let allowed = needed.memory_type_bits & of_pointer.memory_type_bits;
    let memory = &device.physical().memory;
    let found = memory_type(memory, allowed, bytes, Home::Host);
    let Some(memory_type) = found.filter(|_| needed.size <= bytes) else {
        return Ok(None);
    };
    let mut imported = vk::ImportMemoryHostPointerInfoEXT::default()
        .handle_type(HANDLE)
        .host_pointer(start);
    let wanted = vk::MemoryAllocateInfo::default()
        .allocation_size(bytes)
        .memory_type_index(memory_type)
        .push_next(&mut imported);
    // SAFETY: a type that the buffer and the pointer allow; address and size are multiples of what
    // the device asks for, and the bytes are kept until the memory is freed.
    let memory = match unsafe { device.raw().allocate_memory(&wanted, None) } {
        Ok(memory) => Owned::new(&device.logical, memory),
        Err(vk::Result::ERROR_INVALID_EXTERNAL_HANDLE) => return Ok(None),
        Err(other) => return Err(refused(ACTION)(other)),
    };
    bind(&whole, &memory, 0)?;
    Ok(Some(Block {
        whole: Some(whole),
        memory,
        bytes,
        allocated: bytes,
        host: Some(host),
    }))
}

/// Whether buffers like those of tensors may have imported memory of the host.
fn can_import(device: &VulkanDevice) -> bool {
    let wanted = vk::PhysicalDeviceExternalBufferInfo::default()
        .usage(USAGE)
        .handle_type(HANDLE);
    let mut about = vk::ExternalBufferProperties::default();
    // SAFETY: a query into valid structures, of the device's own physical device.
    unsafe {
        device
            .raw_instance()
            .get_physical_device_external_buffer_properties(
                device.physical().handle,
                &wanted,
                &mut about,
            );
    }
    let features = about.external_memory_properties.external_memory_features;
    features.contains(vk::ExternalMemoryFeatureFlags::IMPORTABLE)
}
