//! What is in a recording, for people.
//!
//! Stands on the summary. Invariant: what the recording lacks is said.

#![forbid(unsafe_code)]

use std::time::Duration;

use comfy_table::{CellAlignment, Table, presets};

use super::{
    iterations::Iterations,
    summary::{Row, Summary},
};
use crate::{
    args::TraceArgs,
    format::{self, Lines},
};

pub(super) fn text(args: &TraceArgs, summary: &Summary, iterations: &Iterations) -> String {
    let mut lines = Lines::default()
        .title(args.input.display().to_string())
        .line("process", process(summary))
        .line("recording", recording(summary))
        .line("calls", calls(summary))
        .line("alive", alive(summary))
        .line("heap", heap(summary));
    for (label, text) in iterations.lines() {
        lines = lines.line(label, text);
    }
    if let Some(unknown) = unknown(summary) {
        lines = lines.line("not known", unknown);
    }
    for file in [&args.csv, &args.perfetto, &args.pprof]
        .into_iter()
        .flatten()
    {
        lines = lines.line("written", file.display().to_string());
    }
    let rows = !summary.sizes.is_empty();
    let table = rows.then(|| format!("{}\n", table(summary)));
    lines.finish() + &table.unwrap_or_default()
}

/// `4711 of 4242, python3 infer.py; it has exited`
fn process(summary: &Summary) -> String {
    const MOST: usize = 200;
    let command: String = summary.command.join(" ").chars().take(MOST).collect();
    let end = match summary.has_exited {
        true => "it exited",
        false => "its end is not recorded: a signal, _exit, another program, or it runs on",
    };
    format!(
        "{} of {}, {command}; {end}",
        summary.process, summary.parent
    )
}

/// `1.20 s of 3 threads; 17 events had no room`
fn recording(summary: &Summary) -> String {
    let time = format::duration(Duration::from_nanos(summary.duration_ns));
    let threads = format::count(summary.threads as u64, "thread");
    let lost = match summary.lost {
        0 => String::new(),
        lost => format!("; {} had no room", format::count(lost, "event")),
    };
    format!("{time} of {threads}{lost}")
}

/// `3 allocations, 2 frees, 1 resize, 0 refused`
fn calls(summary: &Summary) -> String {
    let [allocations, frees, resizes] = [
        (summary.allocations, "allocation"),
        (summary.frees, "free"),
        (summary.resizes, "resize"),
    ]
    .map(|(number, noun)| format::count(number, noun));
    let refused = format::thousands(summary.refused);
    format!("{allocations}, {frees}, {resizes}, {refused} refused")
}

/// `at most 1.00 MiB (1,048,576 bytes), after 10 ms; 2 blocks of 4.25 KiB at the end`
fn alive(summary: &Summary) -> String {
    let peak = format::bytes(summary.live_peak);
    let time = format::duration(Duration::from_nanos(summary.live_peak_ns));
    let blocks = format::count(summary.alive_after, "block");
    let bytes = format::short_bytes(summary.alive_after_bytes);
    format!("at most {peak}, after {time}; {blocks} of {bytes} at the end")
}

/// `resident at most 4.14 MiB, 3.9 MiB alive then`
fn heap(summary: &Summary) -> String {
    let [resident, live] = [summary.heap_peak, summary.live_at_heap_peak].map(format::short_bytes);
    format!("resident at most {resident} of what was seen, {live} alive then")
}

/// What the recording lacks.
fn unknown(summary: &Summary) -> Option<String> {
    let before = (summary.unknown > 0).then(|| {
        let calls = format::count(summary.unknown, "free or resize");
        format!("{calls} of blocks from before")
    });
    let ends = (summary.unseen_ends > 0).then(|| {
        format!(
            "the ends of {}",
            format::count(summary.unseen_ends, "block")
        )
    });
    let all: Vec<String> = before.into_iter().chain(ends).collect();
    (!all.is_empty()).then(|| all.join("; "))
}

fn table(summary: &Summary) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_header([
        "size up to",
        "blocks",
        "bytes",
        "bytes/s",
        "alive at most",
        "alive at the end",
        "half live less than",
    ]);
    for row in &summary.sizes {
        table.add_row(cells(row, summary.duration_ns));
    }
    for column in table.column_iter_mut() {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn cells(row: &Row, duration_ns: u64) -> [String; 7] {
    let seconds = duration_ns.max(1) as f64 / 1e9;
    let median = row.median_ns.map(Duration::from_nanos);
    [
        format::short_bytes(row.up_to),
        format::thousands(row.blocks),
        format::short_bytes(row.bytes),
        format::short_bytes((row.bytes as f64 / seconds) as u64),
        format::short_bytes(row.live_peak),
        format::thousands(row.alive_after),
        median.map_or_else(|| "-".into(), format::duration),
    ]
}
