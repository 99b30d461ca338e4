//! Pools, the plans of their tensors, and why a tensor is not in a pool.
//!
//! Stands on plans. Invariant: each tensor is in one pool; the plan of a pool has all tensors under
//! their ids, and those of other pools are never alive in it.

use alloc::{
    boxed::Box,
    string::{String, ToString},
    vec::Vec,
};
use core::{fmt, ops::Range};

use crate::ids::TensorId;
use crate::lifetimes::Lifetimes;
use crate::plan::Plan;
use crate::planner::PlannerError;

/// A memory that tensors may lie in.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pool {
    /// Its name.
    pub name: String,
    /// Its capacity in bytes; `None` if there is always enough.
    pub capacity: Option<u64>,
}

impl Pool {
    /// A pool without a limit.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            capacity: None,
        }
    }

    /// Sets the capacity in bytes.
    #[must_use]
    pub fn with_capacity(self, bytes: u64) -> Self {
        let capacity = Some(bytes);
        Self { capacity, ..self }
    }
}

/// A pool and the plan of its tensors.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolPlan {
    /// The pool.
    pub pool: Pool,
    /// The plan of its tensors. Those of other pools are never alive in it.
    pub plan: Plan,
    /// The traffic of its tensors.
    pub traffic: u64,
    /// Whether it is proven that no other choice of tensors for this pool has more traffic, among
    /// those that were left by the pools before it.
    pub is_best: bool,
}

/// Which tensor lies in which pool, and where. Made by
/// [`Planner::plan_pools`](crate::Planner::plan_pools).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PoolPlans {
    pub(super) lifetimes: Lifetimes,
    /// In order of preference.
    pub(super) pools: Vec<PoolPlan>,
    /// The pool of each tensor.
    pub(super) of: Vec<usize>,
    /// The traffic of each tensor with bytes of its own, with that of the tensors within it.
    pub(super) traffic: Vec<u64>,
}

/// Why a tensor is not in a pool.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PoolReason {
    /// It is larger than the pool.
    TooLarge,
    /// Others fill the pool while it is alive: as a rule, tensors that are worth more.
    Full {
        /// The first steps at which there is too little room.
        steps: Range<i64>,
        /// The bytes that are free then.
        free: u64,
    },
    /// Enough bytes are free at each step while it is alive, but they are not contiguous, or they
    /// are those of tensors of other streams, which conflict with it without a common step.
    Scattered,
}

impl PoolPlans {
    /// The pools with their plans, in order of preference.
    #[must_use]
    pub fn pools(&self) -> &[PoolPlan] {
        &self.pools
    }

    /// The lifetimes that were planned.
    #[must_use]
    pub fn lifetimes(&self) -> &Lifetimes {
        &self.lifetimes
    }

    /// The number of the pool that a tensor is in, counted from 0; `None` if there is no such
    /// tensor.
    #[must_use]
    pub fn pool_of(&self, id: TensorId) -> Option<usize> {
        self.of.get(id.index()).copied()
    }

    /// The offset of a tensor in its pool, in bytes; `None` if there is no such tensor.
    #[must_use]
    pub fn offset(&self, id: TensorId) -> Option<u64> {
        self.pools.get(self.pool_of(id)?)?.plan.offset(id)
    }

    /// The traffic of a tensor and of all that lie within it; 0 for one that lies within another
    /// or is unknown.
    #[must_use]
    pub fn traffic(&self, id: TensorId) -> u64 {
        self.traffic.get(id.index()).copied().unwrap_or(0)
    }

    /// The traffic of all tensors.
    #[must_use]
    pub fn total_traffic(&self) -> u64 {
        self.pools.iter().map(|pool| pool.traffic).sum()
    }

    /// Why a tensor is not in a pool; `None` if it is there, needs no bytes, or if one of them is
    /// unknown.
    #[must_use]
    pub fn why_not_in(&self, id: TensorId, pool: usize) -> Option<PoolReason> {
        let index = self
            .lifetimes
            .get(id)?
            .within
            .map_or(id, |within| within.root);
        let row = self.lifetimes.get(index)?;
        let planned = self.pools.get(pool)?;
        let capacity = planned.pool.capacity.unwrap_or(u64::MAX);
        if self.pool_of(id)? == pool || !row.has_bytes() {
            return None;
        }
        if row.size > capacity {
            return Some(PoolReason::TooLarge);
        }
        let profile = planned.plan.lifetimes().load_profile();
        let is_alive = |steps: &Range<i64>| {
            let mut ranges = self.lifetimes.live_ranges(index);
            ranges.any(|range| range.start < steps.end && steps.start < range.end)
        };
        let mut full = profile.into_iter().filter(|(steps, _)| is_alive(steps));
        let full = full.find(|(_, load)| row.size > capacity.saturating_sub(*load));
        Some(match full {
            Some((steps, load)) => PoolReason::Full {
                steps,
                free: capacity.saturating_sub(load),
            },
            None => PoolReason::Scattered,
        })
    }
}

/// Why tensors cannot be divided among pools.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PoolError {
    /// There is no pool.
    NoPool,
    /// Two pools have the same name.
    Duplicate {
        /// The name.
        name: String,
    },
    /// There is not exactly one weight for each tensor.
    Weights {
        /// How many tensors there are.
        tensors: usize,
        /// How many weights were given.
        weights: usize,
    },
    /// The weights are 2⁶⁴ or more together.
    TooMuchTraffic,
    /// A tensor has a fixed offset, which says nothing of pools.
    Fixed {
        /// The tensor.
        id: TensorId,
        /// Its name.
        name: String,
        /// Its fixed offset in bytes.
        offset: u64,
    },
    /// The tensors that are left for a pool have no plan there.
    Planner {
        /// The pool's name.
        pool: String,
        /// Why there is none: as a rule, that its capacity is too small.
        error: Box<PlannerError>,
    },
}

impl PoolError {
    pub(super) fn planner(pool: &Pool, error: PlannerError) -> Self {
        Self::Planner {
            pool: pool.name.to_string(),
            error: Box::new(error),
        }
    }
}

impl fmt::Display for PoolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoPool => write!(f, "there is no pool, expected at least one"),
            Self::Duplicate { name } => {
                write!(
                    f,
                    "two pools are called '{name}', expected names that differ"
                )
            }
            Self::Weights { tensors, weights } => {
                write!(f, "{weights} weights for {tensors} tensors; each needs one")
            }
            Self::TooMuchTraffic => write!(f, "the weights are 2^64 or more together"),
            Self::Fixed { name, offset, .. } => write!(
                f,
                "tensor '{name}' has the fixed offset {offset}, expected none where there are \
                 several pools"
            ),
            Self::Planner { pool, error } => write!(f, "pool '{pool}': {error}"),
        }
    }
}

impl core::error::Error for PoolError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Planner { error, .. } => Some(&**error),
            _ => None,
        }
    }
}
