//! Which buffers conflict where their lifetimes alone do not say: the interference relation.
//!
//! Buffers are numbered by position in the task. Invariant: buffers whose lifetimes overlap
//! conflict in any case; the relation may add pairs, never remove one.

use crate::ids::TensorId;
use crate::lifetimes::Lifetimes;

/// An interference relation over buffers: symmetric, and never asked about a buffer and itself.
pub(crate) trait InterferenceRelation {
    /// Whether two buffers, by position, must not share bytes.
    fn conflict(&self, a: usize, b: usize) -> bool;
}

/// The interference of a task's buffers, as their tensors' lifetimes define it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Interference<'t> {
    pub(super) lifetimes: &'t Lifetimes,
    /// The tensor of each buffer.
    pub(super) tensors: &'t [usize],
}

impl InterferenceRelation for Interference<'_> {
    fn conflict(&self, a: usize, b: usize) -> bool {
        let [a, b] = [a, b].map(|i| TensorId::from_index(self.tensors[i]));
        self.lifetimes.conflict(a, b)
    }
}
