//! `Graph::reordered`: the new order never has a larger load, and has the least load of all orders
//! where it claims to.
//!
//! There are three oracles, each slow and obvious:
//!
//! - for small graphs whose tensors all have bytes of their own: the bytes alive at a step are
//!   counted tensor by tensor, from what the operators read and write;
//! - for small graphs with views and results in place: every order is built as a graph, and its
//!   lifetimes give the load;
//! - for up to 20 operators, which have too many orders for that: every set of operators that may
//!   have run is looked at once.

use std::collections::BTreeMap;

use orionrt::{
    Aliasing, Graph, GraphBuilder, TensorId,
    graph::{GraphError, OpId, OrderMistake},
    schedule::Reordered,
};
use orionrt_testing::{
    donated::{donating, updating},
    graphs::{MadeOp, Written, graph, in_order, plain_graphs, series_parallel, sharing_graphs},
};
use proptest::{prelude::*, sample::Index};

const ALIASINGS: [Aliasing; 3] = [Aliasing::Off, Aliasing::Views, Aliasing::InPlace];

/// The load of a graph in some order: at each step, the tensors that have been written by then and
/// are still to be read.
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

/// Whether an operator may run after those of `ran`.
fn can_run(graph: &Graph, ran: &[usize], op: usize) -> bool {
    let ops = graph.ops();
    let writer = |id: &TensorId| (0..op).find(|&op| ops[op].writes().contains(id));
    let writers = ops[op].reads().iter().filter_map(writer);
    let waits = ops[op].waits().iter().map(|wait| wait.index());
    !ran.contains(&op) && writers.chain(waits).all(|before| ran.contains(&before))
}

/// Visits every valid order that begins with `order`.
fn each_order(graph: &Graph, order: &mut Vec<usize>, visit: &mut dyn FnMut(&[usize])) {
    if order.len() == graph.ops().len() {
        return visit(order);
    }
    for op in 0..graph.ops().len() {
        if can_run(graph, order, op) {
            order.push(op);
            each_order(graph, order, visit);
            order.pop();
        }
    }
}

/// The least load of all orders, tensor by tensor.
fn least_load(graph: &Graph) -> u64 {
    let mut least = u64::MAX;
    each_order(graph, &mut Vec::new(), &mut |order| {
        least = least.min(load(graph, order));
    });
    least
}

/// The least load of all orders, for each aliasing.
fn least_loads(graph: &Graph) -> [u64; 3] {
    let mut least = [u64::MAX; 3];
    each_order(graph, &mut Vec::new(), &mut |order| {
        let graph = in_order(graph, order);
        for (least, aliasing) in least.iter_mut().zip(ALIASINGS) {
            *least = graph.lifetimes_with(aliasing).load().min(*least);
        }
    });
    least
}

/// The least load of all orders, from the least load of each set of operators that may have run;
/// `None` if there are more than `most` sets of one size. The load of a step is that of the
/// lifetimes in any order that leads there.
fn least_load_by_sets(graph: &Graph, aliasing: Aliasing, most: usize) -> Option<u64> {
    let ops = graph.ops().len();
    let mut sets = BTreeMap::from([(0u32, 0)]);
    for step in 0..ops {
        let mut larger = BTreeMap::new();
        for (set, least) in sets {
            let ran: Vec<usize> = (0..ops).filter(|op| set >> op & 1 == 1).collect();
            for op in (0..ops).filter(|&op| can_run(graph, &ran, op)) {
                let rest = (0..ops).filter(|other| !ran.contains(other) && *other != op);
                let order: Vec<usize> = ran.iter().copied().chain([op]).chain(rest).collect();
                let lifetimes = in_order(graph, &order).lifetimes_with(aliasing);
                let profile = lifetimes.load_profile();
                let here = profile.iter().find(|part| part.0.contains(&(step as i64)));
                let load = here.map_or(0, |part| part.1).max(least);
                let known = larger.entry(set | 1 << op).or_insert(u64::MAX);
                *known = load.min(*known);
            }
        }
        sets = larger;
        if sets.len() > most {
            return None;
        }
    }
    sets.into_values().next()
}

/// Reorders a graph and checks everything that holds for every graph.
fn check(graph: &Graph, aliasing: Aliasing) -> Reordered {
    let reordered = graph.reordered_with(aliasing);
    let mut sorted = reordered.order.clone();
    sorted.sort_unstable();
    assert!(
        sorted.into_iter().eq(0..graph.ops().len()),
        "each operator once"
    );
    // `build` refuses an order in which a tensor is read before it is written, or an operator runs
    // before one that it waits for.
    assert_eq!(in_order(graph, &reordered.order), reordered.graph);
    let load = |graph: &Graph| graph.lifetimes_with(aliasing).load();
    assert_eq!(reordered.load_before, load(graph));
    assert_eq!(reordered.load_after, load(&reordered.graph));
    assert!(reordered.load_after <= reordered.load_before);
    if reordered.load_after == reordered.load_before {
        assert_eq!(reordered.graph, *graph, "nothing gained, nothing moved");
    }
    reordered
}

/// Checks a graph with the default aliasing, and that another call gives the same result.
fn check_twice(graph: &Graph) -> Reordered {
    let reordered = check(graph, Aliasing::InPlace);
    assert_eq!(graph.reordered(), reordered, "the same again");
    reordered
}

fn op(reads: &[usize], size: usize, known: usize) -> MadeOp {
    MadeOp {
        reads: reads.iter().map(|read| known - 1 - read).collect(),
        writes: vec![Written::Own(size)],
        is_output: false,
        waits: None,
    }
}

/// A graph with one input, tensor 0, whose operators each write one tensor, counted from 1. The
/// last tensor is an output.
fn simple(input: usize, ops: &[(Vec<usize>, usize)]) -> Graph {
    let made = ops.iter().enumerate();
    let made = made.map(|(i, (reads, size))| op(reads, *size, i + 1));
    let mut made: Vec<MadeOp> = made.collect();
    if let Some(last) = made.last_mut() {
        last.is_output = true;
    }
    graph(&[input], &made)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn small_graphs_get_the_least_load_of_all_orders(graph in plain_graphs(9)) {
        let reordered = check_twice(&graph);
        prop_assert!(reordered.is_optimal);
        if !graph.ops().is_empty() {
            let given: Vec<usize> = (0..graph.ops().len()).collect();
            prop_assert_eq!(reordered.load_before, load(&graph, &given));
            prop_assert_eq!(reordered.load_after, least_load(&graph));
        }
    }

    #[test]
    fn small_graphs_that_share_bytes_get_the_least_load_of_all_orders(
        graph in prop_oneof![sharing_graphs(8, 8), donating(sharing_graphs(8, 8))],
    ) {
        for (aliasing, least) in ALIASINGS.into_iter().zip(least_loads(&graph)) {
            let reordered = check(&graph, aliasing);
            prop_assert!(reordered.is_optimal);
            if !graph.ops().is_empty() {
                prop_assert_eq!(reordered.load_after, least, "{:?}", aliasing);
            }
        }
    }

    #[test]
    fn orders_that_are_said_to_be_optimal_are_so_where_outputs_are_in_inputs(
        graph in updating(sharing_graphs(7, 8)),
    ) {
        for (aliasing, least) in ALIASINGS.into_iter().zip(least_loads(&graph)) {
            let reordered = check(&graph, aliasing);
            if reordered.is_optimal && !graph.ops().is_empty() {
                prop_assert_eq!(reordered.load_after, least, "{:?}", aliasing);
            }
        }
    }

    #[test]
    fn series_and_parallel_parts_get_the_least_load_of_all_orders(part in series_parallel(9)) {
        let graph = part.graph();
        prop_assume!(graph.ops().len() <= 8);
        for (aliasing, least) in ALIASINGS.into_iter().zip(least_loads(&graph)) {
            let reordered = check(&graph, aliasing);
            prop_assert!(reordered.is_optimal);
            prop_assert_eq!(reordered.load_after, least, "{:?}", aliasing);
        }
    }

    #[test]
    fn up_to_twenty_operators_always_get_an_order_that_is_proven_optimal(
        graph in prop_oneof![plain_graphs(21), sharing_graphs(21, 1000)],
    ) {
        prop_assert!(check_twice(&graph).is_optimal);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn up_to_twenty_operators_get_the_least_load_over_all_sets_that_may_have_run(
        graph in sharing_graphs(21, 5),
    ) {
        if let Some(least) = least_load_by_sets(&graph, Aliasing::InPlace, 60) {
            let reordered = check(&graph, Aliasing::InPlace);
            if !graph.ops().is_empty() {
                prop_assert_eq!(reordered.load_after, least);
            }
        }
    }
}

proptest! {
    // One case: most such graphs use up all the work that a search may do.
    #![proptest_config(ProptestConfig::with_cases(1))]

    #[test]
    fn larger_graphs_never_get_a_larger_load(
        plain in plain_graphs(150),
        sharing in sharing_graphs(150, 20),
    ) {
        check(&plain, Aliasing::InPlace);
        check(&sharing, Aliasing::InPlace);
    }
}

fn ids(order: &[usize]) -> Vec<OpId> {
    order.iter().map(|&op| OpId::new(op as u32)).collect()
}

proptest! {
    #[test]
    fn exactly_the_orders_in_which_operators_find_their_operands_are_accepted(
        graph in sharing_graphs(8, 8),
        picks in prop::collection::vec(any::<Index>(), 8),
        is_careless in prop::collection::vec(prop::bool::weighted(0.1), 8),
    ) {
        let (mut order, mut is_valid) = (Vec::new(), true);
        for (pick, &is_careless) in picks.iter().zip(&is_careless).take(graph.ops().len()) {
            let left = (0..graph.ops().len()).filter(|op| !order.contains(op));
            let left = left.filter(|&op| is_careless || can_run(&graph, &order, op));
            let left: Vec<usize> = left.collect();
            // After a careless pick there may be none that can run.
            let any = (0..graph.ops().len()).find(|op| !order.contains(op));
            let next = if left.is_empty() { any } else { Some(*pick.get(&left)) };
            if let Some(next) = next {
                is_valid &= can_run(&graph, &order, next);
                order.push(next);
            }
        }
        match graph.in_order(&ids(&order)) {
            Ok(moved) => {
                prop_assert!(is_valid);
                prop_assert_eq!(moved, in_order(&graph, &order));
            }
            Err(GraphError::BadOrder(_)) => prop_assert!(!is_valid),
            Err(other) => panic!("{other}"),
        }
    }
}

#[test]
fn an_order_names_each_operator_once_and_waits_are_kept() {
    let mut g = GraphBuilder::new();
    let x = g.tensor("x", std::alloc::Layout::new::<[u8; 8]>());
    let load = g.op("load").writes([x]).id();
    g.op("use").reads([x]);
    g.op("late").after([load]);
    let graph = g.build().unwrap();
    let text = |order: &[usize]| match graph.in_order(&ids(order)) {
        Err(GraphError::BadOrder(mistake)) => mistake.to_string(),
        other => panic!("{other:?}"),
    };
    assert_eq!(text(&[0, 1, 0]), "it names operator 'load' (step 0) twice");
    assert_eq!(text(&[0, 1]), "it does not name operator 'late' (step 2)");
    assert_eq!(
        text(&[0, 1, 3]),
        "it names operator O3, but the graph has 3 operators, counted from O0"
    );
    assert_eq!(
        text(&[1, 0, 2]),
        "operator 'use' (step 1) would read tensor 'x' before operator 'load' (step 0) writes it"
    );
    assert_eq!(
        text(&[2, 0, 1]),
        "operator 'late' (step 2) would run before operator 'load' (step 0), for which it waits"
    );
    let error = graph.in_order(&ids(&[1, 0, 2])).unwrap_err();
    let mistake = std::error::Error::source(&error).and_then(|e| e.downcast_ref());
    assert!(matches!(mistake, Some(OrderMistake::ReadTooEarly { .. })));
}

#[test]
fn an_order_of_several_streams_is_one_of_submission() {
    let mut g = GraphBuilder::new();
    let [x, y] = ["x", "y"].map(|name| g.tensor(name, std::alloc::Layout::new::<[u8; 8]>()));
    let load = g.op("load").writes([x]).stream(1).id();
    g.op("wait").after([load]);
    g.op("use").reads([x]).writes([y]);
    let graph = g.build().unwrap();
    assert!(graph.in_order(&ids(&[0, 1, 2])).is_ok());
    // Stream 0 waits only after it has read x.
    let error = graph.in_order(&ids(&[0, 2, 1])).unwrap_err();
    assert!(matches!(error, GraphError::Race { .. }), "{error}");
}

/// `branches` side by side, each of an operator that widens and one that reduces. In the given
/// order, all operators that widen come first.
fn branches(branches: usize) -> Graph {
    let widen = (0..branches).map(|_| (vec![0], 100));
    let reduce = (1..=branches).map(|wide| (vec![wide], 10));
    let mut ops: Vec<_> = widen.chain(reduce).collect();
    ops.push(((branches + 1..=2 * branches).collect(), 10));
    simple(10, &ops)
}

#[test]
fn a_branch_ends_before_the_next_one_begins() {
    let reordered = check_twice(&branches(2));
    assert_eq!(reordered.order, [0, 2, 1, 3, 4]);
    assert_eq!((reordered.load_before, reordered.load_after), (210, 120));
    // At the last reduction, a wide tensor and ten reduced ones are alive, and the input is not.
    let reordered = check_twice(&branches(10));
    assert_eq!((reordered.load_before, reordered.load_after), (1010, 200));
    assert!(reordered.is_optimal);
}

/// An encoder, whose levels have skip connections to a decoder. The given order makes the skips
/// after all levels.
#[test]
fn the_skips_of_an_encoder_are_made_as_soon_as_possible() {
    let mut ops = Vec::new();
    let levels = [64, 32, 16, 8];
    // Tensor 0 is the input, tensor i + 1 that of level i.
    for (level, size) in levels.into_iter().enumerate() {
        ops.push((vec![level], size));
    }
    // A skip of an eighth of each level but the last; then the decoder, which reads the skips from
    // last to first.
    for level in 1..levels.len() {
        ops.push((vec![level], levels[level - 1] / 8));
    }
    let mut read = levels.len();
    for level in (1..levels.len()).rev() {
        ops.push((vec![read, levels.len() + level], levels[level - 1]));
        read = ops.len();
    }
    let graph = simple(10, &ops);
    let reordered = check_twice(&graph);
    // Given: all four levels and the first skip. Best: the first two levels and the first skip, at
    // the second level or the skip; or the whole output, the decoder's result before it, and the
    // skip.
    assert_eq!((reordered.load_before, reordered.load_after), (128, 104));
    assert!(reordered.is_optimal);
}

#[test]
fn a_graph_with_one_possible_order_is_kept() {
    let chain: Vec<_> = (0..50).map(|i| (vec![i], i + 1)).collect();
    for graph in [graph(&[], &[]), graph(&[8, 8], &[]), simple(3, &chain)] {
        let reordered = check_twice(&graph);
        assert_eq!(reordered.graph, graph);
        assert!(reordered.is_optimal);
    }
}

/// A `wide` tensor is cut into four views, each of which is reduced. Beside it runs a branch, which
/// begins first in the given order.
#[test]
fn views_take_no_bytes_and_keep_their_roots_alive() {
    let own = |reads: &[usize], size, known| op(reads, size, known);
    let view = |of: usize, start, known| MadeOp {
        writes: vec![Written::View(0, 25, start)],
        ..op(&[of], 0, known)
    };
    let mut ops = vec![own(&[0], 80, 1), own(&[0], 100, 2)];
    // Tensors 3 to 6 are the views, 7 to 10 the reduced views, and 11 is the reduced branch.
    ops.extend((0..4).map(|i| view(2, 25 * i, 3 + i)));
    ops.extend((0..4).map(|i| own(&[3 + i], 5, 7 + i)));
    ops.push(own(&[1], 5, 11));
    ops.push(own(&[7, 8, 9, 10, 11], 5, 12));
    let graph = graph(&[10], &ops);
    let least = |aliasing| {
        let reordered = check(&graph, aliasing);
        assert!(reordered.is_optimal);
        (reordered.load_before, reordered.load_after)
    };
    // Given: the branch, `wide` and four reduced views. Best: the branch is reduced first.
    assert_eq!(least(Aliasing::Views), (200, 125));
    // Without aliasing, a copy is alive beside the original until it is reduced.
    assert_eq!(least(Aliasing::Off), (280, 145));
}

/// Each of three operators reads `x` and may write its result in place, but only the last one can.
#[test]
fn only_the_last_reader_writes_in_place() {
    let in_place = |back| MadeOp {
        reads: vec![back],
        writes: vec![Written::InPlace(0, false)],
        is_output: false,
        waits: None,
    };
    let mut ops = vec![op(&[], 100, 0)];
    ops.extend([in_place(0), in_place(1), in_place(2)]);
    // Tensor 0 is `x`, 1 to 3 are the results, 4 to 6 the reduced results.
    ops.extend((1..4).map(|i| op(&[i], 10, 3 + i)));
    ops.push(op(&[4, 5, 6], 1, 7));
    let graph = graph(&[], &ops);
    let reordered = check_twice(&graph);
    // Best: `x`, the second copy, the first result reduced and the second result reduced. The third
    // result is not a copy.
    assert_eq!((reordered.load_before, reordered.load_after), (310, 220));
    assert!(reordered.is_optimal);
    let copies = check(&graph, Aliasing::Off);
    assert_eq!((copies.load_before, copies.load_after), (400, 220));
}

/// An operator that can work in place as soon as it is ready never makes a copy, so it need not
/// wait for another operator.
#[test]
fn an_operator_that_works_in_place_at_once_runs_before_one_that_widens() {
    let load = MadeOp {
        writes: vec![Written::Own(100), Written::Own(1)],
        ..op(&[], 0, 0)
    };
    let in_place = MadeOp {
        writes: vec![Written::InPlace(0, false)],
        ..op(&[0], 0, 3)
    };
    // Tensors 0 and 1 are loaded, 2 is made from 1, 3 takes the place of 0, and 4 is made from 3.
    let widen = op(&[1], 50, 2);
    let (reduce, join) = (op(&[3], 1, 4), op(&[2, 4], 1, 5));
    let graph = graph(&[], &[load, widen, in_place, reduce, join]);
    let reordered = check_twice(&graph);
    assert_eq!(reordered.order, [0, 2, 3, 1, 4]);
    assert_eq!((reordered.load_before, reordered.load_after), (151, 102));
}

#[test]
fn an_operator_comes_after_those_for_which_it_waits() {
    let bytes = |size| std::alloc::Layout::from_size_align(size, 1).expect("small");
    let mut g = GraphBuilder::new();
    let x = g.tensor("x", bytes(10));
    let wide = [g.tensor("a", bytes(100)), g.tensor("b", bytes(100))];
    let small = [g.tensor("c", bytes(10)), g.tensor("d", bytes(10))];
    let waited = [0, 1].map(|i| g.op(format!("widen {i}")).reads([x]).writes([wide[i]]).id());
    for i in 0..2 {
        let reduce = g.op(format!("reduce {i}")).reads([wide[i]]);
        let _ = reduce.writes([small[i]]).after(waited);
    }
    let graph = g.output(small[0]).output(small[1]).build().expect("valid");
    let reordered = check_twice(&graph);
    assert_eq!((reordered.load_before, reordered.load_after), (210, 210));
    assert!(reordered.is_optimal, "nothing can be moved");
}

/// This holds even if waits order all operators: in another order, the streams would differ.
#[test]
fn graphs_on_several_streams_keep_their_order() {
    for is_total in [false, true] {
        let plain = branches(2);
        let mut g = GraphBuilder::new();
        for (_, tensor) in plain.tensors() {
            g.tensor(tensor.name(), tensor.layout());
        }
        let mut ids = Vec::new();
        for (index, op) in plain.ops().iter().enumerate() {
            // Operator i writes tensor i + 1.
            let reads = op.reads().iter().map(|read| read.index());
            let mut waits: Vec<OpId> = reads.filter(|&r| r > 0).map(|r| ids[r - 1]).collect();
            waits.extend(ids.last().filter(|_| is_total));
            let made = g.op(op.name()).reads(op.reads().to_vec());
            let made = made.writes(op.writes().to_vec()).after(waits);
            ids.push(made.stream(index as u32 % 2).id());
        }
        let graph = g.output(plain.outputs()[0]).build().expect("no race");
        let reordered = check_twice(&graph);
        assert_eq!(reordered.graph, graph);
        assert!(!reordered.is_optimal);
    }
}

/// The graph is as wide as possible, and all branches are equal.
#[test]
fn a_hundred_thousand_operators_in_equal_branches_get_the_best_order() {
    let graph = branches(50_000);
    let reordered = graph.reordered();
    assert_eq!(
        (reordered.load_before, reordered.load_after),
        (5_000_010, 500_100)
    );
    assert!(reordered.is_optimal);
    assert_eq!(reordered.graph, in_order(&graph, &reordered.order));
}
