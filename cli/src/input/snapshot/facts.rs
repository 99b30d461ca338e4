//! What PyTorch's allocator had on a device, as a snapshot tells it.
//!
//! Stands on addresses and streams of blocks. Invariant: `live` bytes never exceed what the blocks
//! of the snapshot add up to at one step.

#![forbid(unsafe_code)]

use orionrt::Lifetimes;
use serde::Serialize;

use crate::input::{
    addresses::{History, Pool},
    streams::Streams,
};

/// What PyTorch's allocator had on the device that is planned. Sizes are bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct SnapshotFacts {
    /// The device that is planned.
    pub(crate) device: u64,
    /// All devices with blocks, segments or events.
    pub(crate) devices: Vec<u64>,
    /// The events of the device.
    pub(crate) events: usize,
    /// The bytes of all segments when the snapshot was taken.
    pub(crate) reserved: u64,
    /// The most bytes of all segments at once, at least those that are live.
    pub(crate) reserved_peak: u64,
    /// The most bytes of blocks alive at once, as requested.
    pub(crate) live_peak: u64,
    /// The blocks that were alive before the first event.
    pub(crate) alive_before: usize,
    /// The blocks that are alive after the last event.
    pub(crate) alive_after: usize,
    /// Requests that the device had no memory for, in order.
    pub(crate) out_of_memory: Vec<OutOfMemory>,
    /// Where and when that was, if it is to be drawn.
    #[serde(skip)]
    pub(crate) drawn: Option<Drawn>,
    /// The other devices with blocks, if they are to be drawn.
    #[serde(skip)]
    pub(crate) with_blocks: Vec<u64>,
    /// Other devices, to be drawn beside this one: some of those with the most bytes alive at once.
    #[serde(skip)]
    pub(crate) others: Vec<OtherDevice>,
}

/// What is drawn of a device besides its lifetimes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Drawn {
    pub(crate) history: History,
    /// The streams that the blocks were allocated on, if there are several.
    pub(crate) streams: Option<Streams>,
}

/// A device that is not planned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OtherDevice {
    pub(crate) device: u64,
    pub(crate) lifetimes: Lifetimes,
    pub(crate) drawn: Drawn,
}

/// A request that the device had no memory for. Sizes are bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct OutOfMemory {
    /// The step of the request.
    pub(crate) step: i64,
    /// What was asked for.
    pub(crate) requested: u64,
    /// What the device had free.
    pub(crate) device_free: u64,
    /// The bytes of all segments at that step.
    pub(crate) reserved: u64,
    /// The bytes of blocks alive at that step.
    pub(crate) live: u64,
    /// The pool whose segments could have served it.
    #[serde(skip)]
    pub(crate) pool: Pool,
}
