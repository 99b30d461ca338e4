//! A device of Vulkan.
//!
//! Stands on `orionrt-devices`, and on [`spirv`](super::spirv) for kernels. Invariant: a run is
//! over when [`Gpu::run`] returns, and nothing of the device uses its buffers any more.

use std::cell::RefCell;

use orionrt_devices::{
    DeviceProperties, StreamOrder,
    vulkan::{
        VulkanBuffer, VulkanCommands, VulkanDevice, VulkanKernel, VulkanMemory, VulkanOptions,
        VulkanProgram, VulkanProgramRecorder, VulkanRecorder, VulkanStream, VulkanUse,
    },
};

#[cfg(test)]
use orionrt_devices::vulkan::VulkanMessages;

use super::{
    counted,
    gpu::{Gpu, KERNELS, Recorded},
    gpu_allocator::GpuAllocator,
    shader::Shader,
    spirv::spirv,
};
use crate::failure::Failure;

/// The bytes of the host's memory that transfers go through.
const TRANSFER_BYTES: u64 = 4 << 20;

/// A device with one stream.
pub struct VulkanGpu {
    stream: RefCell<VulkanStream>,
    device: VulkanDevice,
}

impl VulkanGpu {
    /// Opens the device of this number, with validation layers if asked for.
    ///
    /// # Errors
    /// There is no such device, or no validation layers.
    pub fn open(index: usize, validated: bool) -> Result<Self, Failure> {
        let options = VulkanOptions {
            validated,
            queues: 1,
            ..VulkanOptions::default()
        };
        let device = match counted::loader() {
            Some(loader) => VulkanDevice::open_with(loader, index, options),
            // The library says what is missing.
            None => VulkanDevice::open(index, options),
        };
        let device = device.map_err(Failure::demo)?;
        let stream = VulkanStream::new(&device, KERNELS, TRANSFER_BYTES).map_err(Failure::demo)?;
        Ok(Self {
            stream: RefCell::new(stream),
            device,
        })
    }

    /// The list of what the validation layers say, also of what is left over at the end.
    #[cfg(test)]
    pub(super) fn list(&self) -> VulkanMessages {
        self.device.messages()
    }
}

impl Gpu for VulkanGpu {
    type Block = VulkanMemory;
    type Buffer = VulkanBuffer;
    type Kernel = VulkanKernel;
    type Commands = VulkanCommands;
    type Recorder = VulkanProgramRecorder;
    type Program = VulkanProgram;
    type Peer<'g> = GpuAllocator<'g>;

    fn properties(&self) -> &DeviceProperties {
        self.device.properties()
    }

    fn block(&self, bytes: u64) -> Result<VulkanMemory, Failure> {
        VulkanMemory::allocate(&self.device, bytes).map_err(Failure::demo)
    }

    fn kernel(&self, shader: Shader) -> Result<VulkanKernel, Failure> {
        let words = spirv(shader)?;
        let bindings = shader.bindings();
        // SAFETY: naga has validated the module and checks the bounds of all buffers, as `spirv`
        // asks it to; `Shader::wgsl` declares `main` and exactly these bindings.
        let kernel = unsafe { VulkanKernel::new(&self.device, &words, c"main", bindings, 0) };
        kernel.map_err(Failure::demo)
    }

    fn recorder(&self, order: &StreamOrder) -> VulkanProgramRecorder {
        VulkanProgramRecorder::new(&self.device, order)
    }

    fn add(
        &self,
        recorder: &mut VulkanProgramRecorder,
        kernel: &VulkanKernel,
        uses: &[VulkanUse<'_>],
        [across, down]: [u32; 2],
    ) -> Result<(), Failure> {
        let added = recorder.dispatch(KERNELS, kernel, uses, &[], [across, down, 1]);
        added.map_err(Failure::demo)
    }

    fn finish(&self, recorder: VulkanProgramRecorder) -> Result<VulkanProgram, Failure> {
        recorder.finish().map_err(Failure::demo)
    }

    fn run_program(&self, program: &VulkanProgram) -> Result<(), Failure> {
        let mut stream = self.stream.borrow_mut();
        let submitted = program.submit(std::slice::from_mut(&mut stream));
        submitted.map_err(Failure::demo)?;
        stream.wait().map_err(Failure::demo)
    }

    fn record(&self, dispatches: &[Recorded<'_, Self>]) -> Result<VulkanCommands, Failure> {
        let mut recorder = VulkanRecorder::new(&self.device);
        for dispatch in dispatches {
            let [across, down] = dispatch.groups;
            let groups = [across, down, 1];
            let added = recorder.dispatch(dispatch.kernel, &dispatch.buffers, &[], groups);
            added.map_err(Failure::demo)?;
        }
        recorder.finish().map_err(Failure::demo)
    }

    fn run(&self, commands: &VulkanCommands) -> Result<(), Failure> {
        let mut stream = self.stream.borrow_mut();
        stream.submit(commands, &[]).map_err(Failure::demo)?;
        stream.wait().map_err(Failure::demo)
    }

    fn upload(&self, _: &VulkanMemory, to: &VulkanBuffer, bytes: &[u8]) -> Result<(), Failure> {
        let mut stream = self.stream.borrow_mut();
        stream.upload(bytes, to).map_err(Failure::demo)?;
        Ok(())
    }

    fn download(
        &self,
        _: &VulkanMemory,
        from: &VulkanBuffer,
        values: &mut [f32],
    ) -> Result<(), Failure> {
        let mut stream = self.stream.borrow_mut();
        stream.download(from, values).map_err(Failure::demo)
    }

    fn peer(&self) -> Result<GpuAllocator<'_>, Failure> {
        GpuAllocator::new(&self.device)
    }

    fn allocations(&self) -> u64 {
        counted::allocations(self.device.raw().handle())
    }

    fn messages(&self) -> Vec<String> {
        self.device.messages().to_vec()
    }
}
