//! How long a search may go on: until a time, for a number of nodes, or until someone cancels it.

use alloc::{sync::Arc, vec::Vec};
use core::{
    cell::Cell,
    sync::atomic::{AtomicBool, Ordering},
};
#[cfg(feature = "std")]
use std::time::{Duration, Instant};

/// Ends searches from outside: from another thread, or from a signal handler. Clones are one flag.
///
/// ```
/// use std::time::Duration;
/// use orionrt_plan::{planner::Cancel, Lifetimes, Planner};
///
/// let cancel = Cancel::new();
/// let planner = Planner::new().time_limit(Duration::from_secs(3600)).cancelled_by(&cancel);
/// let lifetimes = Lifetimes::from_rows((0..50i64).map(|i| (i.to_string(), i % 7, i % 7 + 1 + i % 5, 3 + i as u64 * 5 % 17, 1)))?;
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
    /// Not cancelled yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Ends every search that looks at this flag, soon; each returns the best that it has found. For good: the flag cannot be
    /// taken back.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether [`cancel`](Self::cancel) has been called.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// What ends a search early.
///
/// A *node* is one buffer tried at one offset, by a greedy pass or by a search.
#[derive(Clone, Debug, Default)]
pub struct Budget {
    #[cfg(feature = "std")]
    deadline: Option<Instant>,
    nodes: Option<u64>,
    spent: Cell<u64>,
    cancels: Vec<Cancel>,
}

impl Budget {
    /// No end but the goal.
    #[must_use]
    pub fn unlimited() -> Self {
        Self::default()
    }

    /// Ends `limit` from now.
    #[cfg(feature = "std")]
    #[must_use]
    pub fn until(mut self, limit: Duration) -> Self {
        self.deadline = Instant::now().checked_add(limit);
        self
    }

    /// Ends after this many nodes, however long they take: the same plan on any machine.
    #[must_use]
    pub fn nodes(mut self, nodes: u64) -> Self {
        self.nodes = Some(nodes);
        self
    }

    /// Ends when cancelled; may be called for several flags.
    #[must_use]
    pub fn cancelled_by(mut self, cancel: &Cancel) -> Self {
        self.cancels.push(cancel.clone());
        self
    }

    /// Counts nodes.
    pub fn spend(&self, nodes: u64) {
        self.spent.set(self.spent.get().saturating_add(nodes));
    }

    /// How many nodes have been counted.
    #[must_use]
    pub fn spent(&self) -> u64 {
        self.spent.get()
    }

    /// Whether the search must end.
    #[must_use]
    pub fn is_over(&self) -> bool {
        if self.nodes.is_some_and(|most| self.spent() >= most) {
            return true;
        }
        if self.cancels.iter().any(Cancel::is_cancelled) {
            return true;
        }
        #[cfg(feature = "std")]
        if let Some(deadline) = self.deadline {
            return Instant::now() >= deadline;
        }
        false
    }
}
