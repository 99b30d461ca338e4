//! A plan: an offset for every tensor, checked.
//!
//! [`Plan::new`] is the one door: whatever proposes offsets (a strategy, a file, a user), a `Plan` exists only if
//! the check here passed. The unsafe code in [`pool`](crate::TensorPool) rests on what it promises:
//!
//! - every offset is a multiple of its tensor's alignment, and the one at which it is fixed, if it is; `offset + size` is at most `peak` for every tensor
//!   that is alive at some step;
//! - no two tensors that are alive at a common step share a byte.
//!
//! ```text
//! offset   a and c are never alive together: they share bytes.   b meets both: it may not.
//!    │       ┌────── b ──────┐
//!    │       └───────────────┘
//!    │ ┌── a ──┐  ┌── c ──┐
//!    │ └───────┘  └───────┘
//!    └───────────────────────── step
//! ```

#![forbid(unsafe_code)]

#[cfg(feature = "files")]
mod file;
#[cfg(feature = "files")]
mod csv_form;
#[cfg(feature = "files")]
mod json_form;
mod usage;

use alloc::{
    collections::{BTreeMap, BTreeSet},
    string::{String, ToString},
    vec::Vec,
};
use core::{fmt, ops::Range};

#[cfg(feature = "files")]
pub use file::{FileError, FileMistake, Place};
pub use usage::{Section, Usage};

use crate::{
    lifetimes::{Lifetime, Lifetimes, LifetimesError},
    planner::{Earlier, Planner, WrongCount},
    tensor::TensorId,
};

/// The offset of every tensor, checked: no two tensors that are alive together share a byte.
///
/// ```
/// use orionrt::{Lifetimes, Plan, TensorId};
/// let rows = [("a", 0, 2, 1024, 64), ("b", 1, 3, 2048, 64), ("c", 2, 4, 1024, 64)];
/// let plan = Plan::new(Lifetimes::from_rows(rows)?, vec![0, 1024, 0])?;
/// assert_eq!((plan.peak(), plan.load()), (3072, 3072));
/// assert_eq!(plan.offset(TensorId::new(1)), Some(1024));
///
/// let refused = Plan::new(Lifetimes::from_rows(rows)?, vec![0, 512 + 64, 0]).unwrap_err();
/// assert!(refused.to_string().contains("'a' and 'b'"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    lifetimes: Lifetimes,
    offsets: Vec<u64>,
    peak: u64,
    load: u64,
    lower_bound: u64,
    strategy: String,
}

impl Plan {
    /// Accepts offsets in bytes, one for each tensor of `lifetimes` in order, if they make a plan. O(n log n).
    ///
    /// # Errors
    /// The first thing that is wrong; see [`PlanError`].
    pub fn new(lifetimes: Lifetimes, offsets: Vec<u64>) -> Result<Self, PlanError> {
        check_each(&lifetimes, &offsets)?;
        check_overlap(&lifetimes, &offsets, |_| true)?;
        let placed = lifetimes.rows().iter().zip(&offsets);
        let ends = placed
            .filter(|(row, _)| row.occupies())
            .map(|(row, offset)| offset + row.size);
        Ok(Self {
            peak: ends.max().unwrap_or(0),
            load: lifetimes.load(),
            lower_bound: lifetimes.lower_bound(),
            strategy: "given".to_string(),
            lifetimes,
            offsets,
        })
    }

    /// Says where the offsets come from; shown in reports.
    #[must_use]
    pub fn with_strategy(mut self, name: impl Into<String>) -> Self {
        self.strategy = name.into();
        self
    }

    /// The offset of a tensor in bytes from the start of the planned region, if it is in the plan.
    #[must_use]
    pub fn offset(&self, id: TensorId) -> Option<u64> {
        self.offsets.get(id.index()).copied()
    }

    /// All offsets in bytes, in order of the lifetimes.
    #[must_use]
    pub fn offsets(&self) -> &[u64] {
        &self.offsets
    }

    /// The bytes of a tensor, from its offset on, if it is in the plan.
    #[must_use]
    pub fn bytes(&self, id: TensorId) -> Option<Range<u64>> {
        let (offset, row) = (self.offset(id)?, self.lifetimes.get(id)?);
        Some(offset..offset + row.size)
    }

    /// What was planned.
    #[must_use]
    pub fn lifetimes(&self) -> &Lifetimes {
        &self.lifetimes
    }

    /// How many tensors there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.offsets.len()
    }

    /// Whether there is no tensor at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.offsets.is_empty()
    }

    /// The size of the planned region in bytes: the largest `offset + size` of a tensor that is ever alive.
    #[must_use]
    pub fn peak(&self) -> u64 {
        self.peak
    }

    /// The most bytes alive at one step.
    #[must_use]
    pub fn load(&self) -> u64 {
        self.load
    }

    /// The best proven lower bound of any plan's peak in bytes: the load, sharpened by alignment.
    #[must_use]
    pub fn lower_bound(&self) -> u64 {
        self.lower_bound
    }

    /// Peak over lower bound: 1.0 is optimal. 1.0 for an empty plan.
    #[must_use]
    pub fn ratio(&self) -> f64 {
        if self.lower_bound == 0 {
            return 1.0;
        }
        self.peak as f64 / self.lower_bound as f64
    }

    /// Whether no plan can have a lower peak: the peak equals the proven bound.
    #[must_use]
    pub fn is_optimal(&self) -> bool {
        self.peak == self.lower_bound
    }

    /// The strategy that proposed the offsets, or "given".
    #[must_use]
    pub fn strategy(&self) -> &str {
        &self.strategy
    }

    /// The least alignment in bytes that the planned region's base must have: the largest of any tensor.
    #[must_use]
    pub fn alignment(&self) -> u64 {
        let rows = self.lifetimes.rows().iter();
        rows.map(|row| row.alignment).max().unwrap_or(1)
    }

    /// The tensors in order of execution: by the step at which each comes to life, then by position. Those that are
    /// never alive are left out.
    #[must_use]
    pub fn execution_order(&self) -> Vec<TensorId> {
        let rows = self.lifetimes.rows();
        let mut order: Vec<usize> = (0..rows.len()).collect();
        order.retain(|&i| rows[i].lower < rows[i].upper);
        order.sort_by_key(|&i| (rows[i].lower, i));
        order.into_iter().map(TensorId::from_index).collect()
    }
}

fn check_each(lifetimes: &Lifetimes, offsets: &[u64]) -> Result<(), PlanError> {
    if lifetimes.len() != offsets.len() {
        return Err(PlanError::Count {
            tensors: lifetimes.len(),
            offsets: offsets.len(),
        });
    }
    for ((id, name, row), &offset) in lifetimes.iter().zip(offsets) {
        if offset % row.alignment != 0 {
            return Err(PlanError::Misaligned {
                id,
                name: name.to_string(),
                offset,
                alignment: row.alignment,
            });
        }
        if let Some(fixed) = row.fixed_offset
            && fixed != offset
        {
            return Err(PlanError::Moved {
                id,
                name: name.to_string(),
                offset,
                fixed,
            });
        }
        let end = offset.checked_add(row.size);
        if end.is_none_or(|end| i64::try_from(end).is_err()) {
            return Err(PlanError::OutOfRange {
                id,
                name: name.to_string(),
                offset,
                size: row.size,
            });
        }
    }
    Ok(())
}

/// Sweeps over time with the live tensors ordered by offset: a newborn one can only overlap its neighbours there.
/// Only those of interest are looked at.
fn check_overlap(
    lifetimes: &Lifetimes,
    offsets: &[u64],
    of_interest: impl Fn(&Lifetime) -> bool,
) -> Result<(), PlanError> {
    let rows = lifetimes.rows();
    let mut births: Vec<usize> = (0..rows.len())
        .filter(|&i| rows[i].occupies() && of_interest(&rows[i]))
        .collect();
    births.sort_by_key(|&i| (rows[i].lower, i));
    let mut deaths: BTreeSet<(i64, usize)> = BTreeSet::new();
    let mut live: BTreeMap<u64, usize> = BTreeMap::new();
    for born in births {
        while let Some(&(upper, dead)) = deaths.first() {
            if upper > rows[born].lower {
                break;
            }
            live.remove(&offsets[dead]);
            deaths.pop_first();
        }
        let (start, end) = (offsets[born], offsets[born] + rows[born].size);
        let below = live.range(..end).next_back();
        if let Some((&offset, &other)) = below
            && offset + rows[other].size > start
        {
            return Err(overlap(lifetimes, offsets, other, born));
        }
        live.insert(start, born);
        deaths.insert((rows[born].upper, born));
    }
    Ok(())
}

fn overlap(lifetimes: &Lifetimes, offsets: &[u64], first: usize, second: usize) -> PlanError {
    let [a, b] = [first.min(second), first.max(second)];
    let (x, y) = (lifetimes.rows()[a], lifetimes.rows()[b]);
    let end = |i: usize, row: Lifetime| offsets[i] + row.size;
    let name = |i: usize| {
        let name = lifetimes.name(TensorId::from_index(i));
        name.unwrap_or_default().to_string()
    };
    PlanError::Overlap {
        ids: [a, b].map(TensorId::from_index),
        names: [name(a), name(b)],
        bytes: offsets[a].max(offsets[b])..end(a, x).min(end(b, y)),
        steps: x.lower.max(y.lower)..x.upper.min(y.upper),
    }
}

impl Planner {
    /// Keeps what an earlier plan has where it is: a tensor of the same name and size stays if its bytes are free of others
    /// that stay and of fixed ones. Only the rest is placed, so the peak may be higher than it would be otherwise. Where that leaves no room
    /// at all, nothing is kept.
    ///
    /// ```
    /// use orionrt::{Lifetimes, Planner};
    /// let rows = [("a", 0, 2, 100, 1), ("b", 1, 3, 300, 1), ("c", 2, 4, 100, 1)];
    /// let before = Planner::new().plan(&Lifetimes::from_rows(rows)?)?;
    /// // Now c is larger.
    /// let rows = [("a", 0, 2, 100, 1), ("b", 1, 3, 300, 1), ("c", 2, 4, 150, 1)];
    /// let after = Planner::new().keep(&before).plan(&Lifetimes::from_rows(rows)?)?;
    /// assert_eq!(after.offsets()[..2], before.offsets()[..2]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn keep(self, plan: &Plan) -> Self {
        let earlier = Earlier::new(plan.lifetimes.clone(), plan.offsets.clone());
        self.keep_earlier(earlier)
    }

    /// Begins with an earlier plan, matched by the tensors' names: where that is a plan still, the answer has no higher
    /// peak.
    ///
    /// ```
    /// use orionrt::{Lifetimes, Plan, Planner};
    /// let lifetimes = Lifetimes::from_rows([("a", 0, 2, 100, 1), ("b", 1, 3, 300, 1), ("c", 2, 4, 100, 1)])?;
    /// let own = Plan::new(lifetimes.clone(), vec![0, 100, 0])?;
    /// let plan = Planner::new().strategy_named("linear-scan").expect("it exists").start_from(&own).plan(&lifetimes)?;
    /// assert!(plan.peak() <= own.peak());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn start_from(self, plan: &Plan) -> Self {
        let earlier = Earlier::new(plan.lifetimes.clone(), plan.offsets.clone());
        self.start_from_earlier(earlier)
    }

    /// Plans: asks the strategy, and checks what it proposes.
    ///
    /// # Errors
    /// When the alignment asked for is impossible, fixed tensors overlap, the capacity was not reached, or the strategy
    /// proposed what is no plan; see [`PlannerError`].
    pub fn plan(&self, original: &Lifetimes) -> Result<Plan, PlannerError> {
        let lifetimes = self.aligned(original).map_err(PlannerError::Lifetimes)?;
        check_fixed(&lifetimes).map_err(PlannerError::Fixed)?;
        let name = self.strategy_name();
        let refused = |error| PlannerError::Strategy {
            name: name.to_string(),
            error,
        };
        let offsets = self.propose(&lifetimes);
        let offsets = offsets.map_err(|WrongCount { buffers, offsets }| {
            refused(PlanError::Count {
                tensors: buffers,
                offsets,
            })
        })?;
        let plan = match (Plan::new(lifetimes, offsets), self.letting_go()) {
            // What stayed left no room below 2⁶³ for the rest.
            (Err(PlanError::OutOfRange { .. }), Some(free)) => return free.plan(original),
            (plan, _) => plan.map_err(refused)?,
        };
        let plan = plan.with_strategy(name);
        match self.wanted_capacity() {
            Some(capacity) if plan.peak() > capacity => Err(PlannerError::Capacity {
                capacity,
                best: plan.into(),
            }),
            _ => Ok(plan),
        }
    }
}

/// Whether the fixed tensors alone make a plan.
fn check_fixed(lifetimes: &Lifetimes) -> Result<(), PlanError> {
    let rows = lifetimes.rows().iter();
    if rows.clone().all(|row| row.fixed_offset.is_none()) {
        return Ok(());
    }
    let offsets: Vec<u64> = rows.map(|row| row.fixed_offset.unwrap_or(0)).collect();
    check_overlap(lifetimes, &offsets, |row| row.fixed_offset.is_some())
}

/// Why offsets do not make a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PlanError {
    /// Not one offset for each tensor.
    Count {
        /// How many tensors there are.
        tensors: usize,
        /// How many offsets were given.
        offsets: usize,
    },
    /// An offset that is no multiple of its tensor's alignment.
    Misaligned {
        /// The tensor.
        id: TensorId,
        /// Its name.
        name: String,
        /// Its offset in bytes.
        offset: u64,
        /// Its alignment in bytes.
        alignment: u64,
    },
    /// A tensor that is not at the offset at which it is fixed.
    Moved {
        /// The tensor.
        id: TensorId,
        /// Its name.
        name: String,
        /// Its offset in bytes.
        offset: u64,
        /// The offset at which it is fixed, in bytes.
        fixed: u64,
    },
    /// A tensor that ends at 2⁶³ bytes or above.
    OutOfRange {
        /// The tensor.
        id: TensorId,
        /// Its name.
        name: String,
        /// Its offset in bytes.
        offset: u64,
        /// Its size in bytes.
        size: u64,
    },
    /// Two tensors that are alive together share bytes.
    Overlap {
        /// The tensors, in order.
        ids: [TensorId; 2],
        /// Their names.
        names: [String; 2],
        /// The bytes that they share.
        bytes: Range<u64>,
        /// The steps at which both are alive.
        steps: Range<i64>,
    },
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count { tensors, offsets } => {
                write!(f, "{offsets} offsets for {tensors} tensors; each needs one")
            }
            Self::Misaligned {
                name,
                offset,
                alignment,
                ..
            } => write!(
                f,
                "tensor '{name}' is at offset {offset}, which is no multiple of its alignment {alignment}"
            ),
            Self::Moved {
                name,
                offset,
                fixed,
                ..
            } => write!(
                f,
                "tensor '{name}' is at offset {offset}, but is fixed at {fixed}"
            ),
            Self::OutOfRange {
                name, offset, size, ..
            } => write!(
                f,
                "tensor '{name}' of {size} bytes at offset {offset} ends at 2^63 bytes or above"
            ),
            Self::Overlap {
                names: [a, b],
                bytes,
                steps,
                ..
            } => write!(
                f,
                "tensors '{a}' and '{b}' share bytes {}..{} while both are alive in steps {}..{}",
                bytes.start, bytes.end, steps.start, steps.end
            ),
        }
    }
}

impl core::error::Error for PlanError {}

/// Why planning failed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PlannerError {
    /// The alignment asked for is no power of two, or makes the sizes overflow.
    Lifetimes(LifetimesError),
    /// Tensors whose offsets are fixed share bytes.
    Fixed(PlanError),
    /// No plan with a peak within the capacity was found; the best one found is here.
    Capacity {
        /// The capacity in bytes.
        capacity: u64,
        /// The best plan found.
        best: alloc::boxed::Box<Plan>,
    },
    /// The strategy proposed offsets that are no plan.
    Strategy {
        /// The strategy's name.
        name: String,
        /// What is wrong with them.
        error: PlanError,
    },
}

impl fmt::Display for PlannerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lifetimes(error) => write!(f, "cannot plan: {error}"),
            Self::Fixed(error) => write!(f, "cannot plan around the fixed offsets: {error}"),
            Self::Capacity { capacity, best } => write!(
                f,
                "no plan within {capacity} bytes was found; the best one has a peak of {} bytes, and no plan can be below {}",
                best.peak(),
                best.lower_bound()
            ),
            Self::Strategy { name, error } => {
                write!(f, "strategy '{name}' proposed what is no plan: {error}")
            }
        }
    }
}

impl core::error::Error for PlannerError {}
