//! Streams and waits in `GraphBuilder`: what is refused, and what is a plain sequence.

use std::alloc::Layout;

use orionrt::{
    Aliasing, GraphBuilder, Planner, TensorId,
    graph::{GraphError, OpId},
};
use orionrt_testing::stream_programs::{Program, ids};
use proptest::prelude::*;

use crate::programs;

fn two(g: &mut GraphBuilder) -> [TensorId; 2] {
    ["x", "y"].map(|name| g.tensor(name, Layout::new::<[u8; 8]>()))
}

#[test]
fn a_read_that_does_not_wait_is_a_race() {
    let mut g = GraphBuilder::new();
    let [x, y] = two(&mut g);
    let load = g.op("load").writes([x]).stream(1).id();
    g.op("other").stream(2);
    g.op("relu").reads([x]).writes([y]);
    let error = g.build().unwrap_err();
    assert!(matches!(&error, GraphError::Race { tensor, .. } if tensor.name() == "x"));
    assert_eq!(
        error.to_string(),
        "tensor 'x' is read by operator 'relu' (step 2), which does not wait for its writer, \
         operator 'load' (step 0) on another stream"
    );

    // The wait may go by way of a third stream.
    let mut g = GraphBuilder::new();
    let [x, y] = two(&mut g);
    assert_eq!(g.op("load").writes([x]).stream(1).id(), load);
    let other = g.op("other").stream(2).after([load]).id();
    g.op("relu").reads([x]).writes([y]).after([other]);
    let graph = g.build().unwrap();
    assert!(graph.happens_before(load, graph_op(2)) && !graph.happens_before(other, load));
}

fn graph_op(step: usize) -> OpId {
    ids(step + 1)[step]
}

#[test]
fn an_operator_can_wait_only_for_earlier_ones() {
    for (waits, late) in [(0, "O0"), (1, "O1")] {
        let mut g = GraphBuilder::new();
        g.op("early").stream(1).after([graph_op(waits)]);
        g.op("late");
        let error = g.build().unwrap_err();
        assert!(matches!(
            &error,
            GraphError::WaitsForLater { op, waits_for }
                if (op.id().index(), waits_for.index()) == (0, waits)
        ));
        assert_eq!(
            error.to_string(),
            format!(
                "operator 'early' (step 0) waits for operator {late}; \
                 it can only wait for operators that are submitted before it"
            )
        );
    }
    let mut g = GraphBuilder::new();
    g.op("early").after([graph_op(7)]);
    assert!(matches!(g.build(), Err(GraphError::WaitsForLater { .. })));
}

#[test]
fn an_unknown_operator_happens_neither_before_nor_after_others() {
    let mut g = GraphBuilder::new();
    g.op("a");
    g.op("b").stream(1);
    let graph = g.build().unwrap();
    let [a, b, none] = [0, 1, 2].map(graph_op);
    for (x, y) in [(a, a), (a, b), (b, a), (a, none), (none, a), (none, none)] {
        assert!(!graph.happens_before(x, y));
    }
}

const ALL: [Aliasing; 3] = [Aliasing::Off, Aliasing::Views, Aliasing::InPlace];

/// Checks that two programs have equal lifetimes and plans.
fn assert_same(a: &Program, b: &Program) -> Result<(), TestCaseError> {
    let graphs = [a, b].map(|program| program.graph());
    for aliasing in ALL {
        let [a, b] = [&graphs[0], &graphs[1]].map(|graph| graph.lifetimes_with(aliasing));
        prop_assert_eq!(&a, &b);
        let [a, b] = [a, b].map(|lifetimes| Planner::new().nodes(50).plan(&lifetimes).unwrap());
        prop_assert_eq!(a, b);
    }
    Ok(())
}

proptest! {
    #[test]
    fn happens_before_follows_from_streams_and_waits(program in programs()) {
        let (graph, before) = (program.graph(), program.before());
        let ids = ids(before.len());
        for (b, mask) in before.iter().enumerate() {
            for a in 0..before.len() {
                prop_assert_eq!(graph.happens_before(ids[a], ids[b]), mask & 1 << a != 0);
            }
        }
    }

    #[test]
    fn a_program_on_one_stream_is_planned_as_a_sequence(
        program in programs(),
        stream in any::<u32>(),
    ) {
        let mut one = program.clone();
        one.ops.iter_mut().for_each(|op| op.stream = stream);
        assert_same(&one, &program.in_order())?;
    }

    #[test]
    fn operators_that_each_wait_for_the_one_before_are_planned_as_a_sequence(
        program in programs(),
    ) {
        let mut chained = program.clone();
        for (step, op) in chained.ops.iter_mut().enumerate() {
            op.waits.extend(step.checked_sub(1));
        }
        assert_same(&chained, &program.in_order())?;
    }
}
