//! OrionRT beside the allocators that people choose today: the allocators, what is asked of them, and tables.
//!
//! `benches/allocators.rs` measures time, `benches/memory.rs` resident memory and page faults.

mod allocators;
mod table;
pub mod workloads;

pub use allocators::{Peer, peers};
pub use table::Table;
