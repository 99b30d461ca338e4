//! When several models with one arena run: which of them at the same time, or each at which steps.
//!
//! Stands on [`Csr`]. Invariant: the concurrency relation is symmetric.
//!
//! ```text
//! time      0        10       20
//! model a   ├──run──┤├──run──┤              concurrent: a and b, b and c; never a and c
//! model b       ├─────run─────┤
//! model c                     ├──run──┤
//! ```

use alloc::{vec, vec::Vec};
use core::ops::Range;

use crate::csr::Csr;

/// Which models may run at the same time. No model runs twice at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ConcurrencyRelation {
    /// No two models.
    None,
    /// All models.
    All,
    /// Each model with those in its row.
    Pairs(Csr),
}

impl ConcurrencyRelation {
    /// The relation of `models` models that consists of these pairs, each in either order.
    pub(crate) fn from_pairs(models: usize, pairs: impl IntoIterator<Item = [usize; 2]>) -> Self {
        let mut others = vec![Vec::new(); models];
        for [a, b] in pairs {
            others[a].push(b as u32);
            others[b].push(a as u32);
        }
        Self::Pairs(others.into_iter().collect())
    }

    /// Whether two different models may run at the same time.
    pub(crate) fn contains(&self, a: usize, b: usize) -> bool {
        match self {
            Self::None => false,
            Self::All => a != b,
            Self::Pairs(others) => others.row(a).binary_search(&(b as u32)).is_ok(),
        }
    }

    /// All pairs of `models` models that may run at the same time, the smaller number first.
    pub(crate) fn pairs(&self, models: usize) -> impl Iterator<Item = [usize; 2]> {
        let pairs_of = move |a: usize| {
            let others: Vec<usize> = match self {
                Self::None => Vec::new(),
                Self::All => (a + 1..models).collect(),
                Self::Pairs(others) => others.row(a).iter().map(|&b| b as usize).collect(),
            };
            let larger = others.into_iter().filter(move |&b| b > a);
            larger.map(move |b| [a, b])
        };
        (0..models).flat_map(pairs_of)
    }
}

/// What is known of the times at which models run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ModelTiming {
    /// Only which models may run at the same time: every tensor of a model is then taken to be
    /// alive together with every tensor of a concurrent model.
    Concurrent(ConcurrencyRelation),
    /// For each model, how many steps after its first run each of its runs starts: ascending, and
    /// the first is 0. Tensors are compared run by run.
    Runs(Vec<Vec<i64>>),
}

/// Whether two tensors that are alive at these steps of a run are alive together in any of their
/// models' runs. The starts ascend, and no step that is moved to one of its starts leaves the range
/// of steps. O(r log s) for r starts of one and s of the other.
pub(crate) fn runs_overlap(a: Range<i64>, starts: &[i64], b: Range<i64>, others: &[i64]) -> bool {
    if starts.len() > others.len() {
        return runs_overlap(b, others, a, starts);
    }
    // A start relative to another one may wrap around; a step moved by it is in range again.
    let at = |step: i64, start: &i64| step.wrapping_add(*start);
    starts.iter().any(|start| {
        let (lower, upper) = (at(a.start, start), at(a.end, start));
        let next = others.partition_point(|t| at(b.end, t) <= lower);
        others.get(next).is_some_and(|t| at(b.start, t) < upper)
    })
}
