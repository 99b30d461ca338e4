//! OrionRT beside the allocators that people choose today: the allocators, workloads for them, and
//! tables of the results.
//!
//! `benches/allocators.rs` measures time, `benches/memory.rs` resident memory and page faults.

// A file uses only files above it in this list.
mod allocators;
pub mod workloads;
mod table;

pub use allocators::{Peer, peers};
pub use table::Table;
