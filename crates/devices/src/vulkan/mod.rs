//! Device memory through Vulkan 1.2 or later, on any device with timeline semaphores.
//!
//! [`VulkanDevice`] opens a device or takes an engine's; [`VulkanMemory`] is one block of its
//! memory, in which each tensor has a buffer at its planned offset. [`VulkanKernel`]s are recorded
//! once, by a [`VulkanRecorder`], and submitted to a [`VulkanStream`] as often as wanted. What the
//! device may still run holds what it uses: dropping the rest, in any order, waits or defers.
//!
//! ```
//! use orionrt_devices::{
//!     DeviceArena, DeviceMemoryError, StreamId, StreamOrder,
//!     vulkan::{
//!         VulkanDevice, VulkanMemory, VulkanOptions, VulkanProgramRecorder, VulkanStream,
//!     },
//! };
//! use orionrt_plan::{Lifetimes, Planner, TensorId};
//!
//! let device = match VulkanDevice::open(0, VulkanOptions::default()) {
//!     Ok(device) => device,
//!     Err(DeviceMemoryError::Unavailable { .. }) => return Ok(()), // no Vulkan here
//!     Err(other) => return Err(other.into()),
//! };
//! let layout = device.properties().layout(4096)?;
//! let (bytes, align) = (layout.size() as u64, layout.align() as u64);
//! let rows = [("x", 0, 2), ("y", 1, 3), ("z", 2, 4)];
//! let rows = rows.map(|(name, from, to)| (name, from, to, bytes, align));
//! let plan = Planner::new().plan(&Lifetimes::from_rows(rows)?)?;
//! assert_eq!(plan.peak(), 2 * bytes); // `z` has the bytes of `x`
//!
//! let arena = DeviceArena::new(VulkanMemory::allocate(&device, plan.peak())?)?;
//! let pool = arena.pool(&plan, &StreamOrder::new(1))?;
//! let id = StreamId::new(0);
//! let mut streams = [VulkanStream::new(&device, id, 1 << 16)?];
//! let slot = |tensor| pool.slot(TensorId::new(tensor), id);
//!
//! // Recorded once; kernels are appended by `dispatch`.
//! let mut recorder = VulkanProgramRecorder::new(&device, pool.order());
//! let (x, y) = (slot(0)?, slot(1)?);
//! let x_buffer = x.buffer().clone();
//! recorder.copy(id, &x, &y)?;
//! x.free();
//! let z = slot(2)?;
//! recorder.copy(id, &y, &z)?;
//! let program = recorder.finish()?;
//!
//! // Submitted as often as wanted.
//! for run in 0..3_u32 {
//!     streams[0].upload(&[run; 1024], &x_buffer)?;
//!     program.submit(&mut streams)?;
//!     let mut values = [0_u32; 1024];
//!     streams[0].download(z.buffer(), &mut values)?;
//!     assert_eq!(values, [run; 1024]);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Invariant of the unsafe code: every object of the driver is owned by one value of Rust, which
//! holds what the object was made by; a stream holds what it submitted until its timeline says that
//! the device has done it.

#![allow(unsafe_code)]

// A file uses only files above it in this list.
mod answer;
mod messages;
mod options;
mod instance;
mod physical;
mod logical;
mod host_bytes;
mod requirements;
mod memory_type;
mod point;
mod submissions;
mod device;
mod block;
mod import;
mod memory;
mod kernel;
mod command;
mod recorder;
mod held;
mod staging;
mod stream;
mod transfer;
mod program_error;
mod program;
mod program_recorder;

pub use ash;

pub use self::{
    block::VulkanBuffer,
    device::{VulkanDevice, devices, devices_with},
    kernel::VulkanKernel,
    memory::VulkanMemory,
    messages::VulkanMessages,
    options::{VulkanOptions, VulkanParts},
    point::VulkanPoint,
    program::VulkanProgram,
    program_error::VulkanProgramError,
    program_recorder::{VulkanProgramRecorder, VulkanSignal, VulkanUse},
    recorder::{VulkanCommands, VulkanRecorder},
    stream::VulkanStream,
};
