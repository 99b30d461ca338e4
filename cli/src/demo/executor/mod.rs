//! Runs a network with its tensors wherever a [`TensorSource`] puts them.
//!
//! ```text
//! source   where tensors live: the trait, and the heap
//! run      the executor
//! region   an executor in one region, each tensor at its planned offset
//! ```

#![forbid(unsafe_code)]

// A file uses only files above it in this list.
mod source;
mod run;
mod region;
#[cfg(test)]
pub(super) mod tests;

pub use region::RegionExecutor;
#[cfg(any(feature = "vulkan-demo", feature = "wgpu", feature = "cuda-demo"))]
pub use region::{RegionLayout, Task};
pub use run::Executor;
pub use source::{HeapSource, TensorSource};
