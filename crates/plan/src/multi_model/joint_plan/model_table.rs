//! Which models a joint plan has, which tensors are whose, and who may run beside whom.
//!
//! Stands on names. Invariant: the tensors of the joint plan are those of one model after the
//! other, in their own order, so the id of a model's tensor *t* is that of the model's first tensor
//! plus *t*.

use alloc::vec::Vec;
use core::ops::Range;

use crate::ids::{ModelId, TensorId};
use crate::lifetimes::ConcurrencyRelation;
use crate::multi_model::{
    names::ModelNames,
    tensors::{ModelTensor, first_positions},
};

/// The models of a joint plan. Hidden: it is for the pool that has the plan in memory.
#[derive(Debug, PartialEq, Eq)]
pub struct ModelTable {
    names: ModelNames,
    /// The position of each model's first tensor, and the number of all tensors at the end.
    firsts: Vec<usize>,
    together: ConcurrencyRelation,
}

impl ModelTable {
    /// Models with so many tensors each.
    pub(super) fn new(
        names: ModelNames,
        lengths: impl Iterator<Item = usize>,
        together: ConcurrencyRelation,
    ) -> Self {
        let firsts = first_positions(lengths);
        Self {
            names,
            firsts,
            together,
        }
    }

    /// The names of the models.
    pub(super) fn names(&self) -> &ModelNames {
        &self.names
    }

    /// How many models there are.
    #[must_use]
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// The name of a model; `None` if it is not one of these.
    #[must_use]
    pub fn name(&self, model: ModelId) -> Option<&str> {
        self.names.get(model)
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

    /// The id of a model's tensor in the joint plan; `None` if the model does not have the tensor.
    #[must_use]
    pub fn joint_id(&self, tensor: ModelTensor) -> Option<TensorId> {
        let own = self.positions(tensor.model)?;
        let position = own.start.checked_add(tensor.tensor.index())?;
        (position < own.end).then(|| TensorId::from_index(position))
    }

    /// The model's tensor at a position of the joint plan, if there is one.
    pub(super) fn owner(&self, position: usize) -> Option<ModelTensor> {
        let models = self.firsts.partition_point(|&first| first <= position);
        let model = models.checked_sub(1).filter(|&model| model < self.len())?;
        Some(ModelTensor::at(model, position - self.firsts[model]))
    }
}
