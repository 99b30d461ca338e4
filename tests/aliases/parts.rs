//! Parts of results: operands of concatenations that lie within the results.

use orionrt::{
    Aliasing, GraphBuilder, Lifetimes, Planner, TensorId,
    graph::{AliasMistake, Graph, GraphError},
    lifetimes::{Piece, Within},
};
use orionrt_testing::{
    alias_graphs::graphs_with_parts,
    alias_machine::{Address, Machine},
};
use proptest::prelude::*;

use crate::{bytes, tensors};

fn load_at(lifetimes: &Lifetimes, step: i64) -> u64 {
    let profile = lifetimes.load_profile();
    let here = profile.into_iter().find(|(steps, _)| steps.contains(&step));
    here.map_or(0, |(_, load)| load)
}

/// The lifetimes made anew from what they say of themselves, with every check.
fn rebuilt(lifetimes: &Lifetimes) -> Lifetimes {
    let ids = || lifetimes.iter().map(|(id, ..)| id);
    let rows = lifetimes.iter().map(|(_, name, row)| (name, *row));
    let gaps = ids().map(|id| (id, lifetimes.gaps(id).collect()));
    let windows = ids().map(|id| (id, lifetimes.pieces(id).filter(has_bytes).collect()));
    let rebuilt = Lifetimes::from_named(rows).unwrap().with_all_gaps(gaps);
    rebuilt.unwrap().with_all_windows(windows).unwrap()
}

fn has_bytes(piece: &Piece) -> bool {
    piece.bytes.start < piece.bytes.end
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn values_survive_where_operands_lie_within_results(graph in graphs_with_parts()) {
        let order: Vec<usize> = (0..graph.ops().len()).collect();
        for aliasing in [Aliasing::Off, Aliasing::Views, Aliasing::InPlace, Aliasing::Parts] {
            let lifetimes = graph.lifetimes_with(aliasing);
            let copies = aliasing == Aliasing::Off;
            let rows = lifetimes.rows().iter().enumerate();
            let starts = rows.map(|(i, row)| {
                row.within.map_or((i, 0), |within| (within.root.index(), within.offset))
            });
            let starts: Vec<Address> = starts.collect();
            Machine::new(&graph, starts).run(&order, copies, false)?;
            let plan = Planner::new().nodes(2000).plan(&lifetimes).unwrap();
            let starts = plan.offsets().iter().map(|&offset| (0, offset)).collect();
            Machine::new(&graph, starts).run(&order, copies, true)?;
        }
    }

    /// An operand and the result are needed together, so they have one place only if one lies in
    /// the other.
    #[test]
    fn what_is_not_copied_lies_in_the_plan_where_the_result_has_it(graph in graphs_with_parts()) {
        let size = |id: TensorId| graph.tensor(id).map_or(0, |tensor| tensor.layout().size());
        let parts = graph.ops().iter().flat_map(|op| op.parts());
        let parts: Vec<_> = parts.filter(|part| size(part.operand) > 0).collect();
        for aliasing in [Aliasing::InPlace, Aliasing::Parts] {
            let plan = Planner::new().nodes(300).plan(&graph.lifetimes_with(aliasing)).unwrap();
            let in_place = parts.iter().filter(|part| {
                let result = plan.offset(part.result).unwrap();
                plan.offset(part.operand) == Some(result + part.offset)
            });
            let bytes: usize = in_place.clone().map(|part| size(part.operand)).sum();
            let uncopied = graph.uncopied(plan.lifetimes());
            prop_assert_eq!(uncopied.declared, parts.len());
            prop_assert_eq!((uncopied.operands, uncopied.bytes), (in_place.count(), bytes as u64));
        }
        let kept = Planner::new().nodes(300).plan_parts(&graph).unwrap();
        let in_place = Planner::new().nodes(300).plan(&graph.lifetimes()).unwrap();
        prop_assert!(kept.plan.peak() <= in_place.peak());
        prop_assert_eq!(kept.uncopied, graph.uncopied(kept.plan.lifetimes()));
    }

    #[test]
    fn parts_raise_the_load_of_no_step(graph in graphs_with_parts()) {
        let in_place = graph.lifetimes();
        let parts = graph.lifetimes_with(Aliasing::Parts);
        prop_assert_eq!(&rebuilt(&parts), &parts);
        for step in 0..graph.ops().len() as i64 {
            prop_assert!(load_at(&parts, step) <= load_at(&in_place, step), "step {}", step);
        }
        for (id, tensor) in graph.tensors() {
            let row = parts.get(id).unwrap();
            prop_assert!(row.alignment >= tensor.layout().align() as u64 || row.within.is_some());
        }
    }
}

fn place(lifetimes: &Lifetimes, id: TensorId) -> Option<Within> {
    lifetimes.get(id).unwrap().within
}

/// Twelve layers that each read the concatenation of all tensors before them.
fn dense_chain(is_flat: bool) -> (Graph, Vec<TensorId>) {
    let mut g = GraphBuilder::new();
    let mut features = vec![g.tensor("x0", bytes(1000, 8))];
    g.op("stem").writes([features[0]]);
    let mut whole = features[0];
    for layer in 1..=12 {
        let [next, joint] = [("x", 1000), ("joint", 1000 * (layer + 1))]
            .map(|(name, size)| g.tensor(format!("{name}{layer}"), bytes(size, 8)));
        g.op("conv").reads([whole]).writes([next]);
        features.push(next);
        let concatenation = g.op("concatenate");
        let _ = match is_flat {
            true => (0..)
                .zip(&features)
                .fold(concatenation, |op, (i, &feature)| {
                    op.part(feature, joint, 1000 * i)
                }),
            false => concatenation
                .part(whole, joint, 0)
                .part(next, joint, 1000 * layer as u64),
        };
        whole = joint;
    }
    let y = g.tensor("y", bytes(10, 8));
    g.op("classify").reads([whole]).writes([y]);
    (g.output(y).build().unwrap(), features)
}

#[test]
fn a_dense_chain_needs_the_bytes_of_its_last_concatenation() {
    for is_flat in [false, true] {
        let (graph, features) = dense_chain(is_flat);
        let last = graph.find("joint12").unwrap();
        let lifetimes = graph.lifetimes_with(Aliasing::Parts);
        for (i, feature) in (0..).zip(features) {
            assert_eq!(
                place(&lifetimes, feature),
                Some(Within::new(last, 1000 * i))
            );
        }
        assert!(graph.lifetimes().load() > 25_000);
        let plan = Planner::new().nodes(10_000).plan(&lifetimes).unwrap();
        assert_eq!((plan.load(), plan.peak()), (13_010, 13_010));
    }
}

#[test]
fn an_order_is_not_said_to_be_optimal_with_parts() {
    // The bound of the search counts every operand beside the result.
    let (graph, _) = dense_chain(true);
    let reordered = graph.reordered_with(Aliasing::Parts);
    assert_eq!(
        (reordered.load_after, reordered.is_optimal),
        (13_010, false)
    );
    assert!(graph.reordered().is_optimal);
}

#[test]
fn an_operand_that_must_be_elsewhere_has_bytes_of_its_own() {
    // x is an input, y an output, and z is read after the result has been overwritten.
    let mut g = GraphBuilder::new();
    let [x, y, z, w, end] = tensors(&mut g, ["x", "y", "z", "w", "end"]);
    let [joint, over] = ["joint", "over"].map(|name| g.tensor(name, bytes(40, 1)));
    g.op("load").writes([y]);
    g.op("load").writes([z]);
    g.op("load").writes([w]);
    g.op("concatenate")
        .part(x, joint, 0)
        .part(y, joint, 8)
        .part(z, joint, 16)
        .part(w, joint, 24);
    g.op("relu").in_place(over, joint);
    g.op("reduce").reads([over, z]).writes([end]);
    let graph = g.input(x).output(y).output(end).build().unwrap();
    let lifetimes = graph.lifetimes_with(Aliasing::Parts);
    let places = [x, y, z, w].map(|id| place(&lifetimes, id));
    assert_eq!(places, [None, None, None, Some(Within::new(joint, 24))]);
}

#[test]
fn an_operand_that_is_written_again_or_listed_twice_is_copied() {
    let mut g = GraphBuilder::new();
    let [a, b, c, end] = tensors(&mut g, ["a", "b", "c", "end"]);
    let joint = g.tensor("joint", bytes(24, 1));
    g.op("load").writes([a]);
    g.op("load").writes([b]);
    g.op("concatenate")
        .part(a, joint, 0)
        .part(b, joint, 8)
        .part(b, joint, 16);
    // c is written over a, while the result has a's value.
    g.op("relu").in_place(c, a);
    g.op("reduce").reads([c, joint]).writes([end]);
    let graph = g.output(end).build().unwrap();
    let lifetimes = graph.lifetimes_with(Aliasing::Parts);
    assert_eq!(
        [a, c].map(|id| place(&lifetimes, id)),
        [None, Some(Within::new(a, 0))]
    );
    assert_eq!(place(&lifetimes, b), Some(Within::new(joint, 8)));
}

#[test]
fn parts_that_cannot_be_are_refused() {
    let refused = |offsets: [u64; 2]| {
        let mut g = GraphBuilder::new();
        let [a, b] = tensors(&mut g, ["a", "b"]);
        let joint = g.tensor("joint", bytes(16, 1));
        g.op("concatenate")
            .part(a, joint, offsets[0])
            .part(b, joint, offsets[1]);
        match g.output(joint).build() {
            Err(GraphError::BadAlias { mistake, .. }) => Some(mistake),
            built => {
                assert!(built.is_ok(), "{built:?}");
                None
            }
        }
    };
    let beyond = |offset| {
        let (size, of_size) = (8, 16);
        Some(AliasMistake::PartOutOfBounds {
            offset,
            size,
            of_size,
        })
    };
    assert_eq!(refused([0, 8]), None);
    assert_eq!(refused([8, 0]), None);
    assert_eq!(refused([0, 9]), beyond(9));
    assert_eq!(refused([u64::MAX, 8]), beyond(u64::MAX));
    assert_eq!(refused([4, 8]), Some(AliasMistake::PartsOverlap));
}
