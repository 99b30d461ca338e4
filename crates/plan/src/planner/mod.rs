//! Planning: lifetimes in, an offset for every tensor out.
//!
//! [`Planner::plan`] in `planning.rs` is the central call. It hands the buffers to a [`Strategy`]
//! and checks the offsets that come back with [`Plan::new`](crate::Plan::new), so no strategy,
//! built in or a user's, can make two live tensors share a byte. A strategy sees only buffers that
//! occupy bytes of their own: a tensor of size zero, or one that is never alive, gets offset 0
//! without being asked about, and a view gets its place from the tensor that it lies within.
//!
//! To add a strategy to the library:
//!
//! 1. Write a file in this directory with a type that implements [`Strategy`]; `online.rs` is a
//!    short example, and `decoder.rs` turns any order of the buffers into offsets.
//! 2. List the file below, above `built_in`.
//! 3. Add the type to the list in `built_in.rs`. [`Planner::strategies`],
//!    [`Planner::strategy_named`], the command line, the tests and the benches take it from there.
//!
//! The default strategy, `auto`, is a portfolio (`auto.rs`): greedy passes, a skyline search of the
//! critical set at chosen capacities, search by exhaustion, which proves what it finds, and squeaky
//! wheel optimization. Where tensors may conflict without overlapping lifetimes (several streams or
//! models), `interference` takes its place. Where tensors have gaps, what is found as if they had
//! none is improved: by tensors that lie within the gaps of others (`nesting.rs`), by passes over
//! live ranges (`live_space.rs`) and by `interference`. Where they have windows, `windows` takes
//! the place of the latter.

// A file uses only files above it in this list.
#[cfg(feature = "std")]
mod deadline;
mod budget;
#[cfg(feature = "std")]
mod progress;
mod conflict;
mod strategy;
pub(crate) mod random;
mod gap;
mod range_maxima;
mod sections;
mod many_intervals;
mod interval_set;
mod partial_spans;
mod section_tree;
mod occupancy_tree;
mod decoder;
mod heap_simulation;
mod remainder;
mod section_space;
mod live_space;
mod nesting;
mod size_buckets;
mod greedy;
mod online;
mod incumbent;
mod squeaky_wheel;
mod skyline;
mod critical;
mod exhaustion;
mod capacity_ladder;
mod capacity_search;
mod interference;
mod windows;
mod auto;
mod built_in;
mod previous_plan;
mod threads;
mod error;
#[allow(clippy::module_inception, reason = "the obvious file for `Planner`")]
mod planner;
mod planning;
mod infeasible;

pub use budget::{Budget, Cancel};
pub use error::PlannerError;
pub(crate) use gap::{align_up, first_gap};
pub use infeasible::{InfeasibleReason, InfeasibleSet};
pub use planner::Planner;
#[cfg(feature = "std")]
pub use progress::Progress;
pub(crate) use random::Random;
pub use strategy::{Strategy, Task};
