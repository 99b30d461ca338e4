//! Planning: lifetimes in, bare offsets out.
//!
//! A [`Strategy`] is one method; [`Planner`] holds the wishes (time, capacity, alignment, seed) and asks a strategy. What comes
//! out is a proposal: only [`Plan::new`](crate::Plan::new) accepts it, so no strategy, built in or a
//! user's, can cause two live tensors to share a byte.
//!
//! A strategy sees only buffers that occupy bytes: those of zero size, and those that are never alive, get
//! offset 0 without asking it.

#![forbid(unsafe_code)]

mod budget;
mod random;
mod sections;
mod space;
mod greedy;
mod online;
mod auto;

use alloc::{boxed::Box, string::String, sync::Arc, vec::Vec};
use core::fmt;
#[cfg(feature = "std")]
use std::time::Duration;

pub use auto::Auto;
pub use budget::Budget;
pub use greedy::{Greedy, GreedyBy};
pub use online::{LinearScan, Online};

use crate::lifetimes::{Lifetime, Lifetimes, LifetimesError};

/// A method of placing buffers.
///
/// Implement it to bring your own; the plan is checked whatever you return.
///
/// ```
/// use orionrt::{Lifetimes, Planner, Strategy, Task};
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
}

/// What a strategy is asked.
#[derive(Debug)]
#[non_exhaustive]
pub struct Task<'t> {
    /// The buffers: all of them alive at some step and larger than zero.
    pub buffers: &'t [Lifetime],
    /// A peak in bytes at which to stop: the lower bound, or a capacity above it.
    pub goal: u64,
    /// What ends a search early. A strategy that does not search may ignore it.
    pub budget: Budget,
    /// The seed of whatever is random.
    pub seed: u64,
}

impl Task<'_> {
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

/// Offsets that nobody has checked yet, and the strategy that proposed them.
#[derive(Clone, Debug)]
pub(crate) struct Proposal {
    pub(crate) lifetimes: Lifetimes,
    pub(crate) offsets: Vec<u64>,
    pub(crate) strategy: String,
}

/// Why there is nothing to check.
#[derive(Clone, Debug)]
pub(crate) enum NoProposal {
    /// The alignment asked for is impossible.
    Lifetimes(LifetimesError),
    /// The strategy did not give each buffer an offset.
    Count {
        strategy: String,
        buffers: usize,
        offsets: usize,
    },
}

/// Makes plans; set what you want, then call `plan`.
///
/// ```
/// use std::time::Duration;
/// use orionrt::{Lifetimes, Planner};
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
    rounds: Option<u64>,
    capacity: Option<u64>,
    alignment: u64,
    seed: u64,
    threads: usize,
}

impl Planner {
    /// The default: strategy [`Auto`], a time limit of one second (without `std`: 1000 rounds), one thread, seed 0.
    #[must_use]
    pub fn new() -> Self {
        Self {
            strategy: Arc::new(Auto),
            #[cfg(feature = "std")]
            time_limit: Some(Duration::from_secs(1)),
            rounds: if cfg!(feature = "std") {
                None
            } else {
                Some(1000)
            },
            capacity: None,
            alignment: 1,
            seed: 0,
            threads: 1,
        }
    }

    /// All strategies that come with the library, the default first.
    #[must_use]
    pub fn strategies() -> Vec<Box<dyn Strategy>> {
        let mut all: Vec<Box<dyn Strategy>> = alloc::vec![Box::new(Auto)];
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

    /// Ends a search after this many rounds, however long they take, and without any other limit: the same
    /// plan on every machine.
    #[must_use]
    pub fn rounds(mut self, rounds: u64) -> Self {
        self.rounds = Some(rounds);
        #[cfg(feature = "std")]
        {
            self.time_limit = None;
        }
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

    /// The peak that was asked for, if one was.
    pub(crate) fn wanted_capacity(&self) -> Option<u64> {
        self.capacity
    }

    /// Asks the strategy.
    pub(crate) fn propose(&self, lifetimes: &Lifetimes) -> Result<Proposal, NoProposal> {
        let lifetimes = lifetimes.clone().with_alignment(self.alignment);
        let lifetimes = lifetimes.map_err(NoProposal::Lifetimes)?;
        let rows = lifetimes.rows();
        let occupying: Vec<usize> = (0..rows.len()).filter(|&i| rows[i].occupies()).collect();
        let buffers: Vec<Lifetime> = occupying.iter().map(|&i| rows[i]).collect();
        let goal = lifetimes.lower_bound().max(self.capacity.unwrap_or(0));
        let proposed = self.best_of_threads(&buffers, goal);
        if proposed.len() != buffers.len() {
            return Err(NoProposal::Count {
                strategy: self.strategy.name().into(),
                buffers: buffers.len(),
                offsets: proposed.len(),
            });
        }
        let mut offsets = alloc::vec![0; rows.len()];
        for (&i, &offset) in occupying.iter().zip(&proposed) {
            offsets[i] = offset;
        }
        Ok(Proposal {
            offsets,
            strategy: self.strategy.name().into(),
            lifetimes,
        })
    }

    fn budget(&self) -> Budget {
        let budget = Budget::unlimited();
        #[cfg(feature = "std")]
        let budget = match self.time_limit {
            Some(limit) => budget.until(limit),
            None => budget,
        };
        match self.rounds {
            Some(rounds) => budget.rounds(rounds),
            None => budget,
        }
    }

    fn best_of_threads(&self, buffers: &[Lifetime], goal: u64) -> Vec<u64> {
        if buffers.is_empty() {
            return Vec::new();
        }
        let budget = self.budget();
        let task = |thread: u64| Task {
            buffers,
            goal,
            budget: budget.clone(),
            seed: self.seed.wrapping_add(thread),
        };
        #[cfg(feature = "std")]
        if self.threads > 1 {
            return std::thread::scope(|scope| {
                let others: Vec<_> = (1..self.threads as u64)
                    .map(|thread| {
                        let task = task(thread);
                        scope.spawn(move || self.strategy.place(&task))
                    })
                    .collect();
                let own = self.strategy.place(&task(0));
                // A thread that panicked (a user's strategy) has proposed nothing.
                let rest = others.into_iter().filter_map(|other| other.join().ok());
                let complete = |o: &Vec<u64>| o.len() == buffers.len();
                let all = core::iter::once(own).chain(rest.filter(complete));
                let mut all: Vec<_> = all.collect();
                all.sort_by_cached_key(|offsets| task(0).peak(offsets));
                all.swap_remove(0)
            });
        }
        self.strategy.place(&task(0))
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
