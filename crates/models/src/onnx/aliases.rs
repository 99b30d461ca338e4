//! Which results of a node need no bytes of their own.
//!
//! Stands on `syntax` and on types whose dimensions are numbers. Invariant: a result is an
//! [`AliasKind::View`] only if it is, byte for byte, the part of the operand that begins there, and
//! an [`AliasKind::InPlace`] only if each of its elements needs no element of that operand except
//! the one that it replaces. If that is not certain, it is neither: a copy.

use super::syntax::NodeDef;
use crate::program::{AliasKind, TensorType};

/// The types of a node's operands and results, by their position in the file: `None` for one that
/// is left out or has no bytes of known size.
pub(crate) struct NodeTypes<'n> {
    /// The version of the operator set that the node is from.
    pub(crate) opset: i64,
    pub(crate) operands: &'n [Option<&'n TensorType>],
    pub(crate) results: &'n [Option<&'n TensorType>],
    /// The elements of the operand in this position, if it is a constant of whole numbers or truth
    /// values.
    pub(crate) constants: &'n dyn Fn(usize) -> Option<Vec<i64>>,
}

/// The results of a node that may share bytes: the position of the result, that of the operand, and
/// how. Operands come in the order of preference. Nodes with bodies have none.
pub(crate) fn aliases(node: &NodeDef, types: &NodeTypes<'_>) -> Vec<(usize, usize, AliasKind)> {
    let _ = (node, types);
    Vec::new()
}
