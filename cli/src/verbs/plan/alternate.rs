//! What XLA has placed in the fast memory of a device, beside the plan, for people.
//!
//! Stands on the facts about a memory space assignment. Invariant: where two sizes are not of the
//! same lifetimes, that is said.

#![forbid(unsafe_code)]

use orionrt::Plan;

use crate::{
    format::{self, Lines},
    input::AlternateFacts,
};

/// The lines about a memory space assignment.
pub(super) fn lines(lines: Lines, facts: &AlternateFacts, plan: &Plan) -> Lines {
    lines
        .line("XLA", compared(facts, plan))
        .line("", allocations(facts))
}

/// The notes about a memory space assignment on a page.
pub(super) fn notes(facts: &AlternateFacts, plan: &Plan) -> Vec<String> {
    [compared(facts, plan), allocations(facts)]
        .map(|note| format!("XLA: {note}"))
        .into()
}

/// `fast memory up to 32,848 bytes, planned 32,832 bytes`
fn compared(facts: &AlternateFacts, plan: &Plan) -> String {
    let [bytes, planned] = [facts.bytes, plan.peak()].map(format::bytes);
    let verdict = if facts.is_valid {
        ""
    } else {
        "; XLA's offsets are no plan of these lifetimes, so the two do not compare"
    };
    format!("fast memory up to {bytes}, planned {planned}{verdict}")
}

/// `13 allocations, of which 9 within others; offsets are multiples of 1,024`
fn allocations(facts: &AlternateFacts) -> String {
    let allocations = format::count(facts.allocations as u64, "allocation");
    let [within, alignment] = [facts.within as u64, facts.alignment].map(format::thousands);
    format!("{allocations}, of which {within} within others; offsets are multiples of {alignment}")
}
