//! The bytes that the operators of a graph move.
//!
//! Stands on graphs. A tensor counts as a whole for each operator that reads or writes it.

use alloc::{vec, vec::Vec};

use crate::graph::Graph;
use crate::ids::TensorId;
use crate::lifetimes::Lifetimes;

/// The traffic of each tensor of a graph in bytes: its size, once for each operator that reads it
/// and once for each that writes it. A graph does not tell how often a loop runs; its operators
/// count once. A view that lies within its operand in `lifetimes`, those of the graph, moves
/// nothing.
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
        for used in [op.reads(), op.writes()] {
            let mut used: Vec<TensorId> = used.to_vec();
            used.sort_unstable();
            used.dedup();
            for id in used.into_iter().filter(|id| !views.contains(id)) {
                let index = id.index();
                traffic[index] = traffic[index].saturating_add(sizes[index]);
            }
        }
    }
    traffic
}
