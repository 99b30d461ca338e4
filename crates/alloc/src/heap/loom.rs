//! The parts of the heap that the models in `tests/loom.rs` check, in place of the whole heap.

#![allow(dead_code)] // What only the rest of the heap uses.

// A file uses only files above it in this list.
mod class;
mod invalid_free;
mod span;
mod transfer_cache;
mod depot_spans;
mod depot;
mod purge;
mod purger_state;
mod loom_model;

pub use {
    loom_model::{FreePages, OneSpan, WatchedPages},
    purger_state::PurgerState,
};
