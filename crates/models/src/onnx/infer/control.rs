//! Nodes with bodies, by their operators.
//!
//! Stands on `branches`, `loops` and `scans`; `graph` types the bodies. Invariant: what a body
//! reads from outside, at any depth, is among the reads of its node.

use super::branches::conditional;
use super::loops::repeated;
use super::parts::{Bodies, ControlCall, Controlled};
use super::scans::{mapped, scanned};
use crate::error::ModelError;
use crate::onnx::attributes::is_standard;
use crate::onnx::syntax::NodeDef;

/// Whether a node is an operator whose bodies are known here.
pub(super) fn is_control(node: &NodeDef<'_>) -> bool {
    is_standard(node) && matches!(node.operator, "If" | "Loop" | "Scan" | "SequenceMap")
}

/// Types the bodies of a node.
pub(super) fn control<'o>(
    bodies: &mut impl Bodies<'o>,
    call: &ControlCall<'_, '_, '_>,
) -> Result<Controlled, ModelError> {
    match call.node.operator {
        "If" => conditional(bodies, call),
        "Loop" => repeated(bodies, call),
        "Scan" => scanned(bodies, call),
        _ => mapped(bodies, call),
    }
}
