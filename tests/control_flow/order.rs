//! Other orders of graphs with control flow: they compute what the given order computes.

use orionrt::{
    Aliasing, Graph, GraphBuilder, TensorId,
    graph::{Construct, GraphError, OpId, OrderMistake},
};
use orionrt_testing::{
    flow_graphs::graphs,
    flow_machine::FlowMachine,
    flow_oracle::{computed, traces, units},
};
use proptest::{collection::vec, prelude::*, sample::Index};

use crate::tensors;

/// Checks that a graph with operator `order[i]` of `given` at step *i* computes what `given` does,
/// on each path.
fn compute_the_same(given: &Graph, moved: &Graph, order: &[usize]) -> Result<(), TestCaseError> {
    let unit_of = |op: &usize| units(given).iter().position(|unit| unit.contains(op));
    for trace in traces(moved, 2, 300).unwrap_or_default() {
        let mut before: Vec<usize> = trace.iter().map(|&step| order[step]).collect();
        // Within a unit, the trace keeps its order.
        before.sort_by_key(unit_of);
        let found = computed(moved, &trace);
        prop_assert!(found.is_some());
        prop_assert_eq!(found, computed(given, &before));
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig {
        max_global_rejects: 20_000,
        ..ProptestConfig::with_cases(if cfg!(miri) { 2 } else { 100 })
    })]

    #[test]
    fn a_reordered_graph_computes_the_same_with_no_larger_load(graph in graphs()) {
        for aliasing in [Aliasing::Off, Aliasing::Views, Aliasing::InPlace] {
            let reordered = graph.reordered_with(aliasing);
            let load = |graph: &Graph| graph.lifetimes_with(aliasing).load();
            prop_assert_eq!(reordered.load_before, load(&graph));
            prop_assert_eq!(reordered.load_after, load(&reordered.graph));
            prop_assert!(reordered.load_after <= reordered.load_before);
            let order: Vec<OpId> = reordered.order.iter().map(|&op| OpId::new(op as u32)).collect();
            let moved = graph.in_order(&order);
            prop_assert_eq!(moved.as_ref(), Ok(&reordered.graph));
            compute_the_same(&graph, &reordered.graph, &reordered.order)?;
        }
    }

    #[test]
    fn an_order_that_is_accepted_computes_the_same(
        graph in graphs(),
        swaps in vec(any::<[Index; 2]>(), 0..3),
    ) {
        let mut units = units(&graph);
        let count = units.len();
        for [a, b] in swaps.iter().filter(|_| count > 0) {
            units.swap(a.index(count), b.index(count));
        }
        let order: Vec<usize> = units.into_iter().flatten().collect();
        let ids: Vec<OpId> = order.iter().map(|&op| OpId::new(op as u32)).collect();
        match graph.in_order(&ids) {
            Ok(moved) => {
                compute_the_same(&graph, &moved, &order)?;
                let lifetimes = moved.lifetimes();
                let place = |(i, row): (usize, &orionrt::lifetimes::Lifetime)| {
                    row.within.map_or((i, 0), |within| (within.root.index(), within.offset))
                };
                let starts: Vec<_> = lifetimes.rows().iter().enumerate().map(place).collect();
                for trace in traces(&moved, 2, 100).unwrap_or_default() {
                    FlowMachine::new(&moved, &lifetimes, starts.clone()).run(&trace)?;
                }
            }
            Err(GraphError::BadOrder(mistake)) => {
                // The two operators that the error names are in the wrong order.
                let pair = match &mistake {
                    OrderMistake::ReadTooEarly { op, tensor, writer } => {
                        prop_assert!(graph.ops()[op.id().index()].reads().contains(&tensor.id()));
                        let writes = graph.ops()[writer.id().index()].writes();
                        prop_assert!(writes.contains(&tensor.id()));
                        [writer.id(), op.id()]
                    }
                    OrderMistake::WrittenTooEarly { op, before, .. } => [before.id(), op.id()],
                    other => panic!("{other}"),
                };
                let at = pair.map(|id| ids.iter().position(|&op| op == id));
                prop_assert!(pair[0] < pair[1] && at[0] > at[1]);
            }
            Err(other) => panic!("{other}"),
        }
    }
}

/// `init` writes a state, `first` reads it, a loop changes it, and `last` reads the result.
fn carried() -> (Graph, [TensorId; 4]) {
    let mut g = GraphBuilder::new();
    let ids = tensors(&mut g, ["state", "next", "a", "b"]);
    let [state, next, a, b] = ids;
    g.op("init").writes([state]);
    g.op("first").reads([state]).writes([a]);
    let start = g.next_op();
    g.op("step").reads([state]).writes([next]);
    g.op("copy").reads([next]).writes([state]);
    let end = g.next_op();
    g.op("last").reads([state]).writes([b]);
    let graph = g.repeated(start..end).output(a).output(b).build();
    (graph.expect("state is carried"), ids)
}

fn order_mistake(graph: &Graph, order: &[u32]) -> OrderMistake {
    let order: Vec<OpId> = order.iter().copied().map(OpId::new).collect();
    match graph.in_order(&order) {
        Err(GraphError::BadOrder(mistake)) => mistake,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_a_loop_changes_is_read_before_it_and_behind_it_as_in_the_graph() {
    let (graph, _) = carried();
    let text = |order: &[u32]| order_mistake(&graph, order).to_string();
    assert_eq!(
        text(&[0, 2, 3, 1, 4]),
        "operator 'copy' (step 3) would write tensor 'state' \
         before operator 'first' (step 1) uses it"
    );
    assert_eq!(
        text(&[0, 1, 4, 2, 3]),
        "operator 'last' (step 4) would read tensor 'state' \
         before operator 'copy' (step 3) writes it"
    );
}

#[test]
fn a_construct_that_is_torn_apart_is_named() {
    let (graph, _) = carried();
    let body = OpId::new(2)..OpId::new(4);
    for (order, name) in [([0, 2, 1, 3, 4], "first"), ([0, 1, 3, 2, 4], "last")] {
        match order_mistake(&graph, &order) {
            OrderMistake::ConstructSplit { construct, op } => {
                assert_eq!(construct, Construct::Repeated { body: body.clone() });
                assert_eq!(op.name(), name);
            }
            other => panic!("{other}"),
        }
    }
}

#[test]
fn a_construct_moves_to_where_fewer_bytes_are_alive() {
    let mut g = GraphBuilder::new();
    let bytes = |size| std::alloc::Layout::from_size_align(size, 1).expect("small");
    let [large, small, inner, y, z] = [
        ("large", 100),
        ("small", 10),
        ("inner", 500),
        ("y", 10),
        ("z", 10),
    ]
    .map(|(name, size)| g.tensor(name, bytes(size)));
    g.op("widen").writes([large]);
    let start = g.next_op();
    g.op("work").writes([inner]);
    g.op("reduce").reads([inner]).writes([y]);
    let middle = g.next_op();
    g.op("other").writes([y]);
    let end = g.next_op();
    g.op("narrow").reads([large]).writes([small]);
    g.op("join").reads([small, y]).writes([z]);
    g.exclusive([start..middle, middle..end]).output(z);
    let reordered = g.build().expect("both branches write y").reordered();
    // The branches run before `large` is there.
    assert_eq!((reordered.load_before, reordered.load_after), (610, 510));
    let branch: Vec<usize> = reordered
        .order
        .iter()
        .copied()
        .filter(|op| (1..4).contains(op))
        .collect();
    assert_eq!(branch, [1, 2, 3]);
    assert_eq!(reordered.graph.constructs().len(), 1);
}
