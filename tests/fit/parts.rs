//! Operands that lie within the results of concatenations: nothing is copied, and the result needs
//! no bytes beside theirs.

use std::alloc::Layout;

use orionrt::{
    Aliasing, Graph, GraphBuilder, Planner, TensorId,
    fit::{Fit, FitAction, FitError, FitRule, Fitted, OperatorCosts, SlowMemory, TensorCopy},
    lifetimes::Within,
};
use orionrt_testing::{fit_instances::sizes_of, fit_machine::computes};

use crate::{actions, bytes, fitted};

/// A small U-Net: `skip` is idle while `a` and `b` need all bytes, and is joined with `up` then.
///
/// ```text
/// x ─► skip ─► a ─► b ─► up ─► joined ─► y
///        └───────────────────────┘
/// ```
fn u_net() -> Graph {
    let mut g = GraphBuilder::new();
    let sizes = [
        ("x", 10),
        ("skip", 20),
        ("a", 20),
        ("b", 20),
        ("up", 20),
        ("joined", 40),
        ("y", 10),
    ];
    let [x, skip, a, b, up, joined, y] = sizes.map(|(name, size)| g.tensor(name, bytes(size)));
    g.op("conv 0").reads([x]).writes([skip]);
    g.op("conv 1").reads([skip]).writes([a]);
    g.op("conv 2").reads([a]).writes([b]);
    g.op("conv 3").reads([b]).writes([up]);
    g.op("join").part(up, joined, 0).part(skip, joined, 20);
    g.op("conv 4").reads([joined]).writes([y]);
    g.output(y).build().expect("a chain")
}

pub(crate) fn with_parts(capacity: u64) -> Fit {
    Fit::within(capacity)
        .aliasing(Aliasing::Parts)
        .slow(SlowMemory::new(100, 10.0))
}

/// Where a tensor's last copy in the fast memory lies within that of another one.
pub(crate) fn place(graph: &Graph, fitted: &Fitted, tensor: &str) -> Option<Within> {
    let id = graph.find(tensor).expect("a tensor of the graph");
    let names = fitted.fast_plan().lifetimes();
    let copy = format!("{tensor} (copy");
    let is_copy = |name: &str| name == tensor || name.starts_with(&copy);
    let rows = names.iter().filter(|&(_, name, _)| is_copy(name));
    let (.., row) = rows.last().expect("a copy of it");
    assert_eq!(
        row.size,
        graph.tensor(id).expect("it").layout().size() as u64
    );
    row.within
}

pub(crate) fn checked(graph: &Graph, fit: &Fit) -> Fitted {
    let fitted = fitted(graph, fit);
    let schedule = fitted.schedule();
    assert!(computes(graph, schedule, sizes_of(schedule, graph)));
    assert_eq!(fitted.load(), fitted.fast_plan().load());
    fitted
}

#[test]
fn operands_lie_within_the_result_of_a_concatenation() {
    let graph = u_net();
    // Beside its operands, the result needs 80 bytes; without them, `conv 2` and `conv 3` need 60.
    let apart = Fit::within(79).slow(SlowMemory::new(100, 10.0));
    let error = Planner::new().fit(&graph, &apart).unwrap_err();
    assert!(
        matches!(error, FitError::Impossible { needed: 80, .. }),
        "{error}"
    );
    let joined = checked(&graph, &with_parts(60));
    assert_eq!((joined.load(), joined.cost().seconds()), (60, 0.0));
    assert_eq!(joined.aliasing(), Aliasing::Parts);
    let offsets = ["up", "skip"].map(|name| place(&graph, &joined, name).map(|at| at.offset));
    assert_eq!(offsets, [Some(0), Some(20)]);
    // Where another level of sharing is asked for, they do not.
    let in_place = checked(&graph, &with_parts(80).aliasing(Aliasing::InPlace));
    assert_eq!(
        (in_place.load(), place(&graph, &in_place, "up")),
        (80, None)
    );
}

#[test]
fn what_was_spilled_is_fetched_to_its_place_in_the_result() {
    let graph = u_net();
    let joined = checked(&graph, &with_parts(50));
    let skip = graph.find("skip").expect("a tensor of the graph");
    let moved = actions(joined.schedule());
    assert!(moved.contains(&FitAction::Spill(skip)) && moved.contains(&FitAction::Fetch(skip)));
    assert_eq!((joined.load(), joined.cost().seconds()), (50, 4.0));
    assert_eq!(joined.lower_bound(), 2.0); // 10 of 20 bytes are missing
    assert_eq!(place(&graph, &joined, "skip").map(|at| at.offset), Some(20));
    let error = Planner::new().fit(&graph, &with_parts(49)).unwrap_err();
    assert!(
        matches!(error, FitError::Impossible { needed: 50, .. }),
        "{error}"
    );
}

/// Three layers, each of which adds 10 bytes to all that was there before it.
fn dense(outputs: impl Fn(&[TensorId]) -> Vec<TensorId>) -> Graph {
    let mut g = GraphBuilder::new();
    let x = g.tensor("x", bytes(10));
    let mut whole = g.tensor("whole0", bytes(10));
    g.op("stem").reads([x]).writes([whole]);
    let mut wholes = vec![whole];
    for layer in 1..=3 {
        let new = g.tensor(format!("new{layer}"), bytes(10));
        let joined = g.tensor(format!("whole{layer}"), bytes(10 * (layer + 1)));
        g.op("conv").reads([whole]).writes([new]);
        let join = g.op("join").part(whole, joined, 0);
        join.part(new, joined, 10 * layer as u64);
        whole = joined;
        wholes.push(whole);
    }
    for output in outputs(&wholes) {
        g.output(output);
    }
    g.build().expect("a chain")
}

#[test]
fn concatenations_lie_within_concatenations() {
    let graph = dense(|wholes| vec![wholes[3]]);
    assert_eq!(graph.lifetimes().load(), 80);
    let joined = checked(&graph, &with_parts(40));
    assert_eq!((joined.load(), joined.cost().seconds()), (40, 0.0));
    let offsets = ["whole0", "new1", "whole1", "new2", "whole2", "new3"]
        .map(|name| place(&graph, &joined, name).map(|at| at.offset));
    assert_eq!(offsets, [0, 10, 0, 20, 0, 30].map(Some));
}

#[test]
fn what_is_needed_after_the_concatenation_has_bytes_of_its_own() {
    let graph = dense(|wholes| vec![wholes[1], wholes[3]]);
    // The copy of `whole1` that the caller reads is none of the bytes of `whole2`.
    let joined = checked(&graph, &with_parts(200));
    assert_eq!(place(&graph, &joined, "whole1"), None);
    assert!(place(&graph, &joined, "whole2").is_some());
}

#[test]
fn a_concatenation_that_is_rerun_is_joined_again() {
    let mut g = GraphBuilder::new();
    let sizes = [
        ("x", 1),
        ("p", 10),
        ("q", 10),
        ("pq", 20),
        ("a", 30),
        ("b", 30),
        ("y", 1),
    ];
    let [x, p, q, pq, a, b, y] = sizes.map(|(name, size)| g.tensor(name, bytes(size)));
    g.op("p").reads([x]).writes([p]);
    g.op("q").reads([x]).writes([q]);
    g.op("join").part(p, pq, 0).part(q, pq, 10);
    g.op("a").reads([pq]).writes([a]);
    g.op("b").reads([a]).writes([b]);
    g.op("y").reads([b, pq, x]).writes([y]);
    let graph = g.output(y).build().expect("a chain");
    let costs = OperatorCosts::from_seconds([1.0; 6]).expect("positive numbers");
    let fit = Fit::within(61).aliasing(Aliasing::Parts).recompute(true);
    let joined = checked(&graph, &fit.costs(costs));
    // All of it once more: 30 of b, 20 of the result, x, and nothing beside them.
    assert_eq!((joined.cost().reruns, joined.load()), (3, 61));
    assert_eq!(place(&graph, &joined, "q").map(|at| at.offset), Some(10));
}

/// What the check says of the schedule of the U-Net, in which `up` and `skip` lie within `joined`,
/// after a change to the copies of these three.
fn broken(fit: &Fit, change: impl Fn([&mut TensorCopy; 3])) -> Result<(), FitRule> {
    let graph = u_net();
    let mut schedule = checked(&graph, &with_parts(60)).schedule().clone();
    let of = |name| graph.find(name).expect("a tensor of the graph");
    let tensors = ["up", "skip", "joined"].map(of);
    let mut copies = schedule.copies.iter_mut();
    let copies = copies
        .by_ref()
        .filter(|copy| tensors.contains(&copy.tensor));
    let mut copies: Vec<&mut TensorCopy> = copies.collect();
    copies.sort_by_key(|copy| tensors.iter().position(|&tensor| tensor == copy.tensor));
    change(copies.try_into().expect("one copy of each"));
    schedule.check(&graph, fit).map_err(|mistake| mistake.rule)
}

#[test]
fn the_check_refuses_operands_that_do_not_fill_the_result() {
    let roomy = with_parts(200);
    let overlap = |rule: Result<(), FitRule>| matches!(rule, Err(FitRule::Overlap { .. }));
    assert_eq!(broken(&roomy, |_| {}), Ok(()));
    // At another level of sharing.
    assert!(overlap(broken(
        &roomy.clone().aliasing(Aliasing::InPlace),
        |_| {}
    )));
    // Elsewhere in the result, needed after the operator, or there before the result begins.
    let at = |offsets: [u64; 3]| {
        broken(&roomy, |copies| {
            copies
                .into_iter()
                .zip(offsets)
                .for_each(|(copy, offset)| copy.offset = offset);
        })
    };
    assert_eq!(at([100, 120, 100]), Ok(()));
    assert!(overlap(at([120, 100, 100])));
    assert!(overlap(broken(&roomy, |[up, ..]| up.steps.end += 1)));
    assert!(overlap(broken(&roomy, |[.., joined]| joined
        .steps
        .start -= 1)));
    // One of them is not within the result: then the other one would be written over.
    assert!(overlap(broken(&roomy, |[up, ..]| up.offset += 100)));
    // Apart, they are copied.
    let apart = |[.., joined]: [&mut TensorCopy; 3]| joined.offset += 100;
    assert_eq!(broken(&roomy, apart), Ok(()));
}

#[test]
fn an_operand_that_is_written_over_at_the_same_step_does_not_fill_the_result() {
    let mut g = GraphBuilder::new();
    let [x, p, q] = ["x", "p", "q"].map(|name| g.tensor(name, bytes(10)));
    let [pq, over] = [("pq", 20), ("over", 10)].map(|(name, size)| g.tensor(name, bytes(size)));
    g.op("p").reads([x]).writes([p]);
    g.op("q").reads([x]).writes([q]);
    g.op("join")
        .part(p, pq, 0)
        .part(q, pq, 10)
        .in_place(over, q);
    let graph = g.output(pq).build().expect("a chain");
    let found = checked(&graph, &with_parts(100));
    assert_eq!(place(&graph, &found, "p"), None);
    // A schedule that says it does.
    let mut schedule = found.schedule().clone();
    let copy = |tensor| {
        schedule
            .copies
            .iter()
            .position(|copy| copy.tensor == tensor)
    };
    let [p, q, pq] = [p, q, pq].map(|tensor| copy(tensor).expect("a copy"));
    schedule.copies[pq].offset = 40;
    schedule.copies[p].offset = 40;
    schedule.copies[q].offset = 50;
    let mistake = schedule.check(&graph, &with_parts(100)).unwrap_err();
    assert!(matches!(mistake.rule, FitRule::Overlap { .. }), "{mistake}");
}

#[test]
fn an_operand_of_a_result_with_bytes_of_its_own_is_copied() {
    let mut g = GraphBuilder::new();
    let [x, p] = ["x", "p"].map(|name| g.tensor(name, bytes(10)));
    let padded = g.tensor("padded", bytes(20));
    g.op("p").reads([x]).writes([p]);
    g.op("pad").part(p, padded, 0);
    let graph = g.output(padded).build().expect("a chain");
    let found = checked(&graph, &with_parts(100));
    assert_eq!(place(&graph, &found, "p"), None);
    // A schedule that has it within the result all the same.
    let mut schedule = found.schedule().clone();
    let copies = schedule.copies.iter_mut();
    copies
        .filter(|copy| [p, padded].contains(&copy.tensor))
        .for_each(|copy| copy.offset = 40);
    let mistake = schedule.check(&graph, &with_parts(100)).unwrap_err();
    assert!(matches!(mistake.rule, FitRule::Overlap { .. }), "{mistake}");
}

/// `p` is aligned to eight bytes, and begins `r`, which is not.
#[test]
fn a_result_with_an_aligned_operand_lies_within_another_one_only_where_that_stays_aligned() {
    let fitted_at = |before: usize| {
        let mut g = GraphBuilder::new();
        let [x, y] = ["x", "y"].map(|name| g.tensor(name, bytes(1)));
        let p = g.tensor("p", Layout::from_size_align(8, 8).expect("small"));
        let [t, r] = [("t", before), ("r", 8)].map(|(name, size)| g.tensor(name, bytes(size)));
        let s = g.tensor("s", bytes(8 + before));
        g.op("make p").reads([x]).writes([p]);
        g.op("copy").part(p, r, 0);
        g.op("make t").reads([x]).writes([t]);
        g.op("join").part(t, s, 0).part(r, s, before as u64);
        g.op("end").reads([s]).writes([y]);
        let graph = g.output(y).build().expect("five operators");
        let fitted = checked(&graph, &with_parts(100));
        ["p", "r"].map(|name| place(&graph, &fitted, name).map(|within| within.offset))
    };
    assert_eq!(fitted_at(4), [Some(0), None]);
    assert_eq!(fitted_at(16), [Some(16), Some(16)]);
}

/// One operator has two results, the parts of which are named in turns. `t` is needed after the
/// second one.
#[test]
fn each_result_of_an_operator_is_joined_by_itself() {
    let mut g = GraphBuilder::new();
    let names = ["x", "p", "q", "t", "u", "y", "z"];
    let [x, p, q, t, u, y, z] = names.map(|name| g.tensor(name, bytes(10)));
    let [r, s] = ["r", "s"].map(|name| g.tensor(name, bytes(20)));
    for (name, made) in [("p", p), ("q", q), ("t", t), ("u", u)] {
        g.op(name).reads([x]).writes([made]);
    }
    let both = g.op("both").part(t, s, 10).part(q, r, 10);
    both.part(p, r, 0).part(u, s, 0);
    g.op("both again").reads([r, s]).writes([y]);
    g.op("end").reads([y, t]).writes([z]);
    let graph = g.output(z).build().expect("seven operators");
    let found = checked(&graph, &with_parts(100));
    let places = ["p", "q", "t", "u"].map(|name| place(&graph, &found, name));
    let starts = places.map(|within| within.map(|within| within.offset));
    assert_eq!(starts, [Some(0), Some(10), None, None]);
    let schedule = found.schedule();
    let copy = |tensor| {
        let mut copies = schedule.copies.iter();
        copies.find(|copy| copy.tensor == tensor).expect("a copy")
    };
    assert_eq!(copy(r).offset, copy(p).offset);
    // Of the other result, no operand may have bytes.
    let mut wrong = schedule.clone();
    let offset = copy(u).offset;
    let copies = wrong.copies.iter_mut();
    copies
        .filter(|copy| copy.tensor == s)
        .for_each(|copy| copy.offset = offset);
    let mistake = wrong.check(&graph, &with_parts(200)).unwrap_err();
    assert!(matches!(mistake.rule, FitRule::Overlap { .. }), "{mistake}");
}
