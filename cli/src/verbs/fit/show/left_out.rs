//! The lines below every answer for people: what is not in it, and how long it took.
//!
//! Stands on [`format`](crate::format). Invariant: bytes that are in neither memory are told, and
//! so are sizes that were assumed.

#![forbid(unsafe_code)]

use crate::{
    format::{self, Lines},
    input,
    verbs::fit::asked::Asked,
};

/// How many of the things that are left out are listed.
const LISTED: usize = 5;

/// What is not in the answer, and how long it took.
pub(super) fn left_out(mut lines: Lines, asked: &Asked<'_>) -> Lines {
    let facts = asked.facts;
    for (name, size) in &facts.assumed {
        lines = lines.assumed(name, *size);
    }
    for (name, bound) in &facts.bounds {
        let bound = format!("{name} is at most {bound}: sizes that follow from it are bounds");
        lines = lines.line("bounded", bound);
    }
    let (computed, computed_bytes) = facts.computed_constants;
    let constants = facts.weights_bytes.saturating_add(computed_bytes);
    let outside = constants.saturating_sub(asked.tensor_weights());
    let is_streamed = asked.args.stream_weights;
    let mut unfitted = format!("{} of weights", format::bytes(outside));
    if is_streamed {
        unfitted += " that only constants are computed from";
    } else if computed > 0 {
        unfitted += " and computed constants";
    }
    // With all weights as tensors, nothing may be left.
    let is_whole = is_streamed && outside == 0;
    let mut label = "left out";
    if !is_whole {
        lines = lines.line(label, format!("{unfitted}: they are in neither memory"));
        label = "";
    }
    for one in facts.left_out.iter().take(LISTED) {
        let reason = input::reason(&one.reason);
        lines = lines.line(label, format!("{}: {reason}", one.name));
        label = "";
    }
    let more = facts.left_out.len().saturating_sub(LISTED);
    if more > 0 {
        let more = format::thousands(more as u64);
        lines = lines.line("", format!("and {more} more (--json lists all)"));
    }
    lines
        .line("fitted in", format::duration(asked.start.elapsed()))
        .line("loaded in", format::duration(asked.input.load_time))
}
