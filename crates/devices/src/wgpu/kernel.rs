//! A compute kernel: a pipeline of storage buffers and, if the device has them, constants.

use wgpu::{BindGroupLayout, ComputePipeline, ShaderStages};

use super::{calls::Asked, device::WgpuDevice};
use crate::error::DeviceMemoryError;

const COMPILE: &str = "compile a kernel";

/// A compute kernel. Its buffers are the bindings 0, 1, ... of group 0, all of them
/// `var<storage, read_write>`; its constants are one `var<immediate>`.
#[derive(Clone, Debug)]
pub struct WgpuKernel {
    pub(super) device: WgpuDevice,
    pub(super) pipeline: ComputePipeline,
    pub(super) layout: BindGroupLayout,
    pub(super) bindings: u32,
    pub(super) constants_bytes: u32,
}

impl WgpuKernel {
    /// Compiles an entry point of a module in WGSL, with so many buffers and so many bytes of
    /// constants, a multiple of 4.
    ///
    /// A module is trusted input: the compiler needs stack in proportion to how deep it is nested.
    ///
    /// # Errors
    /// The module is wrong, or does not have what is said of it; or constants are asked for, and
    /// the device has none or too few. All of these are [`DeviceMemoryError::Refused`], with what
    /// the compiler says.
    pub fn new(
        device: &WgpuDevice,
        wgsl: &str,
        entry_point: &str,
        bindings: u32,
        constants_bytes: u32,
    ) -> Result<Self, DeviceMemoryError> {
        check_constants(device, constants_bytes)?;
        let entries: Vec<_> = (0..bindings).map(storage).collect();
        let of = device;
        device.scoped(Asked::to(COMPILE), || {
            let (device, label) = (device.device(), Some(entry_point));
            let layout = device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
                label,
                entries: &entries,
            });
            let layouts = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
                label,
                bind_group_layouts: &[Some(&layout)],
                immediate_size: constants_bytes,
            });
            let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
                label,
                source: wgpu::ShaderSource::Wgsl(wgsl.into()),
            });
            let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
                label,
                layout: Some(&layouts),
                module: &module,
                entry_point: Some(entry_point),
                compilation_options: Default::default(),
                cache: None,
            });
            Self {
                device: of.clone(),
                pipeline,
                layout,
                bindings,
                constants_bytes,
            }
        })
    }
}

/// A buffer that the kernel may read and write. wgpu would take any other for read-only ranges of
/// a block that has writable ones in the same dispatch, and refuse it.
fn storage(binding: u32) -> wgpu::BindGroupLayoutEntry {
    wgpu::BindGroupLayoutEntry {
        binding,
        visibility: ShaderStages::COMPUTE,
        ty: wgpu::BindingType::Buffer {
            ty: wgpu::BufferBindingType::Storage { read_only: false },
            has_dynamic_offset: false,
            min_binding_size: None,
        },
        count: None,
    }
}

fn check_constants(device: &WgpuDevice, bytes: u32) -> Result<(), DeviceMemoryError> {
    let can = device.device().features();
    let largest = match can.contains(wgpu::Features::IMMEDIATES) {
        true => device.device().limits().max_immediate_size,
        false => 0,
    };
    match bytes {
        bytes if bytes <= largest => Ok(()),
        _ => Err(DeviceMemoryError::Refused {
            action: COMPILE,
            answer: format!("it has {bytes} bytes of constants, the device allows {largest}"),
        }),
    }
}
