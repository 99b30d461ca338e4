//! The words of sharing: a model, its tensors, when they are alive, and two that may share.
//!
//! Plain values, which keep no invariant of their own; it stands on [`ModelId`] and [`TensorId`] alone.
//!
//! ```text
//! M1.T0   ┌───────┐                       smaller: M2.T5, 64 bytes ┐
//!         └───────┘                       larger:  M1.T0, 96 bytes ┴─ they may share 64 bytes
//! M2.T5             ┌────┐
//!         └─────────┴────┴─── time
//!                   lower..upper
//! ```

use core::fmt;

use crate::ids::{ModelId, TensorId};

/// One tensor of one of several models; ordered by model, then by tensor.
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
    /// The tensor at these positions in the tables of models and of tensors.
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

/// A tensor of one of several models in one of its runs: alive at the times `lower..upper` of the common clock.
///
/// ```
/// use orionrt_plan::{multi_model::{ModelId, ModelTensor, TensorLifetime}, TensorId};
/// let owner = ModelTensor { model: ModelId::new(0), tensor: TensorId::new(0) };
/// let a = TensorLifetime { owner, lower: 0, upper: 5, size: 64, alignment: 8 };
/// let b = TensorLifetime { lower: 5, upper: 9, ..a };
/// assert!(a.is_live_at(4) && !a.is_live_at(5));
/// assert!(!a.overlaps(&b));                           // one ends as the other begins
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TensorLifetime {
    /// The model and the tensor inside it.
    pub owner: ModelTensor,
    /// The first time at which it is alive: a step, or nanoseconds.
    pub lower: i64,
    /// The first time at which it is not alive any more.
    pub upper: i64,
    /// Bytes.
    pub size: u64,
    /// Its address is a multiple of this power of two, in bytes.
    pub alignment: u64,
}

impl TensorLifetime {
    /// Whether it is alive at `time`.
    ///
    /// ```
    /// use orionrt_plan::{multi_model::LifetimeAnalyzer, Lifetimes};
    /// let mut analyzer = LifetimeAnalyzer::new();
    /// let model = analyzer.add_model("net", &Lifetimes::from_rows([("a", 3, 5, 64, 64)])?)?;
    /// let a = analyzer.lifetimes(model)?.next().expect("it has a tensor");
    /// assert_eq!([2, 3, 4, 5].map(|time| a.is_live_at(time)), [false, true, true, false]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn is_live_at(&self, time: i64) -> bool {
        self.lower <= time && time < self.upper
    }

    /// Whether both are alive at a common time.
    ///
    /// ```
    /// use orionrt_plan::{multi_model::LifetimeAnalyzer, Lifetimes};
    /// let mut analyzer = LifetimeAnalyzer::new();
    /// let rows = [("a", 3, 5, 64, 64), ("b", 4, 6, 64, 64)];
    /// let model = analyzer.add_model("net", &Lifetimes::from_rows(rows)?)?;
    /// let tensors: Vec<_> = analyzer.lifetimes(model)?.collect();
    /// assert!(tensors[0].overlaps(&tensors[1]));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        self.lower.max(other.lower) < self.upper.min(other.upper)
    }
}

/// Two tensors of different models that are never alive together.
///
/// ```
/// use orionrt_plan::{multi_model::LifetimeAnalyzer, Lifetimes};
/// let mut analyzer = LifetimeAnalyzer::new();
/// analyzer.add_model("first", &Lifetimes::from_rows([("a", 0, 2, 100, 4)])?)?;
/// analyzer.add_model("second", &Lifetimes::from_rows([("b", 2, 4, 60, 4)])?)?;
/// let found = analyzer.find_sharing_opportunities()[0];
/// assert_eq!((found.smaller.to_string(), found.larger.to_string(), found.bytes), ("M1.T0".into(), "M0.T0".into(), 60));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SharingOpportunity {
    /// The smaller of both; either, where they are of one size.
    pub smaller: ModelTensor,
    /// The other one.
    pub larger: ModelTensor,
    /// How many bytes they can share at most: the size of the smaller one.
    pub bytes: u64,
}

impl SharingOpportunity {
    /// The one of both that is not `tensor`; `None` if it is neither.
    ///
    /// ```
    /// use orionrt_plan::{multi_model::LifetimeAnalyzer, Lifetimes};
    /// let lifetimes = Lifetimes::from_rows([("a", 0, 2, 64, 64)])?;
    /// let mut analyzer = LifetimeAnalyzer::new();
    /// analyzer.add_model("first", &lifetimes)?;
    /// analyzer.add_model_at("second", &lifetimes, 2)?;
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
