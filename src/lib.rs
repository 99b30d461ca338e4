#![doc = include_str!("../README.md")]
#![cfg_attr(not(feature = "std"), no_std)]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(feature = "nightly", feature(allocator_api))]

extern crate alloc;

// A file uses only files above it in this list.
mod sync;
#[cfg(any(loom, all(target_os = "linux", feature = "std")))]
mod locked;
#[cfg(all(target_os = "linux", feature = "std"))]
mod clock;
#[cfg(all(target_os = "linux", feature = "std"))]
mod mapping;
mod buddy;
mod arena;
#[cfg(all(target_os = "linux", feature = "std", not(loom)))]
mod heap;
#[cfg(loom)]
#[path = "heap/loom.rs"]
mod heap;
#[cfg(all(target_os = "linux", feature = "std", not(loom)))]
mod global;
mod tensor;
mod table;
mod cliques;
mod streams;
mod graph;
mod lifetimes;
mod unplanned;
mod order;
mod planner;
mod plan;
mod devices;
mod sharing;
mod models;
// Some of both is for replay alone.
#[cfg_attr(
    any(loom, not(all(target_os = "linux", feature = "std"))),
    allow(dead_code)
)]
mod claims;
#[cfg_attr(
    any(loom, not(all(target_os = "linux", feature = "std"))),
    allow(dead_code)
)]
mod segments;
mod pool;
mod slot;
mod handover;
mod binding;
#[cfg(any(loom, all(target_os = "linux", feature = "std")))]
mod shared;
#[cfg(all(target_os = "linux", feature = "std", not(loom)))]
mod trace;
#[cfg(all(target_os = "linux", feature = "std", not(loom)))]
mod recorder;
#[cfg(all(target_os = "linux", feature = "std", not(loom)))]
mod replay;
#[cfg(feature = "nightly")]
mod nightly;

#[cfg(all(target_os = "linux", feature = "std"))]
pub use arena::{Numa, NumaNodes};
#[cfg(all(target_os = "linux", feature = "std"))]
pub use mapping::{MapCall, MapError};
#[cfg(feature = "files")]
pub use plan::{FileError, FileMistake, Place};
pub use {
    arena::{Arena, ArenaBuilder, ArenaError, DefaultLock, HugePages, Stats},
    binding::{BindError, Binding, BindingIn, BoundSlot, OwnedBinding, SharedPool},
    buddy::{Buddy, BuddyError, InvalidFree},
    devices::{DeviceError, DevicePlans},
    graph::{
        AliasMistake, Device, DeviceId, Graph, GraphBuilder, GraphError, InPlace, Op, OpBuilder,
        OpId, Tensor, View,
    },
    handover::{HandOverError, SlotBox},
    lifetimes::{
        Aliasing, Lifetime, LifetimeMistake, Lifetimes, LifetimesError, ViewMistake, Within,
    },
    models::{ModelSet, Opportunities, Schedule, SharedBytes, SharedPlan},
    order::Reordered,
    plan::{Plan, PlanError, PlannerError, Section, Usage},
    planner::{
        Auto, Budget, Cancel, CoreFirst, Greedy, GreedyBy, LinearScan, Online, Planner, Skyline,
        Strategy, Task,
    },
    pool::{PoolError, TensorPool},
    sharing::{
        LifetimeAnalyzer, MemoryRegion, ModelId, ModelTensor, SharingError, SharingOpportunity,
        TensorLifetime,
    },
    slot::{OwnedSlot, Slot, SlotError, SlotIn},
    sync::RawLock,
    tensor::TensorId,
    unplanned::{BuddySection, BuddyUsage},
};
#[cfg(all(target_os = "linux", feature = "std", not(loom)))]
pub use {
    global::OrionAlloc,
    heap::{ClassStats, Decay, HeapStats},
    recorder::Recorder,
    replay::{Counts, KeyReport, Misses, Replay, ReplayAlloc, ReplayError, Report, Session},
    trace::{Event, EventKind, Keep, Recording, Request},
};

/// The shared parts, for the models in `tests/loom.rs`.
#[cfg(loom)]
#[doc(hidden)]
pub mod model {
    pub use crate::{
        claims::{Claims, Span},
        heap::{FreePages, OneSpan},
        locked::Locked,
        shared::Shared,
    };
}
