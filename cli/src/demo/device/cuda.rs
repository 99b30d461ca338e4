//! A device of CUDA.
//!
//! Stands on `orionrt-devices`, and on [`cuda_c`](super::cuda_c) and [`nvrtc`](super::nvrtc) for
//! kernels. A planned run is captured once as a graph, which is launched for each inference. What
//! it is compared with is an allocation of the driver's own for each tensor. Invariant: a run is
//! over when [`Gpu::run`] or [`Gpu::run_program`] returns without an error, and nothing of the
//! device uses its buffers any more. After an error, the blocks wait for the device when they are
//! dropped.

use std::{any::Any, cell::RefCell};

use orionrt_devices::{
    DeviceMemory, DeviceMemoryError, DeviceProperties, DeviceUse, StreamOrder,
    cuda::{CudaBuffer, CudaDevice, CudaGraph, CudaKernel, CudaMemory, CudaStream},
};

use super::{
    cuda_c::{ENTRY, cuda_c},
    gpu::{Gpu, KERNELS, Peer, Recorded},
    nvrtc,
    shader::{GROUP, Shader},
};
use crate::failure::Failure;

/// A device with one stream.
pub struct CudaGpu {
    stream: CudaStream,
    device: CudaDevice,
}

/// A kernel, and how many buffers it is given.
#[derive(Clone)]
pub struct CompiledShader {
    kernel: CudaKernel,
    buffers: usize,
}

/// A kernel with its buffers and blocks of threads. Invariant: the buffers are as many as the
/// kernel has parameters, and as large as the sizes say that it is given with them.
#[derive(Clone)]
pub struct Launch {
    kernel: CudaKernel,
    buffers: Vec<CudaBuffer>,
    blocks: [u32; 3],
}

/// An allocation of the driver's own for each tensor.
pub struct CudaAllocations<'g> {
    device: &'g CudaDevice,
    held: u64,
}

impl CudaGpu {
    /// Opens the device of this number.
    ///
    /// # Errors
    /// There is no such device, or no compiler.
    pub fn open(index: usize) -> Result<Self, Failure> {
        let device = CudaDevice::open(index).map_err(Failure::demo)?;
        nvrtc::load().map_err(Failure::demo)?;
        let stream = CudaStream::new(&device).map_err(Failure::demo)?;
        Ok(Self { stream, device })
    }
}

impl Launch {
    fn new(
        shader: &CompiledShader,
        buffers: Vec<CudaBuffer>,
        [across, down]: [u32; 2],
    ) -> Result<Self, Failure> {
        if buffers.len() != shader.buffers {
            let (given, expected) = (buffers.len(), shader.buffers);
            return Err(Failure::demo(format!(
                "a kernel of {expected} buffers is given {given}"
            )));
        }
        Ok(Self {
            kernel: shader.kernel.clone(),
            buffers,
            blocks: [across, down, 1],
        })
    }

    /// Asks a stream to run the kernel. The caller keeps this until the stream has done it.
    fn on(&self, stream: &CudaStream) -> Result<(), DeviceMemoryError> {
        let buffers: Vec<&CudaBuffer> = self.buffers.iter().collect();
        // SAFETY: `cuda_c` gives a kernel its shader's buffers as parameters, as many as `new` has
        // checked. Within the sizes that `call` makes, it stays in tensors of the lengths that
        // `Kernel::accepts` has accepted, which `NetworkBuilder::node` asserts. Both callers keep
        // this: `run` until the stream is finished, and `finish` gives it to the graph.
        unsafe {
            self.kernel
                .launch(stream, &buffers, &[], self.blocks, [GROUP, 1, 1])
        }
    }
}

impl Gpu for CudaGpu {
    type Block = CudaMemory;
    type Buffer = CudaBuffer;
    type Kernel = CompiledShader;
    type Commands = Vec<Launch>;
    type Recorder = Vec<Launch>;
    type Program = RefCell<CudaGraph>;
    type Peer<'g> = CudaAllocations<'g>;

    fn properties(&self) -> &DeviceProperties {
        self.device.properties()
    }

    fn block(&self, bytes: u64) -> Result<CudaMemory, Failure> {
        CudaMemory::new(&self.device, bytes).map_err(Failure::demo)
    }

    fn kernel(&self, shader: Shader) -> Result<CompiledShader, Failure> {
        let ptx = nvrtc::compile(&cuda_c(shader));
        let ptx = ptx.map_err(|error| Failure::demo(format!("shader {shader:?}: {error}")))?;
        let kernel = CudaKernel::new(&self.device, &ptx, ENTRY).map_err(Failure::demo)?;
        let buffers = shader.bindings() as usize;
        Ok(CompiledShader { kernel, buffers })
    }

    fn recorder(&self, _: &StreamOrder) -> Vec<Launch> {
        Vec::new()
    }

    fn add(
        &self,
        recorder: &mut Vec<Launch>,
        kernel: &CompiledShader,
        uses: &[DeviceUse<'_, CudaMemory>],
        groups: [u32; 2],
    ) -> Result<(), Failure> {
        let buffers = uses.iter().map(|tensor| tensor.on(KERNELS).cloned());
        let buffers = buffers.collect::<Result<_, _>>().map_err(Failure::demo)?;
        recorder.push(Launch::new(kernel, buffers, groups)?);
        Ok(())
    }

    fn finish(&self, recorder: Vec<Launch>) -> Result<RefCell<CudaGraph>, Failure> {
        let kept: Vec<Box<dyn Any>> = vec![Box::new(recorder.clone())];
        let graph = CudaGraph::capture(&self.stream, kept, |stream| {
            recorder.iter().try_for_each(|launch| launch.on(stream))
        });
        graph.map(RefCell::new).map_err(Failure::demo)
    }

    fn run_program(&self, program: &RefCell<CudaGraph>) -> Result<(), Failure> {
        program.borrow_mut().launch().map_err(Failure::demo)?;
        self.stream.finish().map_err(Failure::demo)
    }

    fn record(&self, dispatches: &[Recorded<'_, Self>]) -> Result<Vec<Launch>, Failure> {
        let launches = dispatches.iter().map(|dispatch| {
            let buffers = dispatch.buffers.iter().copied().cloned().collect();
            Launch::new(dispatch.kernel, buffers, dispatch.groups)
        });
        launches.collect()
    }

    fn run(&self, commands: &Vec<Launch>) -> Result<(), Failure> {
        let mut launches = commands.iter();
        let launched = launches.try_for_each(|launch| launch.on(&self.stream));
        // What was launched before a failure uses its buffers, too.
        let finished = self.stream.finish();
        launched.and(finished).map_err(Failure::demo)
    }

    fn upload(&self, block: &CudaMemory, to: &CudaBuffer, bytes: &[u8]) -> Result<(), Failure> {
        block.upload(&self.stream, to, bytes).map_err(Failure::demo)
    }

    fn download(
        &self,
        block: &CudaMemory,
        from: &CudaBuffer,
        values: &mut [f32],
    ) -> Result<(), Failure> {
        block
            .download(&self.stream, from, values)
            .map_err(Failure::demo)
    }

    fn peer(&self) -> Result<CudaAllocations<'_>, Failure> {
        let device = &self.device;
        Ok(CudaAllocations { device, held: 0 })
    }

    fn allocations(&self) -> u64 {
        self.device.allocations()
    }

    fn messages(&self) -> Vec<String> {
        Vec::new()
    }
}

impl Peer for CudaAllocations<'_> {
    type Buffer = CudaBuffer;
    /// The whole allocation, which it keeps.
    type Tensor = CudaBuffer;

    fn allocate(&mut self, _: &str, bytes: u64) -> Result<CudaBuffer, Failure> {
        let memory = CudaMemory::new(self.device, bytes).map_err(Failure::demo)?;
        let buffer = memory.buffer(0..bytes).map_err(Failure::demo)?;
        self.held += buffer.size();
        Ok(buffer)
    }

    fn buffer<'t>(&self, tensor: &'t CudaBuffer) -> &'t CudaBuffer {
        tensor
    }

    /// Gives the memory back to the driver at once: nothing else keeps it.
    fn free(&mut self, tensor: CudaBuffer) -> Result<(), Failure> {
        self.held -= tensor.size();
        drop(tensor);
        // The driver's answer to a `Drop` waits in the context.
        self.device.context().check_err().map_err(Failure::demo)
    }

    /// The bytes of its tensors. What the driver takes for them is not told.
    fn held(&self) -> u64 {
        self.held
    }
}
