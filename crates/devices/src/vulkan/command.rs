//! One command of a list, and a list made into a command buffer.
//!
//! Invariant: recorded commands hold every buffer and kernel that they use.

use ash::vk;

use super::{
    answer::refused, block::VulkanBuffer, device::VulkanDevice, kernel::VulkanKernel,
    logical::Owned,
};
use crate::error::DeviceMemoryError;

/// So many ranges are remembered between two barriers, lest long lists be compared.
const REMEMBERED: usize = 64;

pub(super) enum Command {
    Dispatch {
        kernel: VulkanKernel,
        buffers: Vec<VulkanBuffer>,
        constants: Vec<u8>,
        groups: [u32; 3],
    },
    Copy {
        from: VulkanBuffer,
        to: VulkanBuffer,
        regions: [vk::BufferCopy; 1],
    },
    Fill {
        buffer: VulkanBuffer,
        word: u32,
    },
    Barrier,
}

/// A command buffer, with all that its commands use.
pub(super) struct RecordedCommands {
    pub(super) buffer: vk::CommandBuffer,
    pub(super) device: VulkanDevice,
    /// What the command buffer is of.
    pool: Owned<vk::CommandPool>,
    sets: Option<Owned<vk::DescriptorPool>>,
    used: Vec<Command>,
}

impl Command {
    /// The ranges that the command reads or writes.
    fn uses(&self) -> Vec<&VulkanBuffer> {
        match self {
            Self::Dispatch { buffers, .. } => buffers.iter().collect(),
            Self::Copy { from, to, .. } => vec![from, to],
            Self::Fill { buffer, .. } => vec![buffer],
            Self::Barrier => Vec::new(),
        }
    }

    /// Writes the command into a command buffer, with the descriptor set that was made for it.
    ///
    /// # Safety
    /// The command buffer is being recorded, and is of the device of all that the command uses.
    unsafe fn encode(&self, device: &ash::Device, into: vk::CommandBuffer, set: vk::DescriptorSet) {
        let point = vk::PipelineBindPoint::COMPUTE;
        // SAFETY: the recorder has checked the ranges, numbers and limits of all commands, and the
        // caller says the rest.
        unsafe {
            match self {
                Self::Dispatch {
                    kernel,
                    constants,
                    groups: [x, y, z],
                    ..
                } => {
                    let kernel = &*kernel.shared;
                    let layout = kernel.layout.handle;
                    device.cmd_bind_pipeline(into, point, kernel.pipeline.handle);
                    if set != vk::DescriptorSet::null() {
                        device.cmd_bind_descriptor_sets(into, point, layout, 0, &[set], &[]);
                    }
                    if !constants.is_empty() {
                        let stage = vk::ShaderStageFlags::COMPUTE;
                        device.cmd_push_constants(into, layout, stage, 0, constants);
                    }
                    device.cmd_dispatch(into, *x, *y, *z);
                }
                Self::Copy { from, to, regions } => {
                    device.cmd_copy_buffer(into, from.place().0, to.place().0, regions);
                }
                Self::Fill { buffer, word } => {
                    let (handle, start) = buffer.place();
                    let bytes = buffer.bytes().next_multiple_of(4);
                    device.cmd_fill_buffer(into, handle, start, bytes, *word);
                }
                Self::Barrier => barrier(device, into),
            }
        }
    }
}

impl RecordedCommands {
    pub(super) fn new(
        device: &VulkanDevice,
        list: Vec<Command>,
    ) -> Result<Self, DeviceMemoryError> {
        let (pool_of_sets, sets) = descriptor_sets(device, &list)?;
        let wanted = vk::CommandPoolCreateInfo::default().queue_family_index(device.queue_family());
        // SAFETY: a valid structure; `Owned` destroys the pool.
        let pool = unsafe { device.raw().create_command_pool(&wanted, None) };
        let pool = Owned::new(&device.logical, pool.map_err(refused("make commands"))?);
        let wanted = vk::CommandBufferAllocateInfo::default()
            .command_pool(pool.handle)
            .level(vk::CommandBufferLevel::PRIMARY)
            .command_buffer_count(1);
        // SAFETY: the pool is ours alone, and gives its command buffers back with itself.
        let buffer = unsafe { device.raw().allocate_command_buffers(&wanted) };
        let buffer = buffer.map_err(refused("make commands"))?[0];
        encode(device.raw(), buffer, &list, &sets)?;
        Ok(Self {
            buffer,
            device: device.clone(),
            pool,
            sets: pool_of_sets,
            used: list,
        })
    }

    /// Whether no descriptor sets were made for the commands.
    pub(super) fn is_without_sets(&self) -> bool {
        self.sets.is_none()
    }

    /// Lets go of what the commands use: they are not submitted again.
    pub(super) fn forget(&mut self) {
        self.used.clear();
    }

    /// Records other commands in the same memory. Kernels are not among them.
    ///
    /// # Safety
    /// The device has done all that it was given of these commands.
    pub(super) unsafe fn record_copies(
        &mut self,
        list: Vec<Command>,
    ) -> Result<(), DeviceMemoryError> {
        let (device, flags) = (self.device.raw(), vk::CommandPoolResetFlags::empty());
        // SAFETY: the pool is ours alone, and the device uses nothing of it, says the caller.
        let reset = unsafe { device.reset_command_pool(self.pool.handle, flags) };
        reset.map_err(refused("record commands"))?;
        let sets = vec![vk::DescriptorSet::null(); list.len()];
        encode(device, self.buffer, &list, &sets)?;
        self.used = list;
        Ok(())
    }
}

/// Makes a descriptor set for each command that runs a kernel with buffers, all from one pool;
/// the others have null.
fn descriptor_sets(
    device: &VulkanDevice,
    list: &[Command],
) -> Result<(Option<Owned<vk::DescriptorPool>>, Vec<vk::DescriptorSet>), DeviceMemoryError> {
    let mut layouts = Vec::new();
    let mut descriptors = 0;
    for command in list {
        match command {
            Command::Dispatch { kernel, .. } if kernel.bindings() > 0 => {
                layouts.push(kernel.shared.set.handle);
                descriptors += kernel.bindings();
            }
            _ => {}
        }
    }
    if layouts.is_empty() {
        return Ok((None, vec![vk::DescriptorSet::null(); list.len()]));
    }
    let sizes = [vk::DescriptorPoolSize::default()
        .ty(vk::DescriptorType::STORAGE_BUFFER)
        .descriptor_count(descriptors)];
    let wanted = vk::DescriptorPoolCreateInfo::default()
        .max_sets(u32::try_from(layouts.len()).unwrap_or(u32::MAX))
        .pool_sizes(&sizes);
    // SAFETY: a valid structure; `Owned` destroys the pool.
    let pool = unsafe { device.raw().create_descriptor_pool(&wanted, None) };
    let pool = pool.map_err(refused("describe the buffers of kernels"))?;
    let pool = Owned::new(&device.logical, pool);
    let wanted = vk::DescriptorSetAllocateInfo::default()
        .descriptor_pool(pool.handle)
        .set_layouts(&layouts);
    // SAFETY: the pool is new, ours alone, and has as many sets and descriptors as these layouts.
    let sets = unsafe { device.raw().allocate_descriptor_sets(&wanted) };
    let mut sets = sets
        .map_err(refused("describe the buffers of kernels"))?
        .into_iter();
    let of_commands = list.iter().map(|command| match command {
        Command::Dispatch {
            kernel, buffers, ..
        } if kernel.bindings() > 0 => {
            let set = sets.next().unwrap_or_default();
            describe(device.raw(), set, buffers);
            set
        }
        _ => vk::DescriptorSet::null(),
    });
    let of_commands = of_commands.collect();
    Ok((Some(pool), of_commands))
}

/// Writes a kernel's buffers into its descriptor set.
fn describe(device: &ash::Device, set: vk::DescriptorSet, buffers: &[VulkanBuffer]) {
    let buffers: Vec<_> = buffers
        .iter()
        .filter_map(VulkanBuffer::descriptor)
        .collect();
    let writes = [vk::WriteDescriptorSet::default()
        .dst_set(set)
        .descriptor_type(vk::DescriptorType::STORAGE_BUFFER)
        .buffer_info(&buffers)];
    // SAFETY: the set is new, and has as many bindings of one descriptor each, which follow each
    // other, as the kernel has buffers; the buffers are of this device, and the recorder takes none
    // that are empty.
    unsafe { device.update_descriptor_sets(&writes, &[]) };
}

fn encode(
    device: &ash::Device,
    buffer: vk::CommandBuffer,
    list: &[Command],
    sets: &[vk::DescriptorSet],
) -> Result<(), DeviceMemoryError> {
    // Submitted again while it still runs.
    let wanted =
        vk::CommandBufferBeginInfo::default().flags(vk::CommandBufferUsageFlags::SIMULTANEOUS_USE);
    // SAFETY: the command buffer is new, or its pool was reset, and ours alone.
    unsafe { device.begin_command_buffer(buffer, &wanted) }.map_err(refused("record commands"))?;
    let mut since_barrier: Vec<&VulkanBuffer> = Vec::new();
    for (command, &set) in list.iter().zip(sets) {
        let uses = command.uses();
        let meets = |used: &&VulkanBuffer| uses.iter().any(|other| used.meets(other));
        if since_barrier.len() >= REMEMBERED || since_barrier.iter().any(meets) {
            barrier(device, buffer);
            since_barrier.clear();
        }
        since_barrier.extend(uses);
        // SAFETY: the command buffer is being recorded, and the recorder takes only what is of its
        // device.
        unsafe { command.encode(device, buffer, set) };
    }
    // What was copied for the host to read is made visible to it.
    barrier(device, buffer);
    // SAFETY: see above.
    unsafe { device.end_command_buffer(buffer) }.map_err(refused("record commands"))
}

/// Has everything before it done, and what it wrote seen by everything after it, the host included.
fn barrier(device: &ash::Device, buffer: vk::CommandBuffer) {
    let stages = vk::PipelineStageFlags::ALL_COMMANDS;
    let barriers = [vk::MemoryBarrier::default()
        .src_access_mask(vk::AccessFlags::MEMORY_WRITE)
        .dst_access_mask(vk::AccessFlags::MEMORY_READ | vk::AccessFlags::MEMORY_WRITE)];
    let later = stages | vk::PipelineStageFlags::HOST;
    let none = vk::DependencyFlags::empty();
    // SAFETY: the callers are recording the command buffer.
    unsafe { device.cmd_pipeline_barrier(buffer, stages, later, none, &barriers, &[], &[]) };
}
