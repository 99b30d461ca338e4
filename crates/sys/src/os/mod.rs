//! The operating system: one file for each that OrionRT runs on, all behind one interface.
//!
//! `System` lists the calls that a system must or may offer; everything else in this crate is
//! written in terms of `Os`, the implementation for the target. `posix.rs` has what Linux and the
//! BSDs share. **To add an operating system**, write a file like `linux.rs` that implements
//! `System`, and choose it here. No other file of the library crates depends on the target.
//!
//! `unsupported.rs` stands in for a system that has no file yet: the library crates compile there,
//! and every request for memory is refused with an error that says so. Only a program with an
//! `OrionAlloc` does not compile, since every allocation of it would fail.

// A stand-in needs neither faults nor pages.
#![cfg_attr(not(orionrt_os), allow(dead_code))]

// A file uses only files above it in this list.
mod error;
pub mod faults;
mod system;
#[cfg(all(orionrt_os, unix))]
mod posix;
#[cfg(target_os = "linux")]
mod linux;
#[cfg(all(orionrt_os, unix, not(target_os = "linux")))]
mod bsd;
#[cfg(windows)]
mod windows;
// Tests keep it compiling where it is not needed.
#[cfg(any(test, not(orionrt_os)))]
#[cfg_attr(orionrt_os, allow(dead_code))]
mod unsupported;

#[cfg(all(orionrt_os, unix, not(target_os = "linux")))]
pub(crate) use bsd::Bsd as Os;
pub(crate) use error::OsError;
#[cfg(target_os = "linux")]
pub(crate) use linux::Linux as Os;
pub(crate) use system::{LEAST_PAGE, Pages, System};
#[cfg(not(orionrt_os))]
pub(crate) use unsupported::Unsupported as Os;
#[cfg(windows)]
pub(crate) use windows::Windows as Os;

/// Whether there is a file here for the target.
pub(crate) const IS_SUPPORTED: bool = cfg!(orionrt_os);
