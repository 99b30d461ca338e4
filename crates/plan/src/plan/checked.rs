//! The plan itself: lifetimes and an offset for each of them.
//!
//! Stands on the check. Invariant: [`Plan::new`] is the only constructor, and it runs the check, so
//! every `Plan` keeps the promises that the page of [`plan`](crate::plan) lists.

use alloc::{
    string::{String, ToString},
    vec::Vec,
};
use core::ops::Range;

use super::{
    check::{check_each, check_pairs},
    error::PlanError,
};
use crate::ids::TensorId;
use crate::lifetimes::Lifetimes;

/// The offset of every tensor, checked: no two tensors that are alive together share a byte.
///
/// ```
/// use orionrt_plan::{Lifetimes, Plan, TensorId};
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
    /// Accepts offsets in bytes, one for each tensor of `lifetimes` in order, if they make a plan.
    /// O(n log n).
    ///
    /// # Errors
    /// The first mistake found; see [`PlanError`].
    pub fn new(lifetimes: Lifetimes, offsets: Vec<u64>) -> Result<Self, PlanError> {
        Self::check(&lifetimes, &offsets)?;
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

    /// Checks offsets as [`new`](Self::new) does, and makes no plan of them. O(n log n).
    ///
    /// ```
    /// use orionrt_plan::{Lifetimes, Plan};
    /// let lifetimes = Lifetimes::from_rows([("a", 0, 2, 8, 1), ("b", 1, 3, 8, 1)])?;
    /// assert!(Plan::check(&lifetimes, &[0, 8]).is_ok());
    /// assert!(Plan::check(&lifetimes, &[0, 7]).is_err());
    /// # Ok::<(), orionrt_plan::LifetimesError>(())
    /// ```
    ///
    /// # Errors
    /// The first mistake found; see [`PlanError`].
    pub fn check(lifetimes: &Lifetimes, offsets: &[u64]) -> Result<(), PlanError> {
        check_each(lifetimes, offsets)?;
        check_pairs(lifetimes, offsets, |_| true)
    }

    /// This plan with another [`strategy`](Self::strategy), which is shown in reports.
    #[must_use]
    pub fn with_strategy(mut self, name: impl Into<String>) -> Self {
        self.strategy = name.into();
        self
    }

    /// This plan with a lower bound that a search has proven, if that is higher than the one known.
    /// Hidden: a bound is trusted, and at most the peak.
    #[doc(hidden)]
    #[must_use]
    pub fn with_proven_bound(mut self, bound: u64) -> Self {
        debug_assert!(bound <= self.peak, "no plan is below a proven bound");
        self.lower_bound = self.lower_bound.max(bound.min(self.peak));
        self
    }

    /// The offset of a tensor in bytes from the start of the planned region; `None` if the plan
    /// does not have the tensor.
    #[must_use]
    pub fn offset(&self, id: TensorId) -> Option<u64> {
        self.offsets.get(id.index()).copied()
    }

    /// All offsets in bytes, in order of the lifetimes.
    #[must_use]
    pub fn offsets(&self) -> &[u64] {
        &self.offsets
    }

    /// The bytes of a tensor, `offset..offset + size`; `None` if the plan does not have the tensor.
    #[must_use]
    pub fn bytes(&self, id: TensorId) -> Option<Range<u64>> {
        let (offset, row) = (self.offset(id)?, self.lifetimes.get(id)?);
        Some(offset..offset + row.size)
    }

    /// The lifetimes that were planned.
    #[must_use]
    pub fn lifetimes(&self) -> &Lifetimes {
        &self.lifetimes
    }

    /// How many tensors there are, including those that are never alive.
    #[must_use]
    pub fn len(&self) -> usize {
        self.offsets.len()
    }

    /// Whether there is no tensor at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.offsets.is_empty()
    }

    /// The size of the planned region in bytes: the largest `offset + size` of a tensor that is
    /// ever alive.
    #[must_use]
    pub fn peak(&self) -> u64 {
        self.peak
    }

    /// The most bytes that are alive at one step.
    #[must_use]
    pub fn load(&self) -> u64 {
        self.load
    }

    /// The best proven lower bound on the peak of every plan, in bytes: that of
    /// [`Lifetimes::lower_bound`], or a higher one if the planner has tried all plans below it.
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

    /// Whether the peak equals the proven lower bound, so no plan can be better.
    #[must_use]
    pub fn is_optimal(&self) -> bool {
        self.peak == self.lower_bound
    }

    /// The strategy that proposed the offsets, or "given".
    #[must_use]
    pub fn strategy(&self) -> &str {
        &self.strategy
    }

    /// The alignment in bytes that the base of the planned region needs: the largest alignment of a
    /// tensor that is ever alive.
    #[must_use]
    pub fn alignment(&self) -> u64 {
        let rows = self.lifetimes.rows().iter();
        let there = rows.filter(|row| row.has_bytes());
        there.map(|row| row.alignment).max().unwrap_or(1)
    }

    /// The tensors in order of execution: by the step at which each comes to life, then by id.
    /// Tensors that are never alive are left out.
    #[must_use]
    pub fn execution_order(&self) -> Vec<TensorId> {
        let rows = self.lifetimes.rows();
        let mut order: Vec<usize> = (0..rows.len()).collect();
        order.retain(|&i| rows[i].lower < rows[i].upper);
        order.sort_by_key(|&i| (rows[i].lower, i));
        order.into_iter().map(TensorId::from_index).collect()
    }
}
