//! The page of a recorded inference: its blocks where the heap had them, beside the plan.
//!
//! Stands on [`page`](crate::page) and [`inference`](crate::inference). Invariant: both maps are of
//! the inference that was recorded, and what is in neither of them is said.

#![forbid(unsafe_code)]

use std::path::Path;

use orionrt::replay::KeyReport;

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
    let mut notes = notes(runner, recording.threshold(), &report);
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

/// Sizes that are assumed, and blocks that are in neither map.
fn notes(runner: &Runner, threshold: usize, report: &KeyReport) -> Vec<String> {
    let assumed = runner.assumed().iter();
    let assumed = assumed.map(|(name, size)| format!("{name} is assumed to be {size}"));
    let mut notes: Vec<String> = assumed.collect();
    notes.push(
        "one inference on the C library's heap: a step is an allocation, a resize or a free".into(),
    );
    let (last, bytes) = (&report.last, &report.last.bytes);
    let threshold = format::thousands(threshold as u64);
    let small = format!("of fewer than {threshold} bytes");
    let left_out = [
        (last.outliving, bytes.outliving, "alive after it"),
        (last.small, bytes.small, &*small),
    ];
    for (count, bytes, which) in left_out.into_iter().filter(|(count, ..)| *count > 0) {
        let (count, bytes) = (format::count(count, "block"), format::short_bytes(bytes));
        notes.push(format!("in neither map: {count} {which}, {bytes}"));
    }
    notes
}
