//! A joint plan of parts that were saved: a schedule, the plan of each model alone, and offsets.
//!
//! Stands on `planning`, which makes the joint lifetimes. Invariant: the offsets are checked
//! against the schedule as those of a search are.

use alloc::{string::String, vec::Vec};

use super::{
    clock::Clock,
    model_set::ModelSet,
    planning::{failed, joint_lifetimes},
    schedule::Schedule,
    shared_plan::SharedPlan,
};
use crate::multi_model::error::SharingError;
use crate::plan::Plan;
use crate::planner::PlannerError;

/// The joint plan of an equal set of models, without its lifetimes. Hidden: it is for bindings that
/// save plans in forms of their own.
#[derive(Clone, Debug)]
pub struct SavedJointPlan {
    /// The offset of every tensor in bytes, one model after the other.
    pub offsets: Vec<u64>,
    /// The strategy that found them.
    pub strategy: String,
    /// The lower bound in bytes: it is trusted, as far as it is not above the peak.
    pub bound: u64,
}

impl SharedPlan {
    /// Puts together what [`ModelSet::plan`] has found: for each model the plan that it has alone,
    /// under its name, and the joint plan for the schedule.
    ///
    /// # Errors
    /// When names are equal, the schedule does not fit the models, or the offsets are no plan for
    /// it.
    #[doc(hidden)]
    pub fn from_saved(
        isolated: Vec<(String, Plan)>,
        schedule: &Schedule,
        joint: SavedJointPlan,
    ) -> Result<Self, SharingError> {
        let mut set = ModelSet::new();
        let mut plans = Vec::with_capacity(isolated.len());
        for (name, plan) in isolated {
            set.add(name, plan.lifetimes().clone())?;
            plans.push(plan);
        }
        let clock = Clock::new(&set, schedule)?;
        let lifetimes = joint_lifetimes(&set, &clock, &plans)?;
        let plan = Plan::new(lifetimes, joint.offsets)
            .map_err(|error| failed(None, PlannerError::Fixed(error)))?;
        let bound = joint.bound.min(plan.peak());
        let plan = plan.with_strategy(joint.strategy).with_proven_bound(bound);
        Ok(Self::new(&set, plans, clock.together, plan))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Lifetimes, Planner,
        ids::{ModelId, TensorId},
        lifetimes::Piece,
    };
    use proptest::prelude::*;

    fn saved(shared: &SharedPlan, schedule: &Schedule) -> Result<SharedPlan, SharingError> {
        let alone = shared.models();
        let alone =
            alone.filter_map(|(id, name)| Some((name.into(), shared.isolated(id)?.clone())));
        let plan = shared.plan();
        let joint = SavedJointPlan {
            offsets: plan.offsets().to_vec(),
            strategy: plan.strategy().into(),
            bound: plan.lower_bound(),
        };
        SharedPlan::from_saved(alone.collect(), schedule, joint)
    }

    /// Births, lengths, sizes, and whether half of the tensor is needed at its first step.
    type Rows = Vec<(i64, i64, u64, bool)>;

    fn set(models: &[Rows]) -> ModelSet {
        let mut set = ModelSet::new();
        for (index, rows) in models.iter().enumerate() {
            let windows = rows
                .iter()
                .enumerate()
                .filter(|(_, row)| row.3 && row.2 > 1);
            let windows = windows.map(|(i, &(lower, _, size, _))| {
                let window = Piece::new(lower..lower + 1, 0..size / 2);
                (TensorId::from_index(i), alloc::vec![window])
            });
            let windows: Vec<_> = windows.collect();
            let rows = rows.iter().enumerate();
            let rows = rows.map(|(i, &(lower, steps, size, _))| {
                (alloc::format!("t{i}"), lower, lower + steps, size, 8)
            });
            let lifetimes = Lifetimes::from_rows(rows).expect("rows");
            let lifetimes = lifetimes.with_all_windows(windows).expect("windows");
            set.add(alloc::format!("m{index}"), lifetimes)
                .expect("a name");
        }
        set
    }

    proptest! {
        #[test]
        fn parts_of_a_plan_make_an_equal_plan(
            models in proptest::collection::vec(
                proptest::collection::vec(
                    (0_i64..6, 1_i64..5, 0_u64..99, proptest::bool::ANY), 1..6), 1..4),
            schedule in 0..4,
        ) {
            let set = set(&models);
            let schedule = match schedule {
                0 => Schedule::OneAtATime,
                1 => Schedule::AnyTogether,
                2 => {
                    let others = (1..models.len()).map(ModelId::from_index);
                    Schedule::pairs(others.map(|other| (ModelId::new(0), other)))
                }
                _ => {
                    let models = 0..models.len() as i64;
                    Schedule::starts(models.map(|index| [index * 7, 99 + index * 40]))
                }
            };
            let shared = set.plan(&schedule, &Planner::new().nodes(500)).expect("a plan");
            prop_assert_eq!(saved(&shared, &schedule).expect("the same plan"), shared);
        }
    }

    #[test]
    fn offsets_of_another_schedule_are_refused() {
        let set = set(&[[(0, 2, 64, false)].into(), [(0, 2, 64, true)].into()]);
        let shared = set
            .plan(&Schedule::OneAtATime, &Planner::new())
            .expect("a plan");
        let refused = saved(&shared, &Schedule::AnyTogether).expect_err("one region for both");
        assert!(
            matches!(refused, SharingError::Planning { .. }),
            "{refused}"
        );
    }
}
