//! The parts of replay that helpers share, for the models in `tests/loom_team.rs`, in place of all
//! of replay.

#![allow(dead_code)] // What only the rest of replay uses.

// A file uses only files above it in this list.
mod loom_thread;
mod trace {
    mod event;
    mod recording;

    pub(super) use super::loom_thread::{UNNUMBERED, thread_number};
    pub(super) use recording::Request;
}
mod report {
    mod counts;

    pub(super) use counts::{Outcome, RequestCounts};
}
mod request_counters;
mod guests;
mod factors;
mod template;
mod team_template;
mod team_matching;
mod team_fitting;
mod team;
mod loom_model;

pub use loom_model::{Asked, ModelTeam};
pub use loom_thread::run_as;
