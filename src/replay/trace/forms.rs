//! A recording in files: CSV for the planner, JSON with everything, and the trace format of Chrome,
//! which Perfetto opens.
//!
//! ```json
//! {"format": "orionrt-trace", "version": 1, "lost": 0,
//!  "events": [{"kind": "allocate", "time_ns": 12, "thread": 1,
//!              "address": 4096, "size": 64, "alignment": 8}, …],
//!  "lanes": [{"thread": 1, "requests": [
//!      {"size": 64, "alignment": 8, "largest": 64, "lower": 0, "upper": 3}, …]}, …]}
//! ```
//!
//! The Chrome form ([its description][chrome]) has a bar for every request that was released, from
//! its first event to its last, on its thread, and one counter: the live bytes.
//!
//! Invariant: rows are made as they are written, so a long trace is never copied as a whole.
//!
//! [chrome]: https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU

#![forbid(unsafe_code)]

use alloc::{collections::BTreeMap, format, string::String, string::ToString, vec::Vec};
use std::io::Write;

use serde::{
    Serialize, Serializer,
    ser::{SerializeMap, SerializeSeq},
};

use super::{
    event::{Event, EventKind},
    recording::{Recording, Request},
};
use orionrt_plan::files::{FileError, FileMistake, FilePosition};
use orionrt_plan::lifetimes::{Lifetimes, LifetimesError};

impl Recording {
    /// Writes the lifetimes of all lanes as CSV, the planner's input:
    /// `id,lower,upper,size,alignment`. The requests of the first lane are named `r0`, `r1`, ...,
    /// those of lane *n* `lane<n>.r0` and so on. Requests that outlive the recording are left out.
    ///
    /// # Errors
    /// If the writer fails, or the sizes add up to 2⁶³ bytes or more.
    pub fn write_csv(&self, output: impl Write) -> Result<(), FileError> {
        let mut named = Vec::new();
        for lane in 0..self.lanes() {
            let lifetimes = self.lifetimes(lane).map_err(unusable)?;
            let of_lane = |name: &str| match lane {
                0 => name.to_string(),
                _ => format!("lane{lane}.{name}"),
            };
            named.extend(lifetimes.iter().map(|(_, name, row)| (of_lane(name), *row)));
        }
        let all = Lifetimes::from_named(named).map_err(unusable)?;
        all.write_csv(output)
    }

    /// Writes everything as one JSON object.
    ///
    /// # Errors
    /// If the writer fails.
    pub fn write_json(&self, output: impl Write) -> Result<(), FileError> {
        serde_json::to_writer(output, &TraceForm(self)).map_err(unwritable)
    }

    /// Writes the trace format of Chrome, to be opened in Perfetto or `chrome://tracing`.
    ///
    /// # Errors
    /// If the writer fails.
    pub fn write_chrome_trace(&self, output: impl Write) -> Result<(), FileError> {
        serde_json::to_writer(output, &ChromeForm(self)).map_err(unwritable)
    }
}

fn unusable(error: LifetimesError) -> FileError {
    FileError::new(FilePosition::WholeFile, FileMistake::Lifetime(error))
}

fn unwritable(error: serde_json::Error) -> FileError {
    std::io::Error::from(error).into()
}

struct TraceForm<'r>(&'r Recording);

impl Serialize for TraceForm<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(5))?;
        map.serialize_entry("format", "orionrt-trace")?;
        map.serialize_entry("version", &1)?;
        map.serialize_entry("lost", &self.0.lost())?;
        map.serialize_entry("events", &Events(self.0.events()))?;
        map.serialize_entry("lanes", &Lanes(self.0))?;
        map.end()
    }
}

struct Events<'r>(&'r [Event]);

impl Serialize for Events<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(|event| EventForm {
            kind: match event.kind {
                EventKind::Allocate => "allocate",
                EventKind::Free => "free",
                EventKind::Resize => "resize",
                EventKind::Resized => "resized",
            },
            time_ns: event.time_ns,
            thread: event.thread,
            address: event.address,
            size: event.size,
            alignment: event.alignment,
        }))
    }
}

#[derive(Serialize)]
struct EventForm {
    kind: &'static str,
    time_ns: u64,
    thread: u32,
    address: usize,
    size: usize,
    alignment: usize,
}

struct Lanes<'r>(&'r Recording);

impl Serialize for Lanes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq((0..self.0.lanes()).map(|lane| LaneForm {
            thread: self.0.thread(lane),
            requests: self.0.requests(lane).iter().map(RequestForm::of).collect(),
        }))
    }
}

#[derive(Serialize)]
struct LaneForm {
    thread: u32,
    requests: Vec<RequestForm>,
}

#[derive(Serialize)]
struct RequestForm {
    size: usize,
    alignment: usize,
    largest: usize,
    lower: u64,
    upper: Option<u64>,
}

impl RequestForm {
    fn of(request: &Request) -> Self {
        Self {
            size: request.size,
            alignment: request.alignment,
            largest: request.largest,
            lower: request.lower,
            upper: request.upper,
        }
    }
}

struct ChromeForm<'r>(&'r Recording);

impl Serialize for ChromeForm<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("displayTimeUnit", "ns")?;
        map.serialize_entry("traceEvents", &ChromeEvents(self.0))?;
        map.end()
    }
}

struct ChromeEvents<'r>(&'r Recording);

impl Serialize for ChromeEvents<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut seq = serializer.serialize_seq(None)?;
        self.bars(&mut seq)?;
        self.counter(&mut seq)?;
        seq.end()
    }
}

impl ChromeEvents<'_> {
    /// Bars may overlap, so each is a pair of what the format calls asynchronous events.
    fn bars<S: SerializeSeq>(&self, seq: &mut S) -> Result<(), S::Error> {
        let mut id = 0;
        for lane in 0..self.0.lanes() {
            for request in self.0.requests(lane) {
                let Some(upper) = request.upper else { continue };
                id += 1;
                let name = format!("{} bytes", request.largest);
                for (phase, step) in [("b", request.lower), ("e", upper)] {
                    let mut bar = ChromeEvent::new(phase, name.clone(), self.0.thread(lane));
                    bar.ts = self.microseconds(step);
                    (bar.cat, bar.id) = (Some("memory"), Some(id));
                    bar.args.insert("size", request.size as u64);
                    bar.args.insert("alignment", request.alignment as u64);
                    seq.serialize_element(&bar)?;
                }
            }
        }
        Ok(())
    }

    fn counter<S: SerializeSeq>(&self, seq: &mut S) -> Result<(), S::Error> {
        let mut live: BTreeMap<usize, usize> = BTreeMap::new();
        let mut bytes = 0u64;
        for (step, event) in self.0.events().iter().enumerate() {
            let was = live.remove(&event.address).unwrap_or(0);
            bytes = bytes.saturating_sub(was as u64);
            if matches!(event.kind, EventKind::Allocate | EventKind::Resized) {
                live.insert(event.address, event.size);
                bytes = bytes.saturating_add(event.size as u64);
            }
            if event.kind == EventKind::Resize {
                // The counter must not dip: the block is alive all the while.
                continue;
            }
            let mut count = ChromeEvent::new("C", "live bytes".to_string(), event.thread);
            count.ts = self.microseconds(step as u64);
            count.args.insert("bytes", bytes);
            seq.serialize_element(&count)?;
        }
        Ok(())
    }

    /// The time of a step since the first event.
    fn microseconds(&self, step: u64) -> f64 {
        let events = self.0.events();
        let time = |step: usize| events.get(step).map_or(0, |event| event.time_ns);
        time(step as usize).saturating_sub(time(0)) as f64 / 1000.0
    }
}

#[derive(Serialize)]
struct ChromeEvent {
    ph: &'static str,
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    cat: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<u64>,
    pid: u32,
    tid: u32,
    ts: f64,
    args: BTreeMap<&'static str, u64>,
}

impl ChromeEvent {
    fn new(ph: &'static str, name: String, tid: u32) -> Self {
        Self {
            ph,
            name,
            cat: None,
            id: None,
            pid: 1,
            tid,
            ts: 0.0,
            args: BTreeMap::new(),
        }
    }
}
