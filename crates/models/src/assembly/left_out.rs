//! The values that are not planned, in the order of the file.
//!
//! Stands on `tensors`. Invariant: a value that needs memory is either in a tensor of the graph or
//! in this list.

use super::tensors::Tensors;
use crate::model::{LeftOut, LeftOutReason};
use crate::program::{Control, Node, Program, ValueId, ValueKind};

/// The bodies and the values of a program that are not planned: first bodies, then values, each
/// once.
pub(super) fn left_out(program: &Program, tensors: &Tensors<'_>) -> Vec<LeftOut> {
    let mut list = List {
        tensors,
        seen: vec![false; program.values.len()],
        left_out: program.left_out.clone(),
    };
    list.values(&program.inputs);
    list.nodes(&program.nodes);
    list.left_out
}

struct List<'p, 't> {
    tensors: &'t Tensors<'p>,
    /// By the number of the value.
    seen: Vec<bool>,
    left_out: Vec<LeftOut>,
}

impl List<'_, '_> {
    fn nodes(&mut self, nodes: &[Node]) {
        for node in nodes {
            let mut results = node.writes.iter();
            if !node.writes.is_empty() && results.all(|&value| self.tensors.is_constant(value)) {
                // Its bodies are not in the graph either.
                continue;
            }
            match &node.control {
                None => {}
                Some(Control::Branches(branches)) => {
                    for branch in branches {
                        self.nodes(&branch.nodes);
                    }
                }
                Some(Control::Loop(body)) => {
                    self.values(&body.received);
                    for state in &body.states {
                        self.values(&[state.input]);
                    }
                    for &(slice, _) in &body.slices {
                        self.values(&[slice]);
                    }
                    self.nodes(&body.nodes);
                }
            }
            self.values(&node.writes);
        }
    }

    fn values(&mut self, values: &[ValueId]) {
        for &value in values {
            let was_seen = std::mem::replace(&mut self.seen[value.0 as usize], true);
            if was_seen || self.tensors.find(value).is_some() {
                continue;
            }
            let value = self.tensors.value(value);
            let reason = match &value.kind {
                ValueKind::Tensor(_) | ValueKind::Constant { .. } => continue,
                &ValueKind::NotMemory(kind) => LeftOutReason::NotMemory { kind },
                ValueKind::Unknown { dims } => LeftOutReason::UnknownSize { dims: dims.clone() },
            };
            self.left_out.push(LeftOut::new(&*value.name, reason));
        }
    }
}
