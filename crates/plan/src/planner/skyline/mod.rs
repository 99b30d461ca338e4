//! Skyline search: does everything fit below a capacity?
//!
//! Placed buffers grow upwards from 0, and nothing is ever placed below what is there already, so
//! the state is a *skyline*: the height reached in each section of time. The search decides again
//! and again which buffer comes next in a valley of the skyline (`search`), keeps at hand what
//! follows from that (`state`), and restarts with other [heuristics] when it has lost its way.
//!
//! ```text
//! offset   C ─────────────────────────  capacity
//!    │          ┌───────┐
//!    │          │       │     ┌──┐      b can lie in the valley only if it is alive nowhere else.
//!    │    ┌─────┤       ├·····┤  │      To defer all that could lie there gives the valley up:
//!    │    │     │       │  b? │  │      the bytes still to be placed below C must allow that.
//!    └────┴─────┴───────┴─────┴──┴───── section
//! ```
//!
//! Sections are MiniMalloc's (Moffitt, ASPLOS 2023). Classes, deferring items instead of skipping
//! valleys, and weighted degrees of sections are our own additions.

// A file uses only files above it in this list.
mod problem;
mod ranks;
mod variable_order;
mod state;
mod value_order;
mod heuristics;
mod nogoods;
mod search;
mod solver;
mod exhaustive;
#[cfg(test)]
mod tests;

pub(super) use exhaustive::ExhaustiveSolver;
pub(super) use search::SearchOutcome;
pub(super) use solver::SkylineSolver;
