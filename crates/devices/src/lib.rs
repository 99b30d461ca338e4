//! Planned tensors in device memory: one block, offsets from a plan, and claims that follow the
//! streams.
//!
//! A `DeviceArena` is one block of a device's memory. A `DevicePool` lays a plan into it: each
//! tensor has its range, made into a buffer once, so that nothing is allocated while kernels run.
//! What was not planned is served from the rest of the block. A slot of the pool claims its bytes
//! as long as the streams of the device may use them: two tensors that share a byte and are
//! in use at once are an error that names both.
//!
//! ```text
//! Plan ──────────────┐
//! DeviceProperties ──┴─► DevicePool ─► DeviceSlot ─► buffer of a kernel
//!                            │             └ claims in the order of the streams
//! DeviceMemory ──► DeviceArena             (order, claims)
//!   vulkan, wgpu, cuda, host
//! ```
//!
//! Stands on `orionrt-plan` for plans and on `orionrt-buddy` for what was not planned. The core has
//! no unsafe code and knows no device; each backend is a module behind a feature of its own name,
//! over a crate that speaks to the driver: `vulkan` (`ash`), `wgpu`, `cuda` (`cudarc`).

#![cfg_attr(docsrs, feature(doc_cfg))]
#![deny(unsafe_code)]

// A file uses only files above it in this list.
mod error;
#[cfg(any(feature = "cuda", feature = "vulkan", feature = "wgpu"))]
mod label;
#[cfg(any(feature = "cuda", feature = "vulkan"))]
mod pinned;
mod properties;
mod memory;
mod host;
mod order;
mod segments;
mod claims;
mod slot_error;
mod returned;
mod ranges;
mod arena;
mod pool;
mod slot;
mod join;
mod uses;
mod ring;
#[cfg(feature = "cuda")]
#[cfg_attr(docsrs, doc(cfg(feature = "cuda")))]
pub mod cuda;
#[cfg(feature = "wgpu")]
#[cfg_attr(docsrs, doc(cfg(feature = "wgpu")))]
pub mod wgpu;
#[cfg(feature = "vulkan")]
#[cfg_attr(docsrs, doc(cfg(feature = "vulkan")))]
pub mod vulkan;

pub use {
    arena::{DeviceArena, DeviceArenaStats, DeviceBlock},
    error::DeviceMemoryError,
    host::HostDevice,
    join::DeviceJoinError,
    memory::DeviceMemory,
    order::{Event, OrderError, StreamId, StreamOrder},
    pool::DevicePool,
    properties::{DeviceKind, DeviceProperties, MemoryHeap},
    ring::{RingError, StagingRing},
    slot::{DeviceSlot, DeviceTransferError},
    slot_error::DeviceSlotError,
    uses::DeviceUse,
};

/// The examples of the page in `docs/`.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/devices.md")]
struct Page;
