//! The operating system: one file for each that OrionRT runs on, all behind one interface.
//!
//! `System` lists the calls that a system must or may offer; everything else in this crate is
//! written in terms of `Os`, the implementation for the target. **To add an operating system**,
//! write a file like `linux.rs` that implements `System`, and choose it here. No other file of the
//! library crates depends on the target.
//!
//! `unsupported.rs` stands in for a system that has no file yet: the library crates compile there,
//! and every request for memory is refused with an error that says so. Only a program with an
//! `OrionAlloc` does not compile, since every allocation of it would fail.

// A stand-in needs neither faults nor pages.
#![cfg_attr(not(target_os = "linux"), allow(dead_code))]

// A file uses only files above it in this list.
mod error;
pub mod faults;
mod system;
#[cfg(target_os = "linux")]
mod linux;
// Tests keep it compiling where it is not needed.
#[cfg(any(test, not(target_os = "linux")))]
#[cfg_attr(target_os = "linux", allow(dead_code))]
mod unsupported;

pub(crate) use error::OsError;
#[cfg(target_os = "linux")]
pub(crate) use linux::Linux as Os;
pub(crate) use system::{LEAST_PAGE, MoveRefused, Pages, System};
#[cfg(not(target_os = "linux"))]
pub(crate) use unsupported::Unsupported as Os;

/// Whether there is a file here for the target.
pub(crate) const IS_SUPPORTED: bool = cfg!(target_os = "linux");
