//! The page of a recorded inference: its blocks where the heap had them, beside the plan.
//!
//! Stands on [`page`](crate::page) and [`inference`](crate::inference). Invariant: both maps are of
//! the inference that was recorded, and what is in neither of them is said.

#![forbid(unsafe_code)]

use std::{ops::Range, path::Path};

use orionrt::replay::{Recording, Request, RequestCounts};

use crate::{
    args::RunArgs,
    failure::Failure,
    format,
    inference::{InferenceError, Runner},
    input::Allocated,
    page::{self, OVERLAP, Page, PageMap},
    staging::{Staged, stage},
};

/// Writes the page; it has no name until it is committed.
pub(super) fn write(args: &RunArgs, runner: &Runner, path: &Path) -> Result<Staged, Failure> {
    let unsteady = || Failure::file(&args.model, InferenceError::Unsteady);
    let recorded = runner.recording().zip(runner.plan());
    let (recording, plan) = recorded.ok_or_else(unsteady)?;
    let report = runner.replayed().ok_or_else(unsteady)?;
    let allocated = Allocated::of_plan(recording, plan);
    let mut notes = notes(runner, recording, allocated.lanes, &report.last);
    let placed = allocated.plan();
    let mut maps = Vec::new();
    match &placed {
        Some(placed) => maps.push(PageMap {
            history: Some(&allocated.history),
            ..PageMap::new("as allocated", placed)
        }),
        None => notes.push(OVERLAP.into()),
    }
    maps.push(PageMap::new("as planned", plan));
    let name = args.model.file_name().unwrap_or_default();
    let page = Page {
        kind: "run",
        title: &name.to_string_lossy(),
        notes,
        maps,
    };
    stage(path, |file| page::write(&page, file))
}

/// Sizes that are assumed, and what the maps lack.
fn notes(
    runner: &Runner,
    recording: &Recording,
    lanes: usize,
    last: &RequestCounts,
) -> Vec<String> {
    let assumed = runner.assumed().iter();
    let assumed = assumed.map(|(name, size)| format!("{name} is assumed to be {size}"));
    let mut notes: Vec<String> = assumed.collect();
    notes.push(
        "one inference on the C library's heap: a step is an allocation, a resize or a free".into(),
    );
    if lanes > 1 {
        notes.push(format!(
            "blocks of {lanes} threads: the plan has other names for them than the heap's map"
        ));
    }
    notes.extend(left_out(recording, lanes));
    if last.small > 0 {
        let threshold = format::thousands(recording.threshold() as u64);
        let which = format!("of fewer than {threshold} bytes in the last inference");
        notes.push(in_neither(last.small, &which, last.bytes.small));
    }
    notes
}

/// The recorded blocks that are in neither map, where the maps are of these first lanes.
fn left_out(recording: &Recording, lanes: usize) -> Vec<String> {
    let requests = |lanes: Range<usize>| lanes.flat_map(move |lane| recording.requests(lane));
    let left = requests(0..lanes).filter(|request| request.largest > 0 && !request.is_planned());
    let (ended, alive): (Vec<&Request>, _) = left.partition(|request| request.upper.is_some());
    let others: Vec<&Request> = requests(lanes..recording.lanes()).collect();
    let all = [
        (alive, "alive after the inference"),
        (ended, "aligned to more than 2 MiB"),
        (others, "of other threads"),
    ];
    let some = all.into_iter().filter(|(requests, _)| !requests.is_empty());
    some.map(|(requests, which)| {
        let bytes = requests.iter().map(|request| request.largest as u64);
        let bytes = bytes.fold(0, u64::saturating_add);
        in_neither(requests.len() as u64, which, bytes)
    })
    .collect()
}

fn in_neither(count: u64, which: &str, bytes: u64) -> String {
    let (count, bytes) = (format::count(count, "block"), format::short_bytes(bytes));
    format!("in neither map: {count} {which}, {bytes}")
}

#[cfg(test)]
mod tests {
    use orionrt::replay::{Event, EventKind};

    use super::*;

    #[test]
    fn blocks_in_neither_map_are_counted_by_reason() {
        let event = |kind, address, size, alignment, thread| {
            Event::new(kind, address, size, alignment).on_thread(thread)
        };
        let events = vec![
            event(EventKind::Allocate, 0x1000, 64, 8, 1),
            event(EventKind::Allocate, 4 << 20, 4096, 4 << 20, 1),
            event(EventKind::Free, 4 << 20, 4096, 4 << 20, 1),
            // On the maps.
            event(EventKind::Allocate, 0x2000, 64, 8, 1),
            event(EventKind::Free, 0x2000, 64, 8, 1),
            event(EventKind::Allocate, 0x3000, 16, 8, 2),
            event(EventKind::Free, 0x3000, 16, 8, 2),
        ];
        let recording = Recording::new(1, events, 0);
        let both = [
            "in neither map: 1 block alive after the inference, 64 B",
            "in neither map: 1 block aligned to more than 2 MiB, 4.00 KiB",
        ];
        assert_eq!(left_out(&recording, 2), both);
        let alone = [
            &both[..],
            &["in neither map: 1 block of other threads, 16 B"],
        ]
        .concat();
        assert_eq!(left_out(&recording, 1), alone);
    }
}
