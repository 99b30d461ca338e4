//! Who asked for how many bytes in a recorded iteration.
//!
//! Stands on recordings. Invariant: each recorded request is counted once, by its largest size.

#![forbid(unsafe_code)]

use super::{
    report::OtherThreads,
    trace::{Recording, Request},
};

/// Helpers that ask for less than one part in so many are left alone.
const LEAST_OF_HELPERS: u64 = 200;

/// The bytes of a recorded iteration.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RecordedBytes {
    /// Of requests of the first lane that are planned, and of helpers'.
    own: u64,
    of_helpers: u64,
    /// Of requests in planned lanes that are not, since they outlive the iteration.
    pub(super) kept: u64,
    /// Of threads that no lane is planned for.
    pub(super) without_lane: u64,
    /// What other threads asked for, if they were not recorded.
    pub(super) others: OtherThreads,
    /// The helpers that were recorded, and those that can have a lane.
    recorded_helpers: u64,
    helpers: u64,
}

impl RecordedBytes {
    /// Of a recording of which the first lane and so many helpers are planned.
    pub(super) fn new(recording: &Recording, helpers: usize, others: OtherThreads) -> Self {
        let mut bytes = Self {
            others,
            recorded_helpers: recording.lanes() as u64 - 1,
            helpers: helpers as u64,
            ..Self::default()
        };
        for lane in 0..recording.lanes() {
            for request in recording.requests(lane) {
                let counted = bytes.outcome(lane, helpers, request);
                *counted = counted.saturating_add(request.largest as u64);
            }
        }
        bytes
    }

    fn outcome(&mut self, lane: usize, helpers: usize, request: &Request) -> &mut u64 {
        match (lane, request.is_planned()) {
            (lane, _) if lane > helpers => &mut self.without_lane,
            (_, false) => &mut self.kept,
            (0, true) => &mut self.own,
            (_, true) => &mut self.of_helpers,
        }
    }

    /// Whether helpers ask for a part of what is planned that counts.
    pub(super) fn has_helpers(&self) -> bool {
        let planned = self.own.saturating_add(self.of_helpers);
        self.of_helpers > planned / LEAST_OF_HELPERS
    }

    /// The bytes of requests that are planned.
    pub(super) fn planned(&self) -> u64 {
        match self.has_helpers() {
            true => self.own.saturating_add(self.of_helpers),
            false => self.own,
        }
    }

    /// The bytes of all threads.
    pub(super) fn all(&self) -> u64 {
        let planned = self.own.saturating_add(self.of_helpers);
        [self.kept, self.without_lane, self.others.bytes]
            .into_iter()
            .fold(planned, u64::saturating_add)
    }

    /// The number of threads that would have needed one lane more each, and that of the lanes.
    pub(super) fn lanes_missing(&self) -> (u64, u64) {
        let missing = self.recorded_helpers.saturating_sub(self.helpers);
        (missing, self.helpers)
    }
}
