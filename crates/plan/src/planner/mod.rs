//! Planning: lifetimes in, bare offsets out.
//!
//! A [`Strategy`] is one method; [`Planner`] holds the wishes (time, capacity, alignment, seed) and asks a strategy. What comes
//! out is a proposal: only [`Plan::new`](crate::Plan::new) accepts it, so no strategy, built in or a
//! user's, can cause two live tensors to share a byte.
//!
//! A strategy sees only buffers that have bytes of their own: those of zero size, and those that are never alive, get
//! offset 0 without asking it, and what lies within another one goes with it.

mod budget;
mod random;
mod sections;
mod space;
mod size_buckets;
mod greedy;
mod earlier;
mod online;
mod skyline;
mod best;
mod squeaky_wheel;
mod critical;
mod capacity_search;
mod auto;
mod models;
mod error;
mod planning;
mod interference;

use ::core::fmt;
use alloc::{boxed::Box, sync::Arc, vec::Vec};
#[cfg(feature = "std")]
use std::time::Duration;

pub use auto::{Auto, CoreFirst, Skyline};
pub use budget::{Budget, Cancel};
pub(crate) use earlier::Earlier;
pub use error::PlannerError;
pub use greedy::{Greedy, GreedyBy};
pub use online::{LinearScan, Online};

use crate::ids::TensorId;
use crate::lifetimes::{Lifetime, Lifetimes, LifetimesError, Within};

/// A method of placing buffers.
///
/// Implement it to bring your own; the plan is checked whatever you return.
///
/// ```
/// use orionrt_plan::{planner::{Strategy, Task}, Lifetimes, Planner};
///
/// struct SideBySide;
/// impl Strategy for SideBySide {
///     fn name(&self) -> &str { "side-by-side" }
///     fn place(&self, task: &Task<'_>) -> Vec<u64> {
///         let mut end = 0u64;
///         task.buffers.iter().map(|b| {
///             let offset = end.next_multiple_of(b.alignment);
///             end = offset + b.size;
///             offset
///         }).collect()
///     }
/// }
/// let lifetimes = Lifetimes::from_rows([("a", 0, 1, 10, 1), ("b", 1, 2, 20, 1)])?;
/// assert_eq!(Planner::new().strategy(SideBySide).plan(&lifetimes)?.peak(), 30);
/// assert_eq!(Planner::new().plan(&lifetimes)?.peak(), 20);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Strategy: Send + Sync {
    /// The name under which a user asks for it.
    fn name(&self) -> &str;

    /// An offset for each of `task.buffers`, in their order.
    fn place(&self, task: &Task<'_>) -> Vec<u64>;

    /// Whether it asks [`Task::conflict`] instead of comparing lifetimes. One that does not is asked only where they say it all; else the default
    /// strategy takes its place.
    fn asks_conflicts(&self) -> bool {
        false
    }
}

/// What a strategy is asked.
#[derive(Debug)]
#[non_exhaustive]
pub struct Task<'t> {
    /// The buffers: all of them alive at some step and larger than zero. One with a fixed offset must get that.
    pub buffers: &'t [Lifetime],
    /// A peak in bytes at which to stop: the lower bound, or a capacity above it.
    pub goal: u64,
    /// The capacity in bytes, if one was given: a higher peak is of no use.
    pub capacity: Option<u64>,
    /// Offsets that make a plan, to begin with; the answer may be any, the better is taken.
    pub start: Option<Vec<u64>>,
    /// What ends a search early. A strategy that does not search may ignore it.
    pub budget: Budget,
    /// The seed of whatever is random.
    pub seed: u64,
    /// Whom to ask who conflicts, where the buffers' lifetimes do not say it all.
    pub(crate) asked: Option<Asked<'t>>,
}

/// Who conflicts with whom, beyond the buffers whose lifetimes meet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked<'t> {
    lifetimes: &'t Lifetimes,
    /// The tensor of each buffer.
    tensors: &'t [usize],
}

impl interference::Relation for Asked<'_> {
    fn conflict(&self, a: usize, b: usize) -> bool {
        let [a, b] = [a, b].map(|i| TensorId::from_index(self.tensors[i]));
        self.lifetimes.conflict(a, b)
    }
}

impl Task<'_> {
    /// Whether two buffers, by position, must not share bytes. Those whose lifetimes meet must not; with several streams, others must not either.
    #[must_use]
    pub fn conflict(&self, a: usize, b: usize) -> bool {
        match &self.asked {
            None => self.buffers[a].conflicts(&self.buffers[b]),
            Some(asked) => interference::Relation::conflict(asked, a, b),
        }
    }

    /// The peak of some offsets, in bytes.
    #[must_use]
    pub fn peak(&self, offsets: &[u64]) -> u64 {
        let ends = self
            .buffers
            .iter()
            .zip(offsets)
            .map(|(b, offset)| offset.saturating_add(b.size));
        ends.max().unwrap_or(0)
    }
}

/// A strategy that did not give each buffer an offset.
#[derive(Clone, Debug)]
pub(crate) struct WrongCount {
    pub(crate) buffers: usize,
    pub(crate) offsets: usize,
}

/// Makes plans; set what you want, then call `plan`.
///
/// ```
/// use std::time::Duration;
/// use orionrt_plan::{Lifetimes, Planner};
///
/// let lifetimes = Lifetimes::from_rows([("a", 0, 2, 1024, 64), ("b", 1, 3, 2048, 64), ("c", 2, 4, 1024, 64)])?;
/// let plan = Planner::new().time_limit(Duration::from_millis(100)).plan(&lifetimes)?;
/// assert_eq!((plan.peak(), plan.is_optimal()), (3072, true));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Planner {
    strategy: Arc<dyn Strategy>,
    #[cfg(feature = "std")]
    time_limit: Option<Duration>,
    nodes: Option<u64>,
    cancels: Vec<Cancel>,
    keep: Option<Arc<Earlier>>,
    start: Option<Arc<Earlier>>,
    capacity: Option<u64>,
    alignment: u64,
    seed: u64,
    threads: usize,
}

impl Planner {
    /// The default: strategy [`Auto`], a time limit of one second (without `std`: a million nodes), one thread, seed 0.
    #[must_use]
    pub fn new() -> Self {
        Self {
            strategy: Arc::new(Auto),
            #[cfg(feature = "std")]
            time_limit: Some(Duration::from_secs(1)),
            nodes: (!cfg!(feature = "std")).then_some(1_000_000),
            cancels: Vec::new(),
            keep: None,
            start: None,
            capacity: None,
            alignment: 1,
            seed: 0,
            threads: 1,
        }
    }

    /// All strategies that come with the library, the default first.
    #[must_use]
    pub fn strategies() -> Vec<Box<dyn Strategy>> {
        let mut all: Vec<Box<dyn Strategy>> =
            alloc::vec![Box::new(Auto), Box::new(Skyline), Box::new(CoreFirst),];
        for by in GreedyBy::ALL {
            all.push(Box::new(Greedy { by }));
        }
        all.push(Box::new(Online::BestFit));
        all.push(Box::new(Online::FirstFit));
        all.push(Box::new(LinearScan));
        all
    }

    /// Uses another strategy.
    #[must_use]
    pub fn strategy(mut self, strategy: impl Strategy + 'static) -> Self {
        self.strategy = Arc::new(strategy);
        self
    }

    /// Uses the strategy of [`strategies`](Self::strategies) that has this name; `None` if there is none.
    #[must_use]
    pub fn strategy_named(mut self, name: &str) -> Option<Self> {
        let found = Self::strategies().into_iter().find(|s| s.name() == name)?;
        self.strategy = Arc::from(found);
        Some(self)
    }

    /// How long a search may take. The best plan found by then is the answer; there always is one.
    #[cfg(feature = "std")]
    #[must_use]
    pub fn time_limit(mut self, limit: Duration) -> Self {
        self.time_limit = Some(limit);
        self
    }

    /// Ends a search after about this many nodes, however long they take, and without a time limit. A node is one buffer
    /// tried at one offset. With one thread, equal seeds then give the same plan on every machine.
    #[must_use]
    pub fn nodes(mut self, nodes: u64) -> Self {
        self.nodes = Some(nodes);
        #[cfg(feature = "std")]
        {
            self.time_limit = None;
        }
        self
    }

    /// Ends a search when `cancel` is cancelled; the best plan found by then is the answer. May be called for several flags.
    #[must_use]
    pub fn cancelled_by(mut self, cancel: &Cancel) -> Self {
        self.cancels.push(cancel.clone());
        self
    }

    pub(crate) fn keep_earlier(mut self, earlier: Earlier) -> Self {
        self.keep = Some(Arc::new(earlier));
        self
    }

    /// The same without keeping anything, if it does keep.
    pub(crate) fn letting_go(&self) -> Option<Self> {
        self.keep.as_ref()?;
        let keep = None;
        Some(Self {
            keep,
            ..self.clone()
        })
    }

    pub(crate) fn start_from_earlier(mut self, earlier: Earlier) -> Self {
        self.start = Some(Arc::new(earlier));
        self
    }

    /// Stops at the first plan whose peak is at most `bytes`; without such a plan, planning fails.
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

    /// The seed of random choices: equal seeds give equal plans when the search ends by itself.
    #[must_use]
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Searches with this many threads, each with a seed of its own; the best of their plans is the answer.
    #[must_use]
    pub fn threads(mut self, threads: usize) -> Self {
        self.threads = threads.max(1);
        self
    }

    /// The same with the default strategy, if its own cannot place these.
    pub(crate) fn able(&self, lifetimes: &Lifetimes) -> Option<Self> {
        let is_able =
            lifetimes.conflict_relation().is_intervals() || self.strategy.asks_conflicts();
        (!is_able).then(|| self.clone().strategy(Auto))
    }

    pub(crate) fn strategy_name(&self) -> &str {
        self.strategy.name()
    }

    /// The peak that was asked for, if one was.
    pub(crate) fn wanted_capacity(&self) -> Option<u64> {
        self.capacity
    }

    /// The lifetimes with the least alignment asked for.
    pub(crate) fn aligned(&self, lifetimes: &Lifetimes) -> Result<Lifetimes, LifetimesError> {
        lifetimes.clone().with_alignment(self.alignment)
    }

    /// Asks the strategy about lifetimes whose fixed tensors do not overlap.
    pub(crate) fn propose(&self, lifetimes: &Lifetimes) -> Result<Vec<u64>, WrongCount> {
        let budget = self.budget();
        let rows = lifetimes.rows();
        let kept = self.keep.as_ref().map(|earlier| earlier.kept(lifetimes));
        let fixed = |i: usize| {
            rows[i]
                .fixed_offset
                .or(kept.as_ref().and_then(|kept| kept[i]))
        };
        let occupying: Vec<usize> = (0..rows.len()).filter(|&i| rows[i].occupies()).collect();
        let buffers = occupying.iter().map(|&i| Lifetime {
            fixed_offset: fixed(i),
            ..rows[i]
        });
        let buffers: Vec<Lifetime> = buffers.collect();
        let fixed_bytes = buffers.iter().filter_map(Lifetime::fixed_bytes);
        let fixed_end = fixed_bytes.map(|bytes| bytes.end).max().unwrap_or(0);
        let bound = lifetimes.lower_bound().max(fixed_end);
        let start = self.start.as_ref();
        let start = start.map(|earlier| earlier.start(lifetimes, &occupying, &buffers));
        let task = Task {
            buffers: &buffers,
            goal: bound.max(self.capacity.unwrap_or(0)),
            capacity: self.capacity,
            start,
            budget,
            seed: self.seed,
            asked: (!lifetimes.conflict_relation().is_intervals()).then_some(Asked {
                lifetimes,
                tensors: &occupying,
            }),
        };
        let proposed = self.best_of_threads(&task);
        if proposed.len() != buffers.len() {
            return Err(WrongCount {
                buffers: buffers.len(),
                offsets: proposed.len(),
            });
        }
        let mut offsets: Vec<u64> = rows
            .iter()
            .map(|row| row.fixed_offset.unwrap_or(0))
            .collect();
        for (&i, &offset) in occupying.iter().zip(&proposed) {
            offsets[i] = offset;
        }
        for (i, row) in rows.iter().enumerate() {
            if let Some(Within { root, offset }) = row.within {
                offsets[i] = offsets[root.index()].saturating_add(offset);
            }
        }
        Ok(offsets)
    }

    fn budget(&self) -> Budget {
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

    fn best_of_threads(&self, task: &Task<'_>) -> Vec<u64> {
        if task.buffers.is_empty() {
            return Vec::new();
        }
        #[cfg(feature = "std")]
        let mut proposed = if self.threads > 1 {
            self.portfolio(task)
        } else {
            self.strategy.place(task)
        };
        #[cfg(not(feature = "std"))]
        let mut proposed = self.strategy.place(task);
        if let Some(start) = &task.start
            && task.peak(start) < task.peak(&proposed)
        {
            proposed.clone_from(start);
        }
        proposed
    }

    /// The strategy in every thread with a seed of its own; the first to reach the goal ends the others.
    #[cfg(feature = "std")]
    fn portfolio(&self, task: &Task<'_>) -> Vec<u64> {
        let done = Cancel::new();
        let own_task = |thread: u64| Task {
            budget: task.budget.clone().cancelled_by(&done),
            seed: task.seed.wrapping_add(thread),
            start: task.start.clone(),
            ..*task
        };
        let place = |task: Task<'_>| {
            let offsets = self.strategy.place(&task);
            if task.peak(&offsets) <= task.goal {
                done.cancel();
            }
            offsets
        };
        let place = &place;
        std::thread::scope(|scope| {
            let others: Vec<_> = (1..self.threads as u64)
                .map(|thread| {
                    let task = own_task(thread);
                    scope.spawn(move || place(task))
                })
                .collect();
            let own = place(own_task(0));
            // A thread that panicked (a user's strategy) has proposed nothing.
            let rest = others.into_iter().filter_map(|other| other.join().ok());
            let complete = |o: &Vec<u64>| o.len() == task.buffers.len();
            let all = ::core::iter::once(own).chain(rest.filter(complete));
            let mut all: Vec<_> = all.collect();
            all.sort_by_cached_key(|offsets| task.peak(offsets));
            all.swap_remove(0)
        })
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
