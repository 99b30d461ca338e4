//! A small heap for one thread, over memory that only grows.
//!
//! Blocks are runs of units of 16 bytes without headers: whoever frees a block says how large it
//! is, as Rust's allocators are always told.
//!
//! ```text
//!   freed blocks of up to 1 KiB          cached: one list for each length, last in, first out
//!        │ before the memory grows
//!   free runs                            merged with their neighbours, in bins by length
//!        │ when no run is large enough
//!   GrowingMemory                        `memory.grow`
//! ```
//!
//! - **A cached block** is put into its list, or taken from it, by a few loads and stores. It is
//!   neither split nor merged.
//! - **A free run** says in its first and last unit how long it is, and [`run_ends`] has a bit for
//!   these two units. So a run that becomes free finds the free runs on both sides of it.
//! - **Memory grows last**: before that, all cached blocks become free runs, and what is free at
//!   the end of the memory counts.
//! - **A block that grows** takes the free run behind it. It moves where there is room; only where
//!   there is none, and it is the last one, the memory grows beneath it.
//!
//! The work of an allocation is bounded, except where cached blocks become free runs; that work is
//! at most in proportion to the releases that cached them.

mod memory;
mod bins;
mod run_ends;
mod heap;

#[cfg(target_arch = "wasm32")]
pub(crate) use {
    heap::GrowingHeap,
    memory::{GrowingMemory, MOST_UNITS, PAGE, UNIT},
};
