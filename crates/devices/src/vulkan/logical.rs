//! A logical device of the driver, and the objects made by it.
//!
//! Invariant: an object holds its device and is destroyed once, when it is dropped; so a device
//! outlives all that it made, and an instance its devices.

use std::sync::Arc;

use ash::vk;

use super::instance::Instance;
use crate::label::Label;

/// A logical device: one that was made here, or one of an engine.
pub(super) struct Logical {
    pub(super) raw: ash::Device,
    pub(super) label: Label,
    /// What memory of the host has to be aligned to for an import, if the device was made with the
    /// extension for that.
    pub(super) host_alignment: Option<u64>,
    /// The functions of the instance of which the device is.
    pub(super) functions: ash::Instance,
    /// The instance that was made for this device; `None` if both are an engine's, who then
    /// destroys them.
    pub(super) instance: Option<Instance>,
}

impl Drop for Logical {
    fn drop(&mut self) {
        if self.instance.is_some() {
            // SAFETY: whatever was made by the device holds it, so nothing of it is left, and the
            // streams have waited for their work.
            unsafe { self.raw.destroy_device(None) };
        }
    }
}

/// An object of a device, destroyed when this is dropped.
pub(super) struct Owned<H: Destroy> {
    pub(super) handle: H,
    pub(super) device: Arc<Logical>,
}

impl<H: Destroy> Owned<H> {
    /// Takes over an object that was just made by `device`.
    pub(super) fn new(device: &Arc<Logical>, handle: H) -> Self {
        let device = Arc::clone(device);
        Self { handle, device }
    }
}

impl<H: Destroy> Drop for Owned<H> {
    fn drop(&mut self) {
        // SAFETY: made by this device and owned by `self` alone; a submission holds what it uses
        // until the device has done its work.
        unsafe { self.handle.destroy(&self.device.raw) };
    }
}

/// A kind of object that a device makes.
pub(super) trait Destroy: Copy {
    /// Destroys the object.
    ///
    /// # Safety
    /// `device` made it, the device has done all work that uses it, and nobody uses it later.
    unsafe fn destroy(self, device: &ash::Device);
}

macro_rules! destroyed_by {
    ($($kind:ident: $function:ident),* $(,)?) => {$(
        impl Destroy for vk::$kind {
            unsafe fn destroy(self, device: &ash::Device) {
                // SAFETY: the caller's.
                unsafe { device.$function(self, None) }
            }
        }
    )*};
}

destroyed_by! {
    Buffer: destroy_buffer,
    CommandPool: destroy_command_pool,
    DescriptorPool: destroy_descriptor_pool,
    DescriptorSetLayout: destroy_descriptor_set_layout,
    DeviceMemory: free_memory,
    Pipeline: destroy_pipeline,
    PipelineLayout: destroy_pipeline_layout,
    Semaphore: destroy_semaphore,
    ShaderModule: destroy_shader_module,
}
