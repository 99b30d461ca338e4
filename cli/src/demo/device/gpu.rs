//! What the executors need of a device, and of the allocator that planned memory is compared with.
//!
//! Stands on [`program`](super::program). Invariant: an implementation runs the dispatches of its
//! commands one after the other; each finds what those before it wrote.

#![forbid(unsafe_code)]

use std::collections::{HashMap, hash_map::Entry};

use orionrt_devices::{DeviceMemory, DeviceProperties, DeviceUse, StreamId, StreamOrder};

use super::{program::Program, shader::Shader};
use crate::failure::Failure;

/// The stream of all kernels.
pub const KERNELS: StreamId = StreamId::new(0);

/// A device that runs shaders.
pub trait Gpu: Sized {
    /// A block of its memory.
    type Block: DeviceMemory<Buffer = Self::Buffer>;
    /// A range of a block, or a buffer of its own.
    type Buffer;
    /// A compiled shader.
    type Kernel;
    /// Dispatches on buffers of their own, recorded.
    type Commands;
    /// What dispatches on slots are recorded with.
    type Recorder;
    /// Dispatches on slots, recorded.
    type Program;
    /// Buffers of their own.
    type Peer<'g>: Peer<Buffer = Self::Buffer>
    where
        Self: 'g;

    /// What of it matters for planning.
    fn properties(&self) -> &DeviceProperties;

    /// Allocates a block.
    ///
    /// # Errors
    /// The device does not have that much memory.
    fn block(&self, bytes: u64) -> Result<Self::Block, Failure>;

    /// Compiles a shader.
    ///
    /// # Errors
    /// The driver refuses it.
    fn kernel(&self, shader: Shader) -> Result<Self::Kernel, Failure>;

    /// Begins a program of one stream, whose order with the host this is.
    fn recorder(&self, order: &StreamOrder) -> Self::Recorder;

    /// Tells the claims how a kernel uses slots, and records its dispatch on [`KERNELS`].
    ///
    /// # Errors
    /// A use is not in the order of the streams, or the driver refuses it.
    fn add(
        &self,
        recorder: &mut Self::Recorder,
        kernel: &Self::Kernel,
        uses: &[DeviceUse<'_, Self::Block>],
        groups: [u32; 2],
    ) -> Result<(), Failure>;

    /// Ends a program.
    ///
    /// # Errors
    /// The driver refuses it.
    fn finish(&self, recorder: Self::Recorder) -> Result<Self::Program, Failure>;

    /// Submits a program and waits until the device has run it.
    ///
    /// # Errors
    /// The device is lost.
    fn run_program(&self, program: &Self::Program) -> Result<(), Failure>;

    /// Records dispatches on buffers of their own.
    ///
    /// # Errors
    /// The driver refuses it.
    fn record(&self, dispatches: &[Recorded<'_, Self>]) -> Result<Self::Commands, Failure>;

    /// Submits commands and waits until the device has run them.
    ///
    /// # Errors
    /// The device is lost.
    fn run(&self, commands: &Self::Commands) -> Result<(), Failure>;

    /// Fills a range of a block.
    ///
    /// # Errors
    /// The device is lost.
    fn upload(&self, block: &Self::Block, to: &Self::Buffer, bytes: &[u8]) -> Result<(), Failure>;

    /// Reads a range of a block.
    ///
    /// # Errors
    /// The device is lost.
    fn download(
        &self,
        block: &Self::Block,
        from: &Self::Buffer,
        values: &mut [f32],
    ) -> Result<(), Failure>;

    /// The allocator to compare with, which has nothing of the device so far.
    ///
    /// # Errors
    /// The driver refuses it.
    fn peer(&self) -> Result<Self::Peer<'_>, Failure>;

    /// How often its memory was allocated so far, by whomever, as far as the backend tells.
    fn allocations(&self) -> u64;

    /// What the validation layers said so far, if the device was opened with them.
    fn messages(&self) -> Vec<String>;
}

/// A kernel with its buffers and workgroups.
pub struct Recorded<'r, G: Gpu> {
    /// The kernel.
    pub kernel: &'r G::Kernel,
    /// What it is given, in the order of its bindings.
    pub buffers: Vec<&'r G::Buffer>,
    /// The workgroups, across and down.
    pub groups: [u32; 2],
}

/// An allocator with a buffer of its own for each tensor.
pub trait Peer {
    /// A buffer.
    type Buffer;
    /// A tensor in a buffer of its own.
    type Tensor;

    /// Makes a buffer.
    ///
    /// # Errors
    /// The device has no more memory.
    fn allocate(&mut self, name: &str, bytes: u64) -> Result<Self::Tensor, Failure>;

    /// The buffer of a tensor.
    fn buffer<'t>(&self, tensor: &'t Self::Tensor) -> &'t Self::Buffer;

    /// Gives a tensor's buffer back. The device has done all that uses it.
    ///
    /// # Errors
    /// The driver refuses it.
    fn free(&mut self, tensor: Self::Tensor) -> Result<(), Failure>;

    /// The bytes of device memory that it has at this moment, in use or not.
    fn held(&self) -> u64;
}

/// The kernels of a device, each compiled once.
pub struct Kernels<G: Gpu>(HashMap<Shader, G::Kernel>);

impl<G: Gpu> Kernels<G> {
    /// No kernels so far.
    pub fn new() -> Self {
        Self(HashMap::new())
    }

    /// Compiles the shaders of a program that are not there yet.
    ///
    /// # Errors
    /// The driver refuses one.
    pub fn compile(&mut self, gpu: &G, program: &Program) -> Result<(), Failure> {
        let dispatches = program.steps().iter().flatten();
        for shader in dispatches.map(|dispatch| dispatch.shader) {
            if let Entry::Vacant(entry) = self.0.entry(shader) {
                entry.insert(gpu.kernel(shader)?);
            }
        }
        Ok(())
    }

    /// The kernel of a shader.
    ///
    /// # Errors
    /// The shader was not among those.
    pub fn get(&self, shader: Shader) -> Result<&G::Kernel, Failure> {
        let missing = || Failure::demo(format!("shader {shader:?} is not compiled"));
        self.0.get(&shader).ok_or_else(missing)
    }
}
