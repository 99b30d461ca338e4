//! A schedule brought to a set of models: where on one clock each model begins, and which of them may run together.
//!
//! ModelConflicts without a common clock come one after the other on the joint one, so no rows of two of them meet there. Invariant: whatever
//! may happen at the same time, be it by the rows or by what is said beside them, conflicts.

use alloc::{string::ToString, vec::Vec};

use super::{Member, ModelSet, Schedule, bound::bound};
use crate::lifetimes::{
    ConcurrencyRelation, ConflictRelation, Lifetime, Lifetimes, ModelConflicts, ModelTiming,
    ShiftedModel, runs_overlap,
};
use crate::multi_model::sharing::{LifetimeAnalyzer, ModelId, SharingError};
use crate::planner::PlannerError;

/// A schedule of certain models.
#[derive(Debug)]
pub(super) struct Clock {
    /// How many steps later than its own clock says each model begins, at first.
    later: Vec<i128>,
    /// Which models may run at the same time, be it for one step.
    pub(super) together: ConcurrencyRelation,
    /// The starts of each model that were given, in order; none where there is no clock.
    pub(super) starts: Option<Vec<Vec<i64>>>,
}

impl Clock {
    pub(super) fn new(set: &ModelSet, schedule: &Schedule) -> Result<Self, SharingError> {
        let is_several = |one: &&Member| {
            matches!(
                one.lifetimes.conflict_relation(),
                ConflictRelation::Models(_)
            )
        };
        if let Some(member) = set.models.iter().find(is_several) {
            let model = member.name.clone();
            return Err(SharingError::SeveralInOne { model });
        }
        let together = match schedule {
            Schedule::OneAtATime => ConcurrencyRelation::None,
            Schedule::AnyTogether => ConcurrencyRelation::All,
            Schedule::Pairs(pairs) => of_pairs(set, pairs)?,
            Schedule::Starts(starts) => return Self::of_starts(set, starts),
        };
        Ok(Self {
            later: one_after_the_other(&set.models)?,
            together,
            starts: None,
        })
    }

    fn of_starts(set: &ModelSet, starts: &[Vec<i64>]) -> Result<Self, SharingError> {
        analyzer(set, starts)?;
        let mut starts = starts.to_vec();
        starts.iter_mut().for_each(|starts| starts.sort_unstable());
        let hulls: Vec<Option<Lifetime>> = set.models.iter().map(hull).collect();
        let meet = |a: usize, b: usize| match (&hulls[a], &hulls[b]) {
            (Some(x), Some(y)) => runs_overlap(x, &starts[a], y, &starts[b]),
            _ => false,
        };
        let pairs = (0..set.len()).flat_map(|b| (0..b).map(move |a| [a, b]));
        let together =
            ConcurrencyRelation::from_pairs(set.len(), pairs.filter(|&[a, b]| meet(a, b)));
        Ok(Self {
            later: starts.iter().map(|starts| starts[0].into()).collect(),
            together,
            starts: Some(starts),
        })
    }

    /// What a model alone must keep apart: if its runs overlap, what is alive in any of them at the same time, too.
    pub(super) fn alone(&self, set: &ModelSet, model: usize) -> Result<Lifetimes, SharingError> {
        let member = &set.models[model];
        let (Some(starts), Some(hull)) = (&self.starts, hull(member)) else {
            return Ok(member.lifetimes.clone());
        };
        let starts = &starts[model];
        let length = hull.upper.abs_diff(hull.lower);
        let mut gaps = starts.windows(2).map(|pair| pair[1].abs_diff(pair[0]));
        if gaps.all(|gap| gap >= length) {
            return Ok(member.lifetimes.clone());
        }
        let last = starts.last().map_or(0, |last| last.abs_diff(starts[0]));
        if hull.upper.checked_add_unsigned(last).is_none() {
            let start = starts.last().copied().unwrap_or_default();
            return Err(out_of_time(member, hull.upper, start.into()));
        }
        let lifetimes = &[&member.lifetimes];
        let timing = ModelTiming::Runs(Vec::from([since_first(starts)]));
        let bound = bound(lifetimes, &member.lifetimes, &timing);
        let models = models(lifetimes, timing, bound);
        Ok(member.lifetimes.clone().with_model_conflicts(models))
    }

    /// The rows of all models, as far as they say what conflicts.
    pub(super) fn rows(
        &self,
        set: &ModelSet,
        lifetimes: &[&Lifetimes],
    ) -> Result<Lifetimes, SharingError> {
        let each = set.models.iter().zip(lifetimes).zip(&self.later);
        let parts = each.map(|((member, lifetimes), &later)| ShiftedModel {
            name: &member.name,
            lifetimes,
            shift: later,
        });
        let joint = Lifetimes::concatenated(&parts.collect::<Vec<_>>());
        joint.map_err(|error| SharingError::Planning {
            model: None,
            error: PlannerError::Lifetimes(error).into(),
        })
    }

    /// What the rows do not say; `None` if they say it all.
    pub(super) fn timing(&self, lifetimes: &[&Lifetimes]) -> Option<ModelTiming> {
        let is_plain =
            |one: &&Lifetimes| matches!(one.conflict_relation(), ConflictRelation::Intervals);
        match (&self.starts, &self.together) {
            (Some(starts), _) if starts.iter().all(|starts| starts.len() == 1) => None,
            (Some(starts), _) => {
                let starts = starts.iter().map(|starts| since_first(starts));
                Some(ModelTiming::Runs(starts.collect()))
            }
            (None, ConcurrencyRelation::None) if lifetimes.iter().all(is_plain) => None,
            (None, together) => Some(ModelTiming::Concurrent(together.clone())),
        }
    }
}

/// How much later than the first each run starts. May wrap, and is unwrapped where it is used.
fn since_first(starts: &[i64]) -> Vec<i64> {
    starts.iter().map(|t| t.wrapping_sub(starts[0])).collect()
}

/// What conflicts beside the rows that meet.
pub(super) fn models(lifetimes: &[&Lifetimes], timing: ModelTiming, bound: u64) -> ModelConflicts {
    let mut firsts = Vec::from([0]);
    firsts.extend(lifetimes.iter().scan(0, |end, one| {
        *end += one.len();
        Some(*end)
    }));
    let inner = lifetimes.iter().map(|one| one.conflict_relation().clone());
    ModelConflicts::new(firsts, inner.collect(), timing, bound)
}

/// The analyzer of models that start so; whatever is wrong with the starts is an error.
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
    for (Member { name, lifetimes }, starts) in set.models.iter().zip(starts) {
        let model = || name.to_string();
        if starts.is_empty() {
            return Err(SharingError::NeverStarts { model: model() });
        }
        if matches!(lifetimes.conflict_relation(), ConflictRelation::Streams(_)) {
            return Err(SharingError::StreamsOnClock { model: model() });
        }
        analyzer.add_model_runs(name, lifetimes, starts)?;
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
            let model = set.models[a.index()].name.clone();
            return Err(SharingError::PairedWithItself { model });
        }
    }
    let pairs = pairs.iter().map(|pair| pair.map(ModelId::index));
    Ok(ConcurrencyRelation::from_pairs(set.len(), pairs))
}

/// The steps in which something of a model is alive.
fn hull(member: &Member) -> Option<Lifetime> {
    let rows = member.lifetimes.rows().iter();
    let alive = rows.filter(|row| row.lower < row.upper).copied();
    alive.reduce(|hull, row| Lifetime {
        lower: hull.lower.min(row.lower),
        upper: hull.upper.max(row.upper),
        ..hull
    })
}

/// How much later each model begins if it begins where the one before it ends; the first one has its own clock.
fn one_after_the_other(models: &[Member]) -> Result<Vec<i128>, SharingError> {
    let (mut later, mut end) = (Vec::with_capacity(models.len()), None);
    for member in models {
        let Some(hull) = hull(member) else {
            later.push(0);
            continue;
        };
        let start = end.unwrap_or(i128::from(hull.lower));
        let by = start - i128::from(hull.lower);
        later.push(by);
        let new_end = i128::from(hull.upper) + by;
        if i64::try_from(new_end).is_err() {
            return Err(out_of_time(member, hull.upper, start));
        }
        end = Some(new_end);
    }
    Ok(later)
}

/// All models one after the other take more steps than there are.
fn out_of_time(member: &Member, upper: i64, start: i128) -> SharingError {
    let mut rows = member.lifetimes.iter();
    let last = rows.find(|(_, _, row)| row.lower < row.upper && row.upper == upper);
    SharingError::OutOfTime {
        model: member.name.clone(),
        tensor: last.map_or_else(Default::default, |(_, name, _)| name.to_string()),
        start: i64::try_from(start).unwrap_or(i64::MAX),
    }
}
