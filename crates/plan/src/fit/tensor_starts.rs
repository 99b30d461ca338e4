//! Where tensors begin in the copies of a schedule: [`TensorStarts`].
//!
//! Stands on `values`. Invariant: where a copy of a schedule that `Planner::fit` made holds the
//! tensor, the answer is where it begins. Another schedule may have a copy hold other tensors than
//! its own, and then the answer may be wrong.

use super::{schedule::TensorCopy, values::Values};
use crate::graph::Graph;
use crate::ids::TensorId;

/// Where tensors of a graph begin in the copies of the schedules that
/// [`Planner::fit`](crate::Planner::fit) makes: 0 for most. A view begins in the copy of the tensor
/// that it is a view of, and an operand of a concatenation that is needed after it is read within
/// the copy of the result.
///
/// ```
/// use core::alloc::Layout;
/// use orionrt_plan::{GraphBuilder, fit::{Memory, TensorCopy, TensorStarts}};
/// let mut g = GraphBuilder::new();
/// let [p, q] = ["p", "q"].map(|name| g.tensor(name, Layout::new::<[u8; 10]>()));
/// let [both, y] = ["both", "y"].map(|name| g.tensor(name, Layout::new::<[u8; 20]>()));
/// g.op("load").writes([p, q]);
/// g.op("join").part(p, both, 0).part(q, both, 10);
/// g.op("end").reads([both, q]).writes([y]);
/// let graph = g.output(y).build()?;
///
/// let starts = TensorStarts::new(&graph);
/// let copy = |tensor| TensorCopy::new(tensor, Memory::Fast, 0..4, 0);
/// assert_eq!([copy(q), copy(both)].map(|copy| starts.in_copy(q, &copy)), [Some(0), Some(10)]);
/// # Ok::<(), orionrt_plan::GraphError>(())
/// ```
#[derive(Clone, Debug)]
pub struct TensorStarts {
    values: Values,
}

impl TensorStarts {
    /// Those of a graph.
    #[must_use]
    pub fn new(graph: &Graph) -> Self {
        Self {
            values: Values::new(graph, true),
        }
    }

    /// The byte of a copy at which a tensor begins, if the copy holds the tensor; `None` for a
    /// tensor that the graph does not have.
    ///
    /// The copy is one of a schedule that [`Planner::fit`](crate::Planner::fit) made. In another
    /// schedule, which may have a copy hold other tensors than its own, the answer may be wrong.
    #[must_use]
    pub fn in_copy(&self, tensor: TensorId, copy: &TensorCopy) -> Option<u64> {
        let start = self.values.start_in(tensor, copy.tensor);
        // A result in place begins where the operand did.
        start.or_else(|| self.values.start(tensor))
    }
}
