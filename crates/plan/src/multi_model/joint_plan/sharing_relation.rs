//! Which tensors of different models may share bytes under a schedule, pair by pair.
//!
//! Stands on `clock` and, with a common clock, on the [`LifetimeAnalyzer`]. Without one, any two
//! tensors of models that never run together may share, whatever their steps. Invariant: what is
//! answered of two tensors is what all pairs show. A tensor counts as needed whole from birth to
//! death; a plan may use gaps and windows.

use alloc::vec::Vec;
use core::{cmp::Reverse, ops::ControlFlow};

use super::{
    clock::{Clock, analyzer},
    model_set::ModelSet,
    schedule::Schedule,
};
use crate::lifetimes::{ConcurrencyRelation, Lifetime, Lifetimes};
use crate::multi_model::{
    error::SharingError,
    sharing::LifetimeAnalyzer,
    tensors::{ModelTensor, SharingOpportunity},
};

/// Which tensors of different models may share bytes. Made by [`ModelSet::sharing`].
#[derive(Clone, Debug)]
pub struct SharingRelation(Kind);

#[derive(Clone, Debug)]
enum Kind {
    /// Whole models share, or do not.
    Models {
        together: ConcurrencyRelation,
        /// The size of each tensor of each model; 0 if it has no bytes of its own.
        sizes: Vec<Vec<u64>>,
    },
    /// Tensors share by their steps on a common clock.
    Clock(LifetimeAnalyzer),
}

impl ModelSet {
    /// Which tensors of different models may share bytes under a schedule. Nothing is planned. A
    /// tensor counts as needed whole from birth to death; a plan may use gaps and windows.
    ///
    /// ```
    /// use orionrt_plan::{multi_model::{ModelSet, ModelTensor, Schedule}, Lifetimes, TensorId};
    /// let mut models = ModelSet::new();
    /// let a = models.add("a", Lifetimes::from_rows([("x", 0, 2, 100, 1)])?)?;
    /// let b = models.add("b", Lifetimes::from_rows([("y", 0, 2, 60, 1)])?)?;
    /// let tensor = TensorId::new(0);
    /// let [x, y] = [a, b].map(|model| ModelTensor { model, tensor });
    ///
    /// let sharing = models.sharing(&Schedule::OneAtATime)?;
    /// assert_eq!(sharing.opportunity(x, y)?.map(|pair| pair.bytes), Some(60));
    /// let sharing = models.sharing(&Schedule::starts([[0], [1]]))?;   // both are alive at step 1
    /// assert_eq!(sharing.opportunity(x, y)?, None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// When the schedule does not fit the models.
    pub fn sharing(&self, schedule: &Schedule) -> Result<SharingRelation, SharingError> {
        let clock = Clock::new(self, schedule)?;
        Ok(SharingRelation(match &clock.starts {
            Some(starts) => Kind::Clock(analyzer(self, starts)?),
            None => Kind::Models {
                together: clock.together,
                sizes: self.lifetimes().iter().map(own_sizes).collect(),
            },
        }))
    }
}

/// The size of each tensor; 0 if it has no bytes of its own.
fn own_sizes(lifetimes: &Lifetimes) -> Vec<u64> {
    let size = |row: &Lifetime| if row.occupies() { row.size } else { 0 };
    lifetimes.rows().iter().map(size).collect()
}

impl SharingRelation {
    /// Whether two tensors may share memory, and how many bytes; `None` if they may not.
    ///
    /// # Errors
    /// When there is no such model or tensor.
    pub fn opportunity(
        &self,
        a: ModelTensor,
        b: ModelTensor,
    ) -> Result<Option<SharingOpportunity>, SharingError> {
        let (together, sizes) = match &self.0 {
            Kind::Clock(analyzer) => return analyzer.opportunity(a, b),
            Kind::Models { together, sizes } => (together, sizes),
        };
        let size = |tensor: ModelTensor| {
            let model = tensor.model;
            let of_model = sizes.get(model.index());
            let of_model = of_model.ok_or(SharingError::UnknownModel { model })?;
            let size = of_model.get(tensor.tensor.index());
            Ok((*size.ok_or(SharingError::UnknownTensor { tensor })?, tensor))
        };
        let (a, b) = (size(a)?, size(b)?);
        let [m, n] = [a, b].map(|(_, tensor)| tensor.model.index());
        let may_share = m != n && !together.contains(m, n) && a.0 > 0 && b.0 > 0;
        let (smaller, larger) = (a.min(b), a.max(b));
        Ok(may_share.then_some(SharingOpportunity {
            smaller: smaller.1,
            larger: larger.1,
            bytes: smaller.0,
        }))
    }

    /// Shows every pair that may share memory to `visit`, those with most bytes first, until it
    /// breaks. There may be as many as the square of the tensors; no pair is stored. The order is
    /// the same in every run of the program.
    ///
    /// ```
    /// use core::ops::ControlFlow;
    /// use orionrt_plan::{multi_model::{ModelSet, Schedule}, Lifetimes};
    /// let mut models = ModelSet::new();
    /// models.add("a", Lifetimes::from_rows([("x", 0, 2, 100, 1), ("y", 1, 3, 50, 1)])?)?;
    /// models.add("b", Lifetimes::from_rows([("z", 0, 2, 60, 1)])?)?;
    /// let mut bytes = Vec::new();
    /// let _ = models.sharing(&Schedule::OneAtATime)?.visit(|pair| {
    ///     bytes.push(pair.bytes);
    ///     ControlFlow::<()>::Continue(())
    /// });
    /// assert_eq!(bytes, [60, 50]);                            // x and z, y and z
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn visit<B>(
        &self,
        mut visit: impl FnMut(SharingOpportunity) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        let (together, sizes) = match &self.0 {
            Kind::Clock(analyzer) => return analyzer.visit(visit),
            Kind::Models { together, sizes } => (together, sizes),
        };
        // From the largest on, so that the bytes of a pair are the size of the later tensor.
        let mut larger: Vec<Vec<ModelTensor>> = alloc::vec![Vec::new(); sizes.len()];
        for (bytes, smaller) in by_size(sizes) {
            let own = smaller.model.index();
            let others = larger.iter().enumerate();
            let others =
                others.filter(|&(model, _)| model != own && !together.contains(model, own));
            for &larger in others.flat_map(|(_, others)| others) {
                visit(SharingOpportunity {
                    smaller,
                    larger,
                    bytes,
                })?;
            }
            larger[own].push(smaller);
        }
        ControlFlow::Continue(())
    }

    /// The first `most` pairs that [`visit`](Self::visit) shows: those with most bytes to share.
    #[must_use]
    pub fn k_best(&self, most: usize) -> Vec<SharingOpportunity> {
        let mut found = Vec::new();
        if most > 0 {
            let _ = self.visit(|pair| {
                found.push(pair);
                match found.len() < most {
                    true => ControlFlow::Continue(()),
                    false => ControlFlow::Break(()),
                }
            });
        }
        found
    }
}

/// The tensors with bytes of their own, largest first.
fn by_size(sizes: &[Vec<u64>]) -> Vec<(u64, ModelTensor)> {
    let mut all = Vec::new();
    for (model, sizes) in sizes.iter().enumerate() {
        let own = sizes.iter().enumerate().filter(|(_, size)| **size > 0);
        all.extend(own.map(|(tensor, &size)| (size, ModelTensor::at(model, tensor))));
    }
    all.sort_unstable_by_key(|&(size, tensor)| (Reverse(size), Reverse(tensor)));
    all
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::ids::ModelId;

    /// Births, lengths and sizes of a model's tensors.
    type Rows = Vec<(i64, i64, u64)>;

    fn schedule(models: usize) -> impl Strategy<Value = Schedule> {
        let pairs = prop::collection::vec((0..models, 0..models), 0..4);
        let pairs = pairs.prop_map(|pairs| {
            let apart = pairs.into_iter().filter(|(a, b)| a != b);
            Schedule::pairs(apart.map(|(a, b)| (ModelId::from_index(a), ModelId::from_index(b))))
        });
        // No tensor may be alive in two runs of its model at once: none lives for 7 steps.
        let starts = prop::collection::btree_set(0i64..9, 1..4);
        let starts = starts.prop_map(|starts| starts.into_iter().map(|start| 7 * start));
        let starts = prop::collection::vec(starts.prop_map(Vec::from_iter), models);
        prop_oneof![
            Just(Schedule::OneAtATime),
            Just(Schedule::AnyTogether),
            pairs,
            starts.prop_map(Schedule::Starts),
        ]
    }

    fn case() -> impl Strategy<Value = (Vec<Rows>, Schedule)> {
        let rows = prop::collection::vec((0i64..6, 0i64..7, 0u64..5), 0..5);
        let models = prop::collection::vec(rows, 2..4);
        models.prop_flat_map(|models| {
            let schedule = schedule(models.len());
            (Just(models), schedule)
        })
    }

    /// Whether two tensors may share bytes, by their steps one by one.
    fn may_share(models: &[Rows], schedule: &Schedule, a: [usize; 2], b: [usize; 2]) -> bool {
        let row = |[model, tensor]: [usize; 2]| models[model][tensor];
        let has_bytes = |(_, length, size)| length > 0 && size > 0;
        let steps = |at: [usize; 2], starts: &[Vec<i64>]| {
            let (birth, length, _) = row(at);
            let runs = starts[at[0]].iter().map(move |start| start + birth);
            runs.flat_map(move |birth| birth..birth + length)
                .collect::<Vec<_>>()
        };
        let is_apart = match schedule {
            Schedule::OneAtATime => true,
            Schedule::AnyTogether => false,
            Schedule::Pairs(pairs) => !pairs.iter().any(|pair| {
                let pair = pair.map(|model| model.index());
                pair == [a[0], b[0]] || pair == [b[0], a[0]]
            }),
            Schedule::Starts(starts) => {
                let others = steps(b, starts);
                !steps(a, starts).iter().any(|step| others.contains(step))
            }
        };
        a[0] != b[0] && has_bytes(row(a)) && has_bytes(row(b)) && is_apart
    }

    proptest! {
        #[test]
        fn all_pairs_are_shown_once_with_most_bytes_first((models, schedule) in case()) {
            let mut set = ModelSet::new();
            for (model, rows) in models.iter().enumerate() {
                let rows = rows.iter().enumerate().map(|(tensor, &(birth, length, size))| {
                    (alloc::format!("{tensor}"), birth, birth + length, size, 1)
                });
                set.add(alloc::format!("{model}"), Lifetimes::from_rows(rows).unwrap()).unwrap();
            }
            let sharing = set.sharing(&schedule).unwrap();
            let shown = sharing.k_best(usize::MAX);
            prop_assert!(shown.windows(2).all(|two| two[0].bytes >= two[1].bytes));
            let mut pairs = BTreeMap::new();
            for pair in &shown {
                let (a, b) = (pair.smaller, pair.larger);
                prop_assert_eq!(pairs.insert((a.min(b), a.max(b)), *pair), None);
            }
            let all = models.iter().enumerate();
            let all = all.flat_map(|(model, rows)| (0..rows.len()).map(move |row| [model, row]));
            let all: Vec<[usize; 2]> = all.collect();
            for (i, &a) in all.iter().enumerate() {
                for &b in &all[..=i] {
                    let [x, y] = [a, b].map(|[model, tensor]| ModelTensor::at(model, tensor));
                    let found = sharing.opportunity(x, y).unwrap();
                    prop_assert_eq!(found, sharing.opportunity(y, x).unwrap());
                    prop_assert_eq!(found, pairs.remove(&(x.min(y), x.max(y))));
                    let bytes = models[a[0]][a[1]].2.min(models[b[0]][b[1]].2);
                    let expected = may_share(&models, &schedule, a, b).then_some(bytes);
                    prop_assert_eq!(found.map(|pair| pair.bytes), expected);
                }
            }
            prop_assert!(pairs.is_empty());
            let summary = set.sharing_summary(&schedule, 0).unwrap();
            prop_assert_eq!(summary.pairs, shown.len() as u64);
        }
    }

    #[test]
    fn what_is_not_there_is_refused() {
        let mut set = ModelSet::new();
        let rows = Lifetimes::from_rows([("a", 0, 1, 8, 1)]).unwrap();
        set.add("net", rows).unwrap();
        for schedule in [Schedule::OneAtATime, Schedule::starts([[0]])] {
            let sharing = set.sharing(&schedule).unwrap();
            let known = ModelTensor::at(0, 0);
            let tensor = ModelTensor::at(0, 1);
            let unknown = Err(SharingError::UnknownTensor { tensor });
            assert_eq!(sharing.opportunity(known, tensor), unknown);
            let model = ModelId::new(1);
            let unknown = Err(SharingError::UnknownModel { model });
            assert_eq!(sharing.opportunity(ModelTensor::at(1, 0), known), unknown);
        }
    }
}
