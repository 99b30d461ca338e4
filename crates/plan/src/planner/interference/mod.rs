//! Placement where rows do not tell which buffers conflict: buffers of operators that run on
//! several streams, buffers of several models, and buffers with gaps.
//!
//! Which buffers conflict is given as a
//! [`InterferenceRelation`](super::conflict::InterferenceRelation). [`place`] is the portfolio:
//! greedy passes, a squeaky wheel, branch and bound over a few buffers, and guided ejection search
//! below ever lower capacities. How low a peak can be, `crate::relation` bounds.
//!
//! ```text
//! stream 1    ├─a─┤ ├──b──┤     c may run beside a and b: it conflicts with both
//! stream 2        ├─c─┤ ├─d─┤   d waits for b's event: no conflict, though submitted before b ends
//! ```
//!
//! Invariant: whatever the budget, conflicting buffers of a finished placement share no byte.

// A file uses only files above it in this list.
mod adjacency;
mod obstacles;
mod free_space;
mod orders;
mod priorities;
mod branch_and_bound;
mod ejection;
mod portfolio;
mod blocks;
#[cfg(test)]
mod tests;

pub(super) use blocks::stack_blocks;
pub(super) use free_space::InterferenceDecoder;
pub(super) use obstacles::Obstacles;
pub(super) use portfolio::{descend, improve, place};
