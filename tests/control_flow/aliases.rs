//! Results in place under control flow: written only over what no path needs any more.

use orionrt::{Graph, GraphBuilder, TensorId};

use crate::tensors;

fn root(graph: &Graph, id: TensorId) -> Option<TensorId> {
    let lifetimes = graph.lifetimes();
    lifetimes.get(id)?.within.map(|within| within.root)
}

#[test]
fn each_branch_may_write_over_what_only_branches_read() {
    let mut g = GraphBuilder::new();
    let [x, a, b, y] = tensors(&mut g, ["x", "a", "b", "y"]);
    g.op("load").writes([x]);
    let start = g.next_op();
    g.op("then").in_place(a, x);
    g.op("end").reads([a]).writes([y]);
    let middle = g.next_op();
    g.op("else").in_place(b, x);
    g.op("end").reads([b]).writes([y]);
    let end = g.next_op();
    let graph = g.exclusive([start..middle, middle..end]).output(y).build();
    let graph = graph.expect("each branch writes y");
    assert_eq!((root(&graph, a), root(&graph, b)), (Some(x), Some(x)));
    assert_eq!(root(&graph, y), None);
}

#[test]
fn a_branch_does_not_write_over_what_it_reads_later_though_another_branch_does() {
    let mut g = GraphBuilder::new();
    let [x, a, b, y] = tensors(&mut g, ["x", "a", "b", "y"]);
    g.op("load").writes([x]);
    let start = g.next_op();
    g.op("then").in_place(a, x);
    g.op("end").reads([a]).writes([y]);
    let middle = g.next_op();
    g.op("else").in_place(b, x);
    g.op("end").reads([b, x]).writes([y]);
    let end = g.next_op();
    let graph = g.exclusive([start..middle, middle..end]).output(y).build();
    let graph = graph.expect("each branch writes y");
    assert_eq!((root(&graph, a), root(&graph, b)), (Some(x), None));
}

#[test]
fn nothing_in_a_loop_or_branch_is_written_over_what_is_read_again() {
    // What is read again, after the operator that could work in place: in the next iteration,
    // behind the branches.
    for is_loop in [true, false] {
        let mut g = GraphBuilder::new();
        let [x, a, y] = tensors(&mut g, ["x", "a", "y"]);
        g.op("load").writes([x]);
        let start = g.next_op();
        g.op("relu").in_place(a, x);
        let end = g.next_op();
        match is_loop {
            true => g.repeated(start..end),
            false => g.exclusive([start..end, end..end]),
        };
        if !is_loop {
            g.op("late").reads([x]).writes([y]);
            g.output(y);
        }
        let graph = g.build().expect("x is written first");
        assert_eq!(root(&graph, a), None, "loop: {is_loop}");
    }
    // What the body itself has made is another matter.
    let mut g = GraphBuilder::new();
    let [x, a, b] = tensors(&mut g, ["x", "a", "b"]);
    let start = g.next_op();
    g.op("conv").reads([x]).writes([a]);
    g.op("relu").in_place(b, a);
    let end = g.next_op();
    let graph = g.repeated(start..end).build().expect("x is an input");
    assert_eq!(root(&graph, b), Some(a));
}

#[test]
fn tensors_with_several_writers_have_bytes_of_their_own() {
    let mut g = GraphBuilder::new();
    let [x, state, v, next] = tensors(&mut g, ["x", "state", "v", "next"]);
    g.op("init").view(state, x, 0);
    let start = g.next_op();
    g.op("reshape").view(v, state, 0);
    g.op("step").in_place(next, v);
    g.op("copy").in_place(state, next);
    let end = g.next_op();
    let graph = g.repeated(start..end).output(state).build();
    let graph = graph.expect("state is carried");
    assert_eq!([state, v].map(|id| root(&graph, id)), [None, None]);
    assert_eq!(root(&graph, next), Some(v));
}
