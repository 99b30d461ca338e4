//! How much of the concatenations of a graph needs no copy.
//!
//! Stands on [`Graph`] and its [`Lifetimes`]. Invariant: an operand counts only if it lies in the
//! result exactly where the result has its bytes.

use super::{collection::Lifetimes, lifetime::Within};
use crate::graph::{Graph, Part};
use crate::ids::TensorId;

/// How much of the concatenations of a graph needs no copy: operands that lie within the result.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Uncopied {
    /// The operands that are declared to be [parts](crate::graph::OpBuilder::part) of results, as
    /// often as they are; those without bytes do not count.
    pub declared: usize,
    /// How many of them lie within the result and are not copied.
    pub operands: usize,
    /// The bytes of these operands.
    pub bytes: u64,
}

impl Graph {
    /// How many operands of concatenations are not copied when an executor goes by these lifetimes
    /// of the graph, and how many bytes they have.
    ///
    /// ```
    /// use core::alloc::Layout;
    /// use orionrt_plan::{Aliasing, GraphBuilder};
    /// let mut g = GraphBuilder::new();
    /// let [x, a] = ["x", "a"].map(|name| g.tensor(name, Layout::new::<[u8; 100]>()));
    /// let whole = g.tensor("whole", Layout::new::<[u8; 200]>());
    /// g.op("relu").reads([x]).writes([a]);
    /// g.op("concatenate").part(x, whole, 0).part(a, whole, 100);
    /// let graph = g.output(whole).build()?;
    ///
    /// let parts = graph.uncopied(&graph.lifetimes_with(Aliasing::Parts));
    /// // The input keeps bytes of its own.
    /// assert_eq!((parts.declared, parts.operands, parts.bytes), (2, 1, 100));
    /// assert_eq!(graph.uncopied(&graph.lifetimes()).operands, 0);
    /// # Ok::<(), orionrt_plan::GraphError>(())
    /// ```
    #[must_use]
    pub fn uncopied(&self, lifetimes: &Lifetimes) -> Uncopied {
        let size = |id: TensorId| lifetimes.get(id).map_or(0, |row| row.size);
        let parts = self.ops().iter().flat_map(|op| op.parts());
        let mut all = Uncopied::default();
        for part in parts.filter(|part| size(part.operand) > 0) {
            all.declared += 1;
            if lies_within_result(lifetimes, part) {
                all.operands += 1;
                all.bytes += size(part.operand);
            }
        }
        all
    }
}

/// Whether an operand lies in the result where it is declared to be.
pub(crate) fn lies_within_result(lifetimes: &Lifetimes, part: &Part) -> bool {
    let place = |id: TensorId| {
        let row = lifetimes.get(id)?;
        Some(row.within.unwrap_or(Within::new(id, 0)))
    };
    let (Some(operand), Some(result)) = (place(part.operand), place(part.result)) else {
        return false;
    };
    let start = result.offset.checked_add(part.offset);
    operand.root == result.root && start == Some(operand.offset)
}
