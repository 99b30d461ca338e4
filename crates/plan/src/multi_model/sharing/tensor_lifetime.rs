//! A tensor of one of several models, and when it is alive on the clock that all models share.
//!
//! A plain value that keeps no invariant of its own; it stands on ids alone.

use crate::multi_model::tensors::ModelTensor;

/// A tensor in one run of its model: alive at the times `lower..upper` of the common clock.
///
/// ```
/// use orionrt_plan::{multi_model::{ModelId, ModelTensor, TensorLifetime}, TensorId};
/// let owner = ModelTensor { model: ModelId::new(0), tensor: TensorId::new(0) };
/// let a = TensorLifetime { owner, lower: 0, upper: 5, size: 64, alignment: 8 };
/// let b = TensorLifetime { lower: 5, upper: 9, ..a };
/// assert!(a.is_live_at(0) && a.is_live_at(4) && !a.is_live_at(5));
/// assert!(a.overlaps(&a) && !a.overlaps(&b));         // a ends as b begins
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TensorLifetime {
    /// The model and the tensor inside it.
    pub owner: ModelTensor,
    /// The first time at which it is alive: a step, or nanoseconds.
    pub lower: i64,
    /// The first time at which it is not alive any more.
    pub upper: i64,
    /// The tensor's size in bytes.
    pub size: u64,
    /// The power of two, in bytes, that the tensor's address is a multiple of.
    pub alignment: u64,
}

impl TensorLifetime {
    /// Whether it is alive at `time`.
    #[must_use]
    pub fn is_live_at(&self, time: i64) -> bool {
        self.lower <= time && time < self.upper
    }

    /// Whether both tensors are alive at a common time.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        self.lower.max(other.lower) < self.upper.min(other.upper)
    }
}
