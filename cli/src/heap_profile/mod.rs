//! Profiles in pprof's format: their addresses named, their stacks added up, and what is made of
//! these.
//!
//! Stands on `orionrt-pprof`, on `addr2line` and `object`, and on `svg`. Invariant: all that is
//! shown is of the same [`Stacks`], whose number of frames is bounded.

// A file uses only files above it in this list.
mod binary;
mod names;
mod allocator;
mod stacks;
mod top;
mod folded;
mod flame_graph;
mod compressed;

pub(crate) use compressed::write as write_compressed;
pub(crate) use flame_graph::write as write_flame_graph;
pub(crate) use folded::write as write_folded;
pub(crate) use names::add_names;
pub(crate) use stacks::{Stacks, StacksError, Value, chosen_type};
pub(crate) use top::{Row, top};
