//! [`Planner`]: the options of planning, and [`Planner::plan`], the library's central call.
//!
//! `plan` makes a [`Task`] of the lifetimes, has a strategy place its buffers, and hands the
//! offsets to [`Plan::new`], which checks them. Invariant: whatever the strategy, the answer is a
//! checked [`Plan`] or an error.

use alloc::{boxed::Box, string::ToString, sync::Arc, vec::Vec};
use core::{cell::Cell, fmt};
#[cfg(feature = "std")]
use std::time::Duration;

use super::auto::Auto;
use super::budget::{Budget, Cancel};
use super::conflict::Interference;
#[cfg(feature = "std")]
use super::deadline::HAS_CLOCK;
use super::error::PlannerError;
use super::interference::stack_blocks;
use super::previous_plan::PreviousPlan;
#[cfg(feature = "std")]
use super::progress::Progress;
use super::strategy::{Strategy, Task};
use super::{built_in, threads};
use crate::lifetimes::{Lifetime, Lifetimes, Within};
use crate::plan::{Plan, PlanError, check_fixed_tensors};

/// Whether there is a clock that can end a search.
#[cfg(not(feature = "std"))]
const HAS_CLOCK: bool = false;

/// The nodes after which a search ends by default where there is no clock.
const NODES_WITHOUT_CLOCK: u64 = 1_000_000;

/// Makes plans: set the options, then call [`plan`](Self::plan).
///
/// ```
/// use std::time::Duration;
/// use orionrt_plan::{Lifetimes, Planner};
///
/// let rows = [("a", 0, 2, 1024, 64), ("b", 1, 3, 2048, 64), ("c", 2, 4, 1024, 64)];
/// let lifetimes = Lifetimes::from_rows(rows)?;
/// let plan = Planner::new().time_limit(Duration::from_millis(100)).plan(&lifetimes)?;
/// assert_eq!((plan.peak(), plan.is_optimal()), (3072, true));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Planner {
    strategy: Arc<dyn Strategy>,
    #[cfg(feature = "std")]
    time_limit: Option<Duration>,
    /// Whether the user has chosen a time limit or a number of nodes.
    #[cfg(feature = "std")]
    is_limited: bool,
    nodes: Option<u64>,
    cancels: Vec<Cancel>,
    #[cfg(feature = "std")]
    progress: Option<Progress>,
    keep: Option<Arc<PreviousPlan>>,
    start: Option<Arc<PreviousPlan>>,
    capacity: Option<u64>,
    alignment: u64,
    seed: u64,
    threads: usize,
}

impl Planner {
    /// A planner with the default options: strategy "auto", a time limit of one second, one
    /// thread, seed 0. Without `std`, and on `wasm32-unknown-unknown`, there is no clock: a search
    /// then ends after a million nodes, unless [`nodes`](Self::nodes) says otherwise.
    #[must_use]
    pub fn new() -> Self {
        Self {
            strategy: Arc::new(Auto),
            #[cfg(feature = "std")]
            time_limit: Some(Duration::from_secs(1)),
            #[cfg(feature = "std")]
            is_limited: false,
            nodes: (!HAS_CLOCK).then_some(NODES_WITHOUT_CLOCK),
            cancels: Vec::new(),
            #[cfg(feature = "std")]
            progress: None,
            keep: None,
            start: None,
            capacity: None,
            alignment: 1,
            seed: 0,
            threads: 1,
        }
    }

    /// Plans: has the strategy place the tensors, and checks the offsets that it proposes.
    ///
    /// # Errors
    /// If the alignment asked for is impossible, fixed tensors overlap, the capacity was not
    /// reached, or the strategy proposed an invalid plan; see [`PlannerError`].
    pub fn plan(&self, original: &Lifetimes) -> Result<Plan, PlannerError> {
        if let Some(fallback) = self.fallback_for(original) {
            return fallback.plan(original);
        }
        let lifetimes = self.prepared(original)?;
        match (self.checked(lifetimes, &self.budget()), self.without_kept()) {
            // The tensors that were kept left no room below 2⁶³ for the others.
            (Err(PlanError::OutOfRange { .. }), Some(free)) => free.plan(original),
            (checked, _) => self.finished(checked),
        }
    }

    /// All strategies that come with the library, the default first.
    ///
    /// ```
    /// use orionrt_plan::Planner;
    /// let all = Planner::strategies();
    /// let names: Vec<&str> = all.iter().map(|strategy| strategy.name()).collect();
    /// assert_eq!(names[..3], ["auto", "skyline", "core"]);
    /// assert!(names.contains(&"linear-scan"));
    /// ```
    #[must_use]
    pub fn strategies() -> Vec<Box<dyn Strategy>> {
        built_in::all()
    }

    /// Uses a strategy of your own.
    #[must_use]
    pub fn strategy(mut self, strategy: impl Strategy + 'static) -> Self {
        self.strategy = Arc::new(strategy);
        self
    }

    /// Uses the strategy of [`strategies`](Self::strategies) that has this name; `None` if there is
    /// none.
    ///
    /// ```
    /// use orionrt_plan::{Lifetimes, Planner};
    /// let planner = Planner::new().strategy_named("greedy-size").expect("a built-in strategy");
    /// let plan = planner.plan(&Lifetimes::from_rows([("a", 0, 1, 10, 1)])?)?;
    /// assert_eq!(plan.strategy(), "greedy-size");
    /// assert!(Planner::new().strategy_named("none such").is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn strategy_named(mut self, name: &str) -> Option<Self> {
        let found = Self::strategies().into_iter().find(|s| s.name() == name)?;
        self.strategy = Arc::from(found);
        Some(self)
    }

    /// Limits how long a search may take. The answer is the best plan found by then; there always
    /// is one. If the time is over within the first greedy pass, what the pass has not reached is
    /// placed above the others without a search, in O(n log n). On `wasm32-unknown-unknown`, which
    /// has no clock, the number of [nodes](Self::nodes) is the limit instead.
    #[cfg(feature = "std")]
    #[must_use]
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.time_limit = Some(limit);
        self.is_limited = true;
        self
    }

    /// Sets the [time limit](Self::time_limit) of a planner that was given neither one nor a number
    /// of [nodes](Self::nodes): for a caller who plans with somebody else's planner and has a
    /// default of its own.
    ///
    /// ```
    /// use std::time::Duration;
    /// use orionrt_plan::Planner;
    /// let short = Duration::from_millis(5);
    /// let planner = Planner::new().time_limit_if_unset(short); // 5 ms
    /// let planner = Planner::new().nodes(1000).time_limit_if_unset(short); // 1000 nodes
    /// # drop(planner);
    /// ```
    #[cfg(feature = "std")]
    #[must_use]
    pub fn time_limit_if_unset(mut self, limit: Duration) -> Self {
        if !self.is_limited {
            self.time_limit = Some(limit);
        }
        self
    }

    /// Limits a search to about this many nodes, however long they take, and removes the time
    /// limit.
    ///
    /// A node is one buffer tried at one offset. With one thread, equal seeds then give equal plans
    /// on every machine.
    #[must_use]
    pub fn nodes(mut self, nodes: u64) -> Self {
        self.nodes = Some(nodes);
        #[cfg(feature = "std")]
        {
            self.time_limit = None;
            self.is_limited = true;
        }
        self
    }

    /// Ends a search when `cancel` is set; the answer is the best plan found by then. May be called
    /// for several flags.
    #[must_use]
    pub fn cancelled_by(mut self, cancel: &Cancel) -> Self {
        self.cancels.push(cancel.clone());
        self
    }

    /// Tells `progress` of better plans as they are found, and of a lower bound: for a caller who
    /// shows how far a search has come. Of several models that are planned together, only a joint
    /// search tells of plans.
    #[cfg(feature = "std")]
    #[must_use]
    pub fn reported_to(mut self, progress: &Progress) -> Self {
        self.progress = Some(progress.clone());
        self
    }

    /// Keeps tensors where a previous plan has them.
    ///
    /// A tensor of the same name and size stays if its bytes are free of others that stay and of
    /// fixed ones. Only the others are placed, so the peak may be higher than without. If they find
    /// no room at all, nothing is kept.
    ///
    /// ```
    /// use orionrt_plan::{Lifetimes, Planner};
    /// let rows = [("a", 0, 2, 100, 1), ("b", 1, 3, 300, 1), ("c", 2, 4, 100, 1)];
    /// let before = Planner::new().plan(&Lifetimes::from_rows(rows)?)?;
    /// // Now c is larger.
    /// let rows = [("a", 0, 2, 100, 1), ("b", 1, 3, 300, 1), ("c", 2, 4, 150, 1)];
    /// let after = Planner::new().keep(&before).plan(&Lifetimes::from_rows(rows)?)?;
    /// assert_eq!(after.offsets()[..2], before.offsets()[..2]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn keep(mut self, plan: &Plan) -> Self {
        self.keep = Some(Arc::new(PreviousPlan::new(plan)));
        self
    }

    /// Starts from a previous plan, matched by the tensors' names: if it still is a plan, the
    /// answer has no higher peak.
    ///
    /// ```
    /// use orionrt_plan::{Lifetimes, Plan, Planner};
    /// let rows = [("a", 0, 2, 100, 1), ("b", 1, 3, 300, 1), ("c", 2, 4, 100, 1)];
    /// let lifetimes = Lifetimes::from_rows(rows)?;
    /// let own = Plan::new(lifetimes.clone(), vec![0, 100, 0])?;
    /// let planner = Planner::new().strategy_named("linear-scan").expect("a built-in strategy");
    /// let plan = planner.start_from(&own).plan(&lifetimes)?;
    /// assert!(plan.peak() <= own.peak());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn start_from(mut self, plan: &Plan) -> Self {
        self.start = Some(Arc::new(PreviousPlan::new(plan)));
        self
    }

    /// Stops at the first plan whose peak is at most `bytes`; if there is none, planning fails.
    #[must_use]
    pub fn capacity(mut self, bytes: u64) -> Self {
        self.capacity = Some(bytes);
        self
    }

    /// The least alignment of every offset: a power of two, in bytes.
    #[must_use]
    pub fn alignment(mut self, bytes: u64) -> Self {
        self.alignment = bytes;
        self
    }

    /// The seed for random choices: equal seeds give equal plans when the search ends by itself.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Searches with this many threads, each with a seed of its own; the best of their plans is the
    /// answer. Without `std` there is one thread.
    #[must_use]
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = threads.max(1);
        self
    }

    /// The lifetimes with the least alignment asked for, after a check of their fixed offsets.
    pub(crate) fn prepared(&self, lifetimes: &Lifetimes) -> Result<Lifetimes, PlannerError> {
        let aligned = lifetimes.clone().with_alignment(self.alignment);
        let lifetimes = aligned.map_err(PlannerError::Lifetimes)?;
        check_fixed_tensors(&lifetimes).map_err(PlannerError::Fixed)?;
        Ok(lifetimes)
    }

    /// This planner for questions about some tensors of prepared lifetimes, which are asked by
    /// [`plan_within`](Self::plan_within): with the default strategy on one thread, without a
    /// capacity and previous plans.
    pub(crate) fn for_questions(&self) -> Self {
        let planner = self.for_single_model().strategy(Auto);
        planner.alignment(1).threads(1)
    }

    /// Plans as a part of a search: with what is left of its budget, which is charged, and at most
    /// `nodes`, in place of the limits of this planner.
    pub(crate) fn plan_within(
        &self,
        lifetimes: &Lifetimes,
        budget: &Budget,
        nodes: u64,
    ) -> Result<Plan, PlannerError> {
        let lifetimes = self.prepared(lifetimes)?;
        let part = budget.up_to(nodes);
        let checked = self.checked(lifetimes, &part);
        budget.spend(part.spent());
        self.finished(checked)
    }

    /// The seed for random choices.
    pub(crate) fn chosen_seed(&self) -> u64 {
        self.seed
    }

    /// The capacity asked for, if one was.
    pub(crate) fn wanted_capacity(&self) -> Option<u64> {
        self.capacity
    }

    /// The plan, or an error if its peak is above the capacity asked for.
    pub(crate) fn within_capacity(&self, plan: Plan) -> Result<Plan, PlannerError> {
        match self.capacity {
            Some(capacity) if plan.peak() > capacity => Err(PlannerError::Capacity {
                capacity,
                best: plan.into(),
            }),
            _ => Ok(plan),
        }
    }

    /// This planner without previous plans to keep or to start from.
    pub(crate) fn without_previous(&self) -> Self {
        Self {
            keep: None,
            start: None,
            ..self.clone()
        }
    }

    /// This planner for a single model of a set: without the joint plan's capacity and previous
    /// plans.
    pub(crate) fn for_single_model(&self) -> Self {
        Self {
            capacity: None,
            #[cfg(feature = "std")]
            progress: None,
            ..self.without_previous()
        }
    }

    /// Tells whoever reads the progress of a lower bound of every plan's peak, in bytes.
    /// It is asked for only if somebody reads it.
    pub(crate) fn report_bound(&self, bound: impl FnOnce() -> u64) {
        #[cfg(feature = "std")]
        if let Some(progress) = &self.progress {
            progress.bounded(bound());
        }
        #[cfg(not(feature = "std"))]
        let _ = bound;
    }

    /// An offset in bytes for each rigid block, given by height and alignment, so that conflicting
    /// blocks share no byte.
    pub(crate) fn stack(
        &self,
        blocks: &[(u64, u64)],
        conflict: impl Fn(usize, usize) -> bool,
    ) -> Vec<u64> {
        stack_blocks(blocks, conflict, &self.budget())
    }

    /// This planner without a previous plan to keep, if it has one.
    fn without_kept(&self) -> Option<Self> {
        self.keep.as_ref()?;
        Some(Self {
            keep: None,
            ..self.clone()
        })
    }

    /// This planner with the default strategy, if its own cannot place these tensors.
    fn fallback_for(&self, lifetimes: &Lifetimes) -> Option<Self> {
        let is_able = lifetimes.rows_tell_conflicts() || self.strategy.needs_interference();
        (!is_able).then(|| self.clone().strategy(Auto))
    }

    /// What the strategy proposes within a budget, which is charged, as a plan.
    fn checked(&self, lifetimes: Lifetimes, budget: &Budget) -> Result<Plan, PlanError> {
        let (offsets, proven) = self.propose(&lifetimes, budget)?;
        Ok(Plan::new(lifetimes, offsets)?.with_proven_bound(proven))
    }

    /// The plan with the name of its strategy, if it is within the capacity.
    fn finished(&self, checked: Result<Plan, PlanError>) -> Result<Plan, PlannerError> {
        let name = self.strategy.name();
        let plan = checked.map_err(|error| PlannerError::Strategy {
            name: name.to_string(),
            error,
        })?;
        #[cfg(feature = "std")]
        if let Some(progress) = &self.progress {
            progress.found(plan.peak());
        }
        self.within_capacity(plan.with_strategy(name))
    }

    /// The offset of each tensor that the strategy proposes, and a lower bound that it has proven.
    /// Fixed tensors must not overlap.
    fn propose(
        &self,
        lifetimes: &Lifetimes,
        budget: &Budget,
    ) -> Result<(Vec<u64>, u64), PlanError> {
        let rows = lifetimes.rows();
        let occupying: Vec<usize> = (0..rows.len()).filter(|&i| rows[i].occupies()).collect();
        let buffers = self.buffers(lifetimes, &occupying, budget);
        let fixed_bytes = buffers.iter().filter_map(Lifetime::fixed_bytes);
        let fixed_end = fixed_bytes.map(|bytes| bytes.end).max().unwrap_or(0);
        let bound = lifetimes.lower_bound();
        self.report_bound(|| bound);
        // Of plans that leave in their places what is kept.
        let bound = bound.max(fixed_end);
        let start = self.start.as_ref();
        let start =
            start.and_then(|previous| previous.start(lifetimes, &occupying, &buffers, budget));
        let task = Task {
            buffers: &buffers,
            goal: bound.max(self.capacity.unwrap_or(0)),
            capacity: self.capacity,
            start,
            budget: budget.clone(),
            seed: self.seed,
            interference: (!lifetimes.rows_tell_conflicts()).then_some(Interference {
                lifetimes,
                tensors: &occupying,
            }),
            proven: Cell::new(0),
            #[cfg(feature = "std")]
            progress: self.progress.as_ref(),
        };
        let placed = self.place(&task);
        budget.spend(task.budget.spent().saturating_sub(budget.spent()));
        if placed.len() != buffers.len() {
            return Err(PlanError::Count {
                tensors: buffers.len(),
                offsets: placed.len(),
            });
        }
        // What was proven with tensors kept in place says nothing of plans that move them.
        let tensors = occupying.iter().zip(&buffers);
        let is_kept =
            |(&i, buffer): (&usize, &Lifetime)| buffer.fixed_offset != rows[i].fixed_offset;
        let proven = match tensors.clone().any(is_kept) {
            true => 0,
            false => task.proven.get(),
        };
        Ok((offsets_of_all(rows, &occupying, &placed), proven))
    }

    /// The tensors that have bytes of their own, with those that are kept at fixed offsets.
    fn buffers(
        &self,
        lifetimes: &Lifetimes,
        occupying: &[usize],
        budget: &Budget,
    ) -> Vec<Lifetime> {
        let keep = self.keep.as_ref();
        let kept = keep.map(|previous| previous.kept(lifetimes, budget));
        let kept = |i: usize| kept.as_ref().and_then(|kept| kept[i]);
        let buffers = occupying.iter().map(|&i| {
            let row = lifetimes.rows()[i];
            Lifetime {
                fixed_offset: row.fixed_offset.or(kept(i)),
                ..row
            }
        });
        buffers.collect()
    }

    /// The strategy's offsets, or those that the task starts from if they are better.
    fn place(&self, task: &Task<'_>) -> Vec<u64> {
        if task.buffers.is_empty() {
            return Vec::new();
        }
        let mut placed = threads::place(&*self.strategy, task, self.threads);
        if let Some(start) = &task.start {
            if task.peak(start) < task.peak(&placed) {
                placed.clone_from(start);
            }
        }
        placed
    }

    /// The flags that end a search.
    pub(crate) fn cancels(&self) -> &[Cancel] {
        &self.cancels
    }

    /// What ends a search that begins now.
    pub(crate) fn budget(&self) -> Budget {
        let cancels = self.cancels.iter();
        let budget = cancels.fold(Budget::unlimited(), Budget::cancelled_by);
        #[cfg(feature = "std")]
        let budget = match self.time_limit {
            Some(limit) => budget.until(limit),
            None => budget,
        };
        match self.nodes {
            Some(nodes) => budget.nodes(nodes),
            None => budget,
        }
    }
}

/// The offsets of all tensors, from those of the tensors that have bytes of their own.
fn offsets_of_all(rows: &[Lifetime], occupying: &[usize], placed: &[u64]) -> Vec<u64> {
    let fixed = rows.iter().map(|row| row.fixed_offset.unwrap_or(0));
    let mut offsets: Vec<u64> = fixed.collect();
    for (&i, &offset) in occupying.iter().zip(placed) {
        offsets[i] = offset;
    }
    for (i, row) in rows.iter().enumerate() {
        if let Some(Within { root, offset }) = row.within {
            offsets[i] = offsets[root.index()].saturating_add(offset);
        }
    }
    offsets
}

impl Default for Planner {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Planner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Planner")
            .field("strategy", &self.strategy.name())
            .field("capacity", &self.capacity)
            .field("alignment", &self.alignment)
            .field("seed", &self.seed)
            .field("threads", &self.threads)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::GraphBuilder;
    use crate::ids::OpId;
    use core::alloc::Layout;

    fn cancelled() -> Planner {
        let cancel = Cancel::new();
        cancel.cancel();
        Planner::new().cancelled_by(&cancel)
    }

    #[cfg(feature = "std")]
    #[test]
    fn a_default_time_limit_changes_no_limit_that_was_asked_for() {
        let (second, short) = (Duration::from_secs(1), Duration::from_millis(5));
        let limit = |planner: Planner| planner.time_limit_if_unset(short).time_limit;
        assert_eq!(limit(Planner::new()), Some(short));
        assert_eq!(limit(Planner::new().seed(7).alignment(64)), Some(short));
        assert_eq!(limit(Planner::new().time_limit(second)), Some(second));
        assert_eq!(limit(Planner::new().nodes(10)), None);
    }

    #[cfg(feature = "std")]
    #[test]
    fn progress_only_falls_and_ends_at_the_peak_of_the_plan() {
        use crate::planner::strategy::Task;

        /// Asks what is known of a search before it and after it.
        struct Asks(Progress);
        impl Strategy for Asks {
            fn name(&self) -> &str {
                "asks"
            }

            fn place(&self, task: &Task<'_>) -> Vec<u64> {
                assert_eq!(self.0.best_peak(), None);
                assert_eq!(self.0.lower_bound(), task.goal);
                let offsets = Auto.place(task);
                assert_eq!(self.0.best_peak(), Some(task.peak(&offsets)));
                offsets
            }
        }
        let row = |i: i64| {
            (
                i.to_string(),
                i % 7,
                i % 7 + 1 + i % 5,
                3 + i as u64 * 5 % 17,
                1,
            )
        };
        let lifetimes = Lifetimes::from_rows((0..50).map(row)).unwrap();
        for threads in [1, 3] {
            let planner = Planner::new().nodes(10_000).threads(threads);
            for strategy in Planner::strategies() {
                let progress = Progress::new();
                let named = planner.clone().reported_to(&progress);
                let named = named.strategy_named(strategy.name()).unwrap();
                let plan = named.plan(&lifetimes).unwrap();
                assert_eq!(
                    progress.best_peak(),
                    Some(plan.peak()),
                    "{}",
                    strategy.name()
                );
                assert_eq!(progress.lower_bound(), lifetimes.lower_bound());
            }
        }
        let progress = Progress::new();
        let asking = Planner::new()
            .nodes(10_000)
            .strategy(Asks(progress.clone()));
        asking.reported_to(&progress).plan(&lifetimes).unwrap();
    }

    #[test]
    fn what_no_strategy_has_time_for_is_placed_by_a_buddy_arena() {
        let row = |i: i64| {
            (
                i.to_string(),
                i * 7 % 5000,
                i * 7 % 5000 + 2 + i % 90,
                1 + i as u64,
                1,
            )
        };
        let lifetimes = Lifetimes::from_rows((0..5000).map(row)).unwrap();
        let named = |name: &str| cancelled().strategy_named(name).unwrap();
        let arena = named("linear-scan").plan(&lifetimes).unwrap();
        for strategy in Planner::strategies() {
            let plan = named(strategy.name()).plan(&lifetimes).unwrap();
            let is_online = strategy.name().ends_with("-fit");
            assert!(
                is_online || plan.offsets() == arena.offsets(),
                "{}",
                strategy.name()
            );
        }
    }

    #[test]
    fn a_question_is_charged_to_the_budget_of_its_search_and_ends_with_it() {
        let row = |i: i64| {
            let lower = i * 37 % 97;
            (
                i.to_string(),
                lower,
                lower + 2 + i % 29,
                3 + i as u64 * 5 % 17,
                4,
            )
        };
        let lifetimes = Lifetimes::from_rows((0..300).map(row)).unwrap();
        let planner = Planner::new().for_questions();
        let spent = |left: u64| {
            let budget = Budget::unlimited().nodes(left);
            planner.plan_within(&lifetimes, &budget, 50_000).unwrap();
            budget.spent()
        };
        let [little, some, much] = [1, 10_000, 1 << 40].map(spent);
        assert!((1..2000).contains(&little), "{little}");
        assert!((10_000..20_000).contains(&some), "{some}");
        assert!((50_000..60_000).contains(&much), "{much}");
    }

    #[test]
    fn a_few_buffers_are_placed_well_whatever_the_time() {
        let row = |i: i64| (i.to_string(), i, i + 2, 64, 64);
        let lifetimes = Lifetimes::from_rows((0..1000).map(row)).unwrap();
        assert!(cancelled().plan(&lifetimes).unwrap().is_optimal());
    }

    #[test]
    fn buffers_of_several_streams_are_placed_apart_if_there_is_no_time_to_compare_them() {
        let mut g = GraphBuilder::new();
        for i in 0..600u32 {
            let tensor = g.tensor(i.to_string(), Layout::new::<[u8; 16]>());
            let op = g.op(i.to_string()).stream(i % 2).writes([tensor]);
            let _ = if i > 1 {
                op.after([OpId::new(i - 2)])
            } else {
                op
            };
        }
        let lifetimes = g.build().unwrap().lifetimes();
        let plan = cancelled().plan(&lifetimes).unwrap();
        assert_eq!(plan.peak(), lifetimes.total_bytes());
    }
}
