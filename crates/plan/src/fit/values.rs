//! What a graph's tensors are made of, for the check: which of them are bytes of others, and which
//! operand each result may replace.
//!
//! Stands on [`Graph`] alone, so that the check does not depend on the lifetimes and the alias sets
//! that the search uses.

use alloc::vec::Vec;

use crate::graph::Graph;
use crate::ids::TensorId;

/// For each tensor, the tensor that is no view whose bytes it is, and where in it it begins.
pub(super) struct Values {
    base: Vec<(TensorId, u64)>,
}

impl Values {
    pub(super) fn new(graph: &Graph) -> Self {
        let mut base: Vec<(TensorId, u64)> = graph.tensors().map(|(id, _)| (id, 0)).collect();
        for op in graph.ops() {
            for view in op.views() {
                let (of, start) = base[view.of.index()];
                base[view.result.index()] = (of, start + view.offset);
            }
        }
        Self { base }
    }

    /// Where a tensor begins in the bytes of another one that holds it; `None` if that does not.
    pub(super) fn start_in(&self, id: TensorId, held: TensorId) -> Option<u64> {
        let (base, start) = self.base[id.index()];
        match held {
            // An executor may copy to a view, which then is no view.
            held if held == id => Some(0),
            held if held == base => Some(start),
            _ => None,
        }
    }
}
