//! A plan: an offset for every tensor, checked.
//!
//! [`Plan::new`] is the one door: whatever proposes offsets (a strategy, a file, a user), a `Plan` exists only if
//! the check here passed. The unsafe code in `TensorPool` rests on what it promises:
//!
//! - every offset is a multiple of its tensor's alignment, and the one at which it is fixed, if it is; `offset + size` is at most `peak` for every tensor
//!   that is alive at some step;
//! - no two tensors that conflict share a byte: that are alive at a common step or, with several streams or models, might be alive together;
//! - a tensor that lies within another one is where that one is.
//!
//! ```text
//! offset   a and c are never alive together: they share bytes.   b meets both: it may not.
//!    │       ┌────── b ──────┐
//!    │       └───────────────┘
//!    │ ┌── a ──┐  ┌── c ──┐
//!    │ └───────┘  └───────┘
//!    └───────────────────────── step
//! ```

mod error;
pub(crate) mod check;
mod together;
#[cfg(feature = "files")]
mod file;
#[cfg(feature = "files")]
mod csv_form;
#[cfg(feature = "files")]
mod json_form;
mod usage;

use alloc::{
    string::{String, ToString},
    vec::Vec,
};
use core::ops::Range;

pub use error::PlanError;
#[cfg(feature = "files")]
pub use file::{FileError, FileMistake, FilePosition};
pub use usage::{Section, Usage};

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
    /// Accepts offsets in bytes, one for each tensor of `lifetimes` in order, if they make a plan. O(n log n).
    ///
    /// # Errors
    /// The first thing that is wrong; see [`PlanError`].
    pub fn new(lifetimes: Lifetimes, offsets: Vec<u64>) -> Result<Self, PlanError> {
        check::each(&lifetimes, &offsets)?;
        check::overlap(&lifetimes, &offsets, |_| true)?;
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

    /// The least alignment in bytes that the planned region's base must have: the largest of any tensor that is ever in it.
    #[must_use]
    pub fn alignment(&self) -> u64 {
        let rows = self.lifetimes.rows().iter();
        let there = rows.filter(|row| row.has_bytes());
        there.map(|row| row.alignment).max().unwrap_or(1)
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
