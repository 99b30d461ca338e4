//! Which tensors of different models might share bytes, whatever a plan makes of it.
//!
//! Stands on `clock` and, with a common clock, on the [`LifetimeAnalyzer`]. Without one, all
//! tensors of two models that never run together may share, so counting pairs is arithmetic, and
//! the best partner is found among sorted sizes. A tensor counts as needed whole from birth to
//! death; a plan may use gaps and windows.
//!
//! [`LifetimeAnalyzer`]: crate::multi_model::LifetimeAnalyzer

use alloc::vec::Vec;
use core::{
    cmp::Reverse,
    ops::{ControlFlow, Range},
};

use super::{
    clock::{Clock, analyzer},
    model_set::ModelSet,
    schedule::Schedule,
};
use crate::intervals::disjoint_pairs;
use crate::lifetimes::{ConcurrencyRelation, Lifetime};
use crate::multi_model::{
    error::SharingError,
    tensors::{ModelTensor, SharingOpportunity},
};

/// The most comparisons of two tensors in one run: about a second.
const MOST_COMPARISONS: u64 = 1 << 24;

/// How much tensors of different models might share. Made by [`ModelSet::sharing_summary`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SharingSummary {
    /// How many pairs of tensors of different models may share bytes.
    pub pairs: u64,
    /// Whether `pairs` and `best` say all. Where models start many times, pairs that take turns,
    /// each alive between the runs of the other, are left out if there are too many to compare:
    /// then there may be more pairs and better partners.
    pub is_complete: bool,
    /// The largest tensors, largest first, each with its best partner: the smallest that is large
    /// enough, or else the largest.
    pub best: Vec<(ModelTensor, SharingOpportunity)>,
}

impl ModelSet {
    /// Which tensors of different models might share bytes under a schedule: how many pairs there
    /// are, and for the `most` largest tensors that have a partner, the best one. A tensor counts
    /// as needed whole from birth to death; a plan may use gaps and windows.
    ///
    /// ```
    /// use orionrt_plan::{multi_model::{ModelSet, Schedule}, Lifetimes};
    /// let mut models = ModelSet::new();
    /// models.add("a", Lifetimes::from_rows([("x", 0, 2, 100, 1), ("y", 1, 3, 50, 1)])?)?;
    /// models.add("b", Lifetimes::from_rows([("z", 0, 2, 60, 1)])?)?;
    /// let found = models.sharing_summary(&Schedule::OneAtATime, 10)?;
    /// assert_eq!((found.pairs, found.best.len()), (2, 3));
    /// assert!(found.best.iter().map(|(_, pair)| pair.bytes).eq([60, 60, 50]));  // of x, z and y
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// When the schedule does not fit the models.
    pub fn sharing_summary(
        &self,
        schedule: &Schedule,
        most: usize,
    ) -> Result<SharingSummary, SharingError> {
        let clock = Clock::new(self, schedule)?;
        match &clock.starts {
            Some(starts) => on_clock(self, starts, most, MOST_COMPARISONS),
            None => Ok(by_concurrency(self, &clock.together, most)),
        }
    }
}

/// The summary of models that start at known times, made with at most `comparisons` of two tensors
/// in one run.
fn on_clock(
    set: &ModelSet,
    starts: &[Vec<i64>],
    most: usize,
    comparisons: u64,
) -> Result<SharingSummary, SharingError> {
    let analyzer = analyzer(set, starts)?;
    let run_once = starts.iter().all(|starts| starts.len() == 1);
    let is_complete = run_once || analyzer.comparisons() <= comparisons;
    let pairs = match is_complete && !run_once {
        false => pairs_apart(set, starts),
        true => {
            let mut count = 0;
            let _ = analyzer.visit(|_| {
                count += 1;
                ControlFlow::<()>::Continue(())
            });
            count
        }
    };
    let partners = match is_complete {
        true => analyzer.best_partners(),
        false => analyzer.best_partners_apart(),
    };
    let partners = partners.into_iter();
    let found = partners.filter_map(|(tensor, best)| Some((tensor, best?)));
    let mut best: Vec<(ModelTensor, SharingOpportunity)> = found.collect();
    let size = |tensor: &ModelTensor| {
        let lifetimes = &set.lifetimes()[tensor.model.index()];
        lifetimes.get(tensor.tensor).map_or(0, |row| row.size)
    };
    best.sort_by_key(|(tensor, _)| (Reverse(size(tensor)), *tensor));
    best.truncate(most);
    Ok(SharingSummary {
        pairs,
        is_complete,
        best,
    })
}

/// How many pairs of tensors of different models there are of which one is dead for good before the
/// other is born. If each model starts once, these are all that are never alive together.
/// O(n log n), because counting visits no pairs.
fn pairs_apart(set: &ModelSet, starts: &[Vec<i64>]) -> u64 {
    let (mut all, mut inside) = (Vec::new(), 0);
    for (lifetimes, starts) in set.lifetimes().iter().zip(starts) {
        let own = lifetimes.rows().iter().filter(|row| row.occupies());
        let last = starts[starts.len() - 1];
        let moved = |row: &Lifetime| row.lower + starts[0]..row.upper + last;
        let own: Vec<Range<i64>> = own.map(moved).collect();
        inside += disjoint_pairs(&own);
        all.extend(own);
    }
    disjoint_pairs(&all) - inside
}

/// A tensor with bytes of its own and its size, in order of size.
type Sized = (u64, ModelTensor);

/// The summary of models that are known by who may run beside whom.
fn by_concurrency(set: &ModelSet, together: &ConcurrencyRelation, most: usize) -> SharingSummary {
    let by_size: Vec<Vec<Sized>> = (0..set.len()).map(|model| sizes(set, model)).collect();
    let counts: Vec<u64> = by_size.iter().map(|own| own.len() as u64).collect();
    let all: u64 = counts.iter().sum();
    let inside: u64 = counts.iter().map(|count| count * count).sum();
    let together_too = together
        .pairs(set.len())
        .map(|[a, b]| counts[a] * counts[b]);
    let mut largest: Vec<Sized> = by_size.iter().flatten().copied().collect();
    largest.sort_unstable_by_key(|&(size, tensor)| (Reverse(size), tensor));
    let best = largest.into_iter().filter_map(|own| {
        let partner = best_partner(own, &by_size, together)?;
        Some((own.1, opportunity(own, partner)))
    });
    SharingSummary {
        pairs: (all * all - inside) / 2 - together_too.sum::<u64>(),
        is_complete: true,
        best: best.take(most).collect(),
    }
}

/// The tensors of a model, by size.
fn sizes(set: &ModelSet, model: usize) -> Vec<Sized> {
    let rows = set.lifetimes()[model].rows().iter().enumerate();
    let own = rows
        .filter(|(_, row)| row.occupies())
        .map(|(i, row)| (row.size, ModelTensor::at(model, i)));
    let mut own: Vec<Sized> = own.collect();
    own.sort_unstable();
    own
}

/// The best partner among the tensors of models that never run beside the tensor's own: the
/// smallest that is large enough, or else the largest.
fn best_partner(
    own: Sized,
    by_size: &[Vec<Sized>],
    together: &ConcurrencyRelation,
) -> Option<Sized> {
    let (size, tensor) = own;
    let others = by_size.iter().enumerate();
    let others = others.filter(|&(model, _)| {
        model != tensor.model.index() && !together.contains(model, tensor.model.index())
    });
    let best_of = others.filter_map(|(_, others)| {
        let enough = others.partition_point(|&(other, _)| other < size);
        others.get(enough).or(others.last()).copied()
    });
    best_of.reduce(|a, b| match (a.0 >= size, b.0 >= size) {
        (true, true) => a.min(b),
        _ => a.max(b),
    })
}

fn opportunity(own: Sized, partner: Sized) -> SharingOpportunity {
    let (smaller, larger) = (own.min(partner), own.max(partner));
    SharingOpportunity {
        smaller: smaller.1,
        larger: larger.1,
        bytes: smaller.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lifetimes::{Lifetimes, runs_overlap};
    use proptest::prelude::*;

    /// The rows of a model (birth, length, size) and when it starts.
    type Model = (Vec<(i64, i64, u64)>, Vec<i64>);

    fn model() -> impl Strategy<Value = Model> {
        let rows = prop::collection::vec((0i64..12, 1i64..6, 1u64..9), 1..6);
        // No tensor may be alive in two runs of its model at once.
        let gaps = prop::collection::vec(5i64..30, 0..4);
        let starts = (0i64..30, gaps).prop_map(|(first, gaps)| {
            let each = gaps.into_iter().scan(first, |start, gap| {
                *start += gap;
                Some(*start)
            });
            core::iter::once(first).chain(each).collect()
        });
        (rows, starts)
    }

    fn set(models: &[Model]) -> ModelSet {
        let mut set = ModelSet::new();
        for (i, (rows, _)) in models.iter().enumerate() {
            let rows = rows.iter().enumerate();
            let rows = rows
                .map(|(i, &(birth, length, size))| (i.to_string(), birth, birth + length, size, 1));
            let rows = Lifetimes::from_rows(rows).unwrap();
            set.add(i.to_string(), rows).unwrap();
        }
        set
    }

    proptest! {
        #[test]
        fn a_summary_that_is_cut_short_has_fewer_pairs_and_no_partners_that_meet(
            models in prop::collection::vec(model(), 2..4),
        ) {
            let set = set(&models);
            let starts: Vec<Vec<i64>> = models.iter().map(|(_, starts)| starts.clone()).collect();
            let all = on_clock(&set, &starts, usize::MAX, u64::MAX).unwrap();
            let some = on_clock(&set, &starts, usize::MAX, 0).unwrap();
            let run_once = starts.iter().all(|starts| starts.len() == 1);
            prop_assert!(all.is_complete);
            prop_assert_eq!(some.is_complete, run_once);
            prop_assert!(some.pairs <= all.pairs);
            prop_assert!(some.best.len() <= all.best.len());
            let row = |one: ModelTensor| &set.lifetimes()[one.model.index()].rows()
                [one.tensor.index()];
            let mut pairs_of_most = 0;
            for (tensor, best) in &some.best {
                let other = best.partner_of(*tensor).unwrap();
                prop_assert_ne!(tensor.model, other.model);
                let [m, n] = [tensor.model.index(), other.model.index()];
                let (x, y) = (row(*tensor).steps(), row(other).steps());
                prop_assert!(!runs_overlap(x, &starts[m], y, &starts[n]));
                let complete = all.best.iter().find(|(one, _)| one == tensor).unwrap();
                prop_assert!(best.bytes <= complete.1.bytes);
                pairs_of_most += 1;
            }
            prop_assert_eq!(some.pairs > 0, pairs_of_most > 0);
        }
    }
}
