//! Attributes of a node by their names.
//!
//! Stands on `syntax`. An attribute of another kind counts as absent.

use super::syntax::{AttributeValue, GraphDef, NodeDef, TensorDef};

/// The value of an attribute.
pub(crate) fn value<'n, 'a>(node: &'n NodeDef<'a>, name: &str) -> Option<&'n AttributeValue<'a>> {
    let mut attributes = node.attributes.iter();
    attributes
        .find(|attribute| attribute.name == name)
        .map(|attribute| &attribute.value)
}

/// A whole number.
pub(crate) fn int(node: &NodeDef<'_>, name: &str) -> Option<i64> {
    match value(node, name)? {
        AttributeValue::Int(value) => Some(*value),
        _ => None,
    }
}

/// A list of whole numbers.
pub(crate) fn ints<'n>(node: &'n NodeDef<'_>, name: &str) -> Option<&'n [i64]> {
    match value(node, name)? {
        AttributeValue::Ints(values) => Some(values),
        _ => None,
    }
}

/// A tensor.
pub(crate) fn tensor<'n, 'a>(node: &'n NodeDef<'a>, name: &str) -> Option<&'n TensorDef<'a>> {
    match value(node, name)? {
        AttributeValue::Tensor(tensor) => Some(tensor),
        _ => None,
    }
}

/// A body.
pub(crate) fn graph<'n, 'a>(node: &'n NodeDef<'a>, name: &str) -> Option<&'n GraphDef<'a>> {
    match value(node, name)? {
        AttributeValue::Graph(graph) => Some(graph),
        _ => None,
    }
}

/// Whether the operator is one of ONNX's own.
pub(crate) fn is_standard(node: &NodeDef<'_>) -> bool {
    matches!(node.domain, "" | "ai.onnx")
}
