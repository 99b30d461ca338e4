//! A Vulkan instance, with validation layers if they are asked for.
//!
//! Invariant: everything that an instance made is destroyed before it, as its devices hold it.

use std::ffi::CStr;

use ash::{
    Entry,
    ext::{self, debug_utils},
    khr, vk,
};

use super::{
    answer::{refused, unavailable},
    messages::VulkanMessages,
};
use crate::error::DeviceMemoryError;

/// Khronos' validation layers, which Debian has as `vulkan-validationlayers`.
const VALIDATION: &CStr = c"VK_LAYER_KHRONOS_validation";

/// The version of Vulkan that our instances are made for.
pub(super) const VERSION: u32 = vk::API_VERSION_1_3;

/// An instance of ours.
pub(super) struct Instance {
    pub(super) raw: ash::Instance,
    messenger: Option<(debug_utils::Instance, vk::DebugUtilsMessengerEXT)>,
    pub(super) messages: VulkanMessages,
    /// The loader, which must stay where it is until the instance is destroyed.
    entry: Entry,
}

/// Finds the system's Vulkan loader.
pub(super) fn loader() -> Result<Entry, DeviceMemoryError> {
    // SAFETY: the system's loader does what Vulkan says, which is for whoever installed it to see
    // to; `Instance` keeps it as long as its functions can be called.
    unsafe { Entry::load() }.map_err(|missing| unavailable(missing.to_string()))
}

impl Instance {
    /// Makes an instance, with validation layers that check memory, synchronization and that
    /// nothing is left over at its end, if `validated`; what they say is appended to the list.
    pub(super) fn new(
        entry: Entry,
        validated: bool,
        messages: VulkanMessages,
    ) -> Result<Self, DeviceMemoryError> {
        let program = vk::ApplicationInfo::default()
            .application_name(c"orionrt")
            .api_version(VERSION);
        let checks = [vk::ValidationFeatureEnableEXT::SYNCHRONIZATION_VALIDATION];
        let mut features =
            vk::ValidationFeaturesEXT::default().enabled_validation_features(&checks);
        let mut listener = messages.listener();
        let layers = [VALIDATION.as_ptr()];
        let mut extensions = Vec::new();
        let mut flags = vk::InstanceCreateFlags::empty();
        if lists_portable_devices(&entry)? {
            extensions.push(khr::portability_enumeration::NAME.as_ptr());
            flags |= vk::InstanceCreateFlags::ENUMERATE_PORTABILITY_KHR;
        }
        let mut wanted = vk::InstanceCreateInfo::default()
            .application_info(&program)
            .flags(flags);
        if validated {
            has_validation(&entry)?;
            extensions.extend([
                ext::debug_utils::NAME.as_ptr(),
                ext::validation_features::NAME.as_ptr(),
            ]);
            wanted = wanted
                .enabled_layer_names(&layers)
                .push_next(&mut features)
                .push_next(&mut listener);
        }
        let wanted = wanted.enabled_extension_names(&extensions);
        // SAFETY: the structure and what it points to are valid until the call returns; the list of
        // messages is kept below, also for the messages of the instance's end.
        let raw = unsafe { entry.create_instance(&wanted, None) };
        let raw = raw.map_err(|answer| match answer {
            vk::Result::ERROR_INCOMPATIBLE_DRIVER => unavailable("there is no driver"),
            other => refused("make an instance")(other),
        })?;
        let mut instance = Self {
            raw,
            messenger: None,
            messages,
            entry,
        };
        if validated {
            instance.listen()?;
        }
        Ok(instance)
    }

    /// Asks for the messages between the instance's beginning and its end.
    fn listen(&mut self) -> Result<(), DeviceMemoryError> {
        let functions = debug_utils::Instance::new(&self.entry, &self.raw);
        let listener = self.messages.listener();
        // SAFETY: the instance has the extension, and the list of messages outlives it.
        let messenger = unsafe { functions.create_debug_utils_messenger(&listener, None) };
        let messenger = messenger.map_err(refused("listen to the validation layers"))?;
        self.messenger = Some((functions, messenger));
        Ok(())
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        if let Some((functions, messenger)) = self.messenger.take() {
            // SAFETY: made by `listen` with this instance, and destroyed here alone.
            unsafe { functions.destroy_debug_utils_messenger(messenger, None) };
        }
        // SAFETY: what the instance made holds it, so nothing of it is left.
        unsafe { self.raw.destroy_instance(None) };
    }
}

/// Whether the loader lists devices that are not all of Vulkan, such as Metal's through MoltenVK,
/// only if it is asked for them.
fn lists_portable_devices(entry: &Entry) -> Result<bool, DeviceMemoryError> {
    // SAFETY: a query without arguments.
    let extensions = unsafe { entry.enumerate_instance_extension_properties(None) };
    let extensions = extensions.map_err(refused("list the loader's extensions"))?;
    let mut names = extensions
        .iter()
        .map(|extension| extension.extension_name_as_c_str());
    Ok(names.any(|name| name == Ok(khr::portability_enumeration::NAME)))
}

/// Checks that the validation layers are installed.
fn has_validation(entry: &Entry) -> Result<(), DeviceMemoryError> {
    // SAFETY: a query without arguments.
    let layers = unsafe { entry.enumerate_instance_layer_properties() };
    let layers = layers.map_err(refused("list its layers"))?;
    let found = layers
        .iter()
        .any(|layer| layer.layer_name_as_c_str() == Ok(VALIDATION));
    match found {
        true => Ok(()),
        false => Err(unavailable("its validation layers are not installed")),
    }
}
