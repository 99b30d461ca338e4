//! Where a heap or an allocator had its blocks: addresses as offsets of a map.
//!
//! ```text
//! pool     the pools that PyTorch's allocator keeps segments in
//! history  what an allocator had over time
//! layout   ranges of addresses, stacked one above the other
//! pages    the memory pages that blocks of a heap lie in
//! ```
//!
//! An address space is nearly empty, so ranges that had something at some time stand one above the
//! other in the order of their addresses, without what is between them. Of PyTorch's allocator the
//! ranges are its segments, which the snapshot tells of. A heap tells of its blocks alone: the
//! ranges are the memory pages that a block lies in, which no allocator can give back then.
//! Invariant: memory and time grow with the number of blocks and ranges, not with their bytes.

// A file uses only files above it in this list.
mod pool;
mod history;
mod layout;
mod pages;

pub(crate) use history::{Block, History, RangeKind, Reserved, Segments};
pub(crate) use layout::{parts_of, stacked};
pub(crate) use pages::history_of_heap;
pub(crate) use pool::{Pool, stream_name};
