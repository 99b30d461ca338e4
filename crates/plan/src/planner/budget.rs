//! How long a search may go on: until a deadline, for a number of nodes, or until it is cancelled.
//!
//! A check of the budget reads the clock and every cancellation flag, which costs more than a node
//! of most searches. So each search checks once per [`CheckInterval`], where all intervals are
//! listed.

use alloc::{sync::Arc, vec::Vec};
use core::{
    cell::Cell,
    sync::atomic::{AtomicBool, Ordering},
};
#[cfg(feature = "std")]
use std::time::Duration;

#[cfg(feature = "std")]
use super::deadline::Deadline;

/// A flag that ends searches from outside: from another thread or from a signal handler. Clones
/// share the flag.
///
/// ```
/// use std::time::Duration;
/// use orionrt_plan::{planner::Cancel, Lifetimes, Planner};
///
/// let cancel = Cancel::new();
/// let planner = Planner::new().time_limit(Duration::from_secs(3600)).cancelled_by(&cancel);
/// let rows = (0..50).map(|i| (i.to_string(), i % 7, i % 7 + 1 + i % 5, 3 + i as u64 * 5 % 17, 1));
/// let lifetimes = Lifetimes::from_rows(rows)?;
/// let plan = std::thread::scope(|scope| {
///     let search = scope.spawn(|| planner.plan(&lifetimes));
///     cancel.cancel();
///     search.join().expect("it does not panic")
/// })?;
/// assert!(plan.peak() >= plan.lower_bound());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// A flag that is not set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the flag, for good. Every search that checks it ends soon and returns the best plan
    /// that it has found.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether [`cancel`](Self::cancel) has been called.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// The limits that end a search early. Without any, a search ends only at its goal.
///
/// A *node* is one buffer tried at one offset, by a greedy pass or by a search.
///
/// ```
/// use orionrt_plan::planner::Budget;
///
/// let budget = Budget::unlimited().nodes(100);
/// budget.spend(60);
/// assert!(!budget.is_over());
/// budget.spend(40);
/// assert!(budget.is_over());
/// ```
#[derive(Clone, Debug, Default)]
pub struct Budget {
    #[cfg(feature = "std")]
    deadline: Option<Deadline>,
    nodes: Option<u64>,
    spent: Cell<u64>,
    cancels: Vec<Cancel>,
}

impl Budget {
    /// A budget without limits.
    #[must_use]
    pub fn unlimited() -> Self {
        Self::default()
    }

    /// Adds a deadline, `limit` from now. `wasm32-unknown-unknown` has no clock, and so no
    /// deadlines.
    #[cfg(feature = "std")]
    #[must_use]
    pub fn until(mut self, limit: Duration) -> Self {
        self.deadline = Deadline::after(limit);
        self
    }

    /// Limits the nodes, however long they take. A search limited by nodes alone gives the same
    /// plan on every machine.
    #[must_use]
    pub fn nodes(mut self, nodes: u64) -> Self {
        self.nodes = Some(nodes);
        self
    }

    /// Adds a flag that ends the search once set; may be called for several flags.
    #[must_use]
    pub fn cancelled_by(mut self, cancel: &Cancel) -> Self {
        self.cancels.push(cancel.clone());
        self
    }

    /// What is left of this budget, with at most `nodes`. What is spent of it must be
    /// [spent](Self::spend) of the whole, too.
    pub(crate) fn up_to(&self, nodes: u64) -> Self {
        let left = self.nodes.map(|most| most.saturating_sub(self.spent()));
        Self {
            nodes: Some(left.map_or(nodes, |left| nodes.min(left))),
            spent: Cell::new(0),
            ..self.clone()
        }
    }

    /// This budget, of which at most `nodes` more may be spent.
    pub(super) fn at_most(&self, nodes: u64) -> Self {
        let nodes = self.spent().saturating_add(nodes);
        self.clone()
            .nodes(self.nodes.map_or(nodes, |most| most.min(nodes)))
    }

    /// Has half of what is left of this budget, nodes and time, and spends of the whole what the
    /// action spends of that.
    pub(crate) fn with_half<T>(&self, action: impl FnOnce(&Self) -> T) -> T {
        let half = self.part(u64::MAX);
        let result = action(&half);
        self.spend(half.spent());
        result
    }

    /// A part of what is left of this budget: at most `nodes`, and at most half of the nodes and of
    /// the time. What is spent of it must be [spent](Self::spend) of the whole, too.
    pub(super) fn part(&self, nodes: u64) -> Self {
        let left = self.nodes.map(|most| most.saturating_sub(self.spent()));
        Self {
            #[cfg(feature = "std")]
            deadline: self.deadline.map(Deadline::halfway),
            nodes: Some(left.map_or(nodes, |left| nodes.min(left / 2))),
            spent: Cell::new(0),
            cancels: self.cancels.clone(),
        }
    }

    /// The budget of a pass without which there is no plan: no limit of nodes, so that there is a
    /// good one even for few nodes, and none at all for a few buffers. Nodes are counted anew.
    pub(super) fn of_first_plan(&self, buffers: usize) -> Self {
        if buffers <= FEW_BUFFERS {
            return Self::unlimited();
        }
        Self {
            nodes: None,
            spent: Cell::new(0),
            ..self.clone()
        }
    }

    /// Counts nodes that a search has visited.
    pub fn spend(&self, nodes: u64) {
        self.spent.set(self.spent.get().saturating_add(nodes));
    }

    /// How many nodes have been counted.
    #[must_use]
    pub fn spent(&self) -> u64 {
        self.spent.get()
    }

    /// Whether the search must end. Reads the clock if there is a deadline.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.nodes.is_some_and(|most| self.spent() >= most) || self.is_interrupted()
    }

    /// Whether the search must end whatever its nodes: it was cancelled, or its time is over. For
    /// work within a node.
    pub(super) fn is_interrupted(&self) -> bool {
        if self.cancels.iter().any(Cancel::is_cancelled) {
            return true;
        }
        #[cfg(feature = "std")]
        if let Some(deadline) = self.deadline {
            return deadline.has_passed();
        }
        false
    }
}

/// Up to this many buffers, a pass takes some milliseconds, and so goes on whatever the budget.
const FEW_BUFFERS: usize = 2048;

/// Nodes of a search for how far a capacity is out of reach, once it is known that it is: some
/// hundredths of a second.
pub(super) const NODES_OUT_OF_REACH: u64 = 20_000;

/// How many nodes a search visits between two checks of its budget.
///
/// The longer the interval, the less the checks cost; the shorter, the sooner a search ends after
/// its deadline. Each value makes the checks a small part of the work and still ends the search
/// within some milliseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct CheckInterval(u64);

impl CheckInterval {
    /// Buffers of a greedy pass over sections: some microseconds each, even among a million.
    pub(super) const SECTION_PASS: Self = Self(512);
    /// Buffers of a greedy pass over interference: each may have thousands of neighbours.
    pub(super) const INTERFERENCE_PASS: Self = Self(128);
    /// Nodes of branch and bound: cheap, as there are at most twenty buffers.
    pub(super) const BRANCH_AND_BOUND: Self = Self(256);
    /// Nodes of the skyline search: their cost differs by a thousand times between instances.
    pub(super) const SKYLINE: Self = Self(64);
    /// Steps within the nodes of a greedy pass: intervals and neighbours that are looked at. Some
    /// tenths of a millisecond.
    pub(super) const STEPS: Self = Self(1 << 16);
    /// Pairs that are asked whether they conflict: up to a microsecond each.
    pub(super) const PAIRS: Self = Self(1 << 12);
    /// Births in a simulated heap, of which each may look at thousands of gaps.
    pub(super) const BIRTHS: Self = Self(64);
    /// Steps of an ejection search: each sorts the bytes of all neighbours of a buffer.
    pub(super) const EJECTION: Self = Self(16);

    /// The interval as a count of nodes.
    pub(super) const fn nodes(self) -> u64 {
        self.0
    }

    /// Whether a search that has visited this many nodes has to check now.
    pub(super) const fn is_due(self, nodes: u64) -> bool {
        nodes % self.0 == 0
    }
}
