//! `ReplayAlloc` under a whole program.
//!
//! The tests are threads of one process and share its allocator. No session here has lanes, so each
//! test counts only what its own thread does.

mod iterations;
mod small;
mod sessions;
mod buffers;
