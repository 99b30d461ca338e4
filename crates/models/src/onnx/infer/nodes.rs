//! What is known of a node from its attributes and its operator alone.
//!
//! Stands on `syntax`.

use std::collections::HashSet;

use crate::onnx::attributes::is_standard;
use crate::onnx::syntax::{AttributeValue, GraphDef, NodeDef};

/// The nodes of a graph, bodies included.
pub(crate) fn count_nodes(graph: &GraphDef<'_>) -> usize {
    let bodies = |node: &NodeDef| -> usize { bodies_of(node).map(count_nodes).sum() };
    graph.nodes.iter().map(|node| 1 + bodies(node)).sum()
}

pub(super) fn bodies_of<'n, 'a>(node: &'n NodeDef<'a>) -> impl Iterator<Item = &'n GraphDef<'a>> {
    node.attributes
        .iter()
        .flat_map(|attribute| match &attribute.value {
            AttributeValue::Graph(graph) => std::slice::from_ref(graph.as_ref()),
            AttributeValue::Graphs(graphs) => graphs.as_slice(),
            _ => &[],
        })
}

pub(super) fn names_of_weights<'a>(graph: &GraphDef<'a>) -> HashSet<&'a str> {
    let weights = graph.initializers.iter().chain(&graph.sparse);
    weights.map(|tensor| tensor.name).collect()
}

/// Whether a node writes something else in every run.
pub(super) fn is_random(node: &NodeDef<'_>) -> bool {
    is_standard(node)
        && matches!(
            node.operator,
            "RandomNormal"
                | "RandomNormalLike"
                | "RandomUniform"
                | "RandomUniformLike"
                | "Multinomial"
                | "Bernoulli"
                | "Dropout"
        )
}

/// Whether sizes of results depend on the elements of operands whatever these are.
pub(super) fn depends_on_data(node: &NodeDef<'_>) -> bool {
    matches!(
        node.operator,
        "NonZero" | "Unique" | "Compress" | "NonMaxSuppression" | "StringSplit"
    )
}

/// The names that the bodies of a node read from outside.
pub(super) fn captures<'a>(node: &NodeDef<'a>) -> Vec<&'a str> {
    let mut found = Vec::new();
    for graph in bodies_of(node) {
        let mut own: HashSet<&str> = names_of_weights(graph);
        own.extend(graph.inputs.iter().map(|input| input.name));
        own.extend(graph.nodes.iter().flat_map(|node| &node.outputs));
        let inner = graph.nodes.iter().flat_map(captures);
        let read = graph
            .nodes
            .iter()
            .flat_map(|node| node.inputs.iter().copied());
        let outputs = graph.outputs.iter().map(|output| output.name);
        let all = read.chain(inner).chain(outputs);
        found.extend(all.filter(|name| !name.is_empty() && !own.contains(name)));
    }
    found
}
