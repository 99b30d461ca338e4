//! A plan made ready for replay: every lane of a recording with its template and its region.
//!
//! [`Replay`] stands on the allocator, on lanes and on the range that leases their regions.
//! Invariant: what it replays are [`LanePlan`]s, in which a planned block is as large and as
//! strictly aligned as its request.

#![forbid(unsafe_code)]

use alloc::vec::Vec;
use core::fmt;

use super::{
    address_range::PagePolicy,
    allocator::ReplayAlloc,
    error::{NotRun, ReplayError},
    iteration::{self, Mode},
    lane::{HelperLanes, Lane},
    lane_plan::LanePlan,
    report::RequestCounts,
    trace::Recording,
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
        let mut lanes = LanePlan::of_all(recording, plans)?;
        self.replay_plans(&mut lanes, recording.threshold(), pages)
    }

    /// Makes the plans of lanes, of which the first is this thread's, ready for replay: takes all
    /// of them, unless there is an error.
    pub(super) fn replay_plans(
        &self,
        lanes: &mut Vec<LanePlan>,
        threshold: usize,
        pages: PagePolicy,
    ) -> Result<Replay<'_, A>, ReplayError> {
        let range = self.range()?;
        let lease = |lane: &LanePlan| range.lease(lane.map.unclaimed(), pages);
        let leases = lanes.iter().map(lease).collect::<Result<Vec<_>, _>>()?;
        let leased = core::mem::take(lanes).into_iter().zip(leases);
        let leased = leased.map(|(lane, lease)| (lane.thread, Lane::new(lane.template, lease)));
        let leased: Vec<_> = leased.collect();
        let mut leased = leased.into_iter();
        let Some((_, own)) = leased.next() else {
            let (found, expected) = (0, 1);
            return Err(ReplayError::OtherCount { found, expected });
        };
        Ok(Replay {
            allocator: self,
            helpers: HelperLanes::new(leased),
            own,
            threshold,
        })
    }
}

impl<'a, A> Replay<'a, A> {
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

    /// The lanes, from the own thread's on.
    #[cfg(feature = "files")]
    pub(super) fn lanes(&self) -> impl Iterator<Item = &Lane<'a>> {
        core::iter::once(&self.own).chain(self.helpers.lanes())
    }

    /// The size below which requests pass by.
    pub(super) fn threshold(&self) -> usize {
        self.threshold
    }

    /// The plans of all lanes, which give up their regions.
    pub(super) fn into_plans(self) -> Vec<LanePlan> {
        self.helpers.into_plans(self.own)
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
