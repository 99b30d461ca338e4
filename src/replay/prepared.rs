//! A plan made ready for replay: every lane of a recording with its template and its region.
//!
//! [`Replay`] stands on the allocator, on lanes and on the range that leases their regions.
//! Invariant: a plan is used only for the recording that it was made from, which is checked row by
//! row, so a planned block is as large and as strictly aligned as its request.

#![forbid(unsafe_code)]

use alloc::vec::Vec;
use core::fmt;

use super::{
    address_range::PagePolicy,
    allocator::ReplayAlloc,
    error::{NotRun, ReplayError},
    iteration::{self, Mode},
    lane::{HelperLanes, Lane},
    matching::Template,
    report::RequestCounts,
    trace::{MAX_ALIGNMENT, Recording, Request},
};
use orionrt_plan::plan::Plan;

/// A plan ready for replay: runs iterations with the planned requests in its region.
///
/// ```
/// use std::alloc::System;
/// use orionrt::{Planner, ReplayAlloc};
///
/// #[global_allocator]
/// static ALLOC: ReplayAlloc<System> = ReplayAlloc::new(System);
///
/// let iteration = || vec![1u64; 100].iter().sum::<u64>();
/// let (sum, recording) = ALLOC.record(iteration)?;
/// let plan = Planner::new().plan(&recording.lifetimes(0)?)?;
/// let mut replay = ALLOC.replay(&recording, &plan)?;
/// let (again, counts) = replay.run(iteration)?;
/// assert_eq!((sum, again), (100, 100));
/// assert_eq!((counts.hits, counts.misses.total()), (1, 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Replay<'a, A> {
    allocator: &'a ReplayAlloc<A>,
    own: Lane<'a>,
    helpers: HelperLanes<'a>,
    threshold: usize,
}

impl<A> ReplayAlloc<A> {
    /// Makes a plan of a recording's first lane ready for replay: its region is reserved, and
    /// resident.
    ///
    /// # Errors
    /// If the plan was not made from this recording, or there is no memory for its region.
    pub fn replay(&self, recording: &Recording, plan: &Plan) -> Result<Replay<'_, A>, ReplayError> {
        let plans = core::slice::from_ref(plan);
        self.replay_lanes(recording, plans, PagePolicy::default())
    }

    /// Makes one plan for each lane, from the first on, ready for replay.
    pub(super) fn replay_lanes(
        &self,
        recording: &Recording,
        plans: &[Plan],
        pages: PagePolicy,
    ) -> Result<Replay<'_, A>, ReplayError> {
        let (found, expected) = (plans.len(), recording.lanes());
        if found > expected {
            return Err(ReplayError::OtherCount { found, expected });
        }
        let range = self.range()?;
        let lane = |(lane, plan): (usize, &Plan)| {
            let requests = recording.requests(lane);
            check(requests, plan)?;
            let made = Lane::new(Template::new(requests), range.lease(plan, pages)?);
            Ok((recording.thread(lane), made))
        };
        let lanes = plans.iter().enumerate().map(lane);
        let lanes = lanes.collect::<Result<Vec<_>, ReplayError>>()?;
        let mut lanes = lanes.into_iter();
        let Some((_, own)) = lanes.next() else {
            return Err(ReplayError::OtherCount { found, expected });
        };
        Ok(Replay {
            allocator: self,
            helpers: HelperLanes::new(lanes),
            own,
            threshold: recording.threshold(),
        })
    }
}

/// Whether a plan was made from these requests.
fn check(requests: &[Request], plan: &Plan) -> Result<(), ReplayError> {
    let planned = || requests.iter().filter(|request| request.is_planned());
    let (found, expected) = (plan.len(), planned().count());
    if found != expected {
        return Err(ReplayError::OtherCount { found, expected });
    }
    let differs = planned()
        .zip(plan.lifetimes().rows())
        .position(|(request, row)| {
            let upper = request.upper.map(|upper| upper as i64);
            (row.lower, Some(row.upper)) != (request.lower as i64, upper)
                || row.size != request.largest as u64
                || row.alignment < request.alignment as u64
                || row.alignment > MAX_ALIGNMENT as u64
        });
    differs.map_or(Ok(()), |row| Err(ReplayError::OtherPlan { row }))
}

impl<A> Replay<'_, A> {
    /// Runs an iteration; returns its result, and the counts of its requests.
    ///
    /// # Errors
    /// If this thread is already inside an iteration, or helpers are to take part and another
    /// session with lanes is running.
    pub fn run<R>(
        &mut self,
        iteration: impl FnOnce() -> R,
    ) -> Result<(R, RequestCounts), ReplayError> {
        Ok(self.try_run(iteration)?)
    }

    /// Runs an iteration, or gives it back.
    pub(super) fn try_run<R, F: FnOnce() -> R>(
        &mut self,
        iteration: F,
    ) -> Result<(R, RequestCounts), NotRun<F>> {
        if !iteration::is_idle() {
            return Err(NotRun::new(ReplayError::Nested, iteration));
        }
        self.own.rewind();
        self.helpers.begin();
        // Drops what an iteration counted that panicked.
        self.take_counts();
        let (output, more) = {
            let helpers = Mode::Replay(&self.helpers);
            let helpers = (!self.helpers.is_empty()).then_some(&helpers);
            let _loan = match self.allocator.lend_to_helpers(helpers, self.threshold) {
                Ok(loan) => loan,
                Err(error) => return Err(NotRun::new(error, iteration)),
            };
            let own = Mode::Replay(&self.own);
            self.allocator.run(own, self.threshold, iteration)?
        };
        let mut counts = self.take_counts();
        counts += more;
        Ok((output, counts))
    }

    /// The counts since the last call.
    fn take_counts(&mut self) -> RequestCounts {
        let mut counts = self.own.take_counts();
        counts += self.helpers.take_counts();
        counts
    }
}

impl<A> fmt::Debug for Replay<'_, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replay")
            .field("own", &self.own)
            .field("helpers", &self.helpers)
            .finish_non_exhaustive()
    }
}
