//! Recordings of a process: every call of its allocation functions, as `orionrt record` has them.
//!
//! ```text
//! error   what can be wrong in a file
//! follow  events → blocks, each when it ends
//! facts   what a recording says
//! read    the bytes of a file that are in use
//! load    a file → lifetimes and facts
//! recorded  a file → what the process asked of its allocator, for other programs
//! disjoint  a file → whether blocks that are alive at once share no byte
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
mod recorded;
mod disjoint;

pub(crate) use disjoint::{CheckedBlocks, check_blocks};
pub(crate) use facts::ProcessFacts;
pub(crate) use follow::{Ended, Follow};
pub(super) use load::load;
pub(crate) use read::{Process, is_process, looks_like_process};
pub(super) use recorded::recording;
