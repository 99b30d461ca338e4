//! Which submissions of a context may still run, and with what it is known that they do not.
//!
//! Stands on [`event`](super::event); [`submissions`](super::submissions) keeps it under its mutex.
//! Invariant: a submission that may still run is one of the list's [`Running`]. An event there was
//! recorded on the stream of its submissions, behind the last of them.

use std::sync::{Arc, Weak};

use cudarc::driver;

use super::event::{EventState, RecordedEvent};
use crate::error::DeviceMemoryError;

/// The submissions of a context that may still run.
#[derive(Debug, Default)]
pub(super) struct WorkList {
    /// The number of the last submission; they are counted from 1.
    last: u64,
    /// The last number that somebody asked for: up to here, streams get events.
    asked_for: u64,
    running: Vec<Running>,
}

/// Submissions that may still run: those of the numbers `first..=last` that are of one work.
#[derive(Debug)]
struct Running {
    first: u64,
    last: u64,
    work: Work,
}

/// What has to be done for submissions to have ended.
#[derive(Clone, Debug)]
pub(super) enum Work {
    /// Of a stream, without an event so far.
    Stream(Weak<driver::CudaStream>),
    /// Of a stream, up to an event.
    Event(Weak<driver::CudaStream>, Arc<RecordedEvent>),
    /// Of streams that are not known: the context has to do all its work.
    Context,
}

impl WorkList {
    /// The number of the last submission.
    pub fn last(&self) -> u64 {
        self.last
    }

    /// Adds a submission, with the next number.
    pub fn note(&mut self, work: Work) {
        self.last += 1;
        self.add(Running {
            first: self.last,
            last: self.last,
            work,
        });
        self.fold_dropped_streams();
    }

    /// Somebody asks for the submissions up to a number: their streams get events.
    pub fn ask_for(&mut self, number: u64) {
        self.asked_for = self.asked_for.max(number);
        self.record_events();
    }

    /// The work of the submissions up to a number.
    pub fn work(&self, number: u64) -> Vec<Work> {
        let awaited = self.running.iter().filter(|it| it.first <= number);
        awaited.map(|it| it.work.clone()).collect()
    }

    /// Forgets the work that has ended; the last number up to which all has.
    pub fn ended(&mut self) -> Result<u64, DeviceMemoryError> {
        self.record_events();
        let asked = self.ask_events();
        self.running.retain(|running| running.first <= running.last);
        asked?;
        let running = self.running.iter().map(|running| running.first - 1);
        Ok(running.min().unwrap_or(self.last))
    }

    /// Forgets work up to a number.
    pub fn forget(&mut self, number: u64, is_done: impl Fn(&Work) -> bool) {
        self.running.retain_mut(|running| {
            if is_done(&running.work) {
                running.first = running.first.max(number + 1);
            }
            running.first <= running.last
        });
    }

    /// Adds work to what runs: to the same work, if that has no event yet.
    fn add(&mut self, new: Running) {
        match self.running.iter_mut().find(|it| it.work.is(&new.work)) {
            Some(running) => {
                running.first = running.first.min(new.first);
                running.last = running.last.max(new.last);
            }
            None => self.running.push(new),
        }
    }

    /// Makes the work of streams that were dropped without an event work of the context: there will
    /// be no event behind it.
    fn fold_dropped_streams(&mut self) {
        let work = self.running.iter();
        let dropped = work.filter(|it| it.work.is_of_dropped_stream());
        let numbers = dropped.map(|it| (it.first, it.last));
        let all = numbers.reduce(|one, other| (one.0.min(other.0), one.1.max(other.1)));
        let Some((first, last)) = all else { return };
        self.running.retain(|it| !it.work.is_of_dropped_stream());
        let work = Work::Context;
        self.add(Running { first, last, work });
    }

    /// Gives an event to each stream whose work was asked for. Where that cannot be done now, as
    /// the stream is being captured or the driver refuses it, it is tried again later.
    fn record_events(&mut self) {
        let asked_for = self.asked_for;
        let asked = self.running.iter_mut().filter(|it| it.first <= asked_for);
        for running in asked {
            let Work::Stream(stream) = &running.work else {
                continue;
            };
            let recorded = stream.upgrade().map(|it| RecordedEvent::behind(&it));
            if let Some(Ok(Some(event))) = recorded {
                running.work = Work::Event(Weak::clone(stream), Arc::new(event));
            }
        }
        self.fold_dropped_streams();
    }

    /// Asks for each event. What has ended is left without a number; behind an event that became
    /// part of a graph, the stream has to get another one.
    fn ask_events(&mut self) -> Result<(), DeviceMemoryError> {
        for running in &mut self.running {
            let Work::Event(stream, event) = &running.work else {
                continue;
            };
            match event.state()? {
                EventState::Done => running.first = running.last + 1,
                EventState::Pending => {}
                EventState::Captured => running.work = Work::Stream(Weak::clone(stream)),
            }
        }
        Ok(())
    }
}

impl Work {
    /// Whether more of this work can be added to the other: no event is behind it yet.
    fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Stream(one), Self::Stream(other)) => Weak::ptr_eq(one, other),
            (Self::Context, Self::Context) => true,
            _ => false,
        }
    }

    fn is_of_dropped_stream(&self) -> bool {
        matches!(self, Self::Stream(stream) if stream.strong_count() == 0)
    }
}
