//! What each operator does with its operands, in the detail that decides whether a result needs
//! bytes of its own.
//!
//! Stands on `syntax`. Invariant: a node that is not known for certain is [`Rule::Other`], and so
//! is every node with a body. An operator whose result is a view, may be written over an
//! operand, or has operands as its parts, gets its line in [`standard`] or [`contributed`].

use super::super::syntax::{AttributeValue, NodeDef};

/// Up to this version, `Concat` joins along axis 1 if none is given; later, an axis is required.
const CONCAT_ALONG_1: i64 = 3;

/// From this version on, operators that behave differently in training do so only if an operand or
/// an attribute says so.
const INFERENCE_BY_DEFAULT: i64 = 7;

/// What an operator does with its operands, which are given by their position in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    /// The result has the operand's elements in the operand's order, under another shape.
    Same,
    /// Like [`Self::Same`] if the result has as many elements as the operand; else elements are
    /// repeated.
    Repeated,
    /// The operand's bytes as elements of another type.
    Bits,
    /// Like [`Self::Same`], except if the operand in this position is true: some elements are then
    /// zero.
    Dropout { training: usize },
    /// The elements of the operand, converted to another type.
    Cast,
    /// The axes in another order; reversed if no order is given.
    Transpose { order: Option<Vec<i64>> },
    /// A range of some axes, with bounds in attributes.
    SliceOf {
        starts: Vec<i64>,
        ends: Vec<i64>,
        axes: Option<Vec<i64>>,
    },
    /// A range of some axes, with bounds in operands 1 (starts), 2 (ends) and 3 (axes).
    Slice,
    /// The operand cut along an axis into the results, one after the other; the sizes are here, in
    /// operand 1, or equal.
    Split { axis: i64, sizes: Option<Vec<i64>> },
    /// The elements of an axis that operand 1 lists.
    Gather { axis: i64 },
    /// The operands one after the other along an axis.
    Concat { axis: i64 },
    /// The result has the shape of the operand in position 0, and an element of it needs only the
    /// operand's element in the same place.
    ElementOfFirst,
    /// Of each operand in these positions that has the result's shape, an element of the result
    /// needs only the element in the same place. Other operands are broadcast.
    Elements { positions: Vec<usize> },
    /// Anything else.
    Other,
}

/// The rule of a node, which is from this version of its operator set.
pub(super) fn rule(node: &NodeDef<'_>, opset: i64) -> Rule {
    match node.domain {
        "" | "ai.onnx" => standard(node, opset),
        "com.microsoft" => contributed(node),
        _ => Rule::Other,
    }
}

fn standard(node: &NodeDef<'_>, opset: i64) -> Rule {
    match node.operator {
        "Reshape" | "Flatten" | "Squeeze" | "Unsqueeze" | "Identity" => Rule::Same,
        "Expand" | "Tile" => Rule::Repeated,
        "BitCast" => Rule::Bits,
        "Cast" | "CastLike" => Rule::Cast,
        "Dropout" if is_inference(node, opset) => Rule::Dropout { training: 2 },
        "Transpose" => Rule::Transpose {
            order: integers(node, "perm"),
        },
        "Slice" => slice(node),
        "Split" => Rule::Split {
            axis: integer(node, "axis").unwrap_or(0),
            sizes: integers(node, "split"),
        },
        "Gather" => Rule::Gather {
            axis: integer(node, "axis").unwrap_or(0),
        },
        "Concat" => match integer(node, "axis") {
            Some(axis) => Rule::Concat { axis },
            None if opset <= CONCAT_ALONG_1 => Rule::Concat { axis: 1 },
            None => Rule::Other,
        },
        "Relu" | "LeakyRelu" | "PRelu" | "ThresholdedRelu" | "Elu" | "Selu" | "Celu"
        | "Sigmoid" | "HardSigmoid" | "HardSwish" | "Swish" | "Mish" | "Gelu" | "Softplus"
        | "ParametricSoftplus" | "Softsign" | "ScaledTanh" | "Affine" | "Shrink" | "Clip" => {
            Rule::ElementOfFirst
        }
        "Abs" | "Neg" | "Sign" | "Reciprocal" | "Floor" | "Ceil" | "Round" | "Sqrt" | "Exp"
        | "Log" | "Erf" => Rule::ElementOfFirst,
        "Sin" | "Cos" | "Tan" | "Asin" | "Acos" | "Atan" | "Sinh" | "Cosh" | "Tanh" | "Asinh"
        | "Acosh" | "Atanh" => Rule::ElementOfFirst,
        "Not" | "BitwiseNot" | "IsNaN" | "IsInf" | "Bernoulli" => Rule::ElementOfFirst,
        "QuantizeLinear" | "DequantizeLinear" | "Trilu" => Rule::ElementOfFirst,
        // What is not replaced stays as it is; the rest comes from other operands.
        "Scatter" | "ScatterElements" | "ScatterND" | "TensorScatter" => Rule::ElementOfFirst,
        // In inference the statistics are operands; of the data it needs only the element itself.
        "BatchNormalization" if is_inference(node, opset) => Rule::ElementOfFirst,
        "Add" | "Sub" | "Mul" | "Div" | "Pow" | "Mod" | "Min" | "Max" | "Sum" | "Mean" | "And"
        | "Or" | "Xor" | "BitShift" | "BitwiseAnd" | "BitwiseOr" | "BitwiseXor" | "Equal"
        | "Greater" | "GreaterOrEqual" | "Less" | "LessOrEqual" => Rule::Elements {
            positions: (0..node.inputs.len()).collect(),
        },
        "Where" => Rule::Elements {
            positions: vec![1, 2],
        },
        _ => Rule::Other,
    }
}

/// ONNX Runtime's own operators, which exporters of transformers and its fusions write.
fn contributed(node: &NodeDef<'_>) -> Rule {
    match node.operator {
        "Gelu" | "FastGelu" | "QuickGelu" | "BiasGelu" => Rule::ElementOfFirst,
        "QuantizeLinear" | "DequantizeLinear" => Rule::ElementOfFirst,
        "QLinearSigmoid" | "QLinearLeakyRelu" => Rule::ElementOfFirst,
        // Each operand is followed by its scale and its zero point.
        "QLinearAdd" | "QLinearMul" => Rule::Elements {
            positions: vec![0, 3],
        },
        _ => Rule::Other,
    }
}

/// Whether an operator that behaves differently in training is in its form for inference, operands
/// aside.
fn is_inference(node: &NodeDef<'_>, opset: i64) -> bool {
    let is_set = |name| integer(node, name).is_some_and(|value| value != 0);
    let is_for_training = match node.operator {
        "BatchNormalization" => {
            let results = node.outputs.iter().filter(|name| !name.is_empty());
            is_set("training_mode") || results.count() != 1
        }
        _ => false,
    };
    !is_for_training && (opset >= INFERENCE_BY_DEFAULT || is_set("is_test"))
}

fn slice(node: &NodeDef<'_>) -> Rule {
    let [starts, ends] = ["starts", "ends"].map(|name| integers(node, name));
    match (starts, ends, node.inputs.len()) {
        (Some(starts), Some(ends), 1) => Rule::SliceOf {
            starts,
            ends,
            axes: integers(node, "axes"),
        },
        (None, None, 3..=5) => Rule::Slice,
        _ => Rule::Other,
    }
}

fn attribute<'n, 'a>(node: &'n NodeDef<'a>, name: &str) -> Option<&'n AttributeValue<'a>> {
    let mut attributes = node.attributes.iter();
    let found = attributes.find(|attribute| attribute.name == name)?;
    Some(&found.value)
}

fn integer(node: &NodeDef<'_>, name: &str) -> Option<i64> {
    match attribute(node, name)? {
        &AttributeValue::Int(number) => Some(number),
        _ => None,
    }
}

fn integers(node: &NodeDef<'_>, name: &str) -> Option<Vec<i64>> {
    match attribute(node, name)? {
        AttributeValue::Ints(numbers) => Some(numbers.clone()),
        _ => None,
    }
}
