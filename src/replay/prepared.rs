//! Iterations that are replayed: [`Replay`].
//!
//! Stands on the allocator, on a [`ReadyPlan`], and on the range that leases memory for its region.
//! Invariant: a loan to helpers ends before anything of the plan is touched by its owner again.

#![forbid(unsafe_code)]

use alloc::{sync::Arc, vec::Vec};
use core::fmt;

use super::{
    allocator::{Helpers, ReplayAlloc},
    conflicts::Conflict,
    error::{NotRun, ReplayError},
    iteration::{self, Mode, Setting},
    lease::{Lease, PagePolicy},
    planned_region::PlannedRegion,
    ready_plan::ReadyPlan,
    region_map::RegionMap,
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
    plan: ReadyPlan,
    /// The memory of the region, unless the session sees to that.
    lease: Option<Lease<'a>>,
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
        let session = iteration::session_number();
        let mut replay = self.replay_of(plan, 0, session, recording.threshold());
        let lease = self
            .range()?
            .lease(replay.region_mut(), PagePolicy::default())?;
        replay.lease = Some(lease);
        Ok(replay)
    }

    /// Makes a plan ready for iterations of a session, with so many helpers at most. Its region is
    /// closed: until it is open, every request misses.
    pub(super) fn replay_of(
        &self,
        plan: ReplayPlan,
        helpers: usize,
        session: u64,
        threshold: usize,
    ) -> Replay<'_, A> {
        Replay {
            allocator: self,
            plan: ReadyPlan::new(plan, helpers),
            lease: None,
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
        Ok(self.try_run(Helpers::IfFree, false, iteration)?)
    }

    /// Runs an iteration, or gives it back. Helpers take part if the plan has them. If it
    /// `is_at_most` as large as the recorded one, its requests may be smaller.
    pub(super) fn try_run<R, F: FnOnce() -> R>(
        &mut self,
        helpers: Helpers,
        is_at_most: bool,
        iteration: F,
    ) -> Result<(R, RequestCounts), NotRun<F>> {
        if !iteration::is_idle() {
            return Err(NotRun::new(ReplayError::Nested, iteration));
        }
        // Drops what an iteration counted that panicked.
        self.plan.take_counts();
        self.plan.begin(is_at_most);
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
    pub(super) fn ready_plan(&self) -> &ReadyPlan {
        &self.plan
    }

    /// The region, in which the plan's blocks lie.
    #[inline]
    pub(super) fn region(&self) -> &Arc<PlannedRegion> {
        self.plan.region()
    }

    /// The region, for whoever opens it.
    pub(super) fn region_mut(&mut self) -> &mut Arc<PlannedRegion> {
        self.plan.region_mut()
    }

    /// Has the blocks lie where another map of them says, in a region that is closed: see
    /// [`ReadyPlan::move_blocks`].
    pub(super) fn move_blocks(&mut self, map: RegionMap) -> bool {
        self.plan.move_blocks(map)
    }

    /// Has the blocks lie in another region, which is closed, if guests of the last iteration have
    /// stayed in this one, which is returned: see [`ReadyPlan::leave_guests`].
    pub(super) fn leave_guests(&mut self, was_in_the_way: bool) -> Option<Arc<PlannedRegion>> {
        self.plan.leave_guests(was_in_the_way)
    }

    /// What the planned requests ask for, in bytes, before they grow.
    pub(super) fn asked_bytes(&self) -> u64 {
        self.plan.asked_bytes()
    }

    /// Whether helpers take part.
    pub(super) fn has_helpers(&self) -> bool {
        self.plan.has_helpers()
    }

    /// The size below which requests pass by.
    pub(super) fn threshold(&self) -> usize {
        self.threshold
    }
}

impl<A> fmt::Debug for Replay<'_, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replay")
            .field("plan", &self.plan)
            .field("lease", &self.lease)
            .field("threshold", &self.threshold)
            .finish_non_exhaustive()
    }
}
