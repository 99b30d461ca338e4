//! The lane of the thread that runs an iteration: what it is expected to ask for, how far it has
//! come, and what became of its requests.
//!
//! Invariant: only that thread touches the matcher and the counters or, while no iteration runs,
//! the owner of the session.

#![forbid(unsafe_code)]

use super::{
    matching::{Matcher, Template},
    request_counters::RequestCounters,
};

#[derive(Debug)]
pub(super) struct Lane {
    pub(super) template: Template,
    pub(super) matcher: Matcher,
    pub(super) counters: RequestCounters,
}

impl Lane {
    pub(super) fn new(template: Template) -> Self {
        Self {
            template,
            matcher: Matcher::default(),
            counters: RequestCounters::default(),
        }
    }
}
