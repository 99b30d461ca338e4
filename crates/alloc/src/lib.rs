//! A thread-safe buddy arena behind the standard allocator trait, and a global allocator built on it.

#![cfg_attr(not(feature = "std"), no_std)]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(feature = "nightly", feature(allocator_api))]

extern crate alloc;

// A file uses only files above it in this list.
pub mod arena;
#[cfg(all(feature = "std", not(loom)))]
pub mod heap;
#[cfg(loom)]
#[path = "heap/loom.rs"]
pub mod heap;
#[cfg(all(feature = "std", not(loom)))]
mod global;
#[cfg(feature = "nightly")]
mod nightly;

pub use arena::Arena;
#[cfg(all(feature = "std", not(loom)))]
pub use global::OrionAlloc;
