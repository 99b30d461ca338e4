//! A sweep over time that visits births and deaths in order.
//!
//! Stands on the live ranges of [`Lifetimes`]. Invariant: sections follow each other without a step
//! between them, from the first birth to the last death.

use alloc::vec::Vec;
use core::ops::Range;

use super::collection::Lifetimes;

impl Lifetimes {
    /// Visits the sections between changes of liveness in order of time. `visit` gets the steps of
    /// a section, the rows born at its start and the rows that have died there. A row with gaps is
    /// born and dies several times, never both at one step. Only tensors that occupy bytes take
    /// part.
    pub(crate) fn sweep(&self, mut visit: impl FnMut(Range<i64>, &[usize], &[usize])) {
        let mut births: Vec<(i64, usize)> =
            self.lives().map(|(i, steps)| (steps.start, i)).collect();
        let mut deaths: Vec<(i64, usize)> = self.lives().map(|(i, steps)| (steps.end, i)).collect();
        births.sort_unstable();
        deaths.sort_unstable();
        let (mut births, mut deaths) = (Events::new(births), Events::new(deaths));
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

/// Births or deaths in order of time.
struct Events {
    rest: alloc::vec::IntoIter<(i64, usize)>,
    /// The rows of those that were taken last.
    taken: Vec<usize>,
}

impl Events {
    fn new(sorted: Vec<(i64, usize)>) -> Self {
        Self {
            rest: sorted.into_iter(),
            taken: Vec::new(),
        }
    }

    /// The step of the next one.
    fn next(&self) -> Option<i64> {
        self.rest.as_slice().first().map(|&(step, _)| step)
    }

    /// Takes those of this step, before which there are none.
    fn take(&mut self, step: i64) {
        self.taken.clear();
        while self.next() == Some(step) {
            self.taken.extend(self.rest.next().map(|(_, row)| row));
        }
    }
}
