//! Who must not share bytes, among the tensors of several models that have one arena.
//!
//! The rows are those of one model after the other. Invariant: two rows whose lifetimes meet conflict, as everywhere; where models run one after
//! the other on the rows' clock, what may run at the same time nevertheless only adds to that, and so do later runs.
//!
//! ```text
//! rows      0 1 2 3 │ 4 5 │ 6 7 8        `firsts` 0, 4, 6, 9
//! model        0    │  1  │   2          0 and 2 may run together: rows 0..4 conflict with rows 6..9
//! ```

use alloc::vec::Vec;
use core::ops::Range;

use super::{Lifetime, Lifetimes, Relation, collect::Names};
use crate::table::Table;

/// Which models may run at the same time. No model runs twice at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Together {
    /// No two.
    None,
    /// Any two.
    Any,
    /// Each one with those in its row.
    Pairs(Table),
}

impl Together {
    /// Each with those that are paired with it.
    pub(crate) fn pairs(models: usize, pairs: impl IntoIterator<Item = [usize; 2]>) -> Self {
        let mut others = alloc::vec![Vec::new(); models];
        for [a, b] in pairs {
            others[a].push(b as u32);
            others[b].push(a as u32);
        }
        let mut table = Table::default();
        others.into_iter().for_each(|row| table.push(row));
        Self::Pairs(table)
    }

    /// Whether two different models may run at the same time.
    pub(crate) fn may(&self, a: usize, b: usize) -> bool {
        match self {
            Self::None => false,
            Self::Any => a != b,
            Self::Pairs(table) => table.row(a).binary_search(&(b as u32)).is_ok(),
        }
    }

    /// Every two models that may run at the same time, of so many.
    pub(crate) fn each(&self, models: usize) -> impl Iterator<Item = [usize; 2]> {
        let later = move |a: usize| {
            let others: Vec<usize> = match self {
                Self::None => Vec::new(),
                Self::Any => (a + 1..models).collect(),
                Self::Pairs(table) => table.row(a).iter().map(|&b| b as usize).collect(),
            };
            let later = others.into_iter().filter(move |&b| b > a);
            later.map(move |b| [a, b])
        };
        (0..models).flat_map(later)
    }
}

/// When models meet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Meeting {
    /// All of a model with all of each that may run beside it.
    Together(Together),
    /// Tensor by tensor: how much later than its first run each run of a model starts; in order, the first is 0.
    Runs(Vec<Vec<i64>>),
}

/// Several models in one arena.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Models {
    /// Of each model its first row, and the count of all rows at the end.
    firsts: Vec<usize>,
    /// What conflicts inside each model.
    inner: Vec<Relation>,
    meeting: Meeting,
    /// Bytes that no plan can be below.
    bound: u64,
}

impl Models {
    pub(crate) fn new(
        firsts: Vec<usize>,
        inner: Vec<Relation>,
        meeting: Meeting,
        bound: u64,
    ) -> Self {
        debug_assert_eq!(firsts.len(), inner.len() + 1);
        Self {
            firsts,
            inner,
            meeting,
            bound,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.inner.len()
    }

    /// The rows of a model.
    pub(crate) fn rows(&self, model: usize) -> Range<usize> {
        self.firsts[model]..self.firsts[model + 1]
    }

    /// What conflicts inside a model, whose rows are counted from 0 there.
    pub(crate) fn inner(&self, model: usize) -> &Relation {
        &self.inner[model]
    }

    /// How often a model runs, as far as tensors are told apart by that.
    pub(crate) fn runs(&self, model: usize) -> usize {
        match &self.meeting {
            Meeting::Together(_) => 1,
            Meeting::Runs(later) => later[model].len(),
        }
    }

    pub(crate) fn meeting(&self) -> &Meeting {
        &self.meeting
    }

    /// The model of a row.
    pub(crate) fn model_of(&self, row: usize) -> usize {
        self.firsts.partition_point(|&first| first <= row) - 1
    }

    pub(super) fn bound(&self) -> u64 {
        self.bound
    }

    /// Whether two different rows that have bytes of their own must not share any.
    pub(super) fn conflict(&self, rows: &[Lifetime], a: usize, b: usize) -> bool {
        let (m, n) = (self.model_of(a), self.model_of(b));
        match &self.meeting {
            Meeting::Runs(later) => runs_meet(&rows[a], &later[m], &rows[b], &later[n]),
            Meeting::Together(_) if m == n => {
                let own = self.rows(m);
                self.inner[m].conflict_at(&rows[own.clone()], [a - own.start, b - own.start])
            }
            Meeting::Together(together) => together.may(m, n) || rows[a].conflicts(&rows[b]),
        }
    }
}

/// Whether two tensors are alive together in any of their models' runs; the starts are in order, and no lifetime moved to one leaves
/// the clock's range. O(r log s) for r starts of one and s of the other.
pub(crate) fn runs_meet(a: &Lifetime, starts: &[i64], b: &Lifetime, others: &[i64]) -> bool {
    if starts.len() > others.len() {
        return runs_meet(b, others, a, starts);
    }
    // The difference of two starts may be too large for a step, and wrap; moved to it, a step is on the clock again.
    let at = |step: i64, start: &i64| step.wrapping_add(*start);
    starts.iter().any(|start| {
        let (lower, upper) = (at(a.lower, start), at(a.upper, start));
        let next = others.partition_point(|t| at(b.upper, t) <= lower);
        others.get(next).is_some_and(|t| at(b.lower, t) < upper)
    })
}

/// The lower bound of tensors that live several times each, at different times: these rows.
pub(crate) fn bound_of_lives(lives: Vec<Lifetime>) -> u64 {
    let lives = Lifetimes {
        names: Names::default(),
        rows: lives,
        relation: Relation::Intervals,
    };
    lives.interval_bound()
}
