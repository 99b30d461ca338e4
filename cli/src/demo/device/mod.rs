//! The demo's networks as compute shaders, with their tensors in memory of a device.
//!
//! ```text
//! shader          the kernels in WGSL
//! call            which shader computes a kernel, and with which sizes
//! program         a network as dispatches, and the constants that these read
//! gpu             what the executors need of a device
//! constants       weights, biases and sizes on a device
//! claims          which tensors have which bytes while a run is recorded
//! planned         all tensors in one block
//! separate        a buffer for each tensor
//! measure         both, side by side, and the processor's results
//! spirv           shaders for Vulkan                                     (vulkan-demo)
//! counted         Vulkan's loader, with a count of allocations
//! gpu_allocator   the allocator that Vulkan's planned memory is compared with
//! vulkan          a device of Vulkan
//! wgpu            a device of wgpu                                       (wgpu)
//! cuda_c          shaders in CUDA C                                      (cuda-demo)
//! nvrtc           the compiler from CUDA C to PTX
//! cuda            a device of CUDA
//! ```

// A file uses only files above it in this list.
mod shader;
mod call;
mod program;
mod gpu;
mod constants;
mod claims;
mod planned;
mod separate;
mod measure;
#[cfg(feature = "vulkan-demo")]
mod spirv;
#[cfg(feature = "vulkan-demo")]
mod counted;
#[cfg(feature = "vulkan-demo")]
mod gpu_allocator;
#[cfg(feature = "vulkan-demo")]
mod vulkan;
#[cfg(feature = "wgpu")]
mod wgpu;
#[cfg(feature = "cuda-demo")]
mod cuda_c;
#[cfg(feature = "cuda-demo")]
mod nvrtc;
#[cfg(feature = "cuda-demo")]
mod cuda;
#[cfg(test)]
mod tests;

#[cfg(feature = "cuda-demo")]
pub(crate) use cuda::CudaGpu;
pub(crate) use gpu::Gpu;
pub(crate) use measure::{MeasuredOnDevice, measure as measure_on_device};
#[cfg(feature = "vulkan-demo")]
pub(crate) use vulkan::VulkanGpu;
#[cfg(feature = "wgpu")]
pub(crate) use wgpu::WgpuGpu;
