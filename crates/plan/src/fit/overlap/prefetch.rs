//! Fetches at earlier steps, so that operators wait less.
//!
//! Stands on `clock`, `moved`, `place` and `blame`. Fetches for which operators wait are moved in
//! turn: as far back as the capacity allows, or else half as far, and so on. A move is kept if the
//! schedule takes less time. Work is counted in simulated steps, and no clock is looked at.
//! Invariant: each schedule that is kept has passed the check and takes less time than the one
//! before.

use alloc::vec::Vec;

use super::{
    super::{
        costs::OperatorCosts,
        options::Fit,
        schedule::{CopyId, FitSchedule},
    },
    blame::blamed,
    clock::{Clock, times},
    error::OverlapError,
    moved::{fetch_of, with_fetch_at},
    place::{alignment, fits_beside, loads, place_anew},
    seconds::{Unit, step_seconds},
};
use crate::graph::Graph;
use crate::planner::{Cancel, Planner};

/// How often all copies are placed anew.
const MOST_PLANS: usize = 16;

/// The nodes that the planner visits for that.
const PLAN_NODES: u64 = 20_000;

/// A schedule and its times.
struct Timed {
    schedule: FitSchedule,
    units: Vec<Unit>,
    clock: Clock,
}

struct Prefetch<'p> {
    graph: &'p Graph,
    fit: &'p Fit,
    costs: &'p OperatorCosts,
    planner: &'p Planner,
    alignment: u64,
    /// The steps that may still be simulated.
    work: u64,
    plans: usize,
}

impl FitSchedule {
    /// This schedule with fetches at earlier steps, so that operators wait less for them when
    /// [transfers run beside operators](Self::overlapped). Copies stay within the capacity of the
    /// fast memory; where those that are fetched earlier need other bytes, they get others, and if
    /// need be `planner` places all copies of the fast memory anew. What is moved, recomputed and
    /// compressed stays the same. The search does as much work as [`Fit::work`] says, and ends
    /// where the planner is [cancelled](Planner::cancelled_by).
    ///
    /// The answer passes [`check`](Self::check) and never takes more time than this schedule.
    /// [`operators_ahead`](Self::operators_ahead) tells how far ahead a fetch is.
    ///
    /// ```
    /// use core::alloc::Layout;
    /// use orionrt_plan::{GraphBuilder, Planner, fit::{Fit, OperatorCosts, SlowMemory}};
    ///
    /// // A chain whose weights stay in a file, each as large as half of the fast memory's rest.
    /// let mut g = GraphBuilder::new();
    /// let kilobyte = Layout::array::<u8>(1000)?;
    /// let mut x = g.tensor("x", kilobyte);
    /// let mut weights = Vec::new();
    /// for layer in 0..6 {
    ///     let [w, y] = ["w", "y"].map(|name| g.tensor(format!("{name}{layer}"), kilobyte));
    ///     g.op(format!("layer {layer}")).reads([x, w]).writes([y]);
    ///     weights.push(w);
    ///     x = y;
    /// }
    /// let graph = g.output(x).build()?;
    /// let fit = Fit::within(4000).slow(SlowMemory::new(0, 1e6)).stored(weights);
    /// let planner = Planner::new();
    /// let fitted = planner.fit(&graph, &fit)?;
    /// let costs = OperatorCosts::from_seconds([0.002; 6]).expect("positive numbers");
    ///
    /// let schedule = fitted.schedule();
    /// let ahead = schedule.prefetched(&graph, &fit, &costs, &planner)?;
    /// let waited = |of: &orionrt_plan::fit::FitSchedule| {
    ///     of.overlapped(&graph, &fit, &costs).map(|overlap| overlap.waited_seconds())
    /// };
    /// assert!(waited(&ahead)? <= waited(schedule)?);
    /// assert!(ahead.check(&graph, &fit).is_ok());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`overlapped`](Self::overlapped).
    pub fn prefetched(
        &self,
        graph: &Graph,
        fit: &Fit,
        costs: &OperatorCosts,
        planner: &Planner,
    ) -> Result<Self, OverlapError> {
        self.check(graph, fit).map_err(OverlapError::Schedule)?;
        let mut prefetch = Prefetch {
            graph,
            fit,
            costs,
            planner,
            alignment: alignment(graph, planner),
            work: fit.work,
            plans: MOST_PLANS,
        };
        let mut best = prefetch.timed(self.clone())?;
        while prefetch.round(&mut best) {}
        Ok(best.schedule)
    }

    /// How many operators run or rerun between a fetch and the first step that reads its copy: 0
    /// for one right before its use, and for a step that is no fetch.
    #[must_use]
    pub fn operators_ahead(&self, step: usize) -> usize {
        use super::super::schedule::FitAction::{Fetch, Rerun, Run};
        let Some(fetch) = self.steps.get(step) else {
            return 0;
        };
        if !matches!(fetch.action, Fetch(_)) {
            return 0;
        }
        let is_read = |copy: &CopyId| fetch.writes.contains(copy);
        let later = self.steps[step + 1..].iter();
        let before = later.take_while(|step| !step.reads.iter().any(is_read));
        before
            .filter(|step| matches!(step.action, Run(_) | Rerun(_)))
            .count()
    }
}

impl Prefetch<'_> {
    fn timed(&mut self, schedule: FitSchedule) -> Result<Timed, OverlapError> {
        let seconds = step_seconds(&schedule, self.graph, self.fit, self.costs)?;
        let actions = schedule.steps.iter().map(|step| step.action);
        let units: Vec<Unit> = actions.map(|of| Unit::of(of, self.fit)).collect();
        let clock = times(&schedule, self.graph, &units, &seconds);
        self.work = self.work.saturating_sub(units.len() as u64);
        Ok(Timed {
            schedule,
            units,
            clock,
        })
    }

    fn is_over(&self) -> bool {
        self.work == 0 || self.planner.cancels().iter().any(Cancel::is_cancelled)
    }

    /// Moves each fetch for which an operator waits; returns whether one is earlier now.
    fn round(&mut self, best: &mut Timed) -> bool {
        let mut is_faster = false;
        for copy in blamed(&best.schedule, &best.units, &best.clock) {
            if self.is_over() {
                return false;
            }
            if let Some(faster) = self.advanced(best, copy) {
                *best = faster;
                is_faster = true;
            }
        }
        is_faster
    }

    /// The schedule with the fetch of a copy at an earlier step, if it then takes less time.
    fn advanced(&mut self, best: &Timed, copy: CopyId) -> Option<Timed> {
        let fetch = fetch_of(&best.schedule, copy)?;
        let size = best.schedule.copy(copy)?.bytes(self.graph);
        let loads = loads(&best.schedule, self.graph);
        let earlier = loads[fetch.earliest..fetch.step].iter().rev();
        let has_room = |load: &&u64| load.saturating_add(size) <= self.fit.capacity;
        let mut distance = earlier.take_while(has_room).count();
        while distance > 0 && !self.is_over() {
            let moved = with_fetch_at(&best.schedule, fetch.step, fetch.step - distance);
            if let Some(faster) = self.faster(best, moved, copy) {
                return Some(faster);
            }
            distance /= 2;
        }
        None
    }

    /// A schedule with bytes for a copy that is there longer, if it is right and takes less time
    /// than the best.
    fn faster(&mut self, best: &Timed, mut moved: FitSchedule, copy: CopyId) -> Option<Timed> {
        let capacity = self.fit.capacity;
        if !fits_beside(&mut moved, self.graph, copy, capacity, self.alignment) {
            self.plans = self.plans.checked_sub(1)?;
            let limits = (capacity, self.alignment, PLAN_NODES);
            if !place_anew(&mut moved, self.graph, self.planner, limits) {
                return None;
            }
        }
        let moved = self.timed(moved).ok()?;
        let is_faster = moved.clock.seconds < best.clock.seconds;
        let is_right = is_faster && moved.schedule.check(self.graph, self.fit).is_ok();
        is_right.then_some(moved)
    }
}
