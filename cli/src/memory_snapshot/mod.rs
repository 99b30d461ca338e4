//! A plan as a memory snapshot of PyTorch, for its viewer `memory_viz`.
//!
//! ```text
//! pickle   values → bytes of a pickle, one by one
//! events   the allocations and frees of a plan, in order
//! write    a plan → segments and events
//! ```
//!
//! Invariant: what is written needs nothing but lists, dictionaries, tuples, texts, truth values
//! and integers, which is what the viewer can read.

// A file uses only files above it in this list.
mod pickle;
mod events;
mod write;

pub(crate) use write::write;
