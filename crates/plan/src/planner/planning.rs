//! [`Planner::plan`], the library's central call.
//!
//! Stands on the planner's settings, strategies and budgets, and on the check of plans. It makes a
//! [`Task`] of the lifetimes, has a strategy place its buffers, and hands the offsets to
//! [`Plan::new`], which checks them. Invariant: whatever the strategy, the answer is a checked
//! [`Plan`] or an error.

use alloc::{borrow::Cow, string::ToString, vec::Vec};
use core::cell::Cell;

use super::auto::Auto;
use super::budget::{Budget, NODES_OUT_OF_REACH};
use super::conflict::Interference;
use super::error::PlannerError;
use super::interference::stack_blocks;
use super::planner::Planner;
use super::strategy::Task;
use super::threads;
use crate::lifetimes::{Lifetime, Lifetimes, Within};
use crate::plan::{Plan, PlanError, check_fixed_tensors};

impl Planner {
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

    /// The lifetimes with the least alignment asked for, after a check of their fixed offsets.
    pub(crate) fn prepared(&self, lifetimes: &Lifetimes) -> Result<Lifetimes, PlannerError> {
        let aligned = lifetimes.clone().with_alignment(self.alignment);
        let lifetimes = aligned.map_err(PlannerError::Lifetimes)?;
        check_fixed_tensors(&lifetimes).map_err(PlannerError::Fixed)?;
        Ok(lifetimes)
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
            budget: match self.capacity {
                Some(capacity) if capacity < bound => budget.at_most(NODES_OUT_OF_REACH),
                _ => budget.clone(),
            },
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
        let tensors = occupying.iter().zip(buffers.iter());
        let is_kept =
            |(&i, buffer): (&usize, &Lifetime)| buffer.fixed_offset != rows[i].fixed_offset;
        // Nor does what was proven of conflicts, where tensors that conflict may share bytes.
        let proven = match tensors.clone().any(is_kept) || lifetimes.has_windows_of_models() {
            true => 0,
            false => task.proven.get(),
        };
        Ok((offsets_of_all(rows, &occupying, &placed), proven))
    }

    /// The tensors that have bytes of their own, with those that are kept at fixed offsets: the
    /// rows themselves, if these are all of them.
    fn buffers<'l>(
        &self,
        lifetimes: &'l Lifetimes,
        occupying: &[usize],
        budget: &Budget,
    ) -> Cow<'l, [Lifetime]> {
        if self.keep.is_none() && occupying.len() == lifetimes.len() {
            return Cow::Borrowed(lifetimes.rows());
        }
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
        Cow::Owned(buffers.collect())
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

#[cfg(test)]
mod tests;
