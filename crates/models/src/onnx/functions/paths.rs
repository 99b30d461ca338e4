//! How long the names of values in bodies become.
//!
//! Stands on `limits` and `syntax`. A value in a body is named after the nodes around it, so one
//! long name of a node with a large body makes many. Invariant: in a model that is
//! accepted, these names take at most the bytes that `limits` allows.

use crate::error::ModelError;
use crate::onnx::limits::check_paths;
use crate::onnx::syntax::{AttributeValue, GraphDef, NodeDef};

/// Checks the names in the bodies of a graph.
pub(super) fn check(graph: &GraphDef<'_>) -> Result<(), ModelError> {
    check_paths(of_graph(graph, 0))
}

/// The bytes of the names of nodes around all values in the bodies of a graph, which itself lies
/// in nodes whose names have `around` bytes together.
fn of_graph(graph: &GraphDef<'_>, around: usize) -> usize {
    let of_nodes = graph.nodes.iter().map(|node| of_node(node, around));
    of_nodes.fold(0, usize::saturating_add)
}

fn of_node(node: &NodeDef<'_>, around: usize) -> usize {
    let bodies = node.attributes.iter().flat_map(|attribute| {
        match &attribute.value {
            AttributeValue::Graph(body) => std::slice::from_ref(&**body),
            AttributeValue::Graphs(bodies) => &bodies[..],
            _ => &[],
        }
        .iter()
        .map(|body| (attribute.name, body))
    });
    let mut bytes = 0usize;
    for (attribute, body) in bodies {
        let unnamed = node.outputs.first().map_or(0, |name| name.len());
        let name = node.name.len().max(unnamed) + attribute.len();
        let path = around.saturating_add(name);
        let named = names(body).saturating_add(node.outputs.len());
        bytes = bytes
            .saturating_add(path.saturating_mul(named))
            .saturating_add(of_graph(body, path));
    }
    bytes
}

/// How many nodes and values a body names.
fn names(body: &GraphDef<'_>) -> usize {
    let results = body.nodes.iter().map(|node| node.outputs.len() + 1);
    let values = body.inputs.len() + body.outputs.len();
    let constants = body.initializers.len() + body.sparse.len();
    results.sum::<usize>() + values + constants
}
