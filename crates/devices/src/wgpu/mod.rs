//! Device memory through `wgpu`, for engines written in Rust: planned tensors as ranges of one
//! buffer.
//!
//! ```text
//!   commands     WgpuCommands: dispatches recorded once, submitted many times; WgpuEvent
//!   kernel       WgpuKernel: a compute pipeline of storage buffers
//!   memory       WgpuMemory: one block, its ranges as WgpuBuffer, transfers of typed slices
//!   staging      two mapped chunks for uploads, one for downloads, made once
//!   device       WgpuDevice: opened by number, or the engine's own
//!   calls        wgpu's error scopes as values; a future that is ready at once
//! ```
//!
//! A device of wgpu has one queue, so its kernels and transfers are ordered as they are submitted:
//! it is one stream. wgpu itself keeps a buffer until the device has done all that was submitted
//! with it, so nothing here can be freed under a kernel.
//!
//! All tensors are ranges of one buffer, which a dispatch cannot have both as read-only and as
//! writable storage: kernels declare each of their buffers as `var<storage, read_write>`, and the
//! ranges that one dispatch is given are disjoint. A result in place is bound once.
//!
//! ```
//! use orionrt_devices::{
//!     DeviceMemory, DeviceMemoryError,
//!     wgpu::{WgpuCommands, WgpuDevice, WgpuKernel, WgpuMemory},
//! };
//!
//! # fn main() -> Result<(), DeviceMemoryError> {
//! # if orionrt_devices::wgpu::devices().is_err() { return Ok(()) }
//! let device = WgpuDevice::open(0)?;
//! let apart = device.properties().plan_alignment();
//! let memory = WgpuMemory::new(&device, 2 * apart)?;
//! let x = memory.buffer(0..16)?;
//! let y = memory.buffer(apart..apart + 16)?;
//!
//! let double = WgpuKernel::new(
//!     &device,
//!     "@group(0) @binding(0) var<storage, read_write> x: array<f32>;
//!      @group(0) @binding(1) var<storage, read_write> y: array<f32>;
//!      @compute @workgroup_size(4)
//!      fn double(@builtin(global_invocation_id) at: vec3<u32>) { y[at.x] = 2.0 * x[at.x]; }",
//!     "double",
//!     2,
//!     0,
//! )?;
//! let mut commands = WgpuCommands::new(&device);
//! commands.dispatch(&double, &[&x, &y], &[], [1, 1, 1])?;
//!
//! memory.upload(&x, &[1.0_f32, 2.0, 3.0, 4.0])?;
//! device.submit(&commands)?;
//! let mut doubled = [0.0_f32; 4];
//! memory.download(&y, &mut doubled)?;
//! assert_eq!(doubled, [2.0, 4.0, 6.0, 8.0]);
//! # Ok(())
//! # }
//! ```

// A file uses only files above it in this list.
mod calls;
mod device;
mod staging;
mod memory;
mod kernel;
mod commands;

/// The version of `wgpu` whose devices these are.
pub use wgpu;
pub use {
    commands::{WgpuCommands, WgpuEvent, WgpuUse},
    device::{WgpuDevice, WgpuLoss, devices},
    kernel::WgpuKernel,
    memory::{WgpuBuffer, WgpuMemory},
};
