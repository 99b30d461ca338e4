//! The constants that planned operators read: weights, and what is computed from constants.
//!
//! Stands on `program`. Invariants: a weight is counted once, whether an operator reads it or a
//! constant that is computed from it; a computed constant is counted once if an operator reads it,
//! and not at all if only other constants are computed from it.

use crate::program::{Node, Program, Value, ValueId, ValueKind};

/// The constants counted so far.
pub(super) struct Weights<'p> {
    values: &'p [Value],
    /// By the number of a computed constant: what it is computed from.
    sources: Vec<&'p [ValueId]>,
    /// By the number of the value: whether an operator reads it.
    is_read: Vec<bool>,
    /// By the number of the value: whether it has been followed to its sources.
    is_followed: Vec<bool>,
    /// The bytes of the weights.
    pub(super) bytes: u64,
    /// How many computed constants of known size operators read.
    pub(super) computed: usize,
    /// The bytes of these.
    pub(super) computed_bytes: u64,
}

impl<'p> Weights<'p> {
    pub(super) fn new(program: &'p Program) -> Self {
        Self {
            values: &program.values,
            sources: vec![&[]; program.values.len()],
            is_read: vec![false; program.values.len()],
            is_followed: vec![false; program.values.len()],
            bytes: 0,
            computed: 0,
            computed_bytes: 0,
        }
    }

    /// Notes what the results of a node come from, which are all constant.
    pub(super) fn add_computed(&mut self, node: &'p Node) {
        for &value in &node.writes {
            self.sources[value.0 as usize] = &node.reads;
        }
    }

    /// Counts the constants among some values that an operator reads.
    pub(super) fn count(&mut self, values: &[ValueId]) {
        for &value in values {
            self.count_computed(value);
        }
        self.follow(values.to_vec());
    }

    fn count_computed(&mut self, value: ValueId) {
        let index = value.0 as usize;
        let was_read = std::mem::replace(&mut self.is_read[index], true);
        match self.values[index].kind {
            ValueKind::Constant {
                bytes: bytes @ 1..,
                is_computed: true,
            } if !was_read => {
                self.computed += 1;
                self.computed_bytes = self.computed_bytes.saturating_add(bytes);
            }
            _ => {}
        }
    }

    /// Counts the weights among some values, and those that the others are computed from.
    fn follow(&mut self, mut left: Vec<ValueId>) {
        while let Some(value) = left.pop() {
            let index = value.0 as usize;
            let ValueKind::Constant { bytes, is_computed } = self.values[index].kind else {
                continue;
            };
            if std::mem::replace(&mut self.is_followed[index], true) {
                continue;
            }
            if !is_computed {
                self.bytes = self.bytes.saturating_add(bytes);
            }
            left.extend(self.sources[index]);
        }
    }
}
