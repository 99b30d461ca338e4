//! `Graph::reordered`: another order of the same operators, never with a larger load, and with the least one where that is
//! claimed.
//!
//! The oracle tries every order of a small graph, and counts the bytes alive at a step tensor by tensor, from what the graph
//! says of its operators alone.

use std::{alloc::Layout, collections::HashSet};

use orionrt::{Graph, GraphBuilder, Reordered, TensorId};
use proptest::{collection::vec, prelude::*};

/// The load of a graph in some order: at each step, what is written by then and is still to be read.
fn load(graph: &Graph, order: &[usize]) -> u64 {
    let step = |is_it: &dyn Fn(usize) -> bool| order.iter().position(|&op| is_it(op));
    let ops = graph.ops();
    let ranges = graph.tensors().map(|(id, tensor)| {
        let first = step(&|op| ops[op].writes().contains(&id));
        let mut readers = (0..order.len())
            .rev()
            .filter(|&i| ops[order[i]].reads().contains(&id));
        let last = match graph.outputs().contains(&id) {
            true => order.len() - 1,
            false => readers.next().or(first).unwrap_or(0),
        };
        let is_there = first.is_some() || graph.inputs().contains(&id);
        let size = tensor.layout().size() as u64;
        (first.unwrap_or(0)..=last, if is_there { size } else { 0 })
    });
    let ranges: Vec<_> = ranges.collect();
    let loads = (0..order.len()).map(|step| {
        let alive = ranges.iter().filter(|(steps, _)| steps.contains(&step));
        alive.map(|(_, size)| size).sum()
    });
    loads.max().unwrap_or(0)
}

/// The least load of all orders.
fn least_load(graph: &Graph) -> u64 {
    fn try_all(graph: &Graph, order: &mut Vec<usize>, least: &mut u64) {
        let ops = graph.ops();
        if order.len() == ops.len() {
            *least = load(graph, order).min(*least);
            return;
        }
        let written: HashSet<TensorId> = order
            .iter()
            .flat_map(|&op| ops[op].writes())
            .copied()
            .collect();
        let can_run = |op: &usize| {
            let mut reads = ops[*op].reads().iter();
            reads.all(|id| written.contains(id) || graph.inputs().contains(id))
        };
        let rest: Vec<usize> = (0..ops.len()).filter(|op| !order.contains(op)).collect();
        for op in rest.into_iter().filter(can_run) {
            order.push(op);
            try_all(graph, order, least);
            order.pop();
        }
    }
    let mut least = u64::MAX;
    try_all(graph, &mut Vec::new(), &mut least);
    least
}

/// Everything that holds for every graph.
fn check(graph: &Graph) -> Reordered {
    let reordered = graph.reordered();
    let mut sorted = reordered.order.clone();
    sorted.sort_unstable();
    assert!(
        sorted.into_iter().eq(0..graph.ops().len()),
        "each operator once"
    );
    // `build` refuses an order in which something is read before it is written.
    assert_eq!(in_order(graph, &reordered.order), reordered.graph);
    assert_eq!(reordered.load_before, graph.lifetimes().load());
    assert_eq!(reordered.load_after, reordered.graph.lifetimes().load());
    assert!(reordered.load_after <= reordered.load_before);
    if reordered.load_after == reordered.load_before {
        assert_eq!(reordered.graph, *graph, "nothing gained, nothing moved");
    }
    assert_eq!(graph.reordered(), reordered, "the same again");
    reordered
}

/// The same graph, built anew in another order.
fn in_order(graph: &Graph, order: &[usize]) -> Graph {
    let mut g = GraphBuilder::new();
    for (_, tensor) in graph.tensors() {
        g.tensor(tensor.name(), tensor.layout());
    }
    for &op in order {
        let op = &graph.ops()[op];
        g.op(op.name())
            .reads(op.reads().to_vec())
            .writes(op.writes().to_vec());
    }
    graph.inputs().iter().for_each(|&id| {
        g.input(id);
    });
    graph.outputs().iter().for_each(|&id| {
        g.output(id);
    });
    g.build().expect("a valid order")
}

/// A graph from numbers: `inputs` sizes, and for each operator what it reads of what is there, the sizes that it writes, and
/// whether the first of them is an output.
fn graph(inputs: &[usize], ops: &[(Vec<usize>, Vec<usize>, bool)]) -> Graph {
    let mut g = GraphBuilder::new();
    let mut there = Vec::new();
    let add = |g: &mut GraphBuilder, there: &mut Vec<TensorId>, size: usize| {
        let layout = Layout::from_size_align(size, 1).expect("small");
        let id = g.tensor(format!("t{}", there.len()), layout);
        there.push(id);
        id
    };
    for (index, &size) in inputs.iter().enumerate() {
        let id = add(&mut g, &mut there, size);
        g.input(id);
        if size % 7 == 1 && index > 0 {
            g.output(id);
        }
    }
    for (index, (reads, writes, is_output)) in ops.iter().enumerate() {
        let known = there.len();
        let reads: Vec<_> = reads
            .iter()
            .filter(|_| known > 0)
            .map(|r| there[r % known])
            .collect();
        let writes: Vec<_> = writes
            .iter()
            .map(|&size| add(&mut g, &mut there, size))
            .collect();
        g.op(format!("op{index}"))
            .reads(reads)
            .writes(writes.clone());
        if let (true, Some(&first)) = (is_output, writes.first()) {
            g.output(first);
        }
    }
    g.build().expect("written before it is read")
}

fn graphs(most: usize) -> impl Strategy<Value = Graph> {
    let op = (
        vec(0..1000usize, 0..4),
        vec(0..40usize, 0..3),
        prop::bool::weighted(0.15),
    );
    (vec(0..30usize, 0..4), vec(op, 0..most)).prop_map(|(inputs, ops)| graph(&inputs, &ops))
}

/// How two parts of a graph are put together, or one operator, with the size of what it writes.
#[derive(Clone, Debug)]
enum Part {
    Op(usize),
    Series(Box<Part>, Box<Part>),
    /// With the size of what joins them.
    Parallel(Box<Part>, Box<Part>, usize),
}

impl Part {
    /// Adds the part's operators behind the tensor that they read; the tensor that they write.
    fn add(&self, ops: &mut Vec<(Vec<usize>, Vec<usize>, bool)>, read: usize) -> usize {
        match self {
            Self::Op(size) => {
                ops.push((vec![read], vec![*size], false));
                ops.len()
            }
            Self::Series(first, second) => {
                let middle = first.add(ops, read);
                second.add(ops, middle)
            }
            Self::Parallel(left, right, size) => {
                let reads = vec![left.add(ops, read), right.add(ops, read)];
                ops.push((reads, vec![*size], false));
                ops.len()
            }
        }
    }

    fn graph(&self) -> Graph {
        let mut ops = Vec::new();
        self.add(&mut ops, 0);
        graph(&[5], &ops)
    }
}

fn parts(operators: u32) -> impl Strategy<Value = Part> {
    (1..60usize)
        .prop_map(Part::Op)
        .prop_recursive(6, operators, 2, |part| {
            let pair = (part.clone(), part).prop_map(|(a, b)| (Box::new(a), Box::new(b)));
            prop_oneof![
                pair.clone().prop_map(|(a, b)| Part::Series(a, b)),
                (pair, 1..60usize).prop_map(|((a, b), size)| Part::Parallel(a, b, size)),
            ]
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn small_graphs_get_the_least_load_of_all_orders(graph in graphs(9)) {
        let reordered = check(&graph);
        prop_assert!(reordered.is_optimal);
        if !graph.ops().is_empty() {
            prop_assert_eq!(reordered.load_before, load(&graph, &(0..graph.ops().len()).collect::<Vec<_>>()));
            prop_assert_eq!(reordered.load_after, least_load(&graph));
        }
    }

    #[test]
    fn series_and_parallel_parts_get_the_least_load_of_all_orders(part in parts(9)) {
        let graph = part.graph();
        prop_assume!(graph.ops().len() <= 10);
        let reordered = check(&graph);
        prop_assert!(reordered.is_optimal);
        prop_assert_eq!(reordered.load_after, least_load(&graph));
    }

    #[test]
    fn twenty_operators_always_get_the_best_order(graph in graphs(21)) {
        prop_assert!(check(&graph).is_optimal);
    }
}

proptest! {
    // Most of these take all the work that a graph may take.
    #![proptest_config(ProptestConfig::with_cases(4))]

    #[test]
    fn larger_graphs_are_never_worse(graph in graphs(150)) {
        check(&graph);
    }
}

/// Two operators of which one widens and one reduces, `branches` times side by side; first all that widen.
fn branches(branches: usize) -> Graph {
    let widen = (0..branches).map(|_| (vec![0], vec![100], false));
    let reduce = (1..=branches).map(|wide| (vec![wide], vec![10], false));
    let mut ops: Vec<_> = widen.chain(reduce).collect();
    ops.push(((branches + 1..=2 * branches).collect(), vec![10], true));
    graph(&[10], &ops)
}

#[test]
fn a_branch_is_finished_before_the_next_begins() {
    let reordered = check(&branches(2));
    assert_eq!(reordered.order, [0, 2, 1, 3, 4]);
    assert_eq!((reordered.load_before, reordered.load_after), (210, 120));
    // The last branch is beside nine reduced ones, and the input has had its last reader.
    let reordered = check(&branches(10));
    assert_eq!((reordered.load_before, reordered.load_after), (1010, 200));
    assert!(reordered.is_optimal);
}

/// An encoder whose results are kept for the decoder, and branches off it that the given order leaves for later.
#[test]
fn an_encoder_with_skips_reduces_what_it_keeps_at_once() {
    let mut ops = Vec::new();
    let levels = [64, 32, 16, 8];
    // Tensor 0 is the input, tensor i + 1 that of level i.
    for (level, size) in levels.into_iter().enumerate() {
        ops.push((vec![level], vec![size], false));
    }
    // A skip of an eighth, of each level but the last; then the decoder, which reads the skips last to first.
    for level in 1..levels.len() {
        ops.push((vec![level], vec![levels[level - 1] / 8], false));
    }
    let mut read = levels.len();
    for level in (1..levels.len()).rev() {
        ops.push((
            vec![read, levels.len() + level],
            vec![levels[level - 1]],
            level == 1,
        ));
        read = ops.len();
    }
    let graph = graph(&[10], &ops);
    let reordered = check(&graph);
    // Given: all four levels and the first skip. Best: the first two levels and the first skip, at the second level or the
    // skip; or the whole output, what the decoder had before it, and the skip.
    assert_eq!((reordered.load_before, reordered.load_after), (128, 104));
    assert!(reordered.is_optimal);
}

#[test]
fn graphs_without_a_choice_are_kept() {
    let chain: Vec<_> = (0..50).map(|i| (vec![i], vec![i + 1], i == 49)).collect();
    for graph in [graph(&[], &[]), graph(&[8, 8], &[]), graph(&[3], &chain)] {
        let reordered = check(&graph);
        assert_eq!(reordered.graph, graph);
        assert!(reordered.is_optimal);
    }
}

/// As wide as can be, with ties everywhere.
#[test]
fn a_hundred_thousand_operators_are_ordered() {
    let graph = branches(50_000);
    let reordered = graph.reordered();
    assert_eq!(
        (reordered.load_before, reordered.load_after),
        (5_000_010, 500_100)
    );
    assert!(reordered.is_optimal);
    assert_eq!(reordered.graph, in_order(&graph, &reordered.order));
}
