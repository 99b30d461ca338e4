//! What `orionrt demo` computes: three networks, their tensors in planned slots and on the heap.
//!
//! ```text
//! run_error     why a network does not run
//! kernels       arithmetic on slices, some of it in place
//! network       kernels over named tensors, and the graph that the planner sees
//! models        the three networks
//! placement     where tensors lie: in bytes of their own, or within another tensor
//! executor      runs a network with its tensors wherever a source puts them
//! pool_source   planned slots as a source; the other one is executor::HeapSource
//! metered       counts the bytes that pass through an allocator
//! measure       runs with both sources, side by side
//! fitted        runs in less memory than the peak, by fitted schedules
//! device        runs as compute shaders, in memory of a device
//!                                                        (vulkan-demo, wgpu, cuda-demo)
//! ```

// A file uses only files above it in this list.
mod run_error;
mod kernels;
mod network;
mod models;
mod placement;
mod executor;
mod pool_source;
mod metered;
mod measure;
mod fitted;
#[cfg(any(feature = "vulkan-demo", feature = "wgpu", feature = "cuda-demo"))]
mod device;

#[cfg(feature = "cuda-demo")]
pub(crate) use device::CudaGpu;
#[cfg(feature = "vulkan-demo")]
pub(crate) use device::VulkanGpu;
#[cfg(feature = "wgpu")]
pub(crate) use device::WgpuGpu;
#[cfg(any(feature = "vulkan-demo", feature = "wgpu", feature = "cuda-demo"))]
pub(crate) use device::{Gpu, MeasuredOnDevice, measure_on_device};
pub(crate) use fitted::{Means, MeasuredFit, measure_fitted};
pub(crate) use measure::{Measured, Runs, measure};
#[cfg(test)]
pub(crate) use models::medium_networks;
pub(crate) use models::networks;
pub(crate) use network::Network;
