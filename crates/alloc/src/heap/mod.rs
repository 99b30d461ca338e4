//! The heap behind [`OrionAlloc`](crate::OrionAlloc): when it gives memory back, and what it
//! counts.
//!
//! # How it allocates
//!
//! Requests of up to 32 KiB are **small**: they are rounded up to one of 72 size classes, by at
//! most 15 bytes or 12.5 %. Each thread has a cache of free objects per class, so that allocating
//! and freeing take no lock. An empty cache refills from the depot of the class, and a full one
//! flushes to it, in batches; depots cut their objects from spans of pages. An object that another
//! thread frees goes into that thread's cache, and from there to the depot like all others.
//!
//! Requests beyond that are **large**: runs of 4 KiB pages, from a buddy allocator. They grow and
//! shrink in place where they can, and large ones move by remapping instead of copying. Where
//! their last page has room, they begin at varying distances from the start of a page, so that in a
//! loop over several of them they do not compete for the same lines of the cache.
//!
//! # When memory goes back
//!
//! Free pages go back to the operating system by themselves, as [`Decay`] says. Those that a steady
//! load does not need go at once; the rest go when nobody has needed them for a quarter of a
//! second, or for as long as an iteration takes where the program runs a loop. Decay runs on
//! allocation and release. A program that is about to sleep for long calls
//! [`OrionAlloc::purge`](crate::OrionAlloc::purge), or has a thread that looks after this:
//! [`OrionAlloc::spawn_purger`](crate::OrionAlloc::spawn_purger).
//!
//! # What it refuses
//!
//! What the system does not give, what is beyond a
//! [limit](crate::OrionAlloc::with_limit) of memory or address space, and single blocks that are
//! [too large](crate::OrionAlloc::with_largest_block) for the machine: the pointer is null, and the
//! refusal is counted. At the limit of memory, free pages go back to the system first.
//!
//! # What it counts
//!
//! [`OrionAlloc::stats`](crate::OrionAlloc::stats) returns [`HeapStats`]: allocations, bytes
//! requested, granted, in use, resident and reserved, the heap's own tables, and [`ClassStats`] for
//! every size class.
//! Counting costs the fast path nothing beyond one addition.
//!
//! ```
//! use std::{alloc::{GlobalAlloc, Layout}, time::Duration};
//! use orionrt_alloc::{OrionAlloc, heap::Decay};
//!
//! const DECAY: Decay = Decay::After(Duration::from_millis(50));
//! static ALLOC: OrionAlloc = OrionAlloc::new().with_decay(DECAY);
//!
//! let layout = Layout::from_size_align(100, 8)?;
//! // SAFETY: the size is not zero, and the block is freed with its layout.
//! unsafe {
//!     let block = ALLOC.alloc(layout);
//!     let stats = ALLOC.stats();
//!     assert_eq!((stats.requested_bytes, stats.live_bytes), (100, 112));
//!     ALLOC.dealloc(block, layout);
//! }
//! # Ok::<(), std::alloc::LayoutError>(())
//! ```

#[cfg(not(target_has_atomic = "64"))]
compile_error!(
    "`OrionAlloc` and `OrionHeap` need 64-bit atomic integers, which this target lacks. Without \
     the feature `std` there are arenas alone"
);

// A file uses only files above it in this list.
// First what a heap is made of, bottom-up:
mod class;
mod invalid_free;
mod colour;
mod span;
mod transfer_cache;
mod depot_spans;
mod depot;
mod purge;
mod recurrence;
mod swings;
mod decay;
mod limits;
mod bin_word;
mod bin;
#[cfg(feature = "profile")]
mod sampling;
mod config;
mod word_masks;
mod chunked_words;
mod page_set;
mod table_pages;
mod mapped_vec;
mod zone_map;
mod zone_registry;
mod zone;
mod page_run;
mod page_heap;
mod surplus;
#[cfg(all(test, target_pointer_width = "64"))]
mod retention_tests;
mod page_tables;
#[cfg(feature = "profile")]
mod hash_index;
#[cfg(feature = "profile")]
mod sums;
#[cfg(feature = "profile")]
mod stack_table;
#[cfg(feature = "profile")]
mod thread_stack;
#[cfg(feature = "profile")]
mod spare_pages;
#[cfg(feature = "profile")]
mod sample_table;
#[cfg(feature = "profile")]
mod profile_hook;
mod cache;
mod thread_cache;
mod large_counts;
mod purger_state;
mod owned;
#[expect(clippy::module_inception, reason = "it holds the type `Heap`")]
mod heap;
// then what a heap does, each file with an `impl Heap` of its own:
mod page_supply;
mod spans;
mod thread_caches;
mod local;
#[cfg(feature = "profile")]
mod sampled;
mod small;
#[cfg(feature = "hardened")]
mod hardened;
mod large;
mod found_block;
mod resize;
mod owned_blocks;
#[cfg(feature = "profile")]
mod owned_sampled;
mod owned_heaps;
mod reclaim;
mod watch;
mod stats;
mod collect_stats;
mod fork;
mod create;
// It makes hundreds of heaps, whose address space stays reserved.
#[cfg(all(test, target_pointer_width = "64"))]
mod tests;

pub use decay::Decay;
#[doc(hidden)]
pub use fork::forks;
#[doc(hidden)]
pub use invalid_free::{InvalidFree, abort_invalid_free};
pub use owned::OrionHeapStats;
pub use stats::{ClassStats, HeapStats};

pub(crate) use cache::Cache;
pub(crate) use class::{Class, LARGEST as LARGEST_CLASS, PAGE};
pub(crate) use config::Config;
pub(crate) use fork::with_heaps_locked;
pub(crate) use found_block::FoundBlock;
pub(crate) use heap::Heap;
pub(crate) use limits::{LEAST_ZONE, Limits};
#[cfg(feature = "profile")]
pub(crate) use mapped_vec::MappedVec;
pub(crate) use owned::OwnedHeap;
#[cfg(feature = "profile")]
pub use sampling::Sampling;
#[cfg(feature = "profile")]
pub(crate) use stack_table::MOST_DEPTH;
#[cfg(feature = "profile")]
pub(crate) use sums::{StackSums, Sums};
pub(crate) use thread_cache::cache;
