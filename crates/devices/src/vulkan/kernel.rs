//! Compute kernels: SPIR-V made into a pipeline.

use core::fmt;
use std::{ffi::CStr, sync::Arc};

use ash::vk;

use super::{answer::refused, device::VulkanDevice, logical::Owned};
use crate::error::DeviceMemoryError;

/// A kernel: it takes storage buffers, as bindings 0 and up of descriptor set 0, and push
/// constants. A clone is the same kernel.
#[derive(Clone)]
pub struct VulkanKernel {
    pub(super) shared: Arc<Pipeline>,
}

pub(super) struct Pipeline {
    pub(super) pipeline: Owned<vk::Pipeline>,
    pub(super) layout: Owned<vk::PipelineLayout>,
    pub(super) set: Owned<vk::DescriptorSetLayout>,
    pub(super) bindings: u32,
    pub(super) push_constant_bytes: u32,
}

impl VulkanKernel {
    /// Makes a kernel from a SPIR-V module, its entry point, and how many storage buffers and how
    /// many bytes of push constants it takes.
    ///
    /// # Errors
    /// The words are not SPIR-V, the device does not allow so many bindings or push constants, or
    /// the driver refuses the kernel.
    ///
    /// # Safety
    /// Drivers trust SPIR-V: the module must be valid for Vulkan 1.2 without optional features,
    /// have this entry point with these bindings and push constants and no others, and stay within
    /// its buffers whatever they contain. What `naga` writes of a module that it has validated,
    /// with its bounds checks, is so.
    pub unsafe fn new(
        device: &VulkanDevice,
        spirv: &[u32],
        entry: &CStr,
        bindings: u32,
        push_constant_bytes: u32,
    ) -> Result<Self, DeviceMemoryError> {
        check(device, spirv, bindings, push_constant_bytes)?;
        let set = set_layout(device, bindings)?;
        let layout = pipeline_layout(device, &set, push_constant_bytes)?;
        let wanted = vk::ShaderModuleCreateInfo::default().code(spirv);
        // SAFETY: the caller says that the module is valid; `Owned` destroys it.
        let module = unsafe { device.raw().create_shader_module(&wanted, None) };
        let module = module.map_err(refused("read a kernel"))?;
        let module = Owned::new(&device.logical, module);
        let pipeline = pipeline(device, &layout, &module, entry)?;
        Ok(Self {
            shared: Arc::new(Pipeline {
                pipeline,
                layout,
                set,
                bindings,
                push_constant_bytes,
            }),
        })
    }

    /// How many storage buffers it takes.
    #[must_use]
    pub fn bindings(&self) -> u32 {
        self.shared.bindings
    }

    /// How many bytes of push constants it takes.
    #[must_use]
    pub fn push_constant_bytes(&self) -> u32 {
        self.shared.push_constant_bytes
    }
}

fn check(
    device: &VulkanDevice,
    spirv: &[u32],
    bindings: u32,
    push_constant_bytes: u32,
) -> Result<(), DeviceMemoryError> {
    const MAGIC: u32 = 0x0723_0203;
    let refuse = |answer: String| DeviceMemoryError::Refused {
        action: "make a kernel",
        answer,
    };
    if spirv.len() < 5 || spirv[0] != MAGIC {
        return Err(refuse("its words are not a SPIR-V module".into()));
    }
    let limits = &device.physical().limits;
    let most = limits.max_per_stage_descriptor_storage_buffers;
    let most = most.min(limits.max_descriptor_set_storage_buffers);
    if bindings > most {
        return Err(refuse(format!(
            "it takes {bindings} buffers, at most {most} are allowed"
        )));
    }
    let most = limits.max_push_constants_size;
    if push_constant_bytes > most || !push_constant_bytes.is_multiple_of(4) {
        return Err(refuse(format!(
            "it takes {push_constant_bytes} bytes of push constants, and a multiple of 4 up to \
             {most} is allowed"
        )));
    }
    Ok(())
}

fn set_layout(
    device: &VulkanDevice,
    bindings: u32,
) -> Result<Owned<vk::DescriptorSetLayout>, DeviceMemoryError> {
    let binding = |binding| {
        vk::DescriptorSetLayoutBinding::default()
            .binding(binding)
            .descriptor_type(vk::DescriptorType::STORAGE_BUFFER)
            .descriptor_count(1)
            .stage_flags(vk::ShaderStageFlags::COMPUTE)
    };
    let bindings: Vec<_> = (0..bindings).map(binding).collect();
    let wanted = vk::DescriptorSetLayoutCreateInfo::default().bindings(&bindings);
    // SAFETY: a valid structure within the device's limits; `Owned` destroys the layout.
    let set = unsafe { device.raw().create_descriptor_set_layout(&wanted, None) };
    let set = set.map_err(refused("lay out a kernel's buffers"))?;
    Ok(Owned::new(&device.logical, set))
}

fn pipeline_layout(
    device: &VulkanDevice,
    set: &Owned<vk::DescriptorSetLayout>,
    push_constant_bytes: u32,
) -> Result<Owned<vk::PipelineLayout>, DeviceMemoryError> {
    let sets = [set.handle];
    let constants = [vk::PushConstantRange::default()
        .stage_flags(vk::ShaderStageFlags::COMPUTE)
        .size(push_constant_bytes)];
    let mut wanted = vk::PipelineLayoutCreateInfo::default().set_layouts(&sets);
    if push_constant_bytes > 0 {
        wanted = wanted.push_constant_ranges(&constants);
    }
    // SAFETY: a valid structure within the device's limits; `Owned` destroys the layout.
    let layout = unsafe { device.raw().create_pipeline_layout(&wanted, None) };
    let layout = layout.map_err(refused("lay out a kernel"))?;
    Ok(Owned::new(&device.logical, layout))
}

fn pipeline(
    device: &VulkanDevice,
    layout: &Owned<vk::PipelineLayout>,
    module: &Owned<vk::ShaderModule>,
    entry: &CStr,
) -> Result<Owned<vk::Pipeline>, DeviceMemoryError> {
    let stage = vk::PipelineShaderStageCreateInfo::default()
        .stage(vk::ShaderStageFlags::COMPUTE)
        .module(module.handle)
        .name(entry);
    let wanted = [vk::ComputePipelineCreateInfo::default()
        .stage(stage)
        .layout(layout.handle)];
    let cache = vk::PipelineCache::null();
    // SAFETY: valid structures; that the module has the entry point is what the caller of `new`
    // says. `Owned` destroys the pipeline.
    let made = unsafe { device.raw().create_compute_pipelines(cache, &wanted, None) };
    let made = made.map_err(|(_, answer)| refused("make a kernel")(answer))?;
    Ok(Owned::new(&device.logical, made[0]))
}

impl fmt::Debug for VulkanKernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VulkanKernel")
            .field("bindings", &self.bindings())
            .field("push_constant_bytes", &self.push_constant_bytes())
            .finish_non_exhaustive()
    }
}
