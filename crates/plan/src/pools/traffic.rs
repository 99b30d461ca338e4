//! The bytes that the operators of a graph move.
//!
//! Stands on graphs. A tensor counts as a whole for each operator that reads or writes it, without
//! what an operator need not move: its views, and parts of its results.

use alloc::{collections::BTreeMap, vec, vec::Vec};

use crate::graph::{Graph, Op, Part};
use crate::ids::TensorId;
use crate::lifetimes::{Lifetimes, lies_within_result};

/// The traffic of each tensor of a graph in bytes: its size, once for each operator that reads it
/// and once for each that writes it. A graph does not tell how often a loop runs; its operators
/// count once. A view that lies within its operand in `lifetimes`, those of the graph, moves
/// nothing, and so does an operand that lies within the result as a
/// [part](crate::graph::OpBuilder::part): the operator then writes only the rest of the result.
///
/// ```
/// use core::alloc::Layout;
/// use orionrt_plan::{GraphBuilder, pools::traffic};
///
/// let mut g = GraphBuilder::new();
/// let [x, y] = ["x", "y"].map(|name| g.tensor(name, Layout::new::<[u8; 100]>()));
/// g.op("fill").writes([x]);
/// g.op("square").reads([x, x]).writes([y]);
/// let graph = g.output(y).build()?;
/// assert_eq!(traffic(&graph, &graph.lifetimes()), [200, 100]); // "square" reads x once
/// # Ok::<(), orionrt_plan::GraphError>(())
/// ```
#[must_use]
pub fn traffic(graph: &Graph, lifetimes: &Lifetimes) -> Vec<u64> {
    let tensors = graph.tensors();
    let sizes: Vec<u64> = tensors
        .map(|(_, tensor)| tensor.layout().size() as u64)
        .collect();
    let lies_within = |id: TensorId| lifetimes.get(id).is_some_and(|row| row.within.is_some());
    let mut traffic = vec![0u64; sizes.len()];
    for op in graph.ops() {
        let views = op.views().iter().filter(|view| lies_within(view.result));
        let views: Vec<TensorId> = views.flat_map(|view| [view.result, view.of]).collect();
        let unmoved = unmoved(op, &sizes, lifetimes);
        for used in [op.reads(), op.writes()] {
            let mut used: Vec<TensorId> = used.to_vec();
            used.sort_unstable();
            used.dedup();
            for id in used.into_iter().filter(|id| !views.contains(id)) {
                let index = id.index();
                let moved = sizes[index].saturating_sub(unmoved.get(&id).copied().unwrap_or(0));
                traffic[index] = traffic[index].saturating_add(moved);
            }
        }
    }
    traffic
}

/// The bytes of operands and results that an operator need not move, since operands lie within
/// results where they are parts of them.
fn unmoved(op: &Op, sizes: &[u64], lifetimes: &Lifetimes) -> BTreeMap<TensorId, u64> {
    let mut unmoved: BTreeMap<TensorId, u64> = BTreeMap::new();
    let is_uncopied = |part: &&Part| lies_within_result(lifetimes, part);
    for part in op.parts().iter().filter(is_uncopied) {
        let size = sizes[part.operand.index()];
        let of_result = unmoved.entry(part.result).or_default();
        *of_result = of_result.saturating_add(size);
        unmoved.insert(part.operand, size);
    }
    // An operand that is a part more than once is read for the copies.
    for part in op.parts().iter().filter(|part| !is_uncopied(part)) {
        unmoved.remove(&part.operand);
    }
    unmoved
}
