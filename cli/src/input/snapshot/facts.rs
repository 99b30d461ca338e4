//! What PyTorch's allocator had on a device, as a snapshot tells it.
//!
//! Stands on nothing. Invariant: `live` bytes never exceed what the blocks of the snapshot add up
//! to at one step.

#![forbid(unsafe_code)]

use serde::Serialize;

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
    /// Where and when that was, to be drawn.
    #[serde(skip)]
    pub(crate) history: History,
}

/// What PyTorch's allocator had over time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct History {
    /// The bytes of all segments at each step, at least those that are live.
    pub(crate) reserved: Vec<u64>,
    /// Where the blocks were; `None` if their addresses are beyond what can be counted.
    pub(crate) layout: Option<AddressLayout>,
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
}

/// Where blocks lie among all addresses that were reserved at some time, one range above the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct AddressLayout {
    /// The offset of each block.
    pub(crate) offsets: Vec<u64>,
    pub(crate) reserved: Vec<Reserved>,
}

/// A part of the layout, and the steps `lower..upper` in which it was reserved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reserved {
    pub(crate) lower: i64,
    pub(crate) upper: i64,
    pub(crate) offset: u64,
    pub(crate) size: u64,
}
