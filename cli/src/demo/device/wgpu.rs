//! A device of wgpu.
//!
//! Stands on `orionrt-devices`. What planned memory is compared with are wgpu's own buffers, which
//! `gpu-allocator` makes on Vulkan. Invariant: a run is over when [`Gpu::run`] returns.

#![forbid(unsafe_code)]

use orionrt_devices::{
    DeviceProperties, StreamOrder,
    wgpu::{WgpuBuffer, WgpuCommands, WgpuDevice, WgpuKernel, WgpuMemory, WgpuUse},
};

use super::{
    gpu::{Gpu, KERNELS, Peer, Recorded},
    shader::Shader,
};
use crate::failure::Failure;

/// A device with its queue.
pub struct WgpuGpu {
    device: WgpuDevice,
}

/// Buffers of wgpu.
pub struct WgpuBuffers<'g> {
    device: &'g WgpuDevice,
    live: u64,
}

impl WgpuGpu {
    /// Opens the device of this number.
    ///
    /// # Errors
    /// There is no such device.
    pub fn open(index: usize) -> Result<Self, Failure> {
        let device = WgpuDevice::open(index).map_err(Failure::demo)?;
        Ok(Self { device })
    }
}

impl Gpu for WgpuGpu {
    type Block = WgpuMemory;
    type Buffer = WgpuBuffer;
    type Kernel = WgpuKernel;
    type Commands = WgpuCommands;
    type Recorder = WgpuCommands;
    type Program = WgpuCommands;
    type Peer<'g> = WgpuBuffers<'g>;

    fn properties(&self) -> &DeviceProperties {
        self.device.properties()
    }

    fn block(&self, bytes: u64) -> Result<WgpuMemory, Failure> {
        WgpuMemory::new(&self.device, bytes).map_err(Failure::demo)
    }

    fn kernel(&self, shader: Shader) -> Result<WgpuKernel, Failure> {
        let kernel = WgpuKernel::new(&self.device, &shader.wgsl(), "main", shader.bindings(), 0);
        kernel.map_err(Failure::demo)
    }

    fn recorder(&self, _: &StreamOrder) -> WgpuCommands {
        WgpuCommands::new(&self.device)
    }

    fn add(
        &self,
        recorder: &mut WgpuCommands,
        kernel: &WgpuKernel,
        uses: &[WgpuUse<'_>],
        [across, down]: [u32; 2],
    ) -> Result<(), Failure> {
        let buffers = uses.iter().map(|tensor| tensor.on(KERNELS));
        let buffers: Vec<_> = buffers.collect::<Result<_, _>>().map_err(Failure::demo)?;
        let added = recorder.dispatch(kernel, &buffers, &[], [across, down, 1]);
        added.map_err(Failure::demo)
    }

    fn finish(&self, recorder: WgpuCommands) -> Result<WgpuCommands, Failure> {
        Ok(recorder)
    }

    fn run_program(&self, program: &WgpuCommands) -> Result<(), Failure> {
        self.run(program)
    }

    fn record(&self, dispatches: &[Recorded<'_, Self>]) -> Result<WgpuCommands, Failure> {
        let mut commands = WgpuCommands::new(&self.device);
        for dispatch in dispatches {
            let [across, down] = dispatch.groups;
            let groups = [across, down, 1];
            let added = commands.dispatch(dispatch.kernel, &dispatch.buffers, &[], groups);
            added.map_err(Failure::demo)?;
        }
        Ok(commands)
    }

    fn run(&self, commands: &WgpuCommands) -> Result<(), Failure> {
        let submitted = self.device.submit(commands).map_err(Failure::demo)?;
        submitted.wait(None).map_err(Failure::demo)?;
        Ok(())
    }

    fn upload(&self, block: &WgpuMemory, to: &WgpuBuffer, bytes: &[u8]) -> Result<(), Failure> {
        block.upload(to, bytes).map_err(Failure::demo)
    }

    fn download(
        &self,
        block: &WgpuMemory,
        from: &WgpuBuffer,
        values: &mut [f32],
    ) -> Result<(), Failure> {
        block.download(from, values).map_err(Failure::demo)
    }

    fn peer(&self) -> Result<WgpuBuffers<'_>, Failure> {
        let device = &self.device;
        Ok(WgpuBuffers { device, live: 0 })
    }

    /// The live allocations that wgpu reports. It reports none on some systems' backends.
    fn allocations(&self) -> u64 {
        let report = self.device.device().generate_allocator_report();
        report.map_or(0, |report| report.allocations.len() as u64)
    }

    fn messages(&self) -> Vec<String> {
        Vec::new()
    }
}

impl Peer for WgpuBuffers<'_> {
    type Buffer = WgpuBuffer;
    type Tensor = WgpuBuffer;

    fn allocate(&mut self, _: &str, bytes: u64) -> Result<WgpuBuffer, Failure> {
        let buffer = WgpuBuffer::alone(self.device, bytes).map_err(Failure::demo)?;
        self.live += buffer.block().size();
        Ok(buffer)
    }

    fn buffer<'t>(&self, tensor: &'t WgpuBuffer) -> &'t WgpuBuffer {
        tensor
    }

    fn free(&mut self, tensor: WgpuBuffer) -> Result<(), Failure> {
        self.live -= tensor.block().size();
        tensor.block().destroy();
        Ok(())
    }

    /// The bytes of its buffers: the blocks that wgpu cuts them from have others' buffers, too.
    fn held(&self) -> u64 {
        self.live
    }
}
