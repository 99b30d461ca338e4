//! Owned heaps: what an [`OrionHeap`](crate::OrionHeap) consists of.
//!
//! An owned heap has spans and large blocks of its own, on pages that it takes from the [`Heap`] of
//! its allocator and gives back together. It has no caches: whoever allocates takes its lock.
//!
//! ```text
//!   OrionHeap A          OrionHeap B            OrionAlloc
//!   lock, spans, large   lock, spans, large     caches, depots, large
//!        └─────────────────────┴──────────────────────┤
//!                                                 page heap
//! ```
//!
//! What these types do with pages is in `owned_blocks.rs` and `owned_heaps.rs`.
//!
//! [`Heap`]: super::heap::Heap

// A file uses only files above it in this list.
mod heap_stats;
mod owned_spans;
mod owned_heap;
mod owned_list;

pub use heap_stats::OrionHeapStats;
pub(crate) use owned_heap::OwnedHeap;
pub(super) use owned_list::{OwnedHeaps, OwnedTotals};
pub(super) use owned_spans::{Freed, OwnedSpans};
