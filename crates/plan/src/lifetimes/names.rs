//! The names of tensors, end to end in one string: a million of them cost two allocations.
//!
//! Stands on nothing. Invariant: `ends` does not decrease, and its last element is the length of
//! `text`.

use alloc::{string::String, vec::Vec};

/// A list of names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Names {
    text: String,
    ends: Vec<usize>,
}

impl Names {
    pub(super) fn push(&mut self, name: &str) {
        self.text.push_str(name);
        self.ends.push(self.text.len());
    }

    pub(super) fn get(&self, index: usize) -> &str {
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.text[start..self.ends[index]]
    }
}
