//! What heaptrack saw of a program's heap, beside the plan, for people.
//!
//! Stands on the facts about a recording. Invariant: what the recording does not say is said.

#![forbid(unsafe_code)]

use orionrt::Plan;

use crate::{
    escape::printable,
    format::{self, Lines},
    input::HeaptrackFacts,
};

/// The lines about a recording.
pub(super) fn lines(lines: Lines, facts: &HeaptrackFacts, plan: &Plan) -> Lines {
    let mut lines = lines;
    if !facts.command.is_empty() {
        lines = lines.line("command", printable(&facts.command));
    }
    let lines = lines
        .line("heaptrack", events(facts))
        .line("heap", compared(facts, plan));
    match unknown(facts) {
        Some(unknown) => lines.line("", unknown),
        None => lines,
    }
}

/// The notes about a recording on a page.
pub(super) fn notes(facts: &HeaptrackFacts, plan: &Plan) -> Vec<String> {
    let command = (!facts.command.is_empty()).then(|| format!("command: {}", facts.command));
    let recorded = [
        format!("heaptrack: {}", events(facts)),
        format!("heap: {}", compared(facts, plan)),
    ];
    let notes = command.into_iter().chain(recorded);
    notes.chain(unknown(facts)).collect()
}

/// `56 allocations in 10 ms; 2 blocks alive after them, 4.35 KiB`
fn events(facts: &HeaptrackFacts) -> String {
    let allocations = format::count(facts.allocations as u64, "allocation");
    let alive = format::count(facts.alive_after as u64, "block");
    let bytes = format::short_bytes(facts.alive_after_bytes);
    let time = format::thousands(facts.total_ms);
    format!("{allocations} in {time} ms; {alive} of {bytes} alive after them")
}

/// `live at most 195 KiB, after 0 ms; planned 195 KiB; resident at most 4.14 MiB`
fn compared(facts: &HeaptrackFacts, plan: &Plan) -> String {
    let [live, planned] = [facts.live_peak, plan.peak()].map(format::short_bytes);
    let time = format::thousands(facts.peak_ms);
    let resident = facts.resident_peak.map(|bytes| {
        let bytes = format::short_bytes(bytes);
        format!("; resident at most {bytes}")
    });
    let resident = resident.unwrap_or_default();
    format!("live at most {live}, after {time} ms; planned {planned}{resident}")
}

/// What the recording does not say.
fn unknown(facts: &HeaptrackFacts) -> Option<String> {
    let unknown = (facts.unknown_frees > 0).then(|| {
        let frees = format::count(facts.unknown_frees as u64, "free");
        format!("{frees} of blocks from before the recording left out")
    });
    let last = (!facts.has_addresses && facts.allocations > 0).then(|| {
        "of blocks of one size and stack, the last is taken to be freed first \
         (heaptrack --raw records which)"
            .to_string()
    });
    let all: Vec<String> = unknown.into_iter().chain(last).collect();
    (!all.is_empty()).then(|| all.join("; "))
}
