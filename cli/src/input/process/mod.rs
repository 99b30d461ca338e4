//! Recordings of a process: every call of its allocation functions, as `orionrt record` has them.
//!
//! ```text
//! error   what can be wrong in a file
//! follow  events → blocks, each when it ends
//! facts   what a recording says
//! read    the bytes of a file that are in use
//! load    a file → lifetimes and facts
//! ```
//!
//! Invariant: the memory for a recording grows with the bytes that are in use, the blocks alive at
//! once and, for a plan, [`load::MOST_BLOCKS`].

// A file uses only files above it in this list.
mod error;
mod follow;
mod facts;
mod read;
mod load;

pub(crate) use facts::ProcessFacts;
pub(crate) use follow::{Ended, Follow};
pub(super) use load::load;
pub(crate) use read::{Process, looks_like_process};
