//! What the user decides about a model: sizes of dimensions, values of inputs, alignment.
//!
//! Stands on nothing. Plain values; the readers check them against the model.

use std::collections::BTreeMap;

/// What the user decides about a model.
///
/// ```
/// use orionrt_models::{InputValue, Options};
/// let options = Options::new()
///     .dim("sequence", 128)
///     .input("training", InputValue::Bools(vec![false]));
/// assert_eq!(options.dims["sequence"], 128);
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Options {
    /// The sizes of symbolic dimensions, by name, and upper bounds of sizes that depend on data. A
    /// dimension of an input without a name is called `INPUT.AXIS`, one of a result `NODE.AXIS`.
    pub dims: BTreeMap<String, u64>,
    /// The values of inputs that decide a shape, a branch or the number of iterations.
    pub inputs: BTreeMap<String, InputValue>,
    /// The least alignment of every tensor in bytes, a power of two.
    pub alignment: u64,
    /// What to do with tensors whose size is not known.
    pub unknown: Unknown,
    /// Whether to plan only the tensors that TensorFlow Lite Micro places at given offsets. It
    /// places variables, bodies of control flow and their results itself: these are left out and
    /// listed.
    pub tflite_micro: bool,
    /// Whether a name in `dims` or `inputs` that the model lacks is an error.
    pub strict_names: bool,
    /// Whether weights are tensors of the graph: inputs, which [`Model::weights`] lists.
    ///
    /// [`Model::weights`]: crate::Model::weights
    pub weight_tensors: bool,
}

/// What to do with tensors whose size is not known before the model runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Unknown {
    /// An error that names all dimensions that are missing.
    #[default]
    Refuse,
    /// The tensors are left out and listed, and the rest is planned.
    Skip,
}

/// The value of an input: its elements in row-major order.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum InputValue {
    /// Whole numbers, for every integer type.
    Ints(Vec<i64>),
    /// Numbers, for every type of floating point.
    Floats(Vec<f64>),
    /// Truth values.
    Bools(Vec<bool>),
}

impl InputValue {
    /// The number of elements.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Ints(values) => values.len(),
            Self::Floats(values) => values.len(),
            Self::Bools(values) => values.len(),
        }
    }

    /// Whether it has no elements.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Options {
    /// No dimensions, no values of inputs, an alignment of 64 bytes.
    #[must_use]
    pub fn new() -> Self {
        Self {
            dims: BTreeMap::new(),
            inputs: BTreeMap::new(),
            alignment: 64,
            unknown: Unknown::Refuse,
            tflite_micro: false,
            strict_names: true,
            weight_tensors: false,
        }
    }

    /// Sets the size of a dimension, or the upper bound of one that depends on data.
    #[must_use]
    pub fn dim(mut self, name: impl Into<String>, size: u64) -> Self {
        self.dims.insert(name.into(), size);
        self
    }

    /// Sets the value of an input.
    #[must_use]
    pub fn input(mut self, name: impl Into<String>, value: InputValue) -> Self {
        self.inputs.insert(name.into(), value);
        self
    }

    /// Sets the least alignment of every tensor in bytes, a power of two.
    #[must_use]
    pub fn alignment(mut self, bytes: u64) -> Self {
        self.alignment = bytes;
        self
    }

    /// Sets what to do with tensors whose size is not known.
    #[must_use]
    pub fn unknown(mut self, unknown: Unknown) -> Self {
        self.unknown = unknown;
        self
    }

    /// Plans only the tensors that TensorFlow Lite Micro places at given offsets, aligned to the
    /// 16 bytes that it expects; see [`with_offline_plan`](crate::with_offline_plan).
    #[must_use]
    pub fn tflite_micro(mut self) -> Self {
        self.tflite_micro = true;
        self.alignment = 16;
        self
    }

    /// Makes the constants that operators read tensors of the graph, weights and what is computed
    /// from constants alone: inputs that need memory beside the others. Whoever runs the graph has
    /// computed the latter before. Constants that only bodies of control flow read stay outside,
    /// and so do those that only others are computed from.
    #[must_use]
    pub fn weight_tensors(mut self, are_tensors: bool) -> Self {
        self.weight_tensors = are_tensors;
        self
    }

    /// Allows names in `dims` and `inputs` that the model lacks: one set of options then serves
    /// several models.
    #[must_use]
    pub fn allow_unused_names(mut self) -> Self {
        self.strict_names = false;
        self
    }
}

impl Default for Options {
    fn default() -> Self {
        Self::new()
    }
}
