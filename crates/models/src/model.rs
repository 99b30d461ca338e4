//! The answer: the graph of a model and the facts about its file.
//!
//! Stands on [`Graph`], [`TensorType`] and [`OperatorWork`]. Plain values, made by `assembly`.

use std::ops::Range;

use orionrt_plan::{Graph, TensorId};

use crate::tensor_type::TensorType;
use crate::work::OperatorWork;

/// The format of a model file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// ONNX, a protobuf message.
    Onnx,
    /// TensorFlow Lite, a flatbuffer.
    Tflite,
}

/// A model read from a file: what there is to plan, and what is left out.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Model {
    /// The operators in the order of the file and the tensors they pass on, with declared views and
    /// results in place. Constants are not in it, unless
    /// [`Options::weight_tensors`](crate::Options::weight_tensors) asks for them.
    ///
    /// Bodies of control flow are in place, and what is in them is named `NODE/BODY/...`. Branches
    /// come before the operator `NODE`, which stands for all that they read from outside;
    /// `NODE/BODY/RESULT` copies a result that no operator of the branch makes. A loop's body comes
    /// after `NODE`, which writes the initial states: `NODE/receive` writes what an iteration
    /// receives, and `NODE/next` ends it and writes the states of the next one.
    pub graph: Graph,
    /// The types of the graph's operators, in the order of the file: `Conv`. What stands for the
    /// beginning or the end of a body has the type of its node; long types are cut.
    pub operator_types: Vec<String>,
    /// What the graph's operators compute, in the order of the file. What stands for the beginning
    /// or the end of a body computes nothing, and is not repeatable.
    pub operator_work: Vec<OperatorWork>,
    /// The tensors that keep their values from one run to the next: operators change them, although
    /// in the graph they only read them.
    pub variables: Vec<TensorId>,
    /// The tensors that are weights or computed constants, ascending: none unless
    /// [`Options::weight_tensors`](crate::Options::weight_tensors) asks for them. In the graph they
    /// are inputs; their types are bytes.
    pub weights: Vec<TensorId>,
    /// The bodies of control flow that have operators, by their first ones. A body within another
    /// one comes after it.
    pub bodies: Vec<Body>,
    /// The types and shapes of the graph's tensors, by their numbers.
    pub tensor_types: Vec<TensorType>,
    /// The format of the file.
    pub format: Format,
    /// The nodes in the file, bodies included, also those that are constant.
    pub nodes: usize,
    /// Bytes of the weights: initialisers and constants that the operators of the graph read.
    pub weights_bytes: u64,
    /// How many tensors of known size the operators read that are computed from constants alone,
    /// as `ConstantOfShape` makes them: they can be computed before the first step, and then are
    /// memory like weights. Also those that are tensors of the graph.
    pub computed_constants: usize,
    /// The bytes of these.
    pub computed_constants_bytes: u64,
    /// The files beside the model that have its weights, by their names relative to its folder:
    /// those of bodies and functions, too. None of them is opened.
    pub weight_files: Vec<String>,
    /// Dimensions that were not given and are assumed to have this size: batches.
    pub assumed: Vec<(String, u64)>,
    /// Dimensions that depend on data, with the upper bounds that were given.
    pub bounds: Vec<SizeBound>,
    /// What is not in the plan.
    pub left_out: Vec<LeftOut>,
    /// Offsets that the file itself states, in bytes: a memory plan made ahead of time.
    pub offsets: Vec<(TensorId, u64)>,
}

/// A body of control flow, whose operators run or do not run together.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Body {
    /// `NODE/BRANCH` for a branch of `If`, `NODE` for the body of a loop.
    pub name: String,
    /// The numbers of its operators, in the order of the file.
    pub operators: Range<usize>,
    /// Whether it runs any number of times, as the body of a loop does; a branch runs once or not.
    pub is_repeated: bool,
}

/// The upper bound of a dimension that depends on data.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SizeBound {
    /// The dimension, `NODE.AXIS`.
    pub name: String,
    /// Its largest size.
    pub bound: u64,
}

impl SizeBound {
    /// The upper bound of a dimension.
    #[must_use]
    pub fn new(name: impl Into<String>, bound: u64) -> Self {
        Self {
            name: name.into(),
            bound,
        }
    }
}

/// Something of the model that is not in the plan.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LeftOut {
    /// The tensor, or the body with the node that it belongs to.
    pub name: String,
    /// Why it is not planned.
    pub reason: LeftOutReason,
}

impl LeftOut {
    /// Something that is not planned.
    #[must_use]
    pub fn new(name: impl Into<String>, reason: LeftOutReason) -> Self {
        Self {
            name: name.into(),
            reason,
        }
    }
}

/// Why something of a model is not planned.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LeftOutReason {
    /// Strings, sequences, optionals, maps and sparse tensors: no memory of a plan.
    NotMemory {
        /// The kind, in the plural: "strings", "sequences".
        kind: &'static str,
    },
    /// A tensor whose size is not known before the model runs.
    UnknownSize {
        /// The dimensions that it depends on; empty if not even its rank is known.
        dims: Vec<String>,
    },
    /// A branch that cannot be typed: the plan holds only where another branch is taken.
    Branch {
        /// What is wrong with it.
        reason: String,
    },
    /// A subgraph that the first one never calls: another entry point of the file.
    EntryPoint,
    /// A body of an operator whose control flow is not known here.
    Body {
        /// The operator.
        operator: String,
    },
}

/// A symbolic dimension of a model, and where it comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Dimension {
    /// The name to give it by.
    pub name: String,
    /// The places where it occurs: inputs with their axis, or the node that makes it.
    pub places: Vec<String>,
    /// The size that is assumed if none is given: 1 for a batch.
    pub assumed: Option<u64>,
    /// Whether the size depends on data, so that what is given is an upper bound.
    pub is_bound: bool,
}

impl Dimension {
    /// A dimension that must be given.
    #[must_use]
    pub fn new(name: impl Into<String>, places: Vec<String>) -> Self {
        Self {
            name: name.into(),
            places,
            assumed: None,
            is_bound: false,
        }
    }
}
