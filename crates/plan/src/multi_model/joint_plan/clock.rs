//! A schedule applied to a set of models: where on one clock each model begins, and which models
//! may run together.
//!
//! Stands on the models and their schedule. Without a given clock, the models come one after the
//! other on the joint one, so rows of two models never meet there. Invariant: whatever may be alive
//! at the same time conflicts, either by the rows or by the [`ModelTiming`] beside them.

use alloc::vec::Vec;

use super::{bound::bound, distinct_runs::distinct_runs, model_set::ModelSet, schedule::Schedule};
use crate::ids::ModelId;
use crate::lifetimes::{
    ConcurrencyRelation, ConflictRelation, Lifetime, Lifetimes, ModelConflicts, ModelTiming,
    ShiftedModel, runs_overlap,
};
use crate::multi_model::{
    error::SharingError,
    sharing::{LifetimeAnalyzer, ModelRuns},
    tensors::first_positions,
};
use crate::planner::PlannerError;

/// The most lives of tensors, over all runs that are told apart but the first of each model: every
/// bound and every check looks at each of them. Half a second and a hundred megabytes.
const MOST_LIVES: u64 = 1 << 21;

/// When certain models run.
#[derive(Debug)]
pub(super) struct Clock {
    /// How many steps later than on its own clock each model begins its first run.
    shifts: Vec<i128>,
    /// Which models may run at the same time, if only for one step.
    pub(super) together: ConcurrencyRelation,
    /// The given starts of each model, in ascending order, without those that tell nothing new;
    /// `None` without a given clock.
    pub(super) starts: Option<Vec<Vec<i64>>>,
}

impl Clock {
    /// # Errors
    /// When the schedule does not fit the models.
    pub(super) fn new(set: &ModelSet, schedule: &Schedule) -> Result<Self, SharingError> {
        let of_several = |one: &Lifetimes| {
            let relation = one.conflict_relation();
            matches!(relation, ConflictRelation::Models(_))
        };
        if let Some(model) = set.lifetimes().iter().position(of_several) {
            let model = set.name(model);
            return Err(SharingError::SeveralInOne { model });
        }
        let together = match schedule {
            Schedule::OneAtATime => ConcurrencyRelation::None,
            Schedule::AnyTogether => ConcurrencyRelation::All,
            Schedule::Pairs(pairs) => of_pairs(set, pairs)?,
            Schedule::Starts(starts) => return Self::of_starts(set, starts),
        };
        Ok(Self {
            shifts: one_after_the_other(set)?,
            together,
            starts: None,
        })
    }

    fn of_starts(set: &ModelSet, starts: &[Vec<i64>]) -> Result<Self, SharingError> {
        analyzer(set, starts)?;
        let mut starts = starts.to_vec();
        starts.iter_mut().for_each(|starts| starts.sort_unstable());
        let hulls: Vec<Option<Lifetime>> = (0..set.len()).map(|model| set.hull(model)).collect();
        let starts = distinct_runs(&hulls, &starts);
        check_lives(set, &starts, MOST_LIVES)?;
        let meet = |a: usize, b: usize| match (&hulls[a], &hulls[b]) {
            (Some(x), Some(y)) => runs_overlap(x.steps(), &starts[a], y.steps(), &starts[b]),
            _ => false,
        };
        let pairs = (0..set.len()).flat_map(|b| (0..b).map(move |a| [a, b]));
        let together = pairs.filter(|&[a, b]| meet(a, b));
        Ok(Self {
            shifts: starts.iter().map(|starts| starts[0].into()).collect(),
            together: ConcurrencyRelation::from_pairs(set.len(), together),
            starts: Some(starts),
        })
    }

    /// The lifetimes by which a model is planned alone. If its runs overlap, tensors that are alive
    /// at the same time in different runs conflict there, too.
    pub(super) fn alone(&self, set: &ModelSet, model: usize) -> Result<Lifetimes, SharingError> {
        let lifetimes = set.lifetimes()[model].clone();
        let lifetimes = match self.has_further_runs() {
            true => lifetimes.without_windows(),
            false => lifetimes,
        };
        let (Some(starts), Some(hull)) = (&self.starts, set.hull(model)) else {
            return Ok(lifetimes);
        };
        let starts = &starts[model];
        let length = hull.upper.abs_diff(hull.lower);
        let mut gaps = starts.windows(2).map(|pair| pair[1].abs_diff(pair[0]));
        if gaps.all(|gap| gap >= length) {
            return Ok(lifetimes);
        }
        let last = starts.last().map_or(0, |last| last.abs_diff(starts[0]));
        if hull.upper.checked_add_unsigned(last).is_none() {
            let start = starts.last().copied().unwrap_or_default();
            return Err(out_of_time(set, model, hull.upper, start.into()));
        }
        let timing = ModelTiming::Runs(Vec::from([since_first(starts)]));
        let bound = bound(&[&lifetimes], &lifetimes, &timing);
        let conflicts = conflicts(&[&lifetimes], &lifetimes, timing, bound);
        Ok(lifetimes.with_model_conflicts(conflicts))
    }

    /// Whether some model runs again on a common clock, in a way that tells something new. Runs are
    /// compared by the steps of whole tensors, so windows are not used then.
    pub(super) fn has_further_runs(&self) -> bool {
        let mut starts = self.starts.iter().flatten();
        starts.any(|starts| starts.len() > 1)
    }

    /// The rows of all models on the joint clock, in their first runs.
    pub(super) fn rows(
        &self,
        set: &ModelSet,
        lifetimes: &[&Lifetimes],
    ) -> Result<Lifetimes, SharingError> {
        let each = set.names().iter().zip(lifetimes).zip(&self.shifts);
        let shifted = each.map(|(((_, name), lifetimes), &shift)| ShiftedModel {
            name,
            lifetimes,
            shift,
        });
        let joint = Lifetimes::concatenated(&shifted.collect::<Vec<_>>());
        joint.map_err(|error| SharingError::Planning {
            model: None,
            error: PlannerError::Lifetimes(error).into(),
        })
    }

    /// The conflicts that the rows do not show; `None` if rows conflict exactly where they meet.
    pub(super) fn timing(&self, lifetimes: &[&Lifetimes]) -> Option<ModelTiming> {
        let is_plain =
            |one: &&Lifetimes| matches!(one.conflict_relation(), ConflictRelation::Intervals);
        match (&self.starts, &self.together) {
            (Some(_), _) if !self.has_further_runs() => None,
            (Some(starts), _) => {
                let starts = starts.iter().map(|starts| since_first(starts));
                Some(ModelTiming::Runs(starts.collect()))
            }
            (None, ConcurrencyRelation::None) if lifetimes.iter().all(is_plain) => None,
            (None, together) => Some(ModelTiming::Concurrent(together.clone())),
        }
    }
}

/// Checks that all tensors are alive at most `most` times, over all runs that are told apart. The
/// first run of each model does not count: its lives are the model's rows, which are there anyway.
///
/// # Errors
/// Of the model whose tensors are alive most often after its first run.
fn check_lives(set: &ModelSet, starts: &[Vec<i64>], most: u64) -> Result<(), SharingError> {
    let each = set.lifetimes().iter().zip(starts);
    let lives = each.map(|(lifetimes, starts)| {
        let once = lifetimes.lives().count() as u64;
        once.saturating_mul((starts.len() as u64).saturating_sub(1))
    });
    let lives: Vec<u64> = lives.collect();
    let all = lives.iter().copied().fold(0, u64::saturating_add);
    let largest = (0..lives.len()).max_by_key(|&model| lives[model]);
    match largest.filter(|_| all > most) {
        None => Ok(()),
        Some(model) => Err(SharingError::TooManyRuns {
            model: set.name(model),
            tensors: set.lifetimes()[model].len(),
            runs: starts[model].len(),
            lives: all,
            most,
        }),
    }
}

/// How much later than the first run each run starts. The distance may wrap; a step moved by it is
/// in range again.
fn since_first(starts: &[i64]) -> Vec<i64> {
    starts.iter().map(|t| t.wrapping_sub(starts[0])).collect()
}

/// The conflicts of several models beside those of rows that meet; `joint` has the rows of all.
pub(super) fn conflicts(
    lifetimes: &[&Lifetimes],
    joint: &Lifetimes,
    timing: ModelTiming,
    bound: u64,
) -> ModelConflicts {
    let firsts = first_positions(lifetimes.iter().map(|one| one.len()));
    let inner = lifetimes.iter().map(|one| one.conflict_relation().clone());
    ModelConflicts::new(joint.rows(), firsts, inner.collect(), timing, bound)
}

/// An analyser of models that start at these times.
///
/// # Errors
/// When the starts do not fit the models.
pub(super) fn analyzer(
    set: &ModelSet,
    starts: &[Vec<i64>],
) -> Result<LifetimeAnalyzer, SharingError> {
    if starts.len() != set.len() {
        return Err(SharingError::StartsCount {
            models: set.len(),
            starts: starts.len(),
        });
    }
    let mut analyzer = LifetimeAnalyzer::new();
    for ((_, name, lifetimes), starts) in set.iter().zip(starts) {
        let model = || name.into();
        if starts.is_empty() {
            return Err(SharingError::NeverStarts { model: model() });
        }
        if matches!(lifetimes.conflict_relation(), ConflictRelation::Streams(_)) {
            return Err(SharingError::StreamsOnClock { model: model() });
        }
        analyzer.add_model(name, ModelRuns::new(lifetimes, starts.iter().copied()))?;
    }
    Ok(analyzer)
}

fn of_pairs(set: &ModelSet, pairs: &[[ModelId; 2]]) -> Result<ConcurrencyRelation, SharingError> {
    for &[a, b] in pairs {
        for model in [a, b] {
            if model.index() >= set.len() {
                return Err(SharingError::UnknownModel { model });
            }
        }
        if a == b {
            let model = set.name(a.index());
            return Err(SharingError::PairedWithItself { model });
        }
    }
    let pairs = pairs.iter().map(|pair| pair.map(ModelId::index));
    Ok(ConcurrencyRelation::from_pairs(set.len(), pairs))
}

/// The shift of each model if it begins where the one before it ends. The first model has its own
/// clock.
fn one_after_the_other(set: &ModelSet) -> Result<Vec<i128>, SharingError> {
    let (mut shifts, mut end) = (Vec::with_capacity(set.len()), None);
    for model in 0..set.len() {
        let Some(hull) = set.hull(model) else {
            shifts.push(0);
            continue;
        };
        let start = end.unwrap_or(i128::from(hull.lower));
        let shift = start - i128::from(hull.lower);
        shifts.push(shift);
        let new_end = i128::from(hull.upper) + shift;
        if i64::try_from(new_end).is_err() {
            return Err(out_of_time(set, model, hull.upper, start));
        }
        end = Some(new_end);
    }
    Ok(shifts)
}

/// The error of a model that ends, with the tensor that dies at `upper`, behind the last step.
fn out_of_time(set: &ModelSet, model: usize, upper: i64, start: i128) -> SharingError {
    let mut rows = set.lifetimes()[model].iter();
    let last = rows.find(|(_, _, row)| row.lower < row.upper && row.upper == upper);
    SharingError::OutOfTime {
        model: set.name(model),
        tensor: last.map_or_else(Default::default, |(_, name, _)| name.into()),
        start: i64::try_from(start).unwrap_or(i64::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(rows: i64) -> ModelSet {
        let mut set = ModelSet::new();
        for name in ["a", "b"] {
            let rows = (0..rows).map(|i| (i.to_string(), i, i + 1, 1, 1));
            set.add(name, Lifetimes::from_rows(rows).unwrap()).unwrap();
        }
        set
    }

    #[test]
    fn regular_starts_are_few_however_many_there_are() {
        let starts = |first: i64| (0..10_000).map(|i| first + 2000 * i).collect();
        let schedule = Schedule::Starts(Vec::from([starts(0), starts(500)]));
        let clock = Clock::new(&set(1000), &schedule).unwrap();
        assert_eq!(
            clock.starts,
            Some(Vec::from([Vec::from([0]), Vec::from([500])]))
        );
    }

    #[test]
    fn too_many_lives_are_refused_with_the_model_that_has_most() {
        let irregular = |i: i64| i * 40 + i * i % 31;
        let starts = (0..10_000).map(irregular).collect();
        let schedule = Schedule::Starts(Vec::from([starts, Vec::from([0])]));
        let refused = Clock::new(&set(1000), &schedule).unwrap_err();
        let SharingError::TooManyRuns {
            model,
            tensors,
            runs,
            lives,
            most,
        } = refused
        else {
            panic!("{refused:?}");
        };
        assert_eq!((&*model, tensors, runs), ("a", 1000, 10_000));
        assert_eq!((lives, most), (9_999_000, MOST_LIVES));
    }

    #[test]
    fn first_runs_are_never_too_many_however_many_tensors_there_are() {
        let (set, once) = (set(1000), Vec::from([0]));
        let check = |starts: [&[i64]; 2]| {
            check_lives(&set, &starts.map(<[i64]>::to_vec), 1000).map_err(|e| e.to_string())
        };
        assert_eq!(check([&once, &once]), Ok(()));
        assert_eq!(check([&once, &[0, 5]]), Ok(()));
        let refused = check([&[0, 7], &[0, 5, 9]]).unwrap_err();
        assert!(refused.contains("model 'b' has 1000 tensors and 3 runs that differ"));
        assert!(refused.contains("3000 lives of tensors after the first runs, at most 1000"));
    }
}
