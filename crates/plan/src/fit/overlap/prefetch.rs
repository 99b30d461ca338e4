//! Fetches at earlier steps, so that operators wait less.
//!
//! Stands on `clock`, `moved`, `place` and `blame`. Fetches for which operators wait are moved in
//! turn: as far back as the capacity allows, or else half as far, and so on. A move is kept if the
//! schedule takes less time. Work is counted in steps of schedules that are tried, also of those
//! for which there are no bytes, and no clock is looked at.
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
    wholes::Wholes,
};
use crate::graph::Graph;
use crate::planner::{Cancel, Planner};

/// How often all copies are placed anew.
const MOST_PLANS: usize = 16;

/// The nodes that the planner visits for that.
const PLAN_NODES: u64 = 20_000;

/// How many steps are looked at in the time in which one is tried.
const STEPS_LOOKED_AT: usize = 8;

/// A schedule and its times.
struct Timed {
    schedule: FitSchedule,
    units: Vec<Unit>,
    clock: Clock,
    /// The load of the fast memory at each step.
    loads: Vec<u64>,
}

struct Prefetch<'p> {
    graph: &'p Graph,
    fit: &'p Fit,
    costs: &'p OperatorCosts,
    planner: &'p Planner,
    alignment: u64,
    wholes: Wholes,
    /// The steps of schedules that may still be tried.
    work: u64,
    plans: usize,
}

impl FitSchedule {
    /// This schedule with fetches at earlier steps, so that operators wait less for them when
    /// [transfers run beside operators](Self::overlapped). Copies stay within the capacity of the
    /// fast memory; where those that are fetched earlier need other bytes, they get others, and if
    /// need be `planner` places all copies of the fast memory anew. What is moved, recomputed and
    /// compressed stays the same. The search does as much work as [`Fit::work`] says, counted in
    /// steps of the schedules that it tries, and ends where the planner is
    /// [cancelled](Planner::cancelled_by).
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
            wholes: Wholes::new(self, graph, fit),
            work: fit.work,
            plans: MOST_PLANS,
        };
        prefetch.spend(self.steps.len());
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
    fn timed(&self, schedule: FitSchedule) -> Result<Timed, OverlapError> {
        let seconds = step_seconds(&schedule, self.graph, self.fit, self.costs)?;
        let actions = schedule.steps.iter().map(|step| step.action);
        let units: Vec<Unit> = actions.map(|of| Unit::of(of, self.fit)).collect();
        let clock = times(&schedule, self.graph, &units, &seconds);
        Ok(Timed {
            loads: loads(&schedule, self.graph, &self.wholes),
            schedule,
            units,
            clock,
        })
    }

    /// Counts steps of a schedule as work.
    fn spend(&mut self, steps: usize) {
        self.work = self.work.saturating_sub(steps as u64);
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
        let steps = best.schedule.steps.len();
        self.spend(steps / STEPS_LOOKED_AT);
        let fetch = fetch_of(&best.schedule, copy)?;
        let size = best.schedule.copy(copy)?.bytes(self.graph);
        let earlier = best.loads[fetch.earliest..fetch.step].iter().rev();
        let has_room = |load: &&u64| load.saturating_add(size) <= self.fit.capacity;
        let mut distance = earlier.take_while(has_room).count();
        while distance > 0 && !self.is_over() {
            self.spend(steps);
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
        let (graph, wholes) = (self.graph, &self.wholes);
        let limits = (self.fit.capacity, self.alignment);
        if !fits_beside(&mut moved, graph, wholes, copy, limits) {
            self.plans = self.plans.checked_sub(1)?;
            let limits = (self.fit.capacity, self.alignment, PLAN_NODES);
            if !place_anew(&mut moved, graph, wholes, self.planner, limits) {
                return None;
            }
        }
        let moved = self.timed(moved).ok()?;
        let is_faster = moved.clock.seconds < best.clock.seconds;
        let is_right = is_faster && moved.schedule.check(self.graph, self.fit).is_ok();
        is_right.then_some(moved)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fit::{FitAction, FitStep, Memory, SlowMemory, TensorCopy};
    use crate::graph::GraphBuilder;
    use crate::ids::OpId;
    use core::alloc::Layout;

    #[test]
    fn attempts_without_bytes_are_work() {
        let mut g = GraphBuilder::new();
        let byte = Layout::new::<u8>();
        let [x, a, w, y] = ["x", "a", "w", "y"].map(|name| g.tensor(name, byte));
        g.op("first").reads([x]).writes([a]);
        g.op("second").reads([a, w]).writes([y]);
        let graph = g.output(y).build().expect("two operators");
        let fast = |tensor, steps, offset| TensorCopy::new(tensor, Memory::Fast, steps, offset);
        let ids = |all: &[u32]| all.iter().map(|&id| CopyId::new(id)).collect::<Vec<_>>();
        let run = |op, reads: &[u32], writes: &[u32]| {
            let action = FitAction::Run(OpId::from_index(op));
            FitStep::new(action, ids(reads), ids(writes))
        };
        // With `w` from the start, `a` and `x` take all of the bytes but those of `y`, which is
        // there when `w` still is.
        let schedule = FitSchedule {
            copies: alloc::vec![
                fast(x, 0..1, 0),
                fast(a, 0..3, 1),
                fast(w, 1..3, 0),
                fast(y, 2..3, 2),
            ],
            steps: alloc::vec![
                run(0, &[0], &[1]),
                FitStep::new(FitAction::Fetch(w), ids(&[]), ids(&[2])),
                run(1, &[1, 2], &[3]),
            ],
            inputs: alloc::vec![Some(CopyId::new(0)), None],
            outputs: ids(&[3]),
        };
        let fit = Fit::within(3).slow(SlowMemory::new(0, 1.0)).stored([w]);
        schedule.check(&graph, &fit).expect("a right schedule");
        let mut prefetch = Prefetch {
            graph: &graph,
            fit: &fit,
            costs: &OperatorCosts::from_seconds([1.0, 1.0]).expect("not negative"),
            planner: &Planner::new(),
            alignment: 1,
            wholes: Wholes::new(&schedule, &graph, &fit),
            work: 100,
            // There is a place only if all copies get others.
            plans: 0,
        };
        let best = prefetch.timed(schedule).expect("finite times");
        assert!(prefetch.advanced(&best, CopyId::new(2)).is_none());
        assert_eq!(prefetch.work, 97);
    }
}
