//! A plan: an offset for every tensor, checked.
//!
//! [`Plan::new`] is the only door. Whatever proposes offsets (a strategy, a file, a user), a `Plan`
//! exists only if the check passed. Code that turns offsets into memory may rely on these promises:
//!
//! - every offset is a multiple of its tensor's alignment, and equals the tensor's fixed offset if
//!   it has one; `offset + size` is at most `peak` for every tensor that is alive at some step;
//! - no two tensors that conflict share a byte, which is to say tensors that are alive at a common
//!   step or that, with several streams or models, might be alive at the same time. A tensor is not
//!   alive in its gaps: others may overwrite it there. If a tensor has windows, two tensors share
//!   no byte that both need at a common step; others they may share;
//! - a tensor that lies within another one has its place in the bytes of that one.
//!
//! ```text
//! offset   a and c are never alive together: they share bytes.   b meets both: it may not.
//!    │       ┌────── b ──────┐
//!    │       └───────────────┘
//!    │ ┌── a ──┐  ┌── c ──┐
//!    │ └───────┘  └───────┘
//!    └───────────────────────── step
//! ```
//!
//! `error` says what can be wrong; `sweep`, `piece_check`, `stream_check` and `model_check` look
//! for pairs that share bytes and must not, `check` calls them, `checked` has the [`Plan`],
//! `region_plan` the [`RegionPlan`] in several regions, and `usage` shows how a plan's region is
//! used over time. The module `files`, with the feature of that name, reads and writes plans.

// A file uses only files above it in this list.
mod error;
mod sweep;
mod piece_check;
mod stream_check;
mod model_check;
mod check;
mod checked;
mod region_error;
mod region_plan;
mod usage;

pub(crate) use check::check_fixed_tensors;
pub(crate) use region_plan::check_limits;
pub use {
    checked::Plan,
    error::PlanError,
    region_error::RegionError,
    region_plan::RegionPlan,
    usage::{Section, Usage},
};
