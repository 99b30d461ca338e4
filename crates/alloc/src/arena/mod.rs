//! The arena: a fixed range of memory with a buddy allocator, behind a lock and the trait
//! `Allocator`.
//!
//! ```text
//!   builder      the options, and the ways to make an arena
//!   allocator    Arena: the lock, and the calls of the trait
//!   memory       ArenaMemory: pointers for layouts, commit, purge; one thread at a time
//!      ├── orionrt_buddy::Buddy            which offsets are free (its words: bitmap_words)
//!      └── orionrt_sys::mapping::Mapping   where they are; or memory of the caller
//! ```

// A file uses only files above it in this list.
mod stats;
mod huge_pages;
pub(crate) mod bitmap_words;
pub(crate) mod commit;
mod grant;
mod memory;
#[cfg(feature = "std")]
mod numa;
mod error;
mod pointer;
mod allocator;
mod builder;
#[cfg(all(test, feature = "std"))]
mod tests;

#[doc(hidden)]
pub use pointer::dangling;
pub use {
    allocator::{Arena, DefaultLock},
    builder::ArenaBuilder,
    error::ArenaError,
    huge_pages::HugePages,
    orionrt_sys::sync::RawLock,
    stats::Stats,
};
#[cfg(feature = "std")]
pub use {
    numa::{Numa, NumaNodes},
    orionrt_sys::mapping::{MapCall, MapError},
};
