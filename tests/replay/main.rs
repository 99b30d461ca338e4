//! `ReplayAlloc` under a whole program, whose allocator it is.
//!
//! The tests are threads of one process and share its allocator, so what one of them counts is its
//! own: no session here has lanes.
#![cfg(target_os = "linux")]

mod iterations;
mod sessions;
mod buffers;
