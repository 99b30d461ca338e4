//! A tensor of one of several models, and two tensors that may share bytes.
//!
//! Plain values that stand on ids alone.
//!
//! ```text
//! M1.T0   ┌───────┐                       smaller: M2.T5, 64 bytes ┐
//!         └───────┘                       larger:  M1.T0, 96 bytes ┴─ they may share 64 bytes
//! M2.T5             ┌────┐
//!         └─────────┴────┴─── time
//! ```

use alloc::vec::Vec;
use core::fmt;

use crate::ids::{ModelId, TensorId};

/// A tensor of one of several models. Tensors are ordered by model, then by id.
///
/// ```
/// use orionrt_plan::{multi_model::{ModelId, ModelTensor}, TensorId};
/// let tensor = ModelTensor { model: ModelId::new(1), tensor: TensorId::new(4) };
/// assert_eq!(tensor.to_string(), "M1.T4");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModelTensor {
    /// The model.
    pub model: ModelId,
    /// The tensor inside it.
    pub tensor: TensorId,
}

impl ModelTensor {
    /// The least of all in the order of tensors.
    pub(super) const FIRST: Self = Self {
        model: ModelId::new(0),
        tensor: TensorId::new(0),
    };
    /// The greatest of all in the order of tensors.
    pub(super) const LAST: Self = Self {
        model: ModelId::new(u32::MAX),
        tensor: TensorId::new(u32::MAX),
    };

    /// The tensor at these positions in the lists of models and of tensors.
    pub(super) fn at(model: usize, tensor: usize) -> Self {
        Self {
            model: ModelId::from_index(model),
            tensor: TensorId::from_index(tensor),
        }
    }
}

impl fmt::Debug for ModelTensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.model, self.tensor)
    }
}

impl fmt::Display for ModelTensor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// Two tensors of different models that are never alive together, and so may share bytes.
///
/// ```
/// use orionrt_plan::{multi_model::LifetimeAnalyzer, Lifetimes};
/// let mut analyzer = LifetimeAnalyzer::new();
/// analyzer.add_model("first", &Lifetimes::from_rows([("a", 0, 2, 100, 4)])?)?;
/// analyzer.add_model("second", &Lifetimes::from_rows([("b", 2, 4, 60, 4)])?)?;
/// let found = analyzer.find_sharing_opportunities()[0];
/// assert_eq!((found.smaller.to_string(), found.bytes), ("M1.T0".into(), 60));
/// assert_eq!(found.larger.to_string(), "M0.T0");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct SharingOpportunity {
    /// The smaller tensor; either one if both have the same size.
    pub smaller: ModelTensor,
    /// The other tensor.
    pub larger: ModelTensor,
    /// How many bytes they can share at most: the size of the smaller tensor.
    pub bytes: u64,
}

impl SharingOpportunity {
    /// The partner of `tensor` in this pair; `None` if `tensor` is not in the pair.
    ///
    /// ```
    /// use orionrt_plan::{multi_model::{LifetimeAnalyzer, ModelRuns}, Lifetimes};
    /// let lifetimes = Lifetimes::from_rows([("a", 0, 2, 64, 64)])?;
    /// let mut analyzer = LifetimeAnalyzer::new();
    /// analyzer.add_model("first", &lifetimes)?;
    /// analyzer.add_model("second", ModelRuns::new(&lifetimes, [2]))?;
    /// let found = analyzer.find_sharing_opportunities()[0];
    /// assert_eq!(found.partner_of(found.smaller), Some(found.larger));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn partner_of(&self, tensor: ModelTensor) -> Option<ModelTensor> {
        match tensor {
            _ if tensor == self.smaller => Some(self.larger),
            _ if tensor == self.larger => Some(self.smaller),
            _ => None,
        }
    }
}

/// The position of each model's first tensor in a list of all tensors, given how many tensors each
/// model has; then the length of that list.
pub(super) fn first_positions(lengths: impl Iterator<Item = usize>) -> Vec<usize> {
    let mut end = 0;
    let ends = lengths.map(|length| {
        end += length;
        end
    });
    core::iter::once(0).chain(ends).collect()
}
