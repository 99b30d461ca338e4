//! Graphs whose caller gives inputs up, and whose outputs have the bytes of inputs.
//!
//! Stands on the builder alone. Inputs and outputs are picked from any graph; an output that the
//! builder refuses is left as it was.

use orionrt_plan::{Graph, GraphBuilder, TensorId};
use proptest::{collection::vec, prelude::*, sample::Index};

/// An input, and a tensor of its size that is to be an output in its bytes.
type Pick = [Index; 2];

/// These graphs with some of their inputs donated.
pub fn donating(graphs: impl Strategy<Value = Graph>) -> impl Strategy<Value = Graph> {
    (graphs, vec(prop::bool::weighted(0.7), 4)).prop_map(|(graph, picks)| donate(&graph, &picks))
}

/// These graphs with some of their inputs donated, and up to four outputs in the bytes of inputs.
pub fn updating(graphs: impl Strategy<Value = Graph>) -> impl Strategy<Value = Graph> {
    let picks = vec(any::<Pick>(), 1..5);
    (donating(graphs), picks).prop_map(|(graph, picks)| {
        let add = |graph: Graph, &pick: &Pick| match pair(&graph, pick) {
            Some(pair) => with_output_in_input(&graph, pair).unwrap_or(graph),
            None => graph,
        };
        picks.iter().fold(graph, add)
    })
}

fn donate(graph: &Graph, picks: &[bool]) -> Graph {
    let mut g = GraphBuilder::from(graph.clone());
    for (&input, _) in graph
        .inputs()
        .iter()
        .zip(picks)
        .filter(|(_, is_picked)| **is_picked)
    {
        g.donate(input);
    }
    g.build().expect("any input can be donated")
}

/// An output and an input with as many bytes, which are not none.
pub fn pair(graph: &Graph, [output, input]: Pick) -> Option<(TensorId, TensorId)> {
    let size = |id: TensorId| graph.tensor(id).map_or(0, |tensor| tensor.layout().size());
    let inputs = graph.inputs().iter().filter(|&&id| size(id) > 0);
    let inputs: Vec<TensorId> = inputs.copied().collect();
    let input = *inputs.get(input.index(inputs.len().max(1)))?;
    let written = graph.ops().iter().flat_map(|op| op.writes());
    let fit: Vec<TensorId> = written
        .copied()
        .filter(|&id| size(id) == size(input))
        .collect();
    let output = *fit.get(output.index(fit.len().max(1)))?;
    Some((output, input))
}

/// The graph with this tensor as an output in the bytes of this input, unless that is refused.
pub fn with_output_in_input(
    graph: &Graph,
    (output, input): (TensorId, TensorId),
) -> Result<Graph, orionrt_plan::GraphError> {
    let mut g = GraphBuilder::from(graph.clone());
    g.output(output).alias_output(output, input).build()
}
