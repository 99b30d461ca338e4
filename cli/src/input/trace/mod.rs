//! Recordings of `ReplayAlloc` as lifetimes: what a program asked of its heap in one iteration, and
//! where it got it.
//!
//! ```text
//! error      what can be wrong in a file
//! read       the JSON that `Recording::write_json` writes → a recording
//! resizes    the places and sizes of blocks that are resized
//! allocated  where the heap had the blocks
//! facts      what a recording says
//! load       a file → lifetimes and facts
//! recorded   a file → events
//! ```
//!
//! Invariant: memory and time grow with the size of the file alone, but for sorting.

// A file uses only files above it in this list.
mod error;
mod read;
mod resizes;
mod allocated;
mod facts;
mod load;
mod recorded;

#[cfg(feature = "engine")]
pub(crate) use allocated::Allocated;
pub(super) use error::TraceError;
pub(crate) use facts::TraceFacts;
pub(super) use load::{load, looks_like_trace};
pub(super) use recorded::recorded;
