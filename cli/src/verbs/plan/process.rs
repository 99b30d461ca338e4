//! What a recording of a process says, beside the plan of its blocks, for people.
//!
//! Stands on the facts about a recording. Invariant: what is left out is said.

#![forbid(unsafe_code)]

use orionrt::Plan;

use crate::{
    format::{self, Lines},
    input::ProcessFacts,
};

/// The lines about a recording.
pub(super) fn lines(lines: Lines, facts: &ProcessFacts, plan: &Plan) -> Lines {
    let lines = lines
        .line("process", process(facts))
        .line("recording", events(facts))
        .line("heap", compared(facts, plan));
    match left_out(facts) {
        Some(left_out) => lines.line("left out", left_out),
        None => lines,
    }
}

/// The notes about a recording on a page.
pub(super) fn notes(facts: &ProcessFacts, plan: &Plan) -> Vec<String> {
    let recorded = [
        format!("process: {}", process(facts)),
        format!("recording: {}", events(facts)),
        format!("heap: {}", compared(facts, plan)),
    ];
    let left_out = left_out(facts).map(|left_out| format!("left out: {left_out}"));
    recorded.into_iter().chain(left_out).collect()
}

/// `4711, python3 infer.py`
fn process(facts: &ProcessFacts) -> String {
    const MOST: usize = 200;
    let command: String = facts.command.join(" ").chars().take(MOST).collect();
    format!("{}, {command}", facts.process)
}

/// `128 events of 2 threads in 10 ms; 3 more were lost; 5 blocks alive after them`
fn events(facts: &ProcessFacts) -> String {
    let events = format::count(facts.events, "event");
    let threads = format::count(facts.threads as u64, "thread");
    let time = format::thousands(facts.duration_ms);
    let lost = match facts.lost {
        0 => String::new(),
        lost => format!("; {} more were lost", format::thousands(lost)),
    };
    let alive = format::count(facts.alive_after as u64, "block");
    format!("{events} of {threads} in {time} ms{lost}; {alive} alive after them")
}

/// `live at most 195 KiB; planned 195 KiB; resident at most 4.14 MiB`
fn compared(facts: &ProcessFacts, plan: &Plan) -> String {
    let [live, planned, resident] =
        [facts.live_peak, plan.peak(), facts.heap_peak].map(format::short_bytes);
    format!("live at most {live}; planned {planned}; resident at most {resident}")
}

/// `2 blocks of 4.25 KiB, small, at other times, or empty`
fn left_out(facts: &ProcessFacts) -> Option<String> {
    (facts.left_out > 0).then(|| {
        let blocks = format::count(facts.left_out, "block");
        let bytes = format::short_bytes(facts.left_out_bytes);
        format!("{blocks} of {bytes}, small, at other times, or empty")
    })
}
