//! The devices that Vulkan offers, and what of each matters for planning.

use std::ffi::CStr;

use ash::vk;

use super::{answer::refused, instance::VERSION};
use crate::{
    error::DeviceMemoryError,
    properties::{DeviceKind, DeviceProperties, MemoryHeap},
};

/// A device that can run kernels: Vulkan 1.2 with timeline semaphores, and a queue for kernels.
pub(super) struct Physical {
    pub(super) handle: vk::PhysicalDevice,
    /// What the driver says before a logical device is made. The alignment that buffers need in
    /// memory is known only then.
    pub(super) properties: DeviceProperties,
    pub(super) limits: vk::PhysicalDeviceLimits,
    pub(super) memory: vk::PhysicalDeviceMemoryProperties,
    /// The family of queues whose kernels we run.
    pub(super) family: u32,
    /// How many queues the family has.
    pub(super) queues: u32,
    /// What memory of the host that the device can use as its own has to be aligned to; `None` if
    /// it cannot.
    pub(super) host_alignment: Option<u64>,
    /// Whether it is not all of Vulkan, which whoever opens it must know, says
    /// `VK_KHR_portability_subset`. Nothing that it may lack is used here.
    pub(super) is_portable: bool,
    /// Whether the driver says how much of a heap this process may have
    /// (`VK_EXT_memory_budget`).
    says_budget: bool,
}

impl Physical {
    /// The devices that can run kernels, in the driver's order.
    pub(super) fn all(instance: &ash::Instance) -> Result<Vec<Self>, DeviceMemoryError> {
        // SAFETY: a query of a live instance.
        let devices = unsafe { instance.enumerate_physical_devices() };
        let devices = devices.map_err(refused("list its devices"))?;
        let found = devices
            .into_iter()
            .map(|device| Self::of(instance, device, VERSION));
        found.filter_map(Result::transpose).collect()
    }

    /// What the driver says of a device, or `None` if it cannot run kernels. The instance was made
    /// for this version.
    pub(super) fn of(
        instance: &ash::Instance,
        handle: vk::PhysicalDevice,
        version: u32,
    ) -> Result<Option<Self>, DeviceMemoryError> {
        // SAFETY: a query of a device of the live instance, here and below.
        let about = unsafe { instance.get_physical_device_properties(handle) };
        let version = version.min(about.api_version);
        if version < vk::API_VERSION_1_2 || !has_timelines(instance, handle) {
            return Ok(None);
        }
        let Some((family, queues)) = compute_family(instance, handle) else {
            return Ok(None);
        };
        // SAFETY: see above.
        let memory = unsafe { instance.get_physical_device_memory_properties(handle) };
        let extensions = Extensions::of(instance, handle)?;
        let says_budget = extensions.has(ash::ext::memory_budget::NAME);
        let imports = extensions.has(ash::ext::external_memory_host::NAME);
        Ok(Some(Self {
            properties: DeviceProperties {
                heaps: heaps(instance, handle, says_budget),
                ..properties(instance, handle, &about, version)
            },
            handle,
            limits: about.limits,
            memory,
            family,
            queues,
            host_alignment: imports.then(|| host_alignment(instance, handle)),
            is_portable: extensions.has(ash::khr::portability_subset::NAME),
            says_budget,
        }))
    }

    /// The device's heaps now, with how much this process may have of each, if the driver says.
    pub(super) fn heaps(&self, instance: &ash::Instance) -> Vec<MemoryHeap> {
        heaps(instance, self.handle, self.says_budget)
    }

    /// The budget of a heap now, if the driver says.
    pub(super) fn budget(&self, instance: &ash::Instance, heap: usize) -> Option<Budget> {
        if !self.says_budget {
            return None;
        }
        let mut budgets = vk::PhysicalDeviceMemoryBudgetPropertiesEXT::default();
        let mut about = vk::PhysicalDeviceMemoryProperties2::default().push_next(&mut budgets);
        // SAFETY: a query into valid structures, which the driver knows.
        unsafe { instance.get_physical_device_memory_properties2(self.handle, &mut about) };
        let bytes = *budgets.heap_budget.get(heap)?;
        let used = *budgets.heap_usage.get(heap)?;
        // A driver that knows no budget of a heap says 0.
        (bytes > 0).then_some(Budget { bytes, used })
    }
}

/// The extensions that a device has.
struct Extensions(Vec<vk::ExtensionProperties>);

impl Extensions {
    fn of(instance: &ash::Instance, handle: vk::PhysicalDevice) -> Result<Self, DeviceMemoryError> {
        // SAFETY: a query of a device of the live instance.
        let extensions = unsafe { instance.enumerate_device_extension_properties(handle) };
        Ok(Self(
            extensions.map_err(refused("list a device's extensions"))?,
        ))
    }

    fn has(&self, name: &CStr) -> bool {
        let mut names = self.0.iter().map(|one| one.extension_name_as_c_str());
        names.any(|found| found == Ok(name))
    }
}

/// Whether a device has timeline semaphores, which Vulkan 1.2 lets drivers leave out in name only.
fn has_timelines(instance: &ash::Instance, device: vk::PhysicalDevice) -> bool {
    let mut timelines = vk::PhysicalDeviceTimelineSemaphoreFeatures::default();
    let mut features = vk::PhysicalDeviceFeatures2::default().push_next(&mut timelines);
    // SAFETY: a query of a device of Vulkan 1.2, into valid structures.
    unsafe { instance.get_physical_device_features2(device, &mut features) };
    timelines.timeline_semaphore == vk::TRUE
}

/// The family of queues for kernels, and how many it has: rather one without graphics, whose
/// kernels run beside the drawing.
fn compute_family(instance: &ash::Instance, device: vk::PhysicalDevice) -> Option<(u32, u32)> {
    // SAFETY: a query of a device of the live instance.
    let families = unsafe { instance.get_physical_device_queue_family_properties(device) };
    let with_kernels = (0_u32..).zip(families).filter(|(_, family)| {
        family.queue_flags.contains(vk::QueueFlags::COMPUTE) && family.queue_count > 0
    });
    with_kernels
        .min_by_key(|(_, family)| family.queue_flags.contains(vk::QueueFlags::GRAPHICS))
        .map(|(index, family)| (index, family.queue_count))
}

fn properties(
    instance: &ash::Instance,
    handle: vk::PhysicalDevice,
    about: &vk::PhysicalDeviceProperties,
    version: u32,
) -> DeviceProperties {
    let kind = match about.device_type {
        vk::PhysicalDeviceType::DISCRETE_GPU => DeviceKind::Discrete,
        vk::PhysicalDeviceType::INTEGRATED_GPU => DeviceKind::Integrated,
        vk::PhysicalDeviceType::VIRTUAL_GPU => DeviceKind::Virtual,
        vk::PhysicalDeviceType::CPU => DeviceKind::Cpu,
        _ => DeviceKind::Other,
    };
    let name = about.device_name_as_c_str().unwrap_or(c"");
    let mut properties = DeviceProperties::unlimited(name.to_string_lossy(), kind);
    properties.offset_alignment = about.limits.min_storage_buffer_offset_alignment.max(1);
    properties.buffer_image_granularity = about.limits.buffer_image_granularity.max(1);
    // Buffers are filled with words of 32 bits; copies need nothing.
    properties.copy_alignment = 4;
    properties.largest_binding = about.limits.max_storage_buffer_range.into();
    properties.largest_block = largest_block(instance, handle, version);
    properties
}

/// The largest block that the driver allocates and that a buffer can cover.
fn largest_block(instance: &ash::Instance, handle: vk::PhysicalDevice, version: u32) -> u64 {
    let mut allocations = vk::PhysicalDeviceMaintenance3Properties::default();
    let mut buffers = vk::PhysicalDeviceMaintenance4Properties::default();
    let mut about = vk::PhysicalDeviceProperties2::default().push_next(&mut allocations);
    if version >= vk::API_VERSION_1_3 {
        about = about.push_next(&mut buffers);
    }
    // SAFETY: a query into valid structures, which the version of device and instance knows.
    unsafe { instance.get_physical_device_properties2(handle, &mut about) };
    let largest_buffer = match buffers.max_buffer_size {
        0 => u64::MAX,
        bytes => bytes,
    };
    allocations.max_memory_allocation_size.min(largest_buffer)
}

/// What this process may have of a heap, and what it has, in bytes.
pub(super) struct Budget {
    pub(super) bytes: u64,
    pub(super) used: u64,
}

/// What memory of the host has to be aligned to for an import. The device has the extension.
fn host_alignment(instance: &ash::Instance, handle: vk::PhysicalDevice) -> u64 {
    let mut memory = vk::PhysicalDeviceExternalMemoryHostPropertiesEXT::default();
    let mut about = vk::PhysicalDeviceProperties2::default().push_next(&mut memory);
    // SAFETY: a query into valid structures, which the driver knows.
    unsafe { instance.get_physical_device_properties2(handle, &mut about) };
    memory.min_imported_host_pointer_alignment.max(1)
}

/// A device's heaps, with how much this process may have of each now, if the driver says.
fn heaps(
    instance: &ash::Instance,
    handle: vk::PhysicalDevice,
    says_budget: bool,
) -> Vec<MemoryHeap> {
    let mut budget = vk::PhysicalDeviceMemoryBudgetPropertiesEXT::default();
    let mut about = vk::PhysicalDeviceMemoryProperties2::default();
    if says_budget {
        about = about.push_next(&mut budget);
    }
    // SAFETY: a query into valid structures, which the driver knows.
    unsafe { instance.get_physical_device_memory_properties2(handle, &mut about) };
    let memory = about.memory_properties;
    let visible = |heap: usize| {
        memory.memory_types_as_slice().iter().any(|kind| {
            let flags = kind.property_flags;
            kind.heap_index as usize == heap
                && flags.contains(vk::MemoryPropertyFlags::HOST_VISIBLE)
        })
    };
    let heaps = memory.memory_heaps_as_slice().iter().enumerate();
    let heaps = heaps.map(|(index, heap)| MemoryHeap {
        bytes: heap.size,
        // A driver that knows no budget of a heap says 0.
        budget: Some(budget.heap_budget[index]).filter(|&bytes| says_budget && bytes > 0),
        device_local: heap.flags.contains(vk::MemoryHeapFlags::DEVICE_LOCAL),
        host_visible: visible(index),
    });
    heaps.collect()
}
