//! Operators whose results have the shape of another operator's: quantised and fused forms.
//!
//! Stands on `syntax` and `types`. Invariant: the other operator has a rule, and is given operands
//! of this one by their positions.

use super::attributes::int;
use super::syntax::NodeDef;
use super::types::Element;

/// The type of the elements of the results.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ElementOf {
    /// What the other operator says.
    Rule,
    /// That of the operand at this position.
    Operand(usize),
    Fixed(Element),
}

/// Another operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Like {
    pub(crate) operator: &'static str,
    /// Which of the operands it is given.
    pub(crate) operands: Vec<usize>,
    pub(crate) element: ElementOf,
    /// Whether the first operand and the result have their channels last.
    pub(crate) channels_last: bool,
}

/// The operator whose rule holds for this node, too.
pub(crate) fn like(node: &NodeDef<'_>) -> Option<Like> {
    let plain = |operator, operands: &[usize], element| {
        Some(Like {
            operator,
            operands: operands.to_vec(),
            element,
            channels_last: false,
        })
    };
    let images = |operator, operands: &[usize], element| {
        Some(Like {
            operator,
            operands: operands.to_vec(),
            element,
            channels_last: int(node, "channels_last") == Some(1),
        })
    };
    let first = ElementOf::Operand(0);
    match (node.domain, node.operator) {
        ("", "ConvInteger") => plain("Conv", &[0, 1], ElementOf::Fixed(Element::INT32)),
        ("", "MatMulInteger") => plain("MatMul", &[0, 1], ElementOf::Fixed(Element::INT32)),
        // Its mask had the type of the data before opset 10.
        ("", "Dropout") if (1..10).contains(&node.opset) => plain("Dropout", &[0], first),
        ("", "DeformConv") => plain("Conv", &[0, 1], ElementOf::Rule),
        ("" | "com.microsoft", "QLinearConv") => images("Conv", &[0, 3], ElementOf::Operand(7)),
        ("com.microsoft", _) => contributed(node, &images, &plain, first),
        ("com.microsoft.nchwc", "Conv") => plain("Conv", &[0, 1], first),
        ("com.microsoft.nchwc", "MaxPool") => plain("MaxPool", &[0], first),
        ("com.microsoft.nchwc", "AveragePool") => plain("AveragePool", &[0], first),
        ("com.microsoft.nchwc", "GlobalMaxPool" | "GlobalAveragePool") => {
            plain("GlobalAveragePool", &[0], first)
        }
        ("com.ms.internal.nhwc", "MaxPool" | "AveragePool") => {
            let operator = if node.operator == "MaxPool" {
                "MaxPool"
            } else {
                "AveragePool"
            };
            Some(Like {
                operator,
                operands: vec![0],
                element: first,
                channels_last: true,
            })
        }
        _ => None,
    }
}

type Make<'m> = dyn Fn(&'static str, &[usize], ElementOf) -> Option<Like> + 'm;

/// ONNX Runtime's own operators.
fn contributed(
    node: &NodeDef<'_>,
    images: &Make<'_>,
    plain: &Make<'_>,
    first: ElementOf,
) -> Option<Like> {
    let float = ElementOf::Fixed(Element::FLOAT32);
    match node.operator {
        "FusedGemm" => plain("Gemm", &[0, 1, 2], ElementOf::Rule),
        "FusedConv" => plain("Conv", &[0, 1], ElementOf::Rule),
        "NhwcFusedConv" | "NhwcConv" => {
            let like = plain("Conv", &[0, 1], ElementOf::Rule);
            like.map(|like| Like {
                channels_last: true,
                ..like
            })
        }
        "NhwcMaxPool" => plain("MaxPool", &[0], first).map(|like| Like {
            channels_last: true,
            ..like
        }),
        "QLinearAveragePool" => images("AveragePool", &[0], first),
        "QLinearGlobalAveragePool" => images("GlobalAveragePool", &[0], first),
        "QLinearAdd" | "QLinearMul" => plain("Add", &[0, 3], first),
        "QLinearSigmoid" | "QLinearLeakyRelu" | "QLinearSoftmax" => plain("Relu", &[0], first),
        "QLinearWhere" => plain("Where", &[0, 1, 4], ElementOf::Operand(1)),
        "QLinearReduceMean" => plain("ReduceMean", &[0], first),
        "QLinearConcat" => {
            let parts: Vec<usize> = (2..node.inputs.len()).step_by(3).collect();
            plain("Concat", &parts, ElementOf::Operand(2))
        }
        "QGemm" if node.inputs.get(8).is_some_and(|name| !name.is_empty()) => {
            plain("Gemm", &[0, 3], ElementOf::Operand(8))
        }
        "QGemm" => plain("Gemm", &[0, 3], float),
        "MatMulInteger16" => plain("MatMul", &[0, 1], ElementOf::Fixed(Element::INT32)),
        "MatMulIntegerToFloat" | "DynamicQuantizeMatMul" => plain("MatMul", &[0, 1], float),
        "DynamicQuantizeLSTM" => plain("LSTM", &[0, 1, 2], ElementOf::Rule),
        "TransposeMatMul" => plain("MatMul", &[0, 1], ElementOf::Rule),
        "DequantizeLinear" => plain("Relu", &[0], ElementOf::Operand(1)),
        "QuantizeLinear" if node.inputs.get(2).is_some_and(|name| !name.is_empty()) => {
            plain("Relu", &[0], ElementOf::Operand(2))
        }
        "BiasSoftmax" | "BiasAdd" | "GroupNorm" | "Inverse" | "IsAllFinite" => {
            plain("Relu", &[0], first)
        }
        "Pad" => plain("Pad", &[0, 1, 2], first),
        "Trilu" => plain("Trilu", &[0, 1], first),
        "GatherND" => plain("GatherND", &[0, 1], first),
        _ => None,
    }
}
