//! What OrionRT asks of the operating system: memory, locks that sleep, and clocks.

#![cfg_attr(not(feature = "std"), no_std)]

// A file uses only files above it in this list.
#[cfg(feature = "std")]
mod os;
pub mod sync;
pub mod locked;
#[cfg(feature = "std")]
pub mod clock;
#[cfg(feature = "std")]
pub mod process;
#[cfg(feature = "std")]
pub mod numa;
#[cfg(feature = "std")]
mod page;
#[cfg(feature = "std")]
mod map_error;
#[cfg(feature = "std")]
pub mod mapping;
