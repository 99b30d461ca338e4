//! PyTorch's memory snapshots, which `torch.cuda.memory._dump_snapshot` writes, as lifetimes.
//!
//! ```text
//! facts      what PyTorch's allocator had
//! error      what can be wrong in a file
//! document   values of a file: lists, dictionaries, texts, numbers
//! pickle     a pickle → a document; runs nothing
//! json       JSON → a document
//! reader     typed fields of a document, with their places for messages
//! entries    segments, blocks and events of each device
//! replay     the events of a device → lifetimes of blocks, bytes reserved and live
//! segments   the addresses that were reserved, and when
//! frames     names of blocks by the line of the user's code
//! calls      the stacks of blocks
//! drawn      what is drawn of a device: where its blocks were, and their streams
//! load       a file → lifetimes and facts of one device
//! recorded   a file → events of one device
//! ```
//!
//! Invariant: memory and time grow with the size of the file alone, whatever it refers to.

// A file uses only files above it in this list.
mod facts;
mod error;
mod document;
mod pickle;
mod json;
mod reader;
mod entries;
mod replay;
mod segments;
mod frames;
mod calls;
mod drawn;
mod load;
mod recorded;
#[cfg(test)]
mod tests;

pub(super) use error::SnapshotError;
pub(crate) use facts::{OutOfMemory, SnapshotFacts};
pub(crate) use frames::{GENERATOR, TENSOR};
pub(super) use load::{ALIGNMENT, load, looks_like_snapshot};
pub(super) use recorded::recorded;
