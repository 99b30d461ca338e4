//! Who asked for how many bytes in a recorded iteration.
//!
//! Stands on recordings. Invariant: each recorded request is counted once, by its largest size.

#![forbid(unsafe_code)]

use super::{
    report::OtherThreads,
    trace::{Recording, Request},
};

/// The bytes of a recorded iteration.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RecordedBytes {
    /// Of requests in planned lanes that are planned.
    planned: u64,
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
        match (lane > helpers, request.is_planned()) {
            (true, _) => &mut self.without_lane,
            (false, true) => &mut self.planned,
            (false, false) => &mut self.kept,
        }
    }

    /// The bytes of all threads.
    pub(super) fn all(&self) -> u64 {
        [self.kept, self.without_lane, self.others.bytes]
            .into_iter()
            .fold(self.planned, u64::saturating_add)
    }

    /// The number of threads that would have needed one lane more each, and that of the lanes.
    pub(super) fn lanes_missing(&self) -> (u64, u64) {
        let missing = self.recorded_helpers.saturating_sub(self.helpers);
        (missing, self.helpers)
    }
}
