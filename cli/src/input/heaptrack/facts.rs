//! What heaptrack saw of a program's heap.
//!
//! Stands on the addresses of blocks. Invariant: `live_peak` is what the blocks of the recording
//! add up to at the fullest step.

#![forbid(unsafe_code)]

use serde::Serialize;

use crate::input::addresses::History;

/// What heaptrack saw of a program's heap. Sizes are bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct HeaptrackFacts {
    /// The command that was recorded, as far as the file says it.
    pub(crate) command: String,
    /// Allocations and frees.
    pub(crate) events: usize,
    pub(crate) allocations: usize,
    /// The most bytes alive at once, as requested.
    pub(crate) live_peak: u64,
    /// The milliseconds after the start at which they were, to the 10 ms that heaptrack writes.
    pub(crate) peak_ms: u64,
    /// The milliseconds that were recorded.
    pub(crate) total_ms: u64,
    /// The most bytes that were resident.
    pub(crate) resident_peak: Option<u64>,
    /// The blocks that are alive after the last event.
    pub(crate) alive_after: usize,
    pub(crate) alive_after_bytes: u64,
    /// Frees of blocks that the recording does not have.
    pub(crate) unknown_frees: usize,
    /// Whether the file says of each free which block it is of.
    pub(crate) has_addresses: bool,
    /// Where the blocks were, if the file says it and it is to be drawn.
    #[serde(skip)]
    pub(crate) history: Option<History>,
}
