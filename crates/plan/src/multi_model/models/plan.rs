//! A joint plan, and whose tensors are where in it.
//!
//! Invariant: the joint plan's tensors are those of one model after the other, in their order; so a model's tensor *t* has the id of its model's
//! first one and *t*.

use alloc::{string::String, sync::Arc, vec::Vec};
use core::{fmt, ops::Range};

use super::{ModelSet, planning::one_after_the_other};
use crate::ids::TensorId;
use crate::lifetimes::ConcurrencyRelation;
use crate::multi_model::sharing::{ModelId, ModelTensor};
use crate::plan::Plan;

/// A plan for several models in one arena. Made by [`ModelSet::plan`].
///
/// ```
/// use orionrt_plan::{multi_model::{ModelSet, ModelTensor, Schedule}, Lifetimes, Planner, TensorId};
/// let mut models = ModelSet::new();
/// let a = models.add("a", Lifetimes::from_rows([("x", 0, 2, 100, 1), ("y", 1, 3, 50, 1)])?)?;
/// let b = models.add("b", Lifetimes::from_rows([("z", 0, 2, 120, 1)])?)?;
/// let shared = models.plan(&Schedule::OneAtATime, &Planner::new())?;
///
/// assert_eq!((shared.isolated_peak(a), shared.isolated_peak(b)), (Some(150), Some(120)));
/// assert_eq!((shared.peak(), shared.saved_bytes()), (150, 120));
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
    pub(super) plan: Plan,
}

/// Which models there are, whose tensors are whose, and who may run beside whom.
#[derive(Debug, PartialEq, Eq)]
pub struct ModelTable {
    names: Vec<String>,
    /// Of each model the position of its first tensor, and the count of all tensors at the end.
    firsts: Vec<usize>,
    together: ConcurrencyRelation,
}

impl ModelTable {
    /// How many models there are.
    #[must_use]
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// The name of a model, if it is one of these.
    #[must_use]
    pub fn name(&self, model: ModelId) -> Option<&str> {
        self.names.get(model.index()).map(String::as_str)
    }

    /// Whether two different models of this table may run at the same time.
    #[must_use]
    pub fn may_run_together(&self, a: ModelId, b: ModelId) -> bool {
        a != b && self.together.contains(a.index(), b.index())
    }

    /// The positions of a model's tensors in the joint plan.
    #[must_use]
    pub fn positions(&self, model: ModelId) -> Option<Range<usize>> {
        let first = *self.firsts.get(model.index())?;
        let end = *self.firsts.get(model.index() + 1)?;
        Some(first..end)
    }

    /// The id of a model's tensor in the joint plan, if the model has it.
    #[must_use]
    pub fn joint_id(&self, tensor: ModelTensor) -> Option<TensorId> {
        let own = self.positions(tensor.model)?;
        let position = own.start.checked_add(tensor.tensor.index())?;
        (position < own.end).then(|| TensorId::from_index(position))
    }
}

impl SharedPlan {
    pub(super) fn new(
        set: &ModelSet,
        isolated: Vec<Plan>,
        together: ConcurrencyRelation,
        plan: Plan,
    ) -> Self {
        let mut firsts = Vec::from([0]);
        firsts.extend(isolated.iter().scan(0, |end, one| {
            *end += one.len();
            Some(*end)
        }));
        let table = ModelTable {
            names: set
                .models
                .iter()
                .map(|member| member.name.clone())
                .collect(),
            firsts,
            together,
        };
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

    /// The joint plan: the tensors of all models, named `model/tensor`.
    ///
    /// Models without a common clock come one after the other in its steps, and those that may run together conflict beside that. In a file
    /// there are steps alone; read from there, its bound is that of the steps.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The size of the arena in bytes.
    #[must_use]
    pub fn peak(&self) -> u64 {
        self.plan.peak()
    }

    /// What no plan for this schedule can be below, in bytes.
    #[must_use]
    pub fn lower_bound(&self) -> u64 {
        self.plan.lower_bound()
    }

    /// How many models there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.table.names.is_empty()
    }

    /// All models and their names.
    pub fn models(&self) -> impl ExactSizeIterator<Item = (ModelId, &str)> {
        let names = self.table.names.iter().enumerate();
        names.map(|(i, name)| (ModelId::new(i as u32), name.as_str()))
    }

    /// The name of a model, if it is one of these.
    #[must_use]
    pub fn name(&self, model: ModelId) -> Option<&str> {
        self.table.name(model)
    }

    /// The model of this name. Linear in the models.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<ModelId> {
        let mut models = self.models();
        models.find_map(|(model, own)| (own == name).then_some(model))
    }

    /// The plan that a model has alone, if it is one of these.
    #[must_use]
    pub fn isolated(&self, model: ModelId) -> Option<&Plan> {
        self.isolated.get(model.index())
    }

    /// The peak in bytes of the plan that a model has alone.
    #[must_use]
    pub fn isolated_peak(&self, model: ModelId) -> Option<u64> {
        self.isolated(model).map(Plan::peak)
    }

    /// What the models' own regions take one after the other, in bytes: the sum of their peaks, and padding where a region is not aligned
    /// behind the one before it.
    #[must_use]
    pub fn isolated_sum(&self) -> u64 {
        let Some(bases) = one_after_the_other(&self.isolated) else {
            return u64::MAX;
        };
        let last = bases.last().zip(self.isolated.last());
        last.map_or(0, |(base, plan)| base + plan.peak())
    }

    /// How many bytes less the arena has than the models' own regions together.
    #[must_use]
    pub fn saved_bytes(&self) -> u64 {
        self.isolated_sum().saturating_sub(self.peak())
    }

    /// Whether two models may run at the same time, be it for one step of a common clock. A model never runs beside itself.
    #[must_use]
    pub fn may_run_together(&self, a: ModelId, b: ModelId) -> bool {
        a.index().max(b.index()) < self.len() && self.table.may_run_together(a, b)
    }

    /// The tensor's id in the joint plan, if it is one of these.
    #[must_use]
    pub fn joint_id(&self, tensor: ModelTensor) -> Option<TensorId> {
        self.table.joint_id(tensor)
    }

    /// Whose tensor has this id in the joint plan.
    #[must_use]
    pub fn owner(&self, joint: TensorId) -> Option<ModelTensor> {
        let position = joint.index();
        if position >= self.plan.len() {
            return None;
        }
        let model = self
            .table
            .firsts
            .partition_point(|&first| first <= position)
            - 1;
        Some(ModelTensor {
            model: ModelId::new(model as u32),
            tensor: TensorId::from_index(position - self.table.firsts[model]),
        })
    }

    /// The positions of a model's tensors in the joint plan, if it is one of these.
    #[must_use]
    pub fn positions(&self, model: ModelId) -> Option<Range<usize>> {
        self.table.positions(model)
    }

    /// The tensor's offset in bytes from the start of the arena, if it is one of these.
    #[must_use]
    pub fn offset(&self, tensor: ModelTensor) -> Option<u64> {
        self.plan.offset(self.joint_id(tensor)?)
    }

    /// A model's part of the joint plan: its own lifetimes, steps and ids, with the offsets in the arena.
    #[must_use]
    pub fn part(&self, model: ModelId) -> Option<Plan> {
        let offsets = self.plan.offsets()[self.positions(model)?].to_vec();
        let lifetimes = self.isolated(model)?.lifetimes().clone();
        // What conflicts in a model conflicts in the joint plan.
        let plan = Plan::new(lifetimes, offsets).ok()?;
        Some(plan.with_strategy(self.plan.strategy()))
    }
}

/// A line for each model, with its tensors that have bytes and its peak alone; then the sum, the arena and the bound, in bytes.
impl fmt::Display for SharedPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:16} {:>8} {:>16}", "model", "tensors", "peak")?;
        for ((_, name), plan) in self.models().zip(&self.isolated) {
            let rows = plan.lifetimes().rows().iter();
            let own = rows.filter(|row| row.occupies()).count();
            writeln!(f, "{name:16} {own:>8} {:>16}", plan.peak())?;
        }
        writeln!(f, "{:25} {:>16}", "apart", self.isolated_sum())?;
        writeln!(f, "{:25} {:>16}", "in one arena", self.peak())?;
        writeln!(f, "{:25} {:>16}", "lower bound", self.lower_bound())
    }
}
