//! What a recording of a process says, beside a plan of its blocks.
//!
//! Stands on the addresses of blocks. Invariant: every block of the recording is planned or counted
//! as left out.

#![forbid(unsafe_code)]

use serde::Serialize;

use crate::input::addresses::History;

/// What a recording of a process says. Sizes are bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct ProcessFacts {
    pub(crate) process: u32,
    pub(crate) command: Vec<String>,
    /// Calls, a resize counting twice.
    pub(crate) events: u64,
    /// The events that the file had no room for.
    pub(crate) lost: u64,
    pub(crate) threads: usize,
    pub(crate) duration_ms: u64,
    /// The most bytes alive at once, as requested, of all blocks.
    pub(crate) live_peak: u64,
    /// The most bytes that the heap had resident when it was asked.
    pub(crate) heap_peak: u64,
    /// The blocks that are planned.
    pub(crate) blocks: usize,
    /// Those of them that are alive after the last event.
    pub(crate) alive_after: usize,
    /// The blocks that are not planned: outside of the time or smaller than was asked for, or
    /// without bytes.
    pub(crate) left_out: u64,
    pub(crate) left_out_bytes: u64,
    /// Where the blocks were, if that is to be drawn.
    #[serde(skip)]
    pub(crate) history: Option<History>,
}
