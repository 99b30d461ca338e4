//! What leaves the fast memory, how, and what that costs, on graphs small enough to be worked out.

use orionrt::{
    Aliasing, GraphBuilder, Planner,
    fit::{Codec, Compression, Fit, FitAction, FitError, OperatorCosts, SlowMemory},
};
use orionrt_testing::{fit_instances::sizes_of, fit_machine::computes};

use crate::{actions, bytes, fitted, skip};

#[test]
fn what_idles_longest_is_spilled() {
    let (graph, fit) = skip();
    let fitted = fitted(&graph, &fit);
    let skip = graph.find("skip").unwrap();
    let actions = actions(fitted.schedule());
    assert_eq!(actions.len(), 7);
    assert_eq!(
        (actions[2], actions[5]),
        (FitAction::Spill(skip), FitAction::Fetch(skip))
    );
    assert_eq!(
        (fitted.cost().spill_seconds, fitted.cost().fetch_seconds),
        (1.0, 1.0)
    );
    assert_eq!((fitted.lower_bound(), fitted.load()), (2.0, 40));
    assert_eq!(fitted.slow_plan().peak(), 10);
}

#[test]
fn what_is_cheap_to_recompute_is_recomputed() {
    let (graph, fit) = skip();
    let costs = OperatorCosts::from_seconds([0.5, 9.0, 9.0, 9.0, 9.0]).unwrap();
    // `skip` is recomputed of x, which then has to stay: 50 bytes. So it is spilled.
    let spilled = fitted(&graph, &fit.clone().recompute(true).costs(costs.clone()));
    assert_eq!(spilled.cost().reruns, 0);
    // An output stays anyway, and x is one now.
    let mut g = GraphBuilder::new();
    let sizes = [
        ("x", 1),
        ("skip", 10),
        ("a", 20),
        ("b", 20),
        ("c", 10),
        ("y", 10),
    ];
    let [x, skip, a, b, c, y] = sizes.map(|(name, size)| g.tensor(name, bytes(size)));
    g.op("conv 0").reads([x]).writes([skip]);
    g.op("conv 1").reads([skip]).writes([a]);
    g.op("conv 2").reads([a]).writes([b]);
    g.op("conv 3").reads([b]).writes([c]);
    g.op("add").reads([c, skip]).writes([y]);
    let graph = g.output(y).build().expect("a chain");
    let fit = Fit::within(41).recompute(true).costs(costs);
    let made = fitted(&graph, &fit);
    assert_eq!((made.cost().reruns, made.cost().seconds()), (1, 0.5));
    let with_slow = fit.slow(SlowMemory::new(100, 10.0));
    assert_eq!(fitted(&graph, &with_slow).cost().seconds(), 0.5);
}

#[test]
fn what_is_recomputed_has_old_operands_and_not_what_was_written_over_them() {
    let mut g = GraphBuilder::new();
    let sizes = [
        ("x", 1),
        ("a", 10),
        ("b", 10),
        ("c", 10),
        ("d", 25),
        ("e", 1),
        ("y", 5),
    ];
    let [x, a, b, c, d, e, y] = sizes.map(|(name, size)| g.tensor(name, bytes(size)));
    g.op("a of x").reads([x]).writes([a]);
    g.op("c of a").reads([a]).writes([c]);
    g.op("b over a").in_place(b, a);
    g.op("d of x").reads([x]).writes([d]);
    g.op("e of d").reads([d]).writes([e]);
    g.op("y of all").reads([x, b, c, e]).writes([y]);
    let graph = g.output(y).build().expect("written before it is read");
    let costs = OperatorCosts::from_seconds([1.0, 1.0, f64::INFINITY, 1.0, 1.0, 1.0]).unwrap();
    let fit = Fit::within(37).reorder(false).recompute(true).costs(costs);
    let fitted = fitted(&graph, &fit);
    // `b` is there, in the bytes that `a` had. So `a` is recomputed, too.
    assert_eq!((fitted.cost().reruns, fitted.cost().seconds()), (2, 2.0));
    let schedule = fitted.schedule();
    assert!(computes(&graph, schedule, sizes_of(schedule, &graph)));
}

#[test]
fn what_compresses_well_is_kept_in_compressed_form() {
    let (graph, _) = skip();
    let id = |name: &str| graph.find(name).expect("a tensor of the graph");
    let skip = id("skip");
    // Of 10 bytes, 2 are left: 42 are needed while b is made of a.
    let codec = Codec::with_ratio(5.0, 20.0).expand_bytes_per_second(40.0);
    let only = Fit::within(42).compression(Compression::all(codec));
    let found = fitted(&graph, &only);
    let (schedule, cost) = (found.schedule(), found.cost());
    let actions = actions(schedule);
    assert_eq!(
        (actions[2], actions[5]),
        (FitAction::Compress(skip), FitAction::Expand(skip))
    );
    let compressed = schedule.copies[schedule.steps[2].writes[0].index()].clone();
    assert_eq!((compressed.tensor, compressed.compressed), (skip, Some(2)));
    assert_eq!((cost.compressed_bytes, cost.expanded_bytes), (10, 10));
    assert_eq!((cost.compress_seconds, cost.expand_seconds), (0.5, 0.25));
    assert_eq!((cost.seconds(), found.lower_bound()), (0.75, 0.75));
    assert_eq!((found.load(), found.fast_plan().peak()), (42, 42));
    assert!(computes(&graph, schedule, sizes_of(schedule, &graph)));
    // 2 bytes more than there are.
    let error = Planner::new().fit(
        &graph,
        &Fit::within(41).compression(Compression::all(codec)),
    );
    assert!(matches!(
        error,
        Err(FitError::Impossible { needed: 42, .. })
    ));
    // Beside a slow memory, what is faster.
    let slow = Fit::within(42).slow(SlowMemory::new(100, 10.0));
    let of = |compression| *fitted(&graph, &slow.clone().compression(compression)).cost();
    assert_eq!(of(Compression::all(codec)).seconds(), 0.75);
    assert_eq!(
        of(Compression::all(Codec::with_ratio(5.0, 9.0))).written_bytes,
        10
    );
    assert_eq!(of(Compression::all(codec).never(skip)).written_bytes, 10);
    assert_eq!(
        of(Compression::new().tensor(id("a"), codec)).written_bytes,
        10
    );
}

#[test]
fn two_peaks_are_paid_for_twice() {
    let mut g = GraphBuilder::new();
    let x = g.tensor("x", bytes(10));
    let mut last = x;
    for part in 0..2 {
        let sizes = [("skip", 10), ("a", 20), ("b", 20), ("c", 10), ("y", 10)];
        let [skip, a, b, c, y] =
            sizes.map(|(name, size)| g.tensor(format!("{name} {part}"), bytes(size)));
        g.op("conv 0").reads([last]).writes([skip]);
        g.op("conv 1").reads([skip]).writes([a]);
        g.op("conv 2").reads([a]).writes([b]);
        g.op("conv 3").reads([b]).writes([c]);
        g.op("add").reads([c, skip]).writes([y]);
        last = y;
    }
    let graph = g.output(last).build().expect("a chain");
    let found = fitted(&graph, &Fit::within(40).slow(SlowMemory::new(100, 10.0)));
    assert_eq!((found.cost().seconds(), found.lower_bound()), (4.0, 4.0));
}

#[test]
fn stored_inputs_are_read_and_never_written() {
    let mut g = GraphBuilder::new();
    let sizes = [("x", 10), ("w0", 30), ("w1", 30), ("a", 10), ("y", 10)];
    let [x, w0, w1, a, y] = sizes.map(|(name, size)| g.tensor(name, bytes(size)));
    g.op("first").reads([x, w0]).writes([a]);
    g.op("second").reads([a, w1]).writes([y]);
    let graph = g.output(y).build().unwrap();
    let slow = SlowMemory::new(0, 30.0);
    let fit = Fit::within(50).slow(slow);
    // Both are to be filled at the start.
    assert!(matches!(
        Planner::new().fit(&graph, &fit),
        Err(FitError::Impossible { needed: 70, .. })
    ));
    let fitted = fitted(&graph, &fit.stored([w0, w1]));
    let cost = fitted.cost();
    assert_eq!((cost.written_bytes, cost.seconds()), (0, 1.0));
    assert_eq!(fitted.slow_plan().peak(), 0);
}

#[test]
fn a_view_is_copied_where_the_tensor_around_it_has_no_room() {
    let mut g = GraphBuilder::new();
    let sizes = [("x", 100), ("v", 1), ("y", 100), ("z", 1)];
    let [x, v, y, z] = sizes.map(|(name, size)| g.tensor(name, bytes(size)));
    g.op("load").writes([x]);
    g.op("first byte").view(v, x, 0);
    g.op("big").reads([v]).writes([y]);
    g.op("end").reads([y]).writes([z]);
    let graph = g.output(z).build().expect("a chain");
    let fit = Fit::within(105);
    // Within x, the view and y have 200 bytes together.
    assert_eq!(graph.lifetimes().load(), 200);
    let copied = fitted(&graph, &fit);
    assert_eq!((copied.aliasing(), copied.load()), (Aliasing::Off, 101));
    let schedule = copied.schedule();
    assert!(computes(&graph, schedule, sizes_of(schedule, &graph)));
    assert_eq!(
        fitted(&graph, &Fit::within(200)).aliasing(),
        Aliasing::InPlace
    );
    // The bytes of the attempt that needs fewest.
    let error = Planner::new().fit(&graph, &Fit::within(99)).unwrap_err();
    assert!(
        matches!(error, FitError::Impossible { needed: 101, .. }),
        "{error}"
    );
}
