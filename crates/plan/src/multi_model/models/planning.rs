//! Planning several models into one arena.
//!
//! Each model is planned alone; its plan is then one rigid block, and blocks of models that may run together are stacked apart. That is all there
//! is to do where the stack is as low as any plan can be, and the start of a search tensor by tensor where it is not.
//!
//! ```text
//! a runs beside b, b beside c, …, e beside a       blocks: three high        tensors: as high as two and a half,
//!                                                  (a ring of five)          if that is what they come to
//! ```

use alloc::{boxed::Box, string::String, vec::Vec};

use super::{ModelSet, Schedule, SharedPlan, bound::bound, joint::Clock, joint::models};
use crate::lifetimes::{ConcurrencyRelation, ConflictRelation, Lifetime, Lifetimes};
use crate::multi_model::sharing::SharingError;
use crate::planner::Planner;
use crate::{plan::Plan, planner::PlannerError};

/// Up to so many tensors that conflict beyond their lifetimes are searched one by one: every pair of them is looked at, whatever the limits.
const MOST_TENSORS: u64 = 1 << 13;
/// And up to so many runs of all pairs: some seconds.
const MOST_RUNS: u64 = 1 << 30;

pub(super) fn plan(
    set: &ModelSet,
    schedule: &Schedule,
    planner: &Planner,
) -> Result<SharedPlan, SharingError> {
    let clock = Clock::new(set, schedule)?;
    let isolated = each_alone(set, &clock, planner)?;
    let lifetimes: Vec<&Lifetimes> = isolated.iter().map(Plan::lifetimes).collect();
    let mut joint = clock.rows(set, &lifetimes)?;
    if let Some(timing) = clock.timing(&lifetimes) {
        let bound = bound(&lifetimes, &joint, &timing);
        joint = joint.with_model_conflicts(models(&lifetimes, timing, bound));
    }
    let stacked = stacked(&joint, &isolated, &clock.together, planner);
    let plan = best(joint, stacked, planner).map_err(|error| planning(None, error))?;
    Ok(SharedPlan::new(set, isolated, clock.together, plan))
}

fn planning(model: Option<String>, error: PlannerError) -> SharingError {
    let error = Box::new(error);
    SharingError::Planning { model, error }
}

fn each_alone(set: &ModelSet, clock: &Clock, planner: &Planner) -> Result<Vec<Plan>, SharingError> {
    let planner = planner.for_single_model();
    let plans = set.models.iter().enumerate().map(|(model, member)| {
        let plan = planner.plan(&clock.alone(set, model)?);
        plan.map_err(|error| planning(Some(member.name.clone()), error))
    });
    plans.collect()
}

/// The models' own plans, each in one piece: in the lower one of the best stack found and the order in which they are; `None` where fixed
/// tensors do not let them move.
fn stacked(
    joint: &Lifetimes,
    isolated: &[Plan],
    together: &ConcurrencyRelation,
    planner: &Planner,
) -> Option<Plan> {
    let one_by_one = one_after_the_other(isolated)?;
    let blocks: Vec<(u64, u64)> = isolated.iter().map(|p| (p.peak(), p.alignment())).collect();
    let found = planner.stack(&blocks, |a, b| together.contains(a, b));
    let height = |bases: &[u64]| {
        let ends = bases
            .iter()
            .zip(&blocks)
            .map(|(base, (peak, _))| base + peak);
        ends.max().unwrap_or(0)
    };
    let bases = match height(&found) <= height(&one_by_one) {
        true => found,
        false => one_by_one,
    };
    let moved = |(plan, base): (&Plan, u64)| -> Vec<u64> {
        plan.offsets().iter().map(|offset| offset + base).collect()
    };
    let offsets = isolated.iter().zip(bases).flat_map(moved).collect();
    let plan = Plan::new(joint.clone(), offsets).ok()?;
    Some(plan.with_strategy("stacked"))
}

/// Where each model's region begins if none shares anything; `None` where that ends above what offsets are for.
pub(super) fn one_after_the_other(isolated: &[Plan]) -> Option<Vec<u64>> {
    let mut end = 0u64;
    let base = |plan: &Plan| {
        let base = end.checked_next_multiple_of(plan.alignment())?;
        end = base.checked_add(plan.peak())?;
        i64::try_from(end).ok().map(|_| base)
    };
    isolated.iter().map(base).collect()
}

/// The stack, or what a search finds that is lower.
fn best(joint: Lifetimes, stacked: Option<Plan>, planner: &Planner) -> Result<Plan, PlannerError> {
    let planner = planner.without_previous();
    let Some(stacked) = stacked else {
        return planner.plan(&joint);
    };
    let wanted = planner.wanted_capacity().unwrap_or(0);
    let planned = match stacked.peak() > stacked.lower_bound().max(wanted) && is_searched(&joint) {
        true => planner.start_from(&stacked).plan(&joint)?,
        false => return planner.within_capacity(stacked),
    };
    Ok(if planned.peak() < stacked.peak() {
        planned
    } else {
        stacked
    })
}

/// Whether looking at every pair of tensors does not take too long: for each pair, the runs of one of both are gone through.
fn is_searched(joint: &Lifetimes) -> bool {
    let rows = joint.rows();
    let owning = |rows: &[Lifetime]| rows.iter().filter(|row| row.occupies()).count() as u64;
    let tensors = owning(rows);
    let lives = match joint.conflict_relation() {
        ConflictRelation::Intervals => return true,
        ConflictRelation::Streams(_) => tensors,
        ConflictRelation::Models(models) => {
            let lives = |model| owning(&rows[models.rows(model)]) * models.run_count(model) as u64;
            (0..models.len()).map(lives).fold(0, u64::saturating_add)
        }
    };
    tensors <= MOST_TENSORS && tensors.saturating_mul(lives) <= MOST_RUNS
}
