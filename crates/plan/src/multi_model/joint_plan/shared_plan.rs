//! A joint plan: one plan for the tensors of all models, and whose tensors are where in it.
//!
//! Stands on the table of models, which keeps the order of tensors, and on the models' own plans,
//! with which the joint plan is compared.

use alloc::{sync::Arc, vec::Vec};
use core::fmt;

use super::{model_set::ModelSet, model_table::ModelTable, stack::one_after_the_other};
use crate::ids::{ModelId, TensorId};
use crate::lifetimes::ConcurrencyRelation;
use crate::multi_model::tensors::ModelTensor;
use crate::plan::Plan;

/// A plan for several models in one region. Made by [`ModelSet::plan`].
///
/// Shown with `{}`, it has a line for each model with the tensors that have bytes of their own and
/// the peak that the model has alone; then the sum of the peaks, the joint peak, and its lower
/// bound.
///
/// ```
/// use orionrt_plan::multi_model::{ModelSet, ModelTensor, Schedule};
/// use orionrt_plan::{Lifetimes, Plan, Planner, TensorId};
/// let mut models = ModelSet::new();
/// let a = models.add("a", Lifetimes::from_rows([("x", 0, 2, 100, 1), ("y", 1, 3, 50, 1)])?)?;
/// let b = models.add("b", Lifetimes::from_rows([("z", 0, 2, 120, 1)])?)?;
/// let shared = models.plan(&Schedule::OneAtATime, &Planner::new())?;
///
/// assert_eq!([a, b].map(|model| shared.isolated(model).map(Plan::peak)), [Some(150), Some(120)]);
/// assert_eq!((shared.plan().peak(), shared.saved_bytes()), (150, 120));
/// let z = ModelTensor { model: b, tensor: TensorId::new(0) };
/// assert_eq!(shared.offset(z), Some(0));
/// assert_eq!(shared.plan().lifetimes().name(shared.joint_id(z).unwrap()), Some("b/z"));
/// println!("{shared}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SharedPlan {
    table: Arc<ModelTable>,
    isolated: Vec<Plan>,
    plan: Plan,
}

impl SharedPlan {
    pub(super) fn new(
        set: &ModelSet,
        isolated: Vec<Plan>,
        together: ConcurrencyRelation,
        plan: Plan,
    ) -> Self {
        let lengths = isolated.iter().map(Plan::len);
        let table = ModelTable::new(set.names().clone(), lengths, together);
        Self {
            table: Arc::new(table),
            isolated,
            plan,
        }
    }

    #[doc(hidden)]
    #[must_use]
    pub fn table(&self) -> &Arc<ModelTable> {
        &self.table
    }

    /// The joint plan: the tensors of all models, named `model/tensor`. Its peak is the size of the
    /// region, and its lower bound that of every plan for this schedule.
    ///
    /// Models without a common clock come one after the other in its steps, and those that may run
    /// together conflict beyond that. A file has the steps alone, so a plan that is read back has
    /// the lower bound of the steps.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// All models with their names, in the order in which they were added.
    pub fn models(&self) -> impl ExactSizeIterator<Item = (ModelId, &str)> {
        self.table.names().iter()
    }

    /// The model of this name, if there is one.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<ModelId> {
        self.table.names().find(name)
    }

    /// The plan that a model has alone; `None` if it is not one of these models.
    #[must_use]
    pub fn isolated(&self, model: ModelId) -> Option<&Plan> {
        self.isolated.get(model.index())
    }

    /// What regions of their own for all models take, one after the other, in bytes: the sum of the
    /// peaks that the models have alone, and padding for their alignments.
    #[must_use]
    pub fn isolated_sum(&self) -> u64 {
        let Some(bases) = one_after_the_other(&self.isolated) else {
            return u64::MAX;
        };
        let last = bases.last().zip(self.isolated.last());
        last.map_or(0, |(base, plan)| base + plan.peak())
    }

    /// How many bytes the joint region saves compared to regions of their own for all models.
    #[must_use]
    pub fn saved_bytes(&self) -> u64 {
        self.isolated_sum().saturating_sub(self.plan.peak())
    }

    /// Whether two models may run at the same time, if only for one step of a common clock. A model
    /// never runs beside itself.
    #[must_use]
    pub fn may_run_together(&self, a: ModelId, b: ModelId) -> bool {
        a.index().max(b.index()) < self.table.len() && self.table.may_run_together(a, b)
    }

    /// The id of a model's tensor in the joint plan; `None` if the model does not have the tensor.
    #[must_use]
    pub fn joint_id(&self, tensor: ModelTensor) -> Option<TensorId> {
        self.table.joint_id(tensor)
    }

    /// The model's tensor that has this id in the joint plan, if there is one.
    #[must_use]
    pub fn owner(&self, joint: TensorId) -> Option<ModelTensor> {
        self.table.owner(joint.index())
    }

    /// The offset of a model's tensor in bytes from the start of the region; `None` if the model
    /// does not have the tensor.
    #[must_use]
    pub fn offset(&self, tensor: ModelTensor) -> Option<u64> {
        self.plan.offset(self.joint_id(tensor)?)
    }

    /// A model's part of the joint plan: the model's own lifetimes, steps and ids, with offsets in
    /// the joint region.
    #[must_use]
    pub fn part(&self, model: ModelId) -> Option<Plan> {
        let offsets = self.plan.offsets()[self.table.positions(model)?].to_vec();
        let lifetimes = self.isolated(model)?.lifetimes().clone();
        // No two tensors of a model need a common byte at a step in the joint plan, so this is a
        // plan.
        let plan = Plan::new(lifetimes, offsets).ok()?;
        Some(plan.with_strategy(self.plan.strategy()))
    }
}

impl fmt::Display for SharedPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:16} {:>8} {:>16}", "model", "tensors", "peak")?;
        for ((_, name), plan) in self.models().zip(&self.isolated) {
            let rows = plan.lifetimes().rows().iter();
            let own = rows.filter(|row| row.occupies()).count();
            writeln!(f, "{name:16} {own:>8} {:>16}", plan.peak())?;
        }
        let sums = [
            ("separate regions", self.isolated_sum()),
            ("one region", self.plan.peak()),
            ("lower bound", self.plan.lower_bound()),
        ];
        sums.iter()
            .try_for_each(|(what, bytes)| writeln!(f, "{what:25} {bytes:>16}"))
    }
}
