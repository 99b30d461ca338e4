//! Two allocators for Rust programs: an arena behind the `Allocator` trait, and a global allocator.
//!
//! [`Arena`] is a fixed range of memory, owned by a thread-safe buddy allocator: collections keep
//! their elements in it, and exhaustion is an error, never a crash. The memory can be pinned,
//! prefaulted, backed by huge pages, placed on a NUMA node, or be a `static` array of your own
//! (without `std`).
//!
//! ```
//! use allocator_api2::vec::Vec; // or std's `Vec`, from Rust 1.100 on
//! use orionrt_alloc::Arena;
//!
//! let arena = Arena::builder().capacity(64 << 20).build()?;
//! let mut v: Vec<f32, &Arena> = Vec::new_in(&arena);
//! v.extend([1.0, 2.0, 3.0]);
//! assert_eq!(arena.stats().allocations, 1);
//! # Ok::<(), orionrt_alloc::arena::ArenaError>(())
//! ```
//!
//! [`OrionAlloc`] is a general-purpose allocator for a whole program. It scales with threads, gives
//! free memory back by itself, always keeps statistics, ends the process on an invalid free, and
//! stays usable on both sides of a `fork`.
//!
//! ```
//! use orionrt_alloc::OrionAlloc;
//!
//! #[global_allocator]
//! static ALLOC: OrionAlloc = OrionAlloc::new();
//!
//! let v = vec![1u8; 1000];
//! assert!(ALLOC.stats().live_bytes >= 1000);
//! # drop(v);
//! ```
//!
//! [`OrionHeap`] is a part of such an allocator that is dropped whole, with everything that was
//! allocated from it: one for each request of a server, say. A program may have thousands.
//!
//! ```
//! use allocator_api2::vec::Vec;
//! use orionrt_alloc::OrionHeap;
//!
//! let heap = OrionHeap::new()?;
//! let v: Vec<u64, &OrionHeap> = Vec::with_capacity_in(100, &heap);
//! assert_eq!(heap.stats().live_bytes, 832); // 800, rounded up
//! # drop(v);
//! # Ok::<(), allocator_api2::alloc::AllocError>(())
//! ```
//!
//! `WasmAlloc`, which is there in WebAssembly alone, is a small allocator for a program of one
//! thread.
//!
//! [`Malloc`] is the same as `OrionAlloc` for owners that do not remember how large their blocks
//! are, as in C; `orionrt-preload` makes the C library's `malloc` of it.
//!
//! # Layers
//!
//! ```text
//!   OrionAlloc                                OrionHeap      Arena
//!     small, up to 32 KiB         large         spans,         │
//!   thread cache   no lock          │           large          │
//!     │ refill, flush               │             │            │
//!   depot          one per class:   │             │            │
//!     │ spans      transfer cache,  │             │            │
//!     │            and spans        │             │            │
//!   page heap ◄─────────────────────┴─────────────┘            │
//!     │ pages of a zone                                        │
//!   buddy allocator (crate orionrt-buddy) ◄────────────────────┘
//!     │
//!   mapping (crate orionrt-sys): reserve, commit, discard, remap
//! ```
//!
//! [`arena`] and [`heap`] say more about each. Planned memory, where every tensor has its offset
//! before the program runs, is the business of `orionrt`, which stands on this crate.
//!
//! # When not to use it
//!
//! - `OrionAlloc` needs `std` and an operating system that `orionrt-sys` supports: Linux, where
//!   everything is tested, FreeBSD, Windows, macOS or another of Apple's (`docs/platforms.md` in
//!   the repository says what was checked there). It reserves address space for twice the
//!   machine's memory, or a quarter of what `ulimit -v` allows. WebAssembly has `WasmAlloc`.
//! - A signal handler must not allocate from either of them.
//! - An arena takes a lock for every call. For many short-lived values of one thread, a bump
//!   allocator is faster.
//! - An `Arena` with the default lock must not be the program's global allocator: that lock may
//!   allocate.

#![cfg_attr(not(feature = "std"), no_std)]
#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg_attr(orionrt_allocator_api, feature(allocator_api))]
#![cfg_attr(orionrt_allocator_ext, feature(allocator_ext))]

extern crate alloc;

// A file uses only files above it in this list.
#[cfg(any(test, all(target_arch = "wasm32", not(target_feature = "atomics"))))]
mod growing;
#[cfg(all(target_arch = "wasm32", not(target_feature = "atomics")))]
mod wasm;
pub mod arena;
#[cfg(all(feature = "std", not(loom)))]
pub mod heap;
#[cfg(loom)]
#[path = "heap/loom.rs"]
pub mod heap;
#[cfg(all(feature = "std", not(loom)))]
mod global;
#[cfg(all(feature = "std", not(loom)))]
mod global_limits;
#[cfg(all(feature = "std", not(loom)))]
mod observer;
#[cfg(all(feature = "std", not(loom)))]
mod malloc;
#[cfg(all(feature = "std", not(loom)))]
mod purger;
#[cfg(all(feature = "std", not(loom)))]
mod orion_heap;
#[cfg(all(feature = "profile", not(loom)))]
pub mod profile;
#[cfg(orionrt_std_allocator)]
#[doc(hidden)]
pub mod std_allocator;

pub use arena::Arena;
#[cfg(all(target_arch = "wasm32", not(target_feature = "atomics")))]
pub use wasm::WasmAlloc;
#[cfg(all(feature = "std", not(loom)))]
pub use {
    global::OrionAlloc, malloc::Malloc, observer::Observer, orion_heap::OrionHeap, purger::Purger,
};
