//! Device memory through CUDA's driver: planned tensors as addresses of one block, which stay the
//! same, so that graphs that were captured with them can be launched again and again.
//!
//! ```text
//!   streams      CudaStreams: several streams with the order that claims on tensors follow
//!   graph        CudaGraph: what a stream was asked for, captured once, launched many times
//!   kernel       CudaKernel: a function of a module in PTX
//!   memory       CudaMemory: one block, its ranges as CudaBuffer, transfers of typed slices
//!   pinned       CudaPinned: an arena's memory, from which the device copies directly
//!   block        memory, allocated at once, or mapped into reserved addresses as it is needed
//!   stream       CudaStream and CudaEvent: work in order, and the order between streams
//!   device       CudaDevice: opened by number, or the engine's own context
//!   submissions  what the context was given to do, with events behind it
//!   running      which of that may still run
//!   event        an event behind work of a stream
//!   capture      streams that are captured, and calls in a thread that captures one
//!   driver       the driver's library: whether it is there, its answers as errors
//! ```
//!
//! The driver's library is looked for when a device is opened: programs with this feature are built
//! and run where there is none, and learn that CUDA is [`Unavailable`](crate::DeviceMemoryError).
//! Invariant: a block's memory is given back to the driver when nothing has a buffer of it and the
//! device has done all its work, or never.
//!
//! ```no_run
//! use orionrt_devices::{
//!     DeviceMemory, DeviceMemoryError,
//!     cuda::{CudaDevice, CudaMemory, CudaStream},
//! };
//!
//! # fn main() -> Result<(), DeviceMemoryError> {
//! let device = CudaDevice::open(0)?;
//! // Addresses for 1 GiB, and memory for what is used of them.
//! let memory = CudaMemory::reserve(&device, 1 << 30)?;
//! let x = memory.buffer(0..16)?;
//!
//! let (first, second) = (CudaStream::new(&device)?, CudaStream::new(&device)?);
//! memory.upload(&first, &x, &[1.0_f32, 2.0, 3.0, 4.0])?;
//! second.wait(&first.signal()?)?;
//! let mut back = [0.0_f32; 4];
//! memory.download(&second, &x, &mut back)?;
//! assert_eq!(back, [1.0, 2.0, 3.0, 4.0]);
//! # Ok(())
//! # }
//! ```

// A file uses only files above it in this list.
mod driver;
mod capture;
mod event;
mod running;
mod submissions;
mod device;
mod stream;
mod block;
mod pinned;
mod memory;
mod kernel;
mod graph;
mod streams;

/// The version of `cudarc` whose contexts and streams these are.
pub use cudarc;
pub use {
    device::{CudaDevice, devices},
    graph::CudaGraph,
    kernel::CudaKernel,
    memory::{CudaBuffer, CudaMemory},
    pinned::CudaPinned,
    stream::{CudaEvent, CudaStream},
    streams::{CudaSignal, CudaStreams, CudaStreamsError},
};
