//! What a recording says.
//!
//! Stands on [`allocated`](super::allocated). Invariant: every block counts once.

#![forbid(unsafe_code)]

use serde::Serialize;

use super::allocated::Allocated;

/// What a recording says. Sizes are bytes.
#[derive(Debug, Serialize)]
pub(crate) struct TraceFacts {
    pub(crate) events: usize,
    /// The events that the log had no room for.
    pub(crate) lost: u64,
    pub(crate) threads: usize,
    /// The blocks that are planned.
    pub(crate) blocks: usize,
    /// The blocks that are not: they outlive the recording, have no bytes, or are aligned to
    /// more than 2 MiB.
    pub(crate) left_out: usize,
    /// The bytes of those, as they were asked for.
    pub(crate) left_out_bytes: u64,
    /// Where the heap had the blocks, if that is to be drawn.
    #[serde(skip)]
    pub(crate) allocated: Option<Allocated>,
}
