//! What single steps of the search find, and when it ends.

use orionrt::{
    Aliasing, GraphBuilder, Planner, TensorId,
    fit::{Codec, Compression, Fit, FitAction, FitError, Fitted, OperatorCosts, SlowMemory},
    graph::OpId,
    planner::Cancel,
};
use orionrt_testing::{
    fit_chains::{Kind, costed_graph},
    random::Random,
};

use crate::{bytes, fitted};

/// `q` is idle while `a`, `b` and `p` need all of the capacity, and then while `b` and `c` leave
/// one byte. It is made of `s`, which has one byte and is made of `p`.
///
/// ```text
/// x ─► p ─► s ─► q ─► a ─┬► b ─► c ─┬► y
///      │         └───────┊──────────┘
///      └─────────────────┘
/// ```
#[test]
fn what_a_late_rerun_reads_is_recomputed_where_its_operands_are_still_there() {
    let mut g = GraphBuilder::new();
    let sizes = [
        ("x", 5),
        ("p", 4),
        ("s", 1),
        ("q", 3),
        ("a", 3),
        ("b", 3),
        ("c", 6),
        ("y", 1),
    ];
    let [x, p, s, q, a, b, c, y] = sizes.map(|(name, size)| g.tensor(name, bytes(size)));
    g.op("p").reads([x]).writes([p]);
    g.op("s").reads([p]).writes([s]);
    g.op("q").reads([s]).writes([q]);
    g.op("a").reads([q]).writes([a]);
    g.op("b").reads([a, p]).writes([b]);
    g.op("c").reads([b]).writes([c]);
    g.op("y").reads([c, q]).writes([y]);
    let graph = g.output(y).build().unwrap();
    let costs = OperatorCosts::from_seconds([50.0, 2.0, 3.0, 50.0, 50.0, 50.0, 50.0]).unwrap();
    let fit = Fit::within(10).recompute(true).reorder(false).costs(costs);
    let found = fitted(&graph, &fit);
    let reruns = found.schedule().steps.iter().enumerate();
    let reruns: Vec<(usize, FitAction)> = reruns
        .filter(|(_, step)| matches!(step.action, FitAction::Rerun(_)))
        .map(|(at, step)| (at, step.action))
        .collect();
    let [s, q] = [1, 2].map(|op| FitAction::Rerun(OpId::from_index(op)));
    assert_eq!(reruns, [(5, s), (7, q)]);
    assert_eq!(found.cost().seconds(), 5.0);
}

#[test]
fn a_cancelled_search_completes_its_first_schedule() {
    let mut random = Random(3);
    let cancel = Cancel::new();
    cancel.cancel();
    let mut worse = 0;
    for _ in 0..20 {
        let Some(instance) = costed_graph(&mut random, Kind::Training, 14) else {
            continue;
        };
        let (graph, fit) = (&instance.graph, instance.fit());
        let planner = Planner::new().cancelled_by(&cancel);
        let at_once = planner.fit(graph, &fit.clone().work(0));
        let cancelled = planner.fit(graph, &fit);
        if let (Ok(at_once), Ok(cancelled)) = (at_once, cancelled) {
            let seconds = cancelled.cost().seconds();
            assert_eq!(seconds, at_once.cost().seconds());
            let searched = fitted(graph, &fit.work(200_000)).cost().seconds();
            assert!(searched <= seconds);
            worse += usize::from(searched < seconds);
        }
    }
    assert!(worse > 0);
}

/// `x`, which is in `count` slices that are joined to `y`; `y` is idle while `a` and `b` need all
/// that is left.
fn joined(count: usize) -> Fitted {
    let mut g = GraphBuilder::new();
    let x = g.tensor("x", bytes(count));
    let slices: Vec<TensorId> = (0..count)
        .map(|i| g.tensor(format!("slice {i}"), bytes(1)))
        .collect();
    let [y, a, b] =
        [("y", 1000), ("a", 2000), ("b", 2000)].map(|(name, size)| g.tensor(name, bytes(size)));
    let z = g.tensor("z", bytes(1));
    let mut split = g.op("split");
    for (&slice, at) in slices.iter().zip(0..) {
        split = split.view(slice, x, at);
    }
    g.op("join").reads(slices).writes([y]);
    g.op("make a").reads([y]).writes([a]);
    g.op("make b").reads([a]).writes([b]);
    g.op("end").reads([b, y, x]).writes([z]);
    let graph = g.output(z).build().expect("a chain");
    // A rerun takes a millisecond, and a spill with its fetch takes two.
    let costs = OperatorCosts::from_seconds([0.001; 5]).expect("positive numbers");
    let fit = Fit::within(count as u64 + 4500)
        .recompute(true)
        .costs(costs);
    fitted(&graph, &fit.slow(SlowMemory::new(1 << 20, 1e6)))
}

#[test]
fn an_operator_with_many_operands_is_not_rerun() {
    let reruns_and_spills = |count: usize| {
        let fitted = joined(count);
        (fitted.cost().reruns, fitted.cost().written_bytes)
    };
    assert_eq!(reruns_and_spills(10), (1, 0));
    assert_eq!(reruns_and_spills(1023), (1, 0));
    assert_eq!(reruns_and_spills(1024), (0, 1000));
}

/// Recomputing and compressing took turns here for ever, as each filled the moment that the other
/// one emptied.
#[test]
fn picks_that_undo_each_other_come_to_an_end() {
    let mut g = GraphBuilder::new();
    let sizes = [33, 20, 4, 1, 2, 20, 1];
    let tensors = sizes.iter().enumerate();
    let t: Vec<TensorId> = tensors
        .map(|(at, &size)| g.tensor(format!("t{at}"), bytes(size)))
        .collect();
    g.op("op 0").writes([t[2], t[3], t[4]]);
    g.op("op 1").reads([t[4]]);
    g.op("op 2").reads([t[3], t[4]]);
    g.op("op 3")
        .reads([t[1]])
        .writes([t[5]])
        .in_place(t[6], t[3]);
    g.input(t[0]).input(t[1]).donate(t[0]).donate(t[1]);
    let graph = g.build().expect("four operators");
    let all = Codec::with_ratio(2.5, 2.0).expand_bytes_per_second(3.0);
    let compression = Compression::all(all)
        .never(t[0])
        .tensor(t[2], Codec::with_bytes(2, 0.5));
    for speed in [13.0, 1.0] {
        let slow = SlowMemory::new(40, 2.0 / speed).write_bytes_per_second(1.0 / speed);
        let costs = OperatorCosts::from_seconds([1.0, 2.0, 3.0, 4.0]).expect("not negative");
        let fit = Fit::within(42)
            .slow(slow)
            .recompute(true)
            .compression(compression.clone())
            .aliasing(Aliasing::Off)
            .costs(costs)
            .stored([t[0], t[1]])
            .work(20_000);
        match Planner::new().nodes(1000).fit(&graph, &fit) {
            Ok(fitted) => assert!(fitted.fast_plan().peak() <= 42),
            Err(error) => assert!(matches!(error, FitError::NotFound { .. }), "{error}"),
        }
    }
}
