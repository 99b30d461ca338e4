//! What OrionRT asks of the operating system: memory, locks that sleep, and clocks.
//!
//! This is the only crate of the project that makes system calls or looks at `target_os`; the others
//! stand on it. Nothing here allocates, formats or unwinds, so all of it may be used inside a global
//! allocator. Where the target has no implementation yet, or without the feature `std`, there is
//! [`sync`] and [`locked`] alone.

#![cfg_attr(not(feature = "std"), no_std)]

// A file uses only files above it in this list.
pub mod sync;
pub mod locked;
#[cfg(all(target_os = "linux", feature = "std"))]
pub mod clock;
#[cfg(all(target_os = "linux", feature = "std"))]
pub mod mapping;
#[cfg(all(target_os = "linux", feature = "std"))]
pub mod process;
