//! The allocator that a feature chooses as the global one, and loads for it.
//!
//! `compare.mjs` builds a module with each allocator, runs the loads and writes a table.

mod allocator;
mod loads;

pub use loads::{LOADS, Load};
