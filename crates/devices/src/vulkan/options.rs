//! How a device is opened, and what an engine gives of its own.

use ash::vk;

use super::messages::VulkanMessages;

/// How to open a device.
#[derive(Clone, Debug, Default)]
pub struct VulkanOptions {
    /// Have every call checked by Khronos' validation layers, with synchronization.
    pub validated: bool,
    /// The list in which the layers' messages are collected.
    pub messages: VulkanMessages,
    /// How many queues to ask for; the device may have fewer, and one is asked for at least.
    pub queues: u32,
}

/// A device and queues of an engine, for [`VulkanDevice::from_raw`](super::VulkanDevice::from_raw).
pub struct VulkanParts {
    /// The instance.
    pub instance: ash::Instance,
    /// The version of Vulkan that the instance was made for, `VkApplicationInfo::apiVersion`: 1.2
    /// at least.
    pub version: u32,
    /// A device of it.
    pub physical: vk::PhysicalDevice,
    /// The logical device, made with timeline semaphores.
    pub device: ash::Device,
    /// A family of queues that run kernels.
    pub queue_family: u32,
    /// Queues of that family.
    pub queues: Vec<vk::Queue>,
}
