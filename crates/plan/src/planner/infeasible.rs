//! Why a capacity is out of reach: a set of tensors that do not fit within it together, from which
//! every tensor is removed without which the rest still does not fit.
//!
//! Stands on the planner, on lower bounds and on search by exhaustion. Invariant: a set is returned
//! only if it is proven that none of its plans is within the capacity.
//!
//! Candidates are all tensors if their bound is above the capacity, and otherwise those that are
//! alive in a stretch of steps around the fullest one, which grows until a proof succeeds. A
//! *deletion filter* (Chinneck and Dravnieks, 1991) then takes out what the proof does not need:
//! first in large chunks, at last tensor by tensor. MiniMalloc (Moffitt, ASPLOS 2023) computes such
//! sets, too. The result may have more tensors than another such set: none of its own can be left
//! out, unless the limits of the search ended it early.
//!
//! ```text
//! alive around the fullest step      a b c d e f g h    do not fit
//! without the first half                     e f g h    fit: the half stays
//! without a chunk of two             a b     e f g h    do not fit: c and d are not needed
//! without any one of those left      a b     e   g      fit: the set is irreducible
//! ```

use alloc::vec::Vec;
use core::ops::Range;

use super::budget::{Budget, CheckInterval};
use super::error::PlannerError;
use super::exhaustion::fit_within;
use super::gap::align_up;
use super::planner::Planner;
use super::skyline::SearchOutcome;
use crate::ids::TensorId;
use crate::lifetimes::{Lifetime, Lifetimes};

/// Tensors that do not fit within a capacity together, whatever their offsets. Found by
/// [`Planner::infeasible_set`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InfeasibleSet {
    /// The capacity, in bytes.
    pub capacity: u64,
    /// The tensors, the largest first.
    pub tensors: Vec<TensorId>,
    /// The sum of their sizes, in bytes.
    pub bytes: u64,
    /// The first steps at which most bytes of them are alive together.
    pub steps: Range<i64>,
    /// The bytes of them that are alive at these steps.
    pub load: u64,
    /// What the proof is.
    pub reason: InfeasibleReason,
    /// Whether the others are known to fit when any one of them is taken out. If not, the limits of
    /// the search ended it early, and the set may have tensors that it does not need.
    pub is_irreducible: bool,
}

/// Why tensors do not fit within a capacity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InfeasibleReason {
    /// More bytes of them than the capacity are needed at a step. With several streams or models
    /// without windows: they all conflict with each other, and the sum of their sizes is above the
    /// capacity.
    Load,
    /// A lower bound of their plans is above the capacity: because of alignments, fixed offsets or
    /// gaps.
    Bound,
    /// A search has tried all their offsets within the capacity.
    Search,
}

impl Planner {
    /// Why no plan is within `capacity` bytes: tensors that do not fit together, so that the others
    /// need not be looked at. `None` if nothing is proven: there may be such a plan.
    ///
    /// If more bytes than that are alive at the fullest step, the set is from there; without
    /// windows, no other set of tensors of that step whose bytes are above the capacity has fewer.
    /// Otherwise plans are searched exhaustively, which succeeds for up to some dozen tensors. With
    /// several streams or models, only tensors that all conflict with each other are found, or
    /// those of which more bytes are needed at one step if tensors of models have windows. The
    /// limits of time and nodes of this planner hold for all of this together; its own
    /// [capacity](Self::capacity), strategy and previous plans do not matter.
    ///
    /// ```
    /// use orionrt_plan::{Lifetimes, Planner, planner::InfeasibleReason};
    ///
    /// let rows = [("a", 0, 2, 1024, 64), ("b", 1, 3, 2048, 64), ("c", 2, 4, 512, 64)];
    /// let lifetimes = Lifetimes::from_rows(rows)?;
    /// let set = Planner::new().infeasible_set(&lifetimes, 3000)?.expect("a and b need 3072");
    /// let names: Vec<_> = set.tensors.iter().filter_map(|&id| lifetimes.name(id)).collect();
    /// assert_eq!((names, set.steps), (vec!["b", "a"], 1..2));
    /// assert_eq!((set.load, set.reason), (3072, InfeasibleReason::Load));
    /// assert_eq!(Planner::new().infeasible_set(&lifetimes, 3072)?, None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If the alignment asked for is impossible, or if fixed tensors overlap; see [`PlannerError`].
    pub fn infeasible_set(
        &self,
        lifetimes: &Lifetimes,
        capacity: u64,
    ) -> Result<Option<InfeasibleSet>, PlannerError> {
        let lifetimes = &self.prepared(lifetimes)?;
        let question = Question {
            lifetimes,
            capacity,
            planner: self.for_questions().capacity(capacity),
            budget: self.budget(),
        };
        let found = question.candidates().map(|rows| question.reduced(rows));
        Ok(found.map(|(rows, is_irreducible)| question.set(rows, is_irreducible)))
    }
}

/// Nodes of the search for a plan that answers a question.
const PLAN_NODES: u64 = 20_000;
/// Nodes of the search by exhaustion if there was none.
const EXHAUSTION_NODES: u64 = 200_000;
/// The most tensors among which pairs are looked at where rows do not tell conflicts.
const MOST_IN_PAIRS: usize = 4096;

/// Whether some tensors fit within the capacity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Yes,
    No,
    Unknown,
}

/// What is asked of subsets of the tensors, given as rows that have bytes of their own.
struct Question<'l> {
    lifetimes: &'l Lifetimes,
    capacity: u64,
    planner: Planner,
    budget: Budget,
}

impl Question<'_> {
    fn row(&self, row: usize) -> &Lifetime {
        &self.lifetimes.rows()[row]
    }

    fn bytes(&self, rows: &[usize]) -> u64 {
        rows.iter().map(|&row| self.row(row).size).sum()
    }

    /// Tensors that do not fit, which may be more than are needed for that.
    fn candidates(&self) -> Option<Vec<usize>> {
        let rows = self.lifetimes.rows();
        let all: Vec<usize> = (0..rows.len()).filter(|&i| rows[i].occupies()).collect();
        let (fullest, load) = self.fullest(&all);
        let is_by_steps = self.lifetimes.steps_tell_conflicts();
        if load > self.capacity {
            let alive = self.alive_in(&all, &fullest);
            // Of a tensor with windows, not all bytes count.
            let may_be_in_part = is_by_steps && self.lifetimes.has_windows()
                || self.lifetimes.has_windows_of_models();
            return Some(match may_be_in_part {
                true => alive,
                false => self.largest(alive),
            });
        }
        if self.lifetimes.has_windows_of_models() {
            return None;
        }
        if !is_by_steps {
            return self.conflicting(&all);
        }
        if self.lifetimes.lower_bound() > self.capacity {
            return Some(all);
        }
        self.around(&all, &fullest)
    }

    /// The first of the steps with most bytes of these tensors, and the bytes.
    fn fullest(&self, rows: &[usize]) -> (Range<i64>, u64) {
        let profile = self.lifetimes.subset(rows).load_profile();
        let first = |best: (Range<i64>, u64), next: (Range<i64>, u64)| match next.1 > best.1 {
            true => next,
            false => best,
        };
        profile.into_iter().fold((0..0, 0), first)
    }

    /// Those of the rows that are alive at some of these steps.
    fn alive_in(&self, rows: &[usize], steps: &Range<i64>) -> Vec<usize> {
        let is_alive = |row: &&usize| {
            let mut ranges = self.lifetimes.live_ranges(TensorId::from_index(**row));
            ranges.any(|range| range.start < steps.end && steps.start < range.end)
        };
        rows.iter().filter(is_alive).copied().collect()
    }

    /// The fewest of these tensors that have more bytes than the capacity together; all have more.
    fn largest(&self, mut rows: Vec<usize>) -> Vec<usize> {
        rows.sort_by_key(|&row| (core::cmp::Reverse(self.row(row).size), row));
        let mut bytes = 0u64;
        let count = rows.iter().position(|&row| {
            bytes += self.row(row).size;
            bytes > self.capacity
        });
        rows.truncate(count.map_or(rows.len(), |last| last + 1));
        rows
    }

    /// Tensors that all conflict with each other and do not fit, found greedily: for each tensor
    /// those that conflict with it, the largest first.
    fn conflicting(&self, all: &[usize]) -> Option<Vec<usize>> {
        if all.len() > MOST_IN_PAIRS {
            return None;
        }
        let conflict = |a: usize, b: usize| {
            let [a, b] = [a, b].map(TensorId::from_index);
            self.lifetimes.conflict(a, b)
        };
        let mut order = all.to_vec();
        order.sort_by_key(|&row| (core::cmp::Reverse(self.row(row).size), row));
        for &first in &order {
            if self.budget.is_over() {
                return None;
            }
            let mut set = alloc::vec![first];
            for &row in order.iter().filter(|&&row| row != first) {
                if set.iter().all(|&other| conflict(row, other)) {
                    set.push(row);
                }
            }
            if self.bytes(&set) > self.capacity {
                return Some(self.largest(set));
            }
        }
        None
    }

    /// Tensors that are alive in a stretch of steps around the fullest ones and do not fit.
    fn around(&self, all: &[usize], fullest: &Range<i64>) -> Option<Vec<usize>> {
        let profile = self.lifetimes.subset(all).load_profile();
        let middle = profile.partition_point(|(steps, _)| steps.end <= fullest.start);
        let mut before = 0;
        let mut reach = 1;
        loop {
            let first = profile
                .get(middle.saturating_sub(reach))
                .or(profile.first())?;
            let last = profile.get(middle + reach).or(profile.last())?;
            let rows = self.alive_in(all, &(first.0.start..last.0.end));
            if rows.len() > before && self.ask(&rows) == Answer::No {
                return Some(rows);
            }
            if rows.len() == all.len() || self.budget.is_over() {
                return None;
            }
            before = rows.len();
            reach *= 2;
        }
    }

    /// Whether these tensors fit within the capacity.
    fn ask(&self, rows: &[usize]) -> Answer {
        if self.stack_fits(rows) {
            return Answer::Yes;
        }
        if self.budget.is_over() {
            return Answer::Unknown;
        }
        if !self.lifetimes.steps_tell_conflicts() {
            let bytes = match self.lifetimes.has_windows_of_models() {
                // Tensors that conflict may share bytes.
                true => self.lifetimes.subset(rows).load(),
                // Rows of one set that all conflict with each other.
                false => self.bytes(rows),
            };
            return match bytes > self.capacity {
                true => Answer::No,
                false => Answer::Unknown,
            };
        }
        let some = self.lifetimes.subset(rows);
        if some.lower_bound() > self.capacity {
            return Answer::No;
        }
        match self.planner.plan_within(&some, &self.budget, PLAN_NODES) {
            Ok(_) => Answer::Yes,
            Err(PlannerError::Capacity { best, .. }) if best.lower_bound() > self.capacity => {
                Answer::No
            }
            Err(PlannerError::Capacity { .. }) if some.rows_tell_conflicts() => {
                let mut nodes = EXHAUSTION_NODES;
                match fit_within(some.rows(), self.capacity, &mut nodes, &self.budget) {
                    SearchOutcome::Fits => Answer::Yes,
                    SearchOutcome::Exhausted => Answer::No,
                    SearchOutcome::Spent | SearchOutcome::GivenUp => Answer::Unknown,
                }
            }
            Err(_) => Answer::Unknown,
        }
    }

    /// Whether they fit one above the other, those with the strictest alignment at the bottom.
    fn stack_fits(&self, rows: &[usize]) -> bool {
        let mut order: Vec<&Lifetime> = rows.iter().map(|&row| self.row(row)).collect();
        if order.iter().any(|row| row.fixed_offset.is_some()) {
            return false;
        }
        order.sort_by_key(|row| core::cmp::Reverse(row.alignment));
        let end = order.iter().fold(0u64, |end, row| {
            align_up(end, row.alignment).saturating_add(row.size)
        });
        end <= self.capacity
    }

    /// The tensors without those that are not needed for them not to fit, the smallest being tried
    /// first, and whether each of those left is known to be needed.
    fn reduced(&self, mut rows: Vec<usize>) -> (Vec<usize>, bool) {
        rows.sort_by_key(|&row| (self.row(row).size, row));
        let mut chunk = (rows.len() / 2).max(1);
        let mut looked = 0;
        loop {
            let mut is_irreducible = true;
            let mut start = 0;
            while start < rows.len() {
                looked += rows.len() as u64;
                if looked >= CheckInterval::STEPS.nodes() {
                    if self.budget.is_over() {
                        return (rows, false);
                    }
                    looked = 0;
                }
                let end = rows.len().min(start + chunk);
                let without = [&rows[..start], &rows[end..]].concat();
                match self.ask(&without) {
                    Answer::No => rows = without,
                    Answer::Yes => start = end,
                    Answer::Unknown if self.budget.is_over() => return (rows, false),
                    Answer::Unknown => {
                        is_irreducible = false;
                        start = end;
                    }
                }
            }
            if chunk == 1 {
                return (rows, is_irreducible);
            }
            chunk = (chunk / 2).min(rows.len() / 2).max(1);
        }
    }

    fn set(&self, mut rows: Vec<usize>, is_irreducible: bool) -> InfeasibleSet {
        rows.sort_by_key(|&row| (core::cmp::Reverse(self.row(row).size), row));
        let bytes = self.bytes(&rows);
        let (steps, load) = self.fullest(&rows);
        let some = self.lifetimes.subset(&rows);
        let is_by_steps = self.lifetimes.steps_tell_conflicts();
        let reason = if load > self.capacity || !is_by_steps {
            InfeasibleReason::Load
        } else if some.lower_bound() > self.capacity {
            InfeasibleReason::Bound
        } else {
            InfeasibleReason::Search
        };
        InfeasibleSet {
            capacity: self.capacity,
            tensors: rows.into_iter().map(TensorId::from_index).collect(),
            bytes,
            steps,
            load,
            reason,
            is_irreducible,
        }
    }
}
