//! The JSON of a recording.
//!
//! Stands on [`error`](super::error). The requests are not read: they follow from the events.
//!
//! ```json
//! {"format": "orionrt-trace", "version": 1, "lost": 0,
//!  "events": [{"kind": "allocate", "time_ns": 12, "thread": 1,
//!              "address": 4096, "size": 64, "alignment": 8}, …],
//!  "lanes": [{"thread": 1, "requests": […]}, …]}
//! ```
//!
//! Invariant: the first lane is that of the file.

#![forbid(unsafe_code)]

use orionrt::replay::{Event, EventKind, Recording};
use serde::Deserialize;

use super::error::TraceError;

/// What the field `format` has.
pub(super) const FORMAT: &str = "orionrt-trace";

/// The most letters of another format that a message shows.
const SHOWN: usize = 64;

#[derive(Deserialize)]
struct TraceJson {
    format: String,
    version: u64,
    lost: u64,
    events: Vec<EventJson>,
    lanes: Vec<LaneJson>,
}

#[derive(Deserialize)]
struct EventJson {
    kind: KindJson,
    time_ns: u64,
    thread: u32,
    address: usize,
    size: usize,
    alignment: usize,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum KindJson {
    Allocate,
    Free,
    Resize,
    Resized,
}

#[derive(Deserialize)]
struct LaneJson {
    thread: u32,
}

/// Reads a recording.
pub(super) fn read(bytes: &[u8]) -> Result<Recording, TraceError> {
    let trace: TraceJson = serde_json::from_slice(bytes)?;
    if trace.format != FORMAT {
        return Err(TraceError::Format(
            trace.format.chars().take(SHOWN).collect(),
        ));
    }
    if trace.version != 1 {
        return Err(TraceError::Version(trace.version));
    }
    let first = trace.events.first().map_or(0, |event| event.thread);
    let opener = trace.lanes.first().map_or(first, |lane| lane.thread);
    let events = trace.events.iter().map(event).collect();
    Ok(Recording::new(opener, events, trace.lost))
}

fn event(of: &EventJson) -> Event {
    let kind = match of.kind {
        KindJson::Allocate => EventKind::Allocate,
        KindJson::Free => EventKind::Free,
        KindJson::Resize => EventKind::Resize,
        KindJson::Resized => EventKind::Resized,
    };
    Event::new(kind, of.address, of.size, of.alignment)
        .on_thread(of.thread)
        .at(of.time_ns)
}
