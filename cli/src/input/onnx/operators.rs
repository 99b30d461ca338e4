//! What each node of a file does, in the detail that decides whether a result needs its own bytes.
//!
//! Stands on the decoded file alone. tract has its own names for operators and lowers several of
//! ONNX's to one, so the type is read from the nodes of the file, before tract's model is made from
//! them. Invariant: a node that is not known for certain is [`Operator::Other`], and so is every
//! node with a body.
//!
//! An operator whose result is a view, or may be written over an operand, gets its line in
//! [`standard`].

#![forbid(unsafe_code)]

use std::ops::Range;

use tract_onnx::pb::{AttributeProto, ModelProto, NodeProto};
use tract_onnx::tract_hir::infer::InferenceNode;

/// From this version on, operators that behave differently in training do so only if an operand or
/// an attribute says so.
const INFERENCE_BY_DEFAULT: i64 = 7;

/// What an operator does with its operands. A slot is the index of an operand or result among those
/// that are not left out, as in tract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    /// If the first result has as many elements as the first operand, of the same type, they are
    /// the operand's elements in the operand's order.
    Same,
    /// Like [`Self::Same`], except if the operand in slot `training` is true: some elements are
    /// then zero.
    Dropout { training: Option<usize> },
    /// The elements of the operand, converted to another type.
    Cast,
    /// The axes in another order; reversed if no order is given.
    Transpose { order: Option<Vec<i64>> },
    /// A range of some axes.
    Slice(SliceBounds),
    /// The operand cut along an axis into the results, one after the other.
    Split { axis: i64 },
    /// Of each operand in these slots that has the result's shape, an element of the result needs
    /// only the element at the same position.
    ByElement { operands: Range<usize> },
    /// Anything else.
    Other,
}

/// Where the bounds of a slice are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum SliceBounds {
    /// In attributes of the node.
    Attributes {
        starts: Vec<i64>,
        ends: Vec<i64>,
        axes: Option<Vec<i64>>,
    },
    /// In operands 1 and 2, and the axes in slot `axes`.
    Operands { axes: Option<usize> },
}

/// The operator of each node of a file, in the order of the nodes.
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
        // In inference the statistics are operands; of the data it needs only the element itself.
        "BatchNormalization" if is_inference(node, version) => first,
        "Add" | "Sub" | "Mul" | "Div" | "Pow" | "Mod" | "Min" | "Max" | "Sum" | "Mean" => all,
        "And" | "Or" | "Xor" | "BitShift" | "BitwiseAnd" | "BitwiseOr" | "BitwiseXor" => all,
        "Equal" | "Greater" | "GreaterOrEqual" | "Less" | "LessOrEqual" => all,
        "Where" => Operator::ByElement { operands: 1..3 },
        _ => Operator::Other,
    }
}

/// ONNX Runtime's own operators that exporters of transformers write.
fn contributed(node: &NodeProto) -> Operator {
    match node.op_type.as_str() {
        "Gelu" | "FastGelu" | "QuickGelu" | "BiasGelu" => Operator::ByElement { operands: 0..1 },
        _ => Operator::Other,
    }
}

/// Whether an operator that behaves differently in training is in its form for inference, operands
/// aside.
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

/// The slot of the operand at a position in the file, unless it is left out.
fn slot(node: &NodeProto, position: usize) -> Option<usize> {
    let is_there = |name: &&String| !name.is_empty();
    node.input.get(position).filter(is_there)?;
    Some(node.input[..position].iter().filter(is_there).count())
}

fn slice(node: &NodeProto) -> Option<SliceBounds> {
    let [starts, ends] = ["starts", "ends"].map(|name| integers(node, name));
    match (starts, ends, node.input.len()) {
        (Some(starts), Some(ends), 1) => Some(SliceBounds::Attributes {
            starts,
            ends,
            axes: integers(node, "axes"),
        }),
        (None, None, 3..=5) if slot(node, 1) == Some(1) && slot(node, 2) == Some(2) => {
            Some(SliceBounds::Operands {
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

/// The ONNX name of a node's operator, without tract's wrapping.
pub(super) fn operator_name(node: &InferenceNode) -> String {
    let name = node.op.name();
    let bare = name
        .strip_prefix("Unimplemented(")
        .and_then(|n| n.strip_suffix(')'));
    bare.unwrap_or(&name).to_string()
}
