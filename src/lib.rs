#![doc = include_str!("../README.md")]
#![cfg_attr(not(feature = "std"), no_std)]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(feature = "nightly", feature(allocator_api))]

extern crate alloc;

// A file uses only files above it in this list.
pub mod slots;
#[cfg(any(loom, all(target_os = "linux", feature = "std")))]
pub mod replay;
#[cfg(feature = "nightly")]
mod nightly;

pub use orionrt_alloc::arena;
#[cfg(all(target_os = "linux", feature = "std", not(loom)))]
pub use orionrt_alloc::heap;
pub use orionrt_buddy as buddy;
pub use orionrt_plan::{
    buddy_simulation, devices, graph, lifetimes, multi_model as models, plan, planner, schedule,
};

pub use {
    arena::{Arena, ArenaError, Stats},
    models::{ModelSet, Schedule},
    orionrt_plan::{Aliasing, Graph, GraphBuilder, Lifetimes, Plan, Planner, TensorId},
    slots::{SharedPool, TensorPool},
};
#[cfg(all(target_os = "linux", feature = "std", not(loom)))]
pub use {
    orionrt_alloc::OrionAlloc,
    replay::{Recorder, ReplayAlloc, ReplayError},
};

/// The shared parts, for the models in `tests/loom.rs`.
#[cfg(loom)]
#[doc(hidden)]
pub mod model {
    pub use crate::{
        replay::lend::Shared,
        slots::claims::{Claims, Span},
    };
    pub use orionrt_alloc::heap::{FreePages, OneSpan};
    pub use orionrt_sys::locked::Locked;
}
