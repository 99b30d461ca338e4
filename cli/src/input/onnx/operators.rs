//! What the file says of each node, as far as it decides whether a result needs bytes of its own.
//!
//! Stands on the file alone. tract names its operators as it likes and lowers several of ONNX to one, so the type is read from the file's own
//! nodes, before tract's model is made of them. Invariant: what is not known for certain is [`Operator::Other`], and so is every
//! operator with a body.

#![forbid(unsafe_code)]

use std::ops::Range;

use tract_onnx::pb::{AttributeProto, ModelProto, NodeProto};

/// From this version on, operators that differ in training say so by operands or by a mode, and are for inference otherwise.
const INFERENCE_BY_DEFAULT: i64 = 7;

/// What an operator does with its operands. Slots count the operands and results that are there, as tract does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    /// The first result has the elements of the first operand, in the same order, if it has as many and of the same type.
    Same,
    /// As [`Self::Same`], unless the operand in this slot is true: some elements are then zero.
    Dropout { training: Option<usize> },
    /// The same elements, as another type.
    Cast,
    /// The axes in another order; reversed if none is given.
    Transpose { order: Option<Vec<i64>> },
    /// A range of some axes.
    Slice(Bounds),
    /// The operand cut along an axis, one result behind the other.
    Split { axis: i64 },
    /// An element of the result needs, of each operand in these slots that has the result's shape, the element at the same place.
    ByElement { operands: Range<usize> },
    /// Anything else.
    Other,
}

/// Where the bounds of a slice are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Bounds {
    /// In the file.
    Attributes {
        starts: Vec<i64>,
        ends: Vec<i64>,
        axes: Option<Vec<i64>>,
    },
    /// In operands 1 and 2, and in this one.
    Operands { axes: Option<usize> },
}

/// The operators of a file, one a node, in the order of the nodes.
pub(super) fn operators(file: &ModelProto) -> Vec<Operator> {
    let is_standard = |domain: &str| matches!(domain, "" | "ai.onnx");
    let mut imports = file.opset_import.iter();
    let version = imports
        .find(|import| is_standard(&import.domain))
        .map_or(0, |import| import.version);
    let nodes = file.graph.iter().flat_map(|graph| &graph.node);
    let operator = |node: &NodeProto| {
        if node.input.first().is_none_or(String::is_empty) {
            Operator::Other
        } else if is_standard(&node.domain) {
            standard(node, version)
        } else if node.domain == "com.microsoft" {
            contributed(node)
        } else {
            Operator::Other
        }
    };
    nodes.map(operator).collect()
}

fn standard(node: &NodeProto, version: i64) -> Operator {
    let first = Operator::ByElement { operands: 0..1 };
    let all = Operator::ByElement {
        operands: 0..usize::MAX,
    };
    match node.op_type.as_str() {
        "Reshape" | "Flatten" | "Squeeze" | "Unsqueeze" | "Identity" | "Expand" | "Tile" => {
            Operator::Same
        }
        "Cast" | "CastLike" => Operator::Cast,
        "Dropout" if is_inference(node, version) => Operator::Dropout {
            training: slot(node, 2),
        },
        "Transpose" => Operator::Transpose {
            order: integers(node, "perm"),
        },
        "Slice" => slice(node).map_or(Operator::Other, Operator::Slice),
        "Split" if !node.output.iter().any(String::is_empty) => Operator::Split {
            axis: integer(node, "axis").unwrap_or(0),
        },
        "Relu" | "LeakyRelu" | "PRelu" | "ThresholdedRelu" | "Elu" | "Selu" | "Celu"
        | "Sigmoid" | "HardSigmoid" | "HardSwish" | "Swish" | "Mish" | "Gelu" | "Softplus"
        | "ParametricSoftplus" | "Softsign" | "ScaledTanh" | "Shrink" | "Clip" => first,
        "Abs" | "Neg" | "Sign" | "Reciprocal" | "Floor" | "Ceil" | "Round" | "Sqrt" | "Exp"
        | "Log" | "Erf" => first,
        "Sin" | "Cos" | "Tan" | "Asin" | "Acos" | "Atan" | "Sinh" | "Cosh" | "Tanh" | "Asinh"
        | "Acosh" | "Atanh" => first,
        "Not" | "BitwiseNot" | "IsNaN" | "IsInf" => first,
        // Without training it needs nothing of the data but the element itself; its statistics are operands.
        "BatchNormalization" if is_inference(node, version) => first,
        "Add" | "Sub" | "Mul" | "Div" | "Pow" | "Mod" | "Min" | "Max" | "Sum" | "Mean" => all,
        "And" | "Or" | "Xor" | "BitShift" | "BitwiseAnd" | "BitwiseOr" | "BitwiseXor" => all,
        "Equal" | "Greater" | "GreaterOrEqual" | "Less" | "LessOrEqual" => all,
        "Where" => Operator::ByElement { operands: 1..3 },
        _ => Operator::Other,
    }
}

/// The operators of ONNX Runtime's own that exporters of transformers write.
fn contributed(node: &NodeProto) -> Operator {
    match node.op_type.as_str() {
        "Gelu" | "FastGelu" | "QuickGelu" | "BiasGelu" => Operator::ByElement { operands: 0..1 },
        _ => Operator::Other,
    }
}

/// Whether an operator that differs in training is in the form for inference, but for what its operands say.
fn is_inference(node: &NodeProto, version: i64) -> bool {
    let is_set = |name| integer(node, name).is_some_and(|value| value != 0);
    let is_for_training = match node.op_type.as_str() {
        "BatchNormalization" => {
            let results = node.output.iter().filter(|name| !name.is_empty());
            is_set("training_mode") || results.count() != 1
        }
        _ => false,
    };
    !is_for_training && (version >= INFERENCE_BY_DEFAULT || is_set("is_test"))
}

/// The slot of an operand that may be left out, by its position in the file.
fn slot(node: &NodeProto, position: usize) -> Option<usize> {
    let is_there = |name: &&String| !name.is_empty();
    node.input.get(position).filter(is_there)?;
    Some(node.input[..position].iter().filter(is_there).count())
}

fn slice(node: &NodeProto) -> Option<Bounds> {
    let [starts, ends] = ["starts", "ends"].map(|name| integers(node, name));
    match (starts, ends, node.input.len()) {
        (Some(starts), Some(ends), 1) => Some(Bounds::Attributes {
            starts,
            ends,
            axes: integers(node, "axes"),
        }),
        (None, None, 3..=5) if slot(node, 1) == Some(1) && slot(node, 2) == Some(2) => {
            Some(Bounds::Operands {
                axes: slot(node, 3),
            })
        }
        _ => None,
    }
}

fn attribute<'n>(node: &'n NodeProto, name: &str) -> Option<&'n AttributeProto> {
    node.attribute
        .iter()
        .find(|attribute| attribute.name == name)
}

fn integer(node: &NodeProto, name: &str) -> Option<i64> {
    attribute(node, name).map(|attribute| attribute.i)
}

fn integers(node: &NodeProto, name: &str) -> Option<Vec<i64>> {
    attribute(node, name).map(|attribute| attribute.ints.clone())
}
