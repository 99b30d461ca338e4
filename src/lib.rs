//! A memory runtime for programs whose allocations are known ahead of time, deep-learning inference
//! first.
//!
//! OrionRT works out when every tensor of a graph is alive, places all of them in one arena with
//! near-minimal peak memory, and hands them out as ordinary `Box` and `Vec` values in their planned
//! slots. Beneath it are a thread-safe buddy arena and a global allocator.
//!
//! ```text
//! graph ──────┐                            ┌─► TensorPool ─► slot ─► Box / Vec
//! CSV, rows ──┼─► lifetimes ─► plan ───────┤
//! recording ──┘   (orionrt-plan)           └─► ReplayAlloc: GlobalAlloc around any other
//!                                                   │ memory from
//! OS memory ────► buddy of ──┬─► Arena: Allocator ◄─┘
//! (orionrt-sys)   offsets    └─► OrionAlloc: GlobalAlloc             (orionrt-alloc)
//! ```
//!
//! | you have | start with |
//! | --- | --- |
//! | collections that should live in one pinned range of memory | [`Arena`] |
//! | a program that should allocate faster and hold less memory | [`OrionAlloc`] |
//! | many blocks that go at the same time, as those of a request | [`OrionHeap`] |
//! | a graph, or lifetimes from a compiler | [`GraphBuilder`], [`Lifetimes`], [`Planner`] |
//! | a plan, and code that wants its tensors | [`TensorPool`], [`execution`] |
//! | a graph that needs more memory than there is | [`fit`], by spilling and recomputing |
//! | several memories, a fast one among them | [`pools`]; [`devices`], if the graph names them |
//! | buffers of limited size | [`regions`] |
//! | firmware without a heap | `files::PlanSource`, which writes a plan as Rust or C |
//! | a tensor that is idle for long | `Slot::park`, in [`slots`] |
//! | inferences at the same time, with a pool each | `PoolSet` |
//! | tensors in the memory of a GPU | the crate `orionrt-devices` |
//! | several models that take turns | [`ModelSet`], [`SharedPool`] |
//! | an engine that allocates by itself | [`ReplayAlloc`] |
//!
//! ```
//! use core::alloc::Layout;
//! use orionrt::{Arena, GraphBuilder, Planner, TensorPool};
//!
//! let mut g = GraphBuilder::new();
//! let x = g.tensor("x", Layout::array::<f32>(1024)?);
//! let y = g.tensor("y", Layout::array::<f32>(1024)?);
//! g.op("relu").reads([x]).writes([y]);
//! let graph = g.output(y).build()?;
//!
//! let plan = Planner::new().plan(&graph.lifetimes())?;
//! assert!(plan.is_optimal());
//!
//! let arena = Arena::builder().capacity(1 << 20).build()?;
//! let pool = TensorPool::new(&arena, &plan)?;
//! let x = pool.filled(x, 1.0f32)?;
//! assert_eq!(x.len(), 1024);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! This crate is the facade: planning is `orionrt-plan`, the arena and the global allocator are
//! `orionrt-alloc`, and each can be used alone. What is defined here is the runtime in which both
//! meet, [`slots`] and [`replay`]. The allocation trait is that of `allocator-api2` 0.2.
//!
//! # Features
//!
//! - `std` (default): OS memory, time limits, threads. Without it the arena works over memory that
//!   you lend it, and all of planning works.
//! - `files`: lifetimes and plans as CSV, plans as JSON.
//! - `park`: idle tensors in compressed form, while others have their bytes; with `lz4_flex`.
//! - `zstd`: these may be compressed by Zstandard, too, whose C library is compiled for that.
//! - `hardened`: the global allocator catches more misuse, at a price.
//! - `profile`: the global allocator can keep a sampling heap profile.
//! - `valgrind`, `asan`: memory checkers see blocks and slots.
//! - `nightly`: the standard library's own allocator traits with a nightly compiler. With a stable
//!   one its `Allocator` is implemented from Rust 1.100 on, where it is stable, without this.

#![cfg_attr(not(feature = "std"), no_std)]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(orionrt_allocator_api, feature(allocator_api))]
#![cfg_attr(orionrt_allocator_ext, feature(allocator_ext))]

extern crate alloc;

// A file uses only files above it in this list.
pub mod slots;
#[cfg(any(loom, feature = "std"))]
mod fork;
#[cfg(any(loom, feature = "std"))]
mod lend;
#[cfg(all(feature = "std", not(loom)))]
pub mod replay;
#[cfg(loom)]
#[path = "replay/loom.rs"]
mod replay;
#[cfg(orionrt_std_allocator)]
mod std_allocator;

pub use orionrt_alloc::arena;
#[cfg(all(feature = "std", not(loom)))]
pub use orionrt_alloc::heap;
#[cfg(all(feature = "profile", not(loom)))]
pub use orionrt_alloc::profile;
pub use orionrt_buddy as buddy;
#[cfg(feature = "files")]
pub use orionrt_plan::files;
pub use orionrt_plan::{
    buddy_simulation, devices, execution, fit, graph, iterations, lifetimes, multi_model as models,
    parts, plan, planner, pools, regions, schedule,
};

#[cfg(feature = "std")]
pub use slots::PoolSet;
pub use {
    arena::{Arena, ArenaError, Stats},
    models::{ModelSet, Schedule},
    orionrt_plan::{Aliasing, Graph, GraphBuilder, Lifetimes, Plan, Planner, TensorId},
    slots::{SharedPool, TensorPool},
};
#[cfg(all(feature = "std", not(loom)))]
pub use {
    orionrt_alloc::{Malloc, OrionAlloc, OrionHeap, Purger},
    replay::{Recorder, ReplayAlloc, ReplayError},
};

/// The examples of the README and of the pages in `docs/`.
#[cfg(doctest)]
mod pages {
    macro_rules! page {
        ($($name:ident $file:literal)*) => {
            $(#[doc = include_str!($file)] struct $name;)*
        };
    }
    page! {
        Readme "../README.md"
        Allocator "../docs/allocator.md"
        Planning "../docs/planning.md"
        Replay "../docs/replay.md"
        Slots "../docs/slots.md"
    }
}

/// The parts that threads share, for the models in `tests/loom*.rs`.
#[cfg(loom)]
#[doc(hidden)]
pub mod model {
    pub use crate::{
        fork::model::{begin, fork},
        lend::{Loan, ScopedLend},
        replay::{Asked, ModelTeam, run_as},
        slots::claims::{Claims, SegmentRange},
    };
    pub use orionrt_alloc::heap::{FreePages, OneSpan, PurgerState, WatchedPages};
    pub use orionrt_sys::{bell::Bell, locked::Locked};
}
