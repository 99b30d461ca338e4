//! Devices: listed, opened, or those that an engine has already.

use core::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ash::vk;

use super::{
    answer::{refused, unavailable},
    instance::{Instance, loader},
    logical::Logical,
    messages::VulkanMessages,
    options::{VulkanOptions, VulkanParts},
    physical::Physical,
    requirements::{buffer, needs},
    submissions::Submissions,
};
use crate::{
    error::DeviceMemoryError,
    label::Label,
    order::StreamId,
    properties::{DeviceProperties, MemoryHeap},
};

/// Why no device, or not this one, can be used.
const NO_DEVICE: &str = "no device has Vulkan 1.2 with timeline semaphores and kernels";

/// A device with queues for kernels. A clone is the same device, which is closed when nothing of it
/// is left: no clone, no memory, no stream.
#[derive(Clone)]
pub struct VulkanDevice {
    pub(super) logical: Arc<Logical>,
    about: Arc<About>,
}

/// What does not change while a device is open.
struct About {
    physical: Physical,
    properties: DeviceProperties,
    queues: Vec<Mutex<vk::Queue>>,
    submissions: Submissions,
}

/// What of each device matters for planning. A device's place in the list is its index for
/// [`VulkanDevice::open`]. Of one that cannot be opened now, it is what is known without that.
///
/// # Errors
/// There is no Vulkan on this machine, no device that can be used, or it cannot list its devices.
pub fn devices() -> Result<Vec<DeviceProperties>, DeviceMemoryError> {
    devices_with(loader()?)
}

/// [`devices`], through a loader that the program has already.
///
/// # Errors
/// As [`devices`].
pub fn devices_with(loader: ash::Entry) -> Result<Vec<DeviceProperties>, DeviceMemoryError> {
    let instance = Instance::new(loader.clone(), false, VulkanMessages::default())?;
    let found = Physical::all(&instance.raw)?;
    if found.is_empty() {
        return Err(unavailable(NO_DEVICE));
    }
    let listed = found.into_iter().enumerate().map(|(index, physical)| {
        let options = VulkanOptions::default();
        match VulkanDevice::open_with(loader.clone(), index, options) {
            Ok(device) => device.properties().clone(),
            Err(_) => physical.properties,
        }
    });
    Ok(listed.collect())
}

impl VulkanDevice {
    /// Opens the device of this number, counted from 0 in the list of [`devices`].
    ///
    /// ```
    /// use orionrt_devices::{DeviceMemoryError, vulkan::{VulkanDevice, VulkanOptions}};
    ///
    /// match VulkanDevice::open(0, VulkanOptions::default()) {
    ///     Ok(device) => assert!(device.properties().plan_alignment().is_power_of_two()),
    ///     Err(DeviceMemoryError::Unavailable { reason, .. }) => println!("no Vulkan: {reason}"),
    ///     Err(other) => return Err(other),
    /// }
    /// # Ok::<(), DeviceMemoryError>(())
    /// ```
    ///
    /// # Errors
    /// There is no Vulkan on this machine, no such device, or the driver refuses to open it.
    pub fn open(index: usize, options: VulkanOptions) -> Result<Self, DeviceMemoryError> {
        Self::open_with(loader()?, index, options)
    }

    /// Opens a device through a loader that the program has already.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_with(
        loader: ash::Entry,
        index: usize,
        options: VulkanOptions,
    ) -> Result<Self, DeviceMemoryError> {
        let instance = Instance::new(loader, options.validated, options.messages)?;
        let mut found = Physical::all(&instance.raw)?;
        let devices = found.len();
        if devices == 0 {
            return Err(unavailable(NO_DEVICE));
        }
        if index >= devices {
            return Err(DeviceMemoryError::NoSuchDevice { index, devices });
        }
        let physical = found.swap_remove(index);
        let queues = options.queues.clamp(1, physical.queues);
        let raw = logical_device(&instance.raw, &physical, queues)?;
        let family = physical.family;
        let logical = Arc::new(Logical {
            label: Label::of_opened(&physical.properties.name),
            host_alignment: physical.host_alignment,
            functions: instance.raw.clone(),
            instance: Some(instance),
            raw,
        });
        // SAFETY: the device was made with this many queues of the family.
        let queue = |index| unsafe { logical.raw.get_device_queue(family, index) };
        let queues = (0..queues).map(queue).collect();
        Self::over(logical, physical, queues)
    }

    /// Uses an engine's own device; [`VulkanStream`](super::VulkanStream)s submit to its queues.
    ///
    /// # Errors
    /// The device, or the instance, has no Vulkan 1.2 with timeline semaphores and a queue for
    /// kernels.
    ///
    /// # Safety
    /// The parts are of one device, whose instance was made for at least the version that is given.
    /// The device was made with the feature `timelineSemaphore` and with these queues of this
    /// family, each of which is given once, and stays until all clones of the result, and all that
    /// was made with them, are dropped. Nobody else uses the queues at the same time as a stream of
    /// the result; to wait for the queue or for the device as a whole is a use, too.
    pub unsafe fn from_raw(parts: VulkanParts) -> Result<Self, DeviceMemoryError> {
        let physical = Physical::of(&parts.instance, parts.physical, parts.version)?;
        let mut physical = physical.ok_or_else(|| unavailable(NO_DEVICE))?;
        physical.family = parts.queue_family;
        let logical = Arc::new(Logical {
            raw: parts.device,
            label: Label::of_opened(&physical.properties.name),
            // It is not known what the engine made the device with.
            host_alignment: None,
            functions: parts.instance,
            instance: None,
        });
        Self::over(logical, physical, parts.queues)
    }

    /// Completes what is known of a device by what only its logical device says.
    fn over(
        logical: Arc<Logical>,
        physical: Physical,
        queues: Vec<vk::Queue>,
    ) -> Result<Self, DeviceMemoryError> {
        let mut properties = physical.properties.clone();
        let needs = buffer(&logical, properties.plan_alignment()).map(|buffer| needs(&buffer))?;
        properties.block_alignment = needs.0.alignment;
        properties.offset_alignment = properties.offset_alignment.max(needs.0.alignment);
        let about = Arc::new(About {
            physical,
            properties,
            queues: queues.into_iter().map(Mutex::new).collect(),
            submissions: Submissions::default(),
        });
        Ok(Self { logical, about })
    }

    /// What of the device matters for planning; budgets are those of the time when it was opened.
    #[must_use]
    pub fn properties(&self) -> &DeviceProperties {
        &self.about.properties
    }

    /// The device's heaps now, with what this process may have of each.
    #[must_use]
    pub fn heaps(&self) -> Vec<MemoryHeap> {
        self.about.physical.heaps(&self.logical.functions)
    }

    /// How many queues run kernels beside each other. Streams share them.
    #[must_use]
    pub fn queues(&self) -> usize {
        self.about.queues.len()
    }

    /// The family of the queues.
    #[must_use]
    pub fn queue_family(&self) -> u32 {
        self.about.physical.family
    }

    /// What validation layers said, if the device was opened with them.
    #[must_use]
    pub fn messages(&self) -> VulkanMessages {
        let instance = self.logical.instance.as_ref();
        instance
            .map(|instance| instance.messages.clone())
            .unwrap_or_default()
    }

    /// The driver's functions for this device, for calls that are not made here.
    #[must_use]
    pub fn raw(&self) -> &ash::Device {
        &self.logical.raw
    }

    /// The submissions of all streams.
    pub(super) fn submissions(&self) -> &Submissions {
        &self.about.submissions
    }

    /// The driver's functions for the instance of the device, for calls that are not made here.
    #[must_use]
    pub fn raw_instance(&self) -> &ash::Instance {
        &self.logical.functions
    }

    /// The driver's handle of the device that this was opened of.
    #[must_use]
    pub fn raw_physical(&self) -> vk::PhysicalDevice {
        self.about.physical.handle
    }

    pub(super) fn physical(&self) -> &Physical {
        &self.about.physical
    }

    /// A queue, for one thread at a time; streams beyond the number of queues share them.
    pub(super) fn queue(&self, stream: StreamId) -> Option<MutexGuard<'_, vk::Queue>> {
        let stream = stream.index().unwrap_or_default();
        let queue = stream.checked_rem(self.about.queues.len())?;
        let queue = self.about.queues[queue].lock();
        Some(queue.unwrap_or_else(PoisonError::into_inner))
    }

    /// Checks that something is of this device.
    pub(super) fn check_own(
        &self,
        other: &Arc<Logical>,
        what: &'static str,
    ) -> Result<(), DeviceMemoryError> {
        match Arc::ptr_eq(&self.logical, other) {
            true => Ok(()),
            false => Err(other.label.given_to(&self.logical.label, what)),
        }
    }
}

fn logical_device(
    instance: &ash::Instance,
    physical: &Physical,
    queues: u32,
) -> Result<ash::Device, DeviceMemoryError> {
    let priorities = vec![1.0; queues as usize];
    let queues = [vk::DeviceQueueCreateInfo::default()
        .queue_family_index(physical.family)
        .queue_priorities(&priorities)];
    let mut timelines =
        vk::PhysicalDeviceTimelineSemaphoreFeatures::default().timeline_semaphore(true);
    let imports = physical.host_alignment.is_some();
    let mut extensions = Vec::new();
    extensions.extend(imports.then_some(ash::ext::external_memory_host::NAME.as_ptr()));
    extensions.extend(
        physical
            .is_portable
            .then_some(ash::khr::portability_subset::NAME.as_ptr()),
    );
    let wanted = vk::DeviceCreateInfo::default()
        .queue_create_infos(&queues)
        .enabled_extension_names(&extensions)
        .push_next(&mut timelines);
    // SAFETY: the device is of this instance and has the feature and the extensions; the structures
    // are valid until the call returns.
    let device = unsafe { instance.create_device(physical.handle, &wanted, None) };
    device.map_err(refused("open a device"))
}

impl fmt::Debug for VulkanDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VulkanDevice")
            .field("name", &self.properties().name)
            .field("queues", &self.queues())
            .finish_non_exhaustive()
    }
}
