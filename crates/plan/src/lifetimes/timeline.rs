//! The births and deaths of tensors in order of time, in one run of their models or in several.
//!
//! Stands on the live ranges of [`Lifetimes`] and on sorting by time. A sweep goes over sections of
//! time, between changes of liveness.
//!
//! ```text
//! row 0     ├───────┤     ├─────┤
//! row 1        ├───────┤
//! section   │ 0│ 0 1│ 1│  │  0  │          born: 0, 1, -, -, 0      dead: -, -, 0, 1, -
//! ```
//!
//! Invariant: sections follow each other without a step between them, from the first birth to the
//! last death.

use alloc::vec::Vec;
use core::ops::Range;

use super::{
    by_time::{Event, by_time},
    collection::Lifetimes,
};

/// Births and deaths, each in order of their steps; at one step, in order of their rows.
pub(crate) struct Timeline {
    births: Vec<Event>,
    deaths: Vec<Event>,
    /// How often rows are alive in one run.
    once: usize,
}

impl Timeline {
    /// The lives of tensors that have bytes of their own, as the lifetimes say.
    pub(crate) fn new(lifetimes: &Lifetimes) -> Self {
        Self::of_runs(lifetimes, |_| &[0], |_| true)
    }

    /// The lives of tensors that have bytes of their own and are `of_interest`. A row is alive as
    /// often as `later` says, so many steps later each time. The distance may wrap; a step that is
    /// moved by it is in range again.
    pub(crate) fn of_runs<'r>(
        lifetimes: &Lifetimes,
        later: impl Fn(usize) -> &'r [i64],
        of_interest: impl Fn(usize) -> bool,
    ) -> Self {
        let lives = || lifetimes.lives().filter(|(row, _)| of_interest(*row));
        let count = lives().map(|(row, _)| later(row).len()).sum();
        let events = |step: fn(&Range<i64>) -> i64| {
            let mut events = Vec::with_capacity(count);
            for (row, steps) in lives() {
                let moved = |later: &i64| (step(&steps).wrapping_add(*later), row);
                events.extend(later(row).iter().map(moved));
            }
            by_time(events)
        };
        Self {
            births: events(|steps| steps.start),
            deaths: events(|steps| steps.end),
            once: lives().count(),
        }
    }

    /// All births.
    pub(crate) fn births(&self) -> &[Event] {
        &self.births
    }

    /// All deaths.
    pub(crate) fn deaths(&self) -> &[Event] {
        &self.deaths
    }

    /// How many births there are, and how many in one run.
    pub(crate) fn lives(&self) -> [usize; 2] {
        [self.births.len(), self.once]
    }

    /// Visits the sections between changes of liveness in order of time. `visit` gets the steps of
    /// a section, the rows born at its start and the rows that have died there. A row with gaps is
    /// born and dies several times, never both at one step, unless one run of its model ends where
    /// the next one begins.
    pub(crate) fn sweep(&self, mut visit: impl FnMut(Range<i64>, &[usize], &[usize])) {
        let (mut births, mut deaths) = (Events::new(&self.births), Events::new(&self.deaths));
        while let Some(death) = deaths.next() {
            let now = births.next().map_or(death, |birth| birth.min(death));
            births.take(now);
            deaths.take(now);
            let end = match (births.next(), deaths.next()) {
                (Some(birth), Some(death)) => birth.min(death),
                (_, Some(death)) => death,
                _ => now,
            };
            visit(now..end, &births.taken, &deaths.taken);
        }
    }
}

impl Lifetimes {
    /// Visits the sections between changes of liveness in order of time; see [`Timeline::sweep`].
    /// Only tensors that occupy bytes take part.
    pub(crate) fn sweep(&self, visit: impl FnMut(Range<i64>, &[usize], &[usize])) {
        Timeline::new(self).sweep(visit);
    }
}

/// Births or deaths in order of time.
struct Events<'a> {
    rest: &'a [Event],
    /// The rows of those that were taken last.
    taken: Vec<usize>,
}

impl<'a> Events<'a> {
    fn new(rest: &'a [Event]) -> Self {
        Self {
            rest,
            taken: Vec::new(),
        }
    }

    /// The step of the next one.
    fn next(&self) -> Option<i64> {
        self.rest.first().map(|&(step, _)| step)
    }

    /// Takes those of this step, before which there are none.
    fn take(&mut self, step: i64) {
        self.taken.clear();
        while let Some((&(at, row), rest)) = self.rest.split_first() {
            if at != step {
                break;
            }
            self.taken.push(row);
            self.rest = rest;
        }
    }
}
