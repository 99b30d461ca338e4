//! The most frequent operators: each element of the result needs only elements at its position.
//!
//! Stands on `types` and `small`. It is a shortcut: where all sizes are exact, the answer is that
//! of `rules`, in a tenth of the time; anything else is left to them.

use super::attributes::is_standard;
use super::small::Operand;
use super::syntax::NodeDef;
use super::types::{Element, Size, Type};

/// The type of the result of a node whose operands are all of exact sizes.
pub(crate) fn elementwise(node: &NodeDef<'_>, operands: &[Option<Operand<'_>>]) -> Option<Type> {
    if !is_standard(node) || node.outputs.len() != 1 {
        return None;
    }
    match (node.operator, operands) {
        (
            "Relu" | "LeakyRelu" | "Elu" | "Sigmoid" | "HardSigmoid" | "Softplus" | "Softsign"
            | "Abs" | "Neg" | "Sign" | "Reciprocal" | "Floor" | "Ceil" | "Round" | "Sqrt" | "Exp"
            | "Log" | "Erf" | "Tanh" | "Sin" | "Cos" | "Not" | "Identity" | "Softmax"
            | "LogSoftmax" | "Clip",
            [Some(first), ..],
        ) => {
            let exact = exact(*first)?;
            Some(Type::tensor(first.of.element()?, exact.to_vec()))
        }
        ("Add" | "Sub" | "Mul" | "Div" | "And" | "Or" | "Xor", [Some(a), Some(b)]) => {
            broadcast(*a, *b, a.of.element()?)
        }
        ("Equal" | "Less" | "LessOrEqual" | "Greater" | "GreaterOrEqual", [Some(a), Some(b)]) => {
            broadcast(*a, *b, Element::BOOL)
        }
        _ => None,
    }
}

fn exact(operand: Operand<'_>) -> Option<&[Size]> {
    let shape = operand.of.shape()?;
    let is_exact = shape.iter().all(|size| matches!(size, Size::Known(_)));
    is_exact.then_some(shape)
}

fn broadcast(a: Operand<'_>, b: Operand<'_>, element: Element) -> Option<Type> {
    if a.of.element() != b.of.element() {
        return None;
    }
    let (a, b) = (exact(a)?, exact(b)?);
    let rank = a.len().max(b.len());
    let one = Size::Known(1);
    let size = |of: &[Size], axis: usize| match (axis + of.len()).checked_sub(rank) {
        Some(axis) => of[axis],
        None => one,
    };
    let sizes = (0..rank).map(|axis| match (size(a, axis), size(b, axis)) {
        (a, b) if a == b || b == one => Some(a),
        (a, b) if a == one => Some(b),
        _ => None,
    });
    Some(Type::tensor(element, sizes.collect::<Option<_>>()?))
}
