//! Segments, blocks and events of each device, as plain values.
//!
//! Stands on [`reader`](super::reader). The fields are those that PyTorch writes:
//!
//! ```text
//! segments        [{device, address, total_size, stream, segment_type, blocks, ...}]
//!   blocks        [{address, size, requested_size, state, frames}]; older ones have no address,
//!                 and history [{real_size, frames}] instead of requested_size and frames
//! device_traces   for each device, by its number, [{action, addr, size, stream, time_us, frames,
//!                 ...}], the oldest event first; an event `oom` has device_free instead of addr
//! ```
//!
//! A list of segments alone is a snapshot, too. Invariant: the bytes of a block are those that were
//! requested, as those of events are.

#![forbid(unsafe_code)]

use std::collections::BTreeMap;

use super::{
    document::{Id, Value},
    error::SnapshotError,
    reader::{Place, Reader, required, wrong},
};
use crate::input::addresses::Pool;

/// What a snapshot has of one device.
#[derive(Debug, Default)]
pub(super) struct Device {
    /// The bytes of all segments.
    pub(super) reserved: u64,
    pub(super) segments: Vec<Segment>,
    /// Blocks that are in use, or wait for the device before they are free.
    pub(super) blocks: Vec<LiveBlock>,
    pub(super) events: Vec<Event>,
}

/// A segment that is there when the snapshot is taken.
#[derive(Clone, Copy, Debug)]
pub(super) struct Segment {
    pub(super) address: u64,
    pub(super) size: u64,
    pub(super) pool: Pool,
}

/// A block that is not free when the snapshot is taken.
#[derive(Debug)]
pub(super) struct LiveBlock {
    pub(super) address: u64,
    pub(super) size: u64,
    /// The stream of its segment.
    pub(super) stream: u64,
    /// The list of frames.
    pub(super) frames: Option<Id>,
}

/// Something that the allocator did.
#[derive(Debug)]
pub(super) struct Event {
    pub(super) action: Action,
    /// The address; of [`Action::OutOfMemory`] the bytes that the device had free.
    pub(super) address: u64,
    pub(super) size: u64,
    pub(super) stream: u64,
    /// Microseconds since 1970, if the file says them.
    pub(super) time: Option<u64>,
    /// The list of frames of [`Action::Alloc`].
    pub(super) frames: Option<Id>,
}

/// What an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Alloc,
    /// The program gave a block up, which kernels may still use.
    FreeRequested,
    /// The allocator may give the block's bytes to others.
    FreeCompleted,
    /// Segments become larger.
    Reserve,
    /// Segments become smaller.
    Release,
    OutOfMemory,
    /// Something else, which changes neither blocks nor segments.
    Other,
}

impl Action {
    fn of(name: &str) -> Self {
        match name {
            "alloc" => Self::Alloc,
            "free_requested" => Self::FreeRequested,
            "free_completed" | "free" => Self::FreeCompleted,
            "segment_alloc" | "segment_map" => Self::Reserve,
            "segment_free" | "segment_unmap" => Self::Release,
            "oom" => Self::OutOfMemory,
            _ => Self::Other,
        }
    }
}

/// All devices that have segments, blocks or events, by their numbers.
pub(super) fn devices(reader: &Reader<'_, '_>) -> Result<BTreeMap<u64, Device>, SnapshotError> {
    let (root, place) = (reader.root(), Place::Root);
    let (segments, traces) = match reader.value(root) {
        Value::List(_) => (Some(root), None),
        Value::Dict(_) => (
            reader.field(root, "segments", &place)?,
            reader.field(root, "device_traces", &place)?,
        ),
        other => return Err(wrong(&place, other, "a dictionary with 'segments'")),
    };
    if segments.or(traces).is_none() {
        let expected = "one with 'segments' and 'device_traces'";
        return Err(wrong(&place, reader.value(root), expected));
    }
    let mut devices = BTreeMap::new();
    if let Some(segments) = segments {
        let place = Place::Field(&place, "segments");
        for (index, &id) in reader.items(segments, &place)?.iter().enumerate() {
            segment(reader, id, &Place::Item(&place, index), &mut devices)?;
        }
    }
    if let Some(traces) = traces {
        let place = Place::Field(&place, "device_traces");
        for (index, &id) in reader.items(traces, &place)?.iter().enumerate() {
            trace(reader, id, &Place::Item(&place, index), index, &mut devices)?;
        }
    }
    Ok(devices)
}

/// Reads a segment and its blocks.
fn segment(
    reader: &Reader<'_, '_>,
    id: Id,
    place: &Place<'_>,
    devices: &mut BTreeMap<u64, Device>,
) -> Result<(), SnapshotError> {
    reader.own(id, place)?;
    let device = reader.number(id, "device", place)?.unwrap_or(0);
    let size = required(reader.number(id, "total_size", place)?, place, "total_size")?;
    let mut address = required(reader.address(id, "address", place)?, place, "address")?;
    let blocks = required(reader.field(id, "blocks", place)?, place, "blocks")?;
    let stream = reader.stream(id, place)?;
    let pool = match reader.text(id, "segment_type", place)? {
        None => Pool::of_segment(stream, size),
        Some(kind) => Pool {
            stream,
            is_large: kind != "small",
        },
    };
    let device = devices.entry(device).or_default();
    device.reserved = device.reserved.saturating_add(size);
    device.segments.push(Segment {
        address,
        size,
        pool,
    });
    let place = &Place::Field(place, "blocks");
    for (index, &id) in reader.items(blocks, place)?.iter().enumerate() {
        let place = &Place::Item(place, index);
        reader.own(id, place)?;
        let size = required(reader.number(id, "size", place)?, place, "size")?;
        address = reader.address(id, "address", place)?.unwrap_or(address);
        let state = required(reader.text(id, "state", place)?, place, "state")?;
        if state.starts_with("active") {
            let block = block(reader, id, place, address, size)?;
            device.blocks.push(LiveBlock { stream, ..block });
        }
        address = address.wrapping_add(size);
    }
    Ok(())
}

/// A block of `size` bytes, of which the program may have requested less.
fn block(
    reader: &Reader<'_, '_>,
    id: Id,
    place: &Place<'_>,
    address: u64,
    size: u64,
) -> Result<LiveBlock, SnapshotError> {
    let mut requested = reader.number(id, "requested_size", place)?;
    let mut frames = reader.field(id, "frames", place)?;
    if let Some(history) = reader.field(id, "history", place)? {
        let place = &Place::Field(place, "history");
        if let Some(&last) = reader.list(history, place)?.first() {
            let place = &Place::Item(place, 0);
            requested = requested.or(reader.number(last, "real_size", place)?);
            frames = frames.or(reader.field(last, "frames", place)?);
        }
    }
    Ok(LiveBlock {
        address,
        size: requested.unwrap_or(size),
        stream: 0,
        frames,
    })
}

/// Reads the events of a device.
fn trace(
    reader: &Reader<'_, '_>,
    id: Id,
    place: &Place<'_>,
    device: usize,
    devices: &mut BTreeMap<u64, Device>,
) -> Result<(), SnapshotError> {
    let items = reader.items(id, place)?;
    if items.is_empty() {
        return Ok(());
    }
    let device = devices.entry(device as u64).or_default();
    device.events.reserve(items.len());
    for (index, &id) in items.iter().enumerate() {
        let place = &Place::Item(place, index);
        reader.own(id, place)?;
        device.events.push(event(reader, id, place)?);
    }
    Ok(())
}

fn event(reader: &Reader<'_, '_>, id: Id, place: &Place<'_>) -> Result<Event, SnapshotError> {
    let name = required(reader.text(id, "action", place)?, place, "action")?;
    let action = Action::of(name);
    let (address, size) = match action {
        Action::Other => (Some(0), Some(0)),
        Action::OutOfMemory => (
            reader.number(id, "device_free", place)?,
            reader.number(id, "size", place)?,
        ),
        _ => (
            reader.address(id, "addr", place)?,
            reader.number(id, "size", place)?,
        ),
    };
    let address_name = match action {
        Action::OutOfMemory => "device_free",
        _ => "addr",
    };
    Ok(Event {
        action,
        address: required(address, place, address_name)?,
        size: required(size, place, "size")?,
        stream: reader.stream(id, place)?,
        time: reader.number(id, "time_us", place)?,
        frames: match action {
            Action::Alloc => reader.field(id, "frames", place)?,
            _ => None,
        },
    })
}
