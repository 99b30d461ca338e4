//! What planning several models asks of a planner, besides joint plans: one for each of them alone, and blocks stacked.

use alloc::vec::Vec;

use super::{Planner, interference};

impl Planner {
    /// The same without what an earlier plan has to say.
    pub(crate) fn unbound(&self) -> Self {
        Self {
            keep: None,
            start: None,
            ..self.clone()
        }
    }

    /// The same for one of several models: what is wished of the joint plan is not wished of its own.
    pub(crate) fn alone(&self) -> Self {
        Self {
            capacity: None,
            ..self.unbound()
        }
    }

    /// An offset in bytes for each block, `(height, alignment)`, so that conflicting ones are apart.
    pub(crate) fn stack(
        &self,
        blocks: &[(u64, u64)],
        conflict: impl Fn(usize, usize) -> bool,
    ) -> Vec<u64> {
        interference::stack_blocks(blocks, conflict, &self.budget())
    }
}
