//! The bytes of a process over time, as counters of a trace for Perfetto, in the JSON format of
//! Chrome's traces.
//!
//! Stands on `orionrt-recording`. The time is cut into parts of one length; each has its highest
//! value, so that the peak is in the picture and a long recording makes no large file.
//!
//! Invariant: a counter has at most [`PARTS`] values.

#![forbid(unsafe_code)]

use std::io::{self, Write};

use orionrt_recording::{Kind, Reader};
use serde_json::{Value, json};

use crate::input::Follow;

/// The most values of a counter.
const PARTS: u64 = 20_000;

/// Writes the counters of a recording that ends at this time.
pub(super) fn write(reader: &Reader, end_ns: u64, file: &mut dyn Write) -> io::Result<()> {
    let process = reader.header().process;
    let command = reader.header().command.join(" ");
    let name = json!({
        "ph": "M", "name": "process_name", "pid": process, "args": { "name": command },
    });
    write!(file, "{{\"traceEvents\":[\n{name}")?;
    let counter = |name: &str, at_ns: u64, bytes: u64| -> Value {
        json!({
            "ph": "C", "name": name, "pid": process, "ts": at_ns as f64 / 1000.0,
            "args": { "bytes": bytes },
        })
    };
    let part_ns = (end_ns / PARTS).max(1);
    let mut follow = Follow::default();
    let (mut live, mut resident) = (Highest::default(), Highest::default());
    for recorded in reader.events() {
        let part = recorded.time_ns / part_ns;
        follow.take(&recorded).for_each(drop);
        let values = [
            (&mut live, "alive", Some(follow.live_bytes)),
            (
                &mut resident,
                "resident",
                (recorded.event.kind == Kind::Heap).then_some(recorded.event.address),
            ),
        ];
        for (highest, name, bytes) in values {
            let done = bytes.and_then(|bytes| highest.add(part, bytes));
            if let Some((part, bytes)) = done {
                write!(file, ",\n{}", counter(name, part * part_ns, bytes))?;
            }
        }
    }
    for (highest, name) in [(live, "alive"), (resident, "resident")] {
        if let Some((part, bytes)) = highest.current {
            write!(file, ",\n{}", counter(name, part * part_ns, bytes))?;
        }
    }
    writeln!(file, "\n]}}")
}

/// The highest value of the current part.
#[derive(Default)]
struct Highest {
    current: Option<(u64, u64)>,
}

impl Highest {
    /// Adds a value; returns the part before, if it is over.
    fn add(&mut self, part: u64, value: u64) -> Option<(u64, u64)> {
        match &mut self.current {
            Some((current, highest)) if *current == part => {
                *highest = value.max(*highest);
                None
            }
            current => current.replace((part, value)),
        }
    }
}
