//! What XLA has assigned, beside the plan, for people.
//!
//! Stands on the facts about a buffer assignment. Invariant: what is not planned is named.

#![forbid(unsafe_code)]

use orionrt::Plan;

use crate::{
    format::{self, Lines},
    input::XlaFacts,
};

/// The lines about a buffer assignment.
pub(super) fn lines(lines: Lines, facts: &XlaFacts, plan: &Plan) -> Lines {
    let mut lines = lines.line("XLA", compared(facts, plan));
    lines = lines.line("", values(facts));
    match others(facts) {
        Some(others) => lines.line("not planned", others),
        None => lines,
    }
}

/// The notes about a buffer assignment on a page.
pub(super) fn notes(facts: &XlaFacts, plan: &Plan) -> Vec<String> {
    let notes = [
        format!("XLA: {}", compared(facts, plan)),
        format!("XLA: {}", values(facts)),
    ];
    let others = others(facts).map(|others| format!("not planned: {others}"));
    notes.into_iter().chain(others).collect()
}

/// `temporaries 32,848 bytes, planned 32,832 bytes`
fn compared(facts: &XlaFacts, plan: &Plan) -> String {
    let [temporary, planned] = [facts.temporary_bytes, plan.peak()].map(format::bytes);
    let verdict = if facts.is_valid {
        ""
    } else {
        "; XLA's offsets are no plan of these lifetimes, so the two do not compare"
    };
    format!("temporaries {temporary}, planned {planned}{verdict}")
}

/// `13 values, of which 9 lie within others, in 1 allocation`
fn values(facts: &XlaFacts) -> String {
    let values = format::count(facts.values as u64, "value");
    let within = format::thousands(facts.within as u64);
    let allocations = format::count(facts.allocations as u64, "allocation");
    let without = match facts.without_range {
        0 => String::new(),
        count => {
            let count = format::thousands(count as u64);
            format!("; {count} without a live range, taken to be alive all the time")
        }
    };
    let color = match facts.color {
        0 => String::new(),
        color => format!(" of memory space {color}"),
    };
    format!("{values}, of which {within} within others, in {allocations}{color}{without}")
}

/// The bytes of other allocations, by what they are for.
fn others(facts: &XlaFacts) -> Option<String> {
    let others = [
        ("parameters", facts.parameter_bytes),
        ("outputs", facts.output_bytes),
        ("constants", facts.constant_bytes),
        ("thread-local", facts.thread_local_bytes),
        ("others", facts.other_bytes),
    ];
    let some = others.iter().filter(|(_, bytes)| *bytes > 0);
    let shown = some.map(|(name, bytes)| format!("{name} {}", format::short_bytes(*bytes)));
    let shown: Vec<String> = shown.collect();
    (!shown.is_empty()).then(|| shown.join(", "))
}
