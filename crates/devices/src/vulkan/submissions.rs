//! The submissions of all of a device's streams, numbered in their order.
//!
//! Invariant: what the device was given is in the list before anybody else can ask for the last
//! number.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::point::Timeline;
use crate::error::DeviceMemoryError;

/// From so many on, each submission looks for those before it that have ended.
const REMEMBERED: usize = 64;

#[derive(Default)]
pub(super) struct Submissions {
    list: Mutex<List>,
}

#[derive(Default)]
struct List {
    /// The number of the last submission; they are counted from 1.
    last: u64,
    /// Those that may still run, oldest first.
    running: VecDeque<Submission>,
}

#[derive(Clone)]
struct Submission {
    number: u64,
    timeline: Arc<Timeline>,
    value: u64,
}

impl Submissions {
    /// Makes a submission, after which the timeline will have this value, and numbers it if the
    /// device takes it.
    pub(super) fn make(
        &self,
        timeline: &Arc<Timeline>,
        value: u64,
        submit: impl FnOnce() -> Result<(), DeviceMemoryError>,
    ) -> Result<(), DeviceMemoryError> {
        let mut list = self.list();
        submit()?;
        list.last += 1;
        let submission = Submission {
            number: list.last,
            timeline: Arc::clone(timeline),
            value,
        };
        list.running.push_back(submission);
        if list.running.len() >= REMEMBERED {
            // A device that was lost says so to whoever waits for it.
            let _ = list.ended();
        }
        Ok(())
    }

    /// The number of the last submission, or 0.
    pub(super) fn last(&self) -> u64 {
        self.list().last
    }

    /// The last number up to which all submissions have ended.
    pub(super) fn ended(&self) -> Result<u64, DeviceMemoryError> {
        self.list().ended()
    }

    /// Waits until the submissions up to this number have ended.
    pub(super) fn wait(&self, number: u64) -> Result<(), DeviceMemoryError> {
        let list = self.list().running.clone();
        let mut until = list
            .into_iter()
            .filter(|submission| submission.number <= number);
        until.try_for_each(|submission| {
            submission
                .timeline
                .wait(submission.value, u64::MAX)
                .map(|_| ())
        })
    }

    /// The list. A thread that panicked while it held the lock had changed nothing.
    fn list(&self) -> MutexGuard<'_, List> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl List {
    /// Forgets the submissions that have ended up to the first that has not.
    fn ended(&mut self) -> Result<u64, DeviceMemoryError> {
        while let Some(oldest) = self.running.front() {
            if oldest.timeline.done()? < oldest.value {
                return Ok(oldest.number - 1);
            }
            self.running.pop_front();
        }
        Ok(self.last)
    }
}
