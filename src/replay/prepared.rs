//! Iterations that are replayed: [`Replay`].
//!
//! Stands on the allocator, on a [`ReadyPlan`], and on the range that leases its region. Invariant:
//! a loan to helpers ends before anything of the plan is touched by its owner again.

#![forbid(unsafe_code)]

use alloc::vec::Vec;
use core::fmt;

use super::{
    address_range::{Lease, PagePolicy},
    allocator::{Helpers, ReplayAlloc},
    conflicts::Conflict,
    error::{NotRun, ReplayError},
    iteration::{self, Mode, Setting},
    ready_plan::ReadyPlan,
    replay_plan::ReplayPlan,
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
    plan: ReadyPlan<'a>,
    /// The session's number.
    session: u64,
    threshold: usize,
}

impl<A> ReplayAlloc<A> {
    /// Makes a plan of a recording's first lane ready for replay: its region is reserved, and
    /// resident.
    ///
    /// # Errors
    /// If the plan was not made from this recording, or there is no memory for its region.
    pub fn replay(&self, recording: &Recording, plan: &Plan) -> Result<Replay<'_, A>, ReplayError> {
        let plan = ReplayPlan::of_first_lane(recording, plan)?;
        let lease = self.lease(&plan, PagePolicy::default())?;
        let session = iteration::session_number();
        let ready = ReadyPlan::new(plan, 0, lease);
        Ok(self.replay_of(ready, session, recording.threshold()))
    }

    /// Leases a region for a plan.
    pub(super) fn lease(
        &self,
        plan: &ReplayPlan,
        pages: PagePolicy,
    ) -> Result<Lease<'_>, ReplayError> {
        self.range()?.lease(plan.map.unclaimed(), pages)
    }

    /// Replays a plan in iterations of a session.
    pub(super) fn replay_of<'a>(
        &'a self,
        plan: ReadyPlan<'a>,
        session: u64,
        threshold: usize,
    ) -> Replay<'a, A> {
        Replay {
            allocator: self,
            plan,
            session,
            threshold,
        }
    }
}

impl<A> Replay<'_, A> {
    /// Runs an iteration; returns its result, and the counts of its requests.
    ///
    /// # Errors
    /// If this thread is already inside an iteration.
    pub fn run<R>(
        &mut self,
        iteration: impl FnOnce() -> R,
    ) -> Result<(R, RequestCounts), ReplayError> {
        Ok(self.try_run(Helpers::IfFree, iteration)?)
    }

    /// Runs an iteration, or gives it back. Helpers take part if the plan has them.
    pub(super) fn try_run<R, F: FnOnce() -> R>(
        &mut self,
        helpers: Helpers,
        iteration: F,
    ) -> Result<(R, RequestCounts), NotRun<F>> {
        if !iteration::is_idle() {
            return Err(NotRun::new(ReplayError::Nested, iteration));
        }
        self.plan.begin();
        // Drops what an iteration counted that panicked.
        self.plan.take_counts();
        let helpers = match self.plan.has_helpers() {
            true => helpers,
            false => Helpers::None,
        };
        let setting = Setting {
            session: self.session,
            mode: Mode::Replay(&self.plan),
            threshold: self.threshold,
        };
        let (output, more) = self.allocator.run_helped(helpers, setting, iteration)?;
        let mut counts = self.plan.take_counts();
        counts += more;
        Ok((output, counts))
    }

    /// Whether something kept planned bytes from requests, where helpers take part.
    pub(super) fn has_conflicts(&self) -> bool {
        self.plan.has_conflicts()
    }

    /// What kept planned bytes from requests since the last call, where helpers take part.
    pub(super) fn take_conflicts(&mut self) -> Vec<Conflict> {
        self.plan.take_conflicts()
    }

    /// The plan with its region.
    #[cfg(feature = "files")]
    pub(super) fn ready_plan(&self) -> &ReadyPlan<'_> {
        &self.plan
    }

    /// Whether helpers take part.
    pub(super) fn has_helpers(&self) -> bool {
        self.plan.has_helpers()
    }

    /// The size below which requests pass by.
    pub(super) fn threshold(&self) -> usize {
        self.threshold
    }

    /// The plan, which gives up its region.
    pub(super) fn into_plan(self) -> ReplayPlan {
        self.plan.into_plan()
    }
}

impl<A> fmt::Debug for Replay<'_, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replay")
            .field("plan", &self.plan)
            .field("threshold", &self.threshold)
            .finish_non_exhaustive()
    }
}
