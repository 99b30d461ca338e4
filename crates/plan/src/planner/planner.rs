//! [`Planner`]: the options of planning.
//!
//! Stands on the strategies, the budget and previous plans; `planning` makes plans with it.
//! Invariant: an option changes nothing but itself, except that a limit of one kind takes the place
//! of the other.

use alloc::{boxed::Box, sync::Arc, vec::Vec};
use core::fmt;
#[cfg(feature = "std")]
use std::time::Duration;

use super::auto::Auto;
use super::budget::{Budget, Cancel};
use super::built_in;
#[cfg(feature = "std")]
use super::deadline::HAS_CLOCK;
use super::previous_plan::PreviousPlan;
#[cfg(feature = "std")]
use super::progress::Progress;
use super::strategy::Strategy;
use crate::plan::Plan;

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
    pub(super) strategy: Arc<dyn Strategy>,
    #[cfg(feature = "std")]
    time_limit: Option<Duration>,
    /// Whether the user has chosen a time limit or a number of nodes.
    #[cfg(feature = "std")]
    is_limited: bool,
    nodes: Option<u64>,
    cancels: Vec<Cancel>,
    #[cfg(feature = "std")]
    pub(super) progress: Option<Progress>,
    pub(super) keep: Option<Arc<PreviousPlan>>,
    pub(super) start: Option<Arc<PreviousPlan>>,
    pub(super) capacity: Option<u64>,
    pub(super) alignment: u64,
    pub(super) seed: u64,
    pub(super) threads: usize,
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
    ///
    /// It fails as soon as it is known that there is none: at once if a lower bound of the peak is
    /// above `bytes`, or when a search has tried all plans within them. Up to 20,000 nodes then go
    /// into the best plan, which tells what the capacity should be.
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

    /// This planner for questions about some tensors of prepared lifetimes, which are asked by
    /// [`plan_within`](Self::plan_within): with the default strategy on one thread, without a
    /// capacity and previous plans.
    pub(crate) fn for_questions(&self) -> Self {
        let planner = self.for_single_model().strategy(Auto);
        planner.alignment(1).threads(1)
    }

    /// The seed for random choices.
    pub(crate) fn chosen_seed(&self) -> u64 {
        self.seed
    }

    /// The capacity asked for, if one was.
    pub(crate) fn wanted_capacity(&self) -> Option<u64> {
        self.capacity
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

    /// This planner without a previous plan to keep, if it has one.
    pub(super) fn without_kept(&self) -> Option<Self> {
        self.keep.as_ref()?;
        Some(Self {
            keep: None,
            ..self.clone()
        })
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

#[cfg(all(test, feature = "std"))]
mod tests {
    use super::*;

    #[test]
    fn a_default_time_limit_changes_no_limit_that_was_asked_for() {
        let (second, short) = (Duration::from_secs(1), Duration::from_millis(5));
        let limit = |planner: Planner| planner.time_limit_if_unset(short).time_limit;
        assert_eq!(limit(Planner::new()), Some(short));
        assert_eq!(limit(Planner::new().seed(7).alignment(64)), Some(short));
        assert_eq!(limit(Planner::new().time_limit(second)), Some(second));
        assert_eq!(limit(Planner::new().nodes(10)), None);
    }
}
