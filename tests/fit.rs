//! `Planner::fit`: schedules with spills, fetches and reruns compute what the graph computes,
//! within the capacities, and cost little more than they must.
//!
//! There are two oracles: a machine that follows schedules byte by byte, and for small graphs the
//! cheapest of all schedules.

use std::alloc::Layout;

use orionrt::{
    Aliasing, Graph, GraphBuilder, Planner, TensorId,
    fit::{
        Codec, CodecMistake, Compression, CostError, Fit, FitAction, FitCost, FitError,
        FitSchedule, Fitted, OperatorCosts, SlowMemory,
    },
    graph::OpId,
    planner::Cancel,
};
use orionrt_testing::{
    fit_chains::{CostedGraph, Kind, costed_graph},
    fit_instances::{FitInstance, fit_instances, sizes_of},
    fit_machine::computes,
    fit_oracle::least_cost,
    random::Random,
};
use proptest::prelude::*;

fn bytes(size: usize) -> Layout {
    Layout::from_size_align(size, 1).expect("small")
}

#[test]
fn small_graphs_cost_little_more_than_the_cheapest_schedule() {
    let mut random = Random(7);
    let mut ratios = Vec::new();
    let (mut missed, mut attempts) = (0, 0);
    while ratios.len() + missed < instances() {
        attempts += 1;
        assert!(attempts <= 20 * instances(), "few graphs can be fitted");
        let ops = 4 + random.below(4);
        let kind = [Kind::Chain, Kind::Training, Kind::Skips][random.below(3)];
        let Some(instance) = costed_graph(&mut random, kind, ops) else {
            continue;
        };
        let CostedGraph {
            graph,
            capacity,
            costs,
        } = &instance;
        let least = least_cost(graph, *capacity, costs);
        match (Planner::new().fit(graph, &instance.fit().work(WORK)), least) {
            (Ok(fitted), Some(least)) => {
                let seconds = fitted.cost().seconds();
                assert!(fitted.lower_bound() <= least as f64 + 1e-6);
                assert!(seconds + 1e-6 >= least as f64, "{seconds} below {least}");
                ratios.push((seconds + 1e-9) / (least as f64 + 1e-9));
            }
            (Ok(fitted), None) => panic!("nothing fits, and yet {:?}", fitted.cost()),
            (Err(FitError::Impossible { .. }), Some(least)) => panic!("possible at {least}"),
            (Err(_), Some(_)) => missed += 1,
            (Err(_), None) => {}
        }
    }
    ratios.sort_by(f64::total_cmp);
    let (median, worst) = (ratios[ratios.len() / 2], ratios[ratios.len() - 1]);
    let above = |factor| ratios.iter().filter(|&&ratio| ratio > factor).count();
    let counts = (ratios.len(), missed, above(1.0 + 1e-6), above(1.2));
    println!("(fit, missed, above the least cost, 20 % above it): {counts:?}");
    println!("median {median:.4}, worst {worst:.4}");
    assert!(median <= 1.05);
    assert!(above(1.2) + missed <= instances() / 24);
}

/// The steps that the search may visit for each of them.
const WORK: u64 = 100_000;

/// How many small graphs are compared.
fn instances() -> usize {
    let asked = std::env::var("ORIONRT_FIT_INSTANCES").ok();
    asked.and_then(|count| count.parse().ok()).unwrap_or(120)
}

/// A chain in which the first result is needed once more at the end, and has to leave.
fn skip() -> (Graph, Fit) {
    let mut g = GraphBuilder::new();
    let sizes = [
        ("x", 10),
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
    let fit = Fit::within(40).slow(SlowMemory::new(100, 10.0));
    (graph, fit)
}

fn fitted(graph: &Graph, fit: &Fit) -> Fitted {
    Planner::new().fit(graph, fit).expect("it fits")
}

fn actions(schedule: &FitSchedule) -> Vec<FitAction> {
    schedule.steps.iter().map(|step| step.action).collect()
}

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
fn codecs_that_mean_nothing_are_refused() {
    let (graph, _) = skip();
    let id = graph.find("skip").expect("a tensor of the graph");
    let refused = |compression| {
        let fit = Fit::within(42).compression(compression);
        Planner::new().fit(&graph, &fit).unwrap_err()
    };
    let of = |tensor: &str, mistake| FitError::Codec {
        tensor: tensor.to_string(),
        mistake,
    };
    let good = Codec::with_ratio(2.0, 1.0);
    for ratio in [0.0, -1.0, f64::INFINITY] {
        let error = refused(Compression::all(Codec::with_ratio(ratio, 1.0)));
        assert_eq!(error, of("", CodecMistake::Ratio(ratio)));
    }
    let error = refused(Compression::all(good).tensor(id, Codec::with_bytes(0, 1.0)));
    assert_eq!(error, of("skip", CodecMistake::NoBytes));
    for codec in [
        good.compress_bytes_per_second(0.0),
        good.expand_bytes_per_second(0.0),
    ] {
        let error = refused(Compression::new().tensor(id, codec));
        assert_eq!(error, of("skip", CodecMistake::Speed(0.0)));
    }
    let error = refused(Compression::new().never(TensorId::new(99)));
    assert!(matches!(error, FitError::UnknownTensor { .. }), "{error}");
    // No smaller than the tensor: of no use, and no mistake.
    let useless = Compression::all(Codec::with_ratio(0.5, 1.0));
    let error = refused(useless);
    assert!(
        matches!(error, FitError::Impossible { needed: 50, .. }),
        "{error}"
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

#[test]
fn options_that_mean_nothing_are_refused() {
    let (graph, fit) = skip();
    let refused = |fit: &Fit| Planner::new().fit(&graph, fit).unwrap_err();
    let costs = OperatorCosts::from_seconds([1.0]).unwrap();
    let error = refused(&fit.clone().costs(costs));
    assert!(matches!(
        error,
        FitError::Costs {
            operators: 5,
            costs: 1
        }
    ));
    for speed in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let slow = SlowMemory::new(100, 1.0);
        for slow in [
            slow.write_bytes_per_second(speed),
            slow.read_bytes_per_second(speed),
        ] {
            let error = refused(&fit.clone().slow(slow));
            assert!(matches!(error, FitError::Bandwidth { .. }));
        }
    }
    for not_an_input in [graph.find("skip").unwrap(), TensorId::new(99)] {
        let error = refused(&fit.clone().stored([not_an_input]));
        assert!(matches!(error, FitError::NotAnInput { .. }));
    }
    let stored = Fit::within(49).stored(graph.find("x"));
    assert_eq!(refused(&stored), FitError::StoredWithoutSlow);
    let error = refused(&Fit::within(49));
    assert!(matches!(error, FitError::Impossible { .. }));
    assert!(OperatorCosts::from_seconds([-1.0]).is_none());
    assert!(OperatorCosts::from_seconds([f64::NAN]).is_none());
    // Of the planner, and before anything is searched for.
    let error = Planner::new().alignment(3).fit(&graph, &fit).unwrap_err();
    assert!(matches!(error, FitError::Planner(_)), "{error}");
}

#[test]
fn graphs_whose_operators_do_not_follow_each_other_in_one_memory_are_refused() {
    let error_of = |graph: &Graph| Planner::new().fit(graph, &Fit::within(9)).unwrap_err();
    let mut g = GraphBuilder::new();
    let [x, y] = ["x", "y"].map(|name| g.tensor(name, bytes(1)));
    g.op("a").writes([x]);
    g.op("b").stream(1).writes([y]);
    assert_eq!(error_of(&g.build().unwrap()), FitError::Streams);

    let mut g = GraphBuilder::new();
    let x = g.tensor("x", bytes(1));
    let start = g.next_op();
    g.op("a").writes([x]);
    let end = g.next_op();
    let looping = g.repeated(start..end).build().unwrap();
    assert_eq!(error_of(&looping), FitError::ControlFlow);

    let mut g = GraphBuilder::new();
    let gpu = g.device("gpu", 64);
    let [x, y] = [g.tensor("x", bytes(1)), g.tensor_on(gpu, "y", bytes(1))];
    g.op("copy").reads([x]).writes([y]);
    assert_eq!(error_of(&g.output(y).build().unwrap()), FitError::Devices);

    let mut g = GraphBuilder::new();
    let [past, present] = ["past", "present"].map(|name| g.tensor(name, bytes(1)));
    g.op("append").in_place(present, past);
    let aliased = g.output(present).alias_output(present, past).build();
    let error = error_of(&aliased.unwrap());
    assert!(matches!(error, FitError::OutputAlias { .. }));
}

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

#[test]
fn a_table_has_costs_by_name() {
    let mut g = GraphBuilder::new();
    let [x, y, z] = ["x", "y", "z"].map(|name| g.tensor(name, bytes(10)));
    g.op("relu").reads([x]).writes([y]);
    g.op("relu").reads([y]).writes([z]);
    g.op("conv").reads([z]);
    let graph = g.build().expect("a chain");
    let costs = || OperatorCosts::from_seconds([1.0, 2.0, 3.0]).expect("positive numbers");
    let with = |table: &[(&str, f64)]| costs().with_named(&graph, table.iter().copied());
    let seconds = |table| with(table).expect("names of operators").seconds().to_vec();
    assert_eq!(seconds(&[]), [1.0, 2.0, 3.0]);
    assert_eq!(seconds(&[("conv", 0.5)]), [1.0, 2.0, 0.5]);
    assert_eq!(
        seconds(&[("relu", f64::INFINITY)]),
        [f64::INFINITY, f64::INFINITY, 3.0]
    );
    let name = || "relu".to_string();
    let error = with(&[("relu", 1.0), ("relu", 1.0)]).unwrap_err();
    assert_eq!(error, CostError::Repeated { name: name() });
    let error = with(&[("relu", -1.0)]).unwrap_err();
    let seconds = -1.0;
    assert_eq!(
        error,
        CostError::Seconds {
            name: name(),
            seconds
        }
    );
    assert!(with(&[("relu", f64::NAN)]).is_err());
    let error = with(&[("Relu", 1.0)]).unwrap_err();
    let name = "Relu".to_string();
    assert_eq!(error, CostError::UnknownOperator { name });
    assert!(OperatorCosts::from_flops([1.0], -1.0).is_none());
    let flops = OperatorCosts::from_flops([10.0, f64::INFINITY], 5.0).expect("positive");
    assert_eq!(flops.seconds(), [2.0, f64::INFINITY]);
}

/// The added time of a schedule, step by step.
fn cost_of(instance: &FitInstance, schedule: &FitSchedule) -> FitCost {
    let size = |id: TensorId| instance.graph.tensor(id).map_or(0, |it| it.layout().size());
    let speeds = |slow: SlowMemory| (slow.write_bytes_per_second, slow.read_bytes_per_second);
    let (write, read) = instance.slow.map_or((1.0, 1.0), speeds);
    let mut cost = FitCost::default();
    for step in &schedule.steps {
        match step.action {
            FitAction::Rerun(op) => {
                cost.reruns += 1;
                cost.rerun_seconds += instance.costs.seconds()[op.index()];
            }
            FitAction::Compress(tensor) => {
                let codec = instance.compression.codec(tensor).expect("it has a codec");
                cost.compressed_bytes += size(tensor) as u64;
                cost.compress_seconds += size(tensor) as f64 / codec.compress_bytes_per_second;
            }
            FitAction::Expand(tensor) => {
                let codec = instance.compression.codec(tensor).expect("it has a codec");
                cost.expanded_bytes += size(tensor) as u64;
                cost.expand_seconds += size(tensor) as f64 / codec.expand_bytes_per_second;
            }
            FitAction::Spill(tensor) => {
                cost.written_bytes += size(tensor) as u64;
                cost.spill_seconds += size(tensor) as f64 / write;
            }
            FitAction::Fetch(tensor) => {
                cost.read_bytes += size(tensor) as u64;
                cost.fetch_seconds += size(tensor) as f64 / read;
            }
            _ => {}
        }
    }
    cost
}

/// Whether two numbers of seconds are the same but for rounding.
fn is_near(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * (1.0 + a.abs())
}

proptest! {
    #[test]
    fn schedules_compute_what_the_graph_computes(instance in fit_instances()) {
        let FitInstance { graph, fit, .. } = &instance;
        match Planner::new().fit(graph, fit) {
            Ok(fitted) => {
                let schedule = fitted.schedule();
                prop_assert!(fitted.fast_plan().peak() <= fit.capacity());
                prop_assert_eq!(fitted.load(), fitted.fast_plan().load());
                prop_assert!(computes(graph, schedule, sizes_of(schedule, graph)));
                prop_assert!(fitted.lower_bound() <= fitted.cost().seconds() + 1e-9);
            }
            Err(error) => {
                let is_right = matches!(
                    error,
                    FitError::Impossible { .. } | FitError::NotFound { .. } | FitError::Placement(_)
                );
                prop_assert!(is_right, "{}", error);
            }
        }
    }

    #[test]
    fn costs_are_those_of_the_steps(instance in fit_instances()) {
        let Ok(fitted) = Planner::new().fit(&instance.graph, &instance.fit) else { return Ok(()) };
        let (found, expected) = (fitted.cost(), cost_of(&instance, fitted.schedule()));
        prop_assert_eq!(found.written_bytes, expected.written_bytes);
        prop_assert_eq!(found.read_bytes, expected.read_bytes);
        prop_assert_eq!(found.reruns, expected.reruns);
        prop_assert_eq!(found.compressed_bytes, expected.compressed_bytes);
        prop_assert_eq!(found.expanded_bytes, expected.expanded_bytes);
        prop_assert!(is_near(found.compress_seconds, expected.compress_seconds));
        prop_assert!(is_near(found.expand_seconds, expected.expand_seconds));
        prop_assert!(is_near(found.spill_seconds, expected.spill_seconds));
        prop_assert!(is_near(found.fetch_seconds, expected.fetch_seconds));
        prop_assert!(is_near(found.rerun_seconds, expected.rerun_seconds));
    }
}
