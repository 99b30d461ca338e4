//! Dispatches of kernels, recorded once and submitted many times.

use core::time::Duration;

use wgpu::{BindGroup, ComputePass, ComputePipeline, SubmissionIndex};

use super::{
    calls::Asked,
    device::WgpuDevice,
    kernel::WgpuKernel,
    memory::{WgpuBuffer, WgpuMemory},
};
use crate::{error::DeviceMemoryError, uses::DeviceUse};

const DISPATCH: &str = "record a dispatch";

/// Dispatches of kernels in the order in which the device runs them. They are recorded once: bind
/// groups are made then, and submitting them again allocates no memory of the device.
///
/// It keeps the blocks of all its buffers.
#[derive(Clone, Debug)]
pub struct WgpuCommands {
    device: WgpuDevice,
    dispatches: Vec<Dispatch>,
}

#[derive(Clone, Debug)]
struct Dispatch {
    pipeline: ComputePipeline,
    buffers: BindGroup,
    constants: Vec<u8>,
    groups: [u32; 3],
}

/// How a dispatch uses a tensor, or memory that is no tensor's.
pub type WgpuUse<'s> = DeviceUse<'s, WgpuMemory>;

/// When a submission is done.
#[derive(Clone, Debug)]
pub struct WgpuEvent {
    device: WgpuDevice,
    submission: SubmissionIndex,
}

impl WgpuCommands {
    /// No dispatches so far.
    #[must_use]
    pub fn new(device: &WgpuDevice) -> Self {
        Self {
            device: device.clone(),
            dispatches: Vec::new(),
        }
    }

    /// How many dispatches were recorded.
    #[must_use]
    pub fn len(&self) -> usize {
        self.dispatches.len()
    }

    /// Whether no dispatch was recorded.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.dispatches.is_empty()
    }

    /// Records a dispatch of a kernel: its buffers in the order of its bindings, its constants, and
    /// how many workgroups there are in each dimension.
    ///
    /// # Errors
    /// These are not the buffers or constants that the kernel was compiled for, a buffer is empty,
    /// two of them have bytes in common, the kernel or a buffer is of another device, or there are
    /// more workgroups than the device allows.
    pub fn dispatch(
        &mut self,
        kernel: &WgpuKernel,
        buffers: &[&WgpuBuffer],
        constants: &[u8],
        groups: [u32; 3],
    ) -> Result<(), DeviceMemoryError> {
        self.device.check_own(&kernel.device, "a kernel")?;
        let mut others = buffers.iter().map(|buffer| &buffer.device);
        others.try_for_each(|other| self.device.check_own(other, "a buffer"))?;
        check(kernel, buffers, constants)?;
        self.check_groups(groups)?;
        let entries = entries(buffers)?;
        let buffers = self.device.scoped(Asked::to(DISPATCH), || {
            self.device
                .device()
                .create_bind_group(&wgpu::BindGroupDescriptor {
                    label: None,
                    layout: &kernel.layout,
                    entries: &entries,
                })
        })?;
        self.dispatches.push(Dispatch {
            pipeline: kernel.pipeline.clone(),
            buffers,
            constants: constants.to_vec(),
            groups,
        });
        Ok(())
    }

    /// Adds the dispatches to a compute pass of an engine's own.
    pub fn encode(&self, pass: &mut ComputePass<'_>) {
        for dispatch in &self.dispatches {
            let [x, y, z] = dispatch.groups;
            pass.set_pipeline(&dispatch.pipeline);
            pass.set_bind_group(0, &dispatch.buffers, &[]);
            if !dispatch.constants.is_empty() {
                pass.set_immediates(0, &dispatch.constants);
            }
            pass.dispatch_workgroups(x, y, z);
        }
    }

    fn check_groups(&self, groups: [u32; 3]) -> Result<(), DeviceMemoryError> {
        let limits = self.device.device().limits();
        let largest = limits.max_compute_workgroups_per_dimension;
        match groups.iter().all(|&groups| groups <= largest) {
            true => Ok(()),
            false => Err(refused(format!(
                "{groups:?} workgroups are more than the {largest} that the device allows in one \
                 dimension"
            ))),
        }
    }
}

impl WgpuDevice {
    /// Submits recorded dispatches, behind all that was submitted before.
    ///
    /// # Errors
    /// The dispatches were recorded for another device, or this one is lost.
    pub fn submit(&self, commands: &WgpuCommands) -> Result<WgpuEvent, DeviceMemoryError> {
        self.check_own(&commands.device, "a list of commands")?;
        let submission = self.scoped(Asked::to("submit commands"), || {
            let mut encoder = self.device().create_command_encoder(&Default::default());
            commands.encode(&mut encoder.begin_compute_pass(&Default::default()));
            self.queue().submit([encoder.finish()])
        })?;
        let device = self.clone();
        Ok(WgpuEvent { device, submission })
    }
}

impl WgpuEvent {
    /// Waits until the submission is done, for so long at most: whether it is.
    ///
    /// # Errors
    /// [`DeviceMemoryError::Lost`].
    pub fn wait(&self, timeout: Option<Duration>) -> Result<bool, DeviceMemoryError> {
        let action = "finish a submission";
        self.device.wait_for(&self.submission, timeout, action)
    }
}

/// Checks what a kernel is given, but for what wgpu checks itself.
fn check(
    kernel: &WgpuKernel,
    buffers: &[&WgpuBuffer],
    constants: &[u8],
) -> Result<(), DeviceMemoryError> {
    if buffers.len() != kernel.bindings as usize {
        return Err(refused(format!(
            "{} buffers are given, the kernel has {}",
            buffers.len(),
            kernel.bindings
        )));
    }
    if constants.len() != kernel.constants_bytes as usize {
        return Err(refused(format!(
            "{} bytes of constants are given, the kernel has {}",
            constants.len(),
            kernel.constants_bytes
        )));
    }
    for (second, buffer) in buffers.iter().enumerate() {
        let overlapping = |other: &&WgpuBuffer| other.overlaps(buffer);
        if let Some(first) = buffers[..second].iter().position(overlapping) {
            let (a, b) = (buffers[first].bytes(), buffer.bytes());
            return Err(refused(format!(
                "the buffers {first}, at {a:?}, and {second}, at {b:?}, have bytes in common"
            )));
        }
    }
    Ok(())
}

fn entries<'a>(
    buffers: &[&'a WgpuBuffer],
) -> Result<Vec<wgpu::BindGroupEntry<'a>>, DeviceMemoryError> {
    let entry = |(binding, buffer): (u32, &&'a WgpuBuffer)| {
        let range = buffer.binding();
        let range = range.ok_or_else(|| refused(format!("buffer {binding} is empty")))?;
        Ok(wgpu::BindGroupEntry {
            binding,
            resource: wgpu::BindingResource::Buffer(range),
        })
    };
    (0..).zip(buffers).map(entry).collect()
}

fn refused(answer: String) -> DeviceMemoryError {
    DeviceMemoryError::Refused {
        action: DISPATCH,
        answer,
    }
}
