//! A sampling heap profiler that can stay on: who allocated what is live, and who allocates most.
//!
//! Of the bytes that a program allocates, one in 512 KiB is picked at random, and the block that it
//! lies in is a sample: the stack of its allocation is kept, with what it stands for. So the
//! profile of a program is an estimate, and says how good it is: every [`Estimate`] has a 95 %
//! [confidence interval](Estimate::confidence_interval).
//!
//! ```
//! use std::alloc::{GlobalAlloc, Layout};
//! use orionrt_alloc::{OrionAlloc, profile::Sampling};
//!
//! static ALLOC: OrionAlloc = OrionAlloc::new().with_profile(Sampling::every(4 << 10));
//!
//! let layout = Layout::new::<[u8; 1000]>();
//! // SAFETY: the size is not zero, and the block is freed with its layout.
//! unsafe {
//!     let blocks = [(); 100].map(|()| ALLOC.alloc(layout));
//!     let profile = ALLOC.profile();
//!     let live = profile.total().live_bytes;
//!     let (low, high) = live.confidence_interval();
//!     println!("{:.0} bytes are live, 95 % interval {low:.0} to {high:.0}", live.value);
//!     blocks.map(|block| ALLOC.dealloc(block, layout));
//! }
//! ```
//!
//! # What it costs
//!
//! An allocation that is not sampled, and a release, take the same instructions with a profile, and
//! without one: the thread's cache counts what it gives out anyway, and the counter is set such
//! that it overflows at the next sample. An [`OrionHeap`](crate::OrionHeap) counts its bytes down
//! to the next sample under the lock that it takes anyway. A sample takes some 1,300 instructions,
//! and blocks are samples the more often, the larger they are: see `docs/allocator.md` for a table.
//! A small object that is sampled has its pages for itself, of which less than one is unused: at
//! the default rate 4 KiB for each 512 KiB that are live, 0.8 %.
//!
//! # What is in it
//!
//! All blocks of an [`OrionAlloc`](crate::OrionAlloc) or [`Malloc`](crate::Malloc) and of its
//! [heaps](crate::OrionHeap), large ones included. What a heap gives back when it is dropped or
//! reset is not live any more. A block that is resized without moving keeps its sample while its
//! size class stays, and counts as a new one otherwise.

// A file uses only files above it in this list.
mod estimate;
mod entries;
mod encoder;
mod modules;
mod command;
mod pprof;
mod collect;
mod control;

pub use crate::heap::Sampling;
pub use {
    entries::{Estimates, Profile, ProfileEntry},
    estimate::Estimate,
};
