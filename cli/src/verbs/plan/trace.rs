//! What a recording of `ReplayAlloc` says, beside the plan, for people.
//!
//! Stands on the facts about a recording. Invariant: what is left out is said.

#![forbid(unsafe_code)]

use crate::{
    format::{self, Lines},
    input::TraceFacts,
};

/// The lines about a recording.
pub(super) fn lines(lines: Lines, facts: &TraceFacts) -> Lines {
    let lines = lines.line("recording", events(facts));
    match left_out(facts) {
        Some(left_out) => lines.line("left out", left_out),
        None => lines,
    }
}

/// The notes about a recording on a page.
pub(super) fn notes(facts: &TraceFacts) -> Vec<String> {
    let left_out = left_out(facts).map(|left_out| format!("left out: {left_out}"));
    let recorded = format!("recording: {}", events(facts));
    [recorded].into_iter().chain(left_out).collect()
}

/// `128 events of 2 threads; 3 more were lost`
fn events(facts: &TraceFacts) -> String {
    let events = format::count(facts.events as u64, "event");
    let threads = format::count(facts.threads as u64, "thread");
    let lost = match facts.lost {
        0 => String::new(),
        lost => format!("; {} more were lost", format::thousands(lost)),
    };
    format!("{events} of {threads}{lost}")
}

/// `2 blocks of 4.25 KiB, alive after the recording, empty, or aligned to more than 2 MiB`
fn left_out(facts: &TraceFacts) -> Option<String> {
    (facts.left_out > 0).then(|| {
        let blocks = format::count(facts.left_out as u64, "block");
        let bytes = format::short_bytes(facts.left_out_bytes);
        format!(
            "{blocks} of {bytes}, alive after the recording, empty, or aligned to more than 2 MiB"
        )
    })
}
