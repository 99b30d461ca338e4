//! Planning several models into one region.
//!
//! Stands on `clock`, `bound` and `stack`. Each model is planned alone; its plan is then one rigid
//! block, and blocks of models that may run together are stacked apart. Where the stack is as low
//! as any plan can be, that is all. Where it is not, the stack is the start of a search tensor by
//! tensor.
//!
//! ```text
//! a beside b, b beside c, …, e beside a       blocks: three high        tensors: two and a half
//!                                             (a ring of five)          high at best
//! ```

use alloc::{boxed::Box, string::String, vec::Vec};

use super::{
    bound::bound,
    clock::{Clock, conflicts},
    model_set::ModelSet,
    schedule::Schedule,
    shared_plan::SharedPlan,
    stack::stacked,
};
use crate::lifetimes::{ConflictRelation, Lifetime, Lifetimes};
use crate::multi_model::error::SharingError;
use crate::plan::Plan;
use crate::planner::{Planner, PlannerError};

/// The most tensors with conflicts beyond their lifetimes that are searched one by one: every pair
/// of them is looked at, whatever the limits of the planner.
const MOST_TENSORS: u64 = 1 << 13;
/// The most runs, over all pairs of tensors, that are looked at: some seconds.
const MOST_RUNS: u64 = 1 << 30;

impl ModelSet {
    /// Plans all models into one region. Each model is planned alone first, then all together. The
    /// limits of `planner` hold for each of these searches, its alignment for every tensor, and its
    /// capacity for the joint plan. A plan that it was given to start from is not used.
    ///
    /// Without fixed offsets, the peak is never above [`SharedPlan::isolated_sum`]; and if no two
    /// models run at the same time, it is the largest of the peaks that the models have alone.
    ///
    /// # Errors
    /// When the schedule does not fit the models, or there is no plan; see [`SharingError`].
    pub fn plan(&self, schedule: &Schedule, planner: &Planner) -> Result<SharedPlan, SharingError> {
        let clock = Clock::new(self, schedule)?;
        // A model's part of a joint plan is a plan of the model.
        let bounds = self.lifetimes().iter().map(Lifetimes::lower_bound);
        planner.report_bound(|| bounds.max().unwrap_or(0));
        let isolated = each_alone(self, &clock, planner)?;
        let joint = joint_lifetimes(self, &clock, &isolated)?;
        // What is proven of a model alone holds of its part of every joint plan.
        let proven = isolated.iter().map(Plan::lower_bound).max().unwrap_or(0);
        planner.report_bound(|| proven);
        let stacked = stacked(&joint, &isolated, &clock.together, planner);
        let stacked = stacked.map(|plan| plan.with_proven_bound(proven));
        let plan = best(joint, stacked, planner).map_err(|error| failed(None, error))?;
        let plan = plan.with_proven_bound(proven);
        Ok(SharedPlan::new(self, isolated, clock.together, plan))
    }
}

/// The lifetimes of all models on the joint clock, with the conflicts that their rows do not show.
pub(super) fn joint_lifetimes(
    set: &ModelSet,
    clock: &Clock,
    isolated: &[Plan],
) -> Result<Lifetimes, SharingError> {
    let lifetimes: Vec<&Lifetimes> = isolated.iter().map(Plan::lifetimes).collect();
    let joint = clock.rows(set, &lifetimes)?;
    // Those of a saved plan may have windows.
    let joint = match clock.has_further_runs() {
        true => joint.without_windows(),
        false => joint,
    };
    let Some(timing) = clock.timing(&lifetimes) else {
        return Ok(joint);
    };
    let bound = bound(&lifetimes, &joint, &timing);
    let conflicts = conflicts(&lifetimes, &joint, timing, bound);
    Ok(joint.with_model_conflicts(conflicts))
}

pub(super) fn failed(model: Option<String>, error: PlannerError) -> SharingError {
    let error = Box::new(error);
    SharingError::Planning { model, error }
}

fn each_alone(set: &ModelSet, clock: &Clock, planner: &Planner) -> Result<Vec<Plan>, SharingError> {
    let planner = planner.for_single_model();
    let plans = (0..set.len()).map(|model| {
        let plan = planner.plan(&clock.alone(set, model)?);
        plan.map_err(|error| failed(Some(set.name(model)), error))
    });
    plans.collect()
}

/// The stack, or a plan that the search finds if it is lower. The search may end above the stack,
/// which it cannot start from where plans share bytes by windows.
fn best(joint: Lifetimes, stacked: Option<Plan>, planner: &Planner) -> Result<Plan, PlannerError> {
    let search = planner.without_previous();
    let Some(stacked) = stacked else {
        return search.plan(&joint);
    };
    let wanted = planner.wanted_capacity().unwrap_or(0);
    let planned = match stacked.peak() > stacked.lower_bound().max(wanted) && is_searched(&joint) {
        true => search.start_from(&stacked).plan(&joint),
        false => return planner.within_capacity(stacked),
    };
    let planned = match planned {
        Err(PlannerError::Capacity { best, .. }) => *best,
        planned => planned?,
    };
    planner.within_capacity(match planned.peak() < stacked.peak() {
        true => planned,
        false => stacked.with_proven_bound(planned.lower_bound()),
    })
}

/// Whether there are few enough tensors and runs to look at every pair of tensors. For each pair,
/// the runs of one of the two are gone through.
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
