//! The weights that planned operators read.
//!
//! Stands on `program`. Invariant: a weight is counted once, whether an operator reads it or a
//! constant that is computed from it.

use crate::program::{Node, Program, Value, ValueId, ValueKind};

/// The weights counted so far.
pub(super) struct Weights<'p> {
    values: &'p [Value],
    /// By the number of a computed constant: what it is computed from.
    sources: Vec<&'p [ValueId]>,
    /// By the number of the value.
    counted: Vec<bool>,
    pub(super) bytes: u64,
}

impl<'p> Weights<'p> {
    pub(super) fn new(program: &'p Program) -> Self {
        Self {
            values: &program.values,
            sources: vec![&[]; program.values.len()],
            counted: vec![false; program.values.len()],
            bytes: 0,
        }
    }

    /// Notes what the results of a node come from, which are all constant.
    pub(super) fn computed(&mut self, node: &'p Node) {
        for &value in &node.writes {
            self.sources[value.0 as usize] = &node.reads;
        }
    }

    /// Counts the weights among some values that an operator reads.
    pub(super) fn count(&mut self, values: &[ValueId]) {
        let mut left = values.to_vec();
        while let Some(value) = left.pop() {
            let index = value.0 as usize;
            let ValueKind::Constant { bytes } = self.values[index].kind else {
                continue;
            };
            if !std::mem::replace(&mut self.counted[index], true) {
                self.bytes = self.bytes.saturating_add(bytes);
                left.extend(self.sources[index]);
            }
        }
    }
}
