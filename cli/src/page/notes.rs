//! Notes: what a plan of a model leaves out, or takes for granted.
//!
//! Stands on the facts about the model. Invariant: nothing that limits the plan is missing; a long
//! list says how much more there is.

#![forbid(unsafe_code)]

use crate::input::{ModelFacts, reason};

/// The most notes of a kind.
const LISTED: usize = 100;

/// The notes of a model.
pub(crate) fn notes(model: &ModelFacts) -> Vec<String> {
    let assumed = model.assumed.iter();
    let bounds = model.bounds.iter();
    let left_out = model.left_out.iter();
    let left_out = left_out.map(|one| format!("{} is left out: {}", one.name, reason(&one.reason)));
    let mut notes = Vec::new();
    list(
        &mut notes,
        assumed.map(|(name, size)| format!("{name} is assumed to be {size}")),
    );
    list(
        &mut notes,
        bounds.map(|(name, most)| {
            format!("{name} is at most {most}: sizes that follow from it are bounds")
        }),
    );
    list(&mut notes, left_out);
    notes
}

fn list(notes: &mut Vec<String>, all: impl ExactSizeIterator<Item = String>) {
    let more = all.len().saturating_sub(LISTED);
    notes.extend(all.take(LISTED));
    if more > 0 {
        notes.push(format!("and {more} more (--json lists all)"));
    }
}
