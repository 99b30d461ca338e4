//! Search by exhaustion: lowers the peak of few buffers and proves when it is the lowest possible.
//!
//! Where alignment keeps every plan above the lower bound, only a search that has tried everything
//! can tell that a plan is optimal. `lattice` finds out which offsets are worth trying and which
//! peak is the next below a given one, `packing` asks whether a component's buffers fit below that,
//! and `proof` repeats this until the answer is no: then the peak at hand is optimal.
//!
//! Invariant: a bound is claimed only after a search without hashes, heuristics or limits that
//! could have left out a plan.

// A file uses only files above it in this list.
mod lattice;
mod packing;
mod proof;
#[cfg(test)]
mod tests;

pub(super) use proof::{Exhaustion, fit_within};
