//! `Planner::fit`: schedules with spills, fetches and reruns compute what the graph computes,
//! within the capacities, and cost little more than they must.
//!
//! There are two oracles: a machine that follows schedules byte by byte, and for small graphs the
//! cheapest of all schedules.

use std::alloc::Layout;

use orionrt::{
    Aliasing, Graph, GraphBuilder, Planner, TensorId,
    fit::{
        CopyId, Fit, FitAction, FitError, FitRule, FitSchedule, Fitted, Memory, OperatorCosts,
        SlowMemory,
    },
};
use orionrt_testing::{
    fit_machine::computes,
    fit_oracle::{FitCosts, least_cost},
    graphs::sharing_graphs,
    random::Random,
};
use proptest::{prelude::*, sample::select};

fn bytes(size: usize) -> Layout {
    Layout::from_size_align(size, 1).expect("small")
}

/// A chain of operators, half of which also read something older: what idles in between.
fn chain(random: &mut Random, ops: usize) -> Graph {
    let mut g = GraphBuilder::new();
    let mut there: Vec<TensorId> = vec![g.tensor("t0", bytes(1 + random.below(9)))];
    g.input(there[0]);
    for op in 0..ops {
        let result = g.tensor(format!("t{}", there.len()), bytes(1 + random.below(9)));
        let mut reads = vec![there[op]];
        if random.one_in(2) {
            let older = there[random.below(there.len())];
            reads.extend((older != there[op]).then_some(older));
        }
        g.op(format!("op{op}")).reads(reads).writes([result]);
        there.push(result);
    }
    g.output(there[ops]).build().expect("a chain")
}

/// Costs of all kinds or of one.
fn costs(random: &mut Random, ops: usize) -> FitCosts {
    let kind = random.below(3);
    let slow = (1 + random.below_u64(4), 1 + random.below_u64(4));
    let reruns = (0..ops).map(|_| 1 + random.below_u64(40)).collect();
    FitCosts {
        slow: (kind != 1).then_some(slow),
        reruns: (kind != 2).then_some(reruns),
    }
}

fn fit_with(costs: &FitCosts, capacity: u64) -> Fit {
    let mut fit = Fit::within(capacity).reorder(false);
    if let Some((write, read)) = costs.slow {
        let slow = SlowMemory::new(1 << 30, 1.0 / read as f64);
        fit = fit.slow(slow.write_bytes_per_second(1.0 / write as f64));
    }
    if let Some(reruns) = &costs.reruns {
        let seconds = reruns.iter().map(|&cost| cost as f64);
        let costs = OperatorCosts::from_seconds(seconds).expect("not negative");
        fit = fit.recompute(true).costs(costs);
    }
    fit
}

#[test]
fn small_graphs_cost_little_more_than_the_cheapest_schedule() {
    let mut random = Random(7);
    let mut ratios = Vec::new();
    let mut missed = 0;
    while ratios.len() + missed < instances() {
        let ops = 4 + random.below(4);
        let graph = chain(&mut random, ops);
        let costs = costs(&mut random, ops);
        let (load, needed) = (graph.lifetimes().load(), needed(&graph));
        if needed >= load {
            continue;
        }
        let capacity = needed + random.below_u64(load - needed);
        let least = least_cost(&graph, capacity, &costs);
        match (
            Planner::new().fit(&graph, &fit_with(&costs, capacity)),
            least,
        ) {
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
    assert!(above(1.2) + missed <= instances() / 50);
}

/// The bytes that the operator needs that needs most.
fn needed(graph: &Graph) -> u64 {
    let size = |id: &TensorId| graph.tensor(*id).map_or(0, |tensor| tensor.layout().size());
    let used = graph
        .ops()
        .iter()
        .map(|op| op.reads().iter().chain(op.writes()));
    let bytes = used.map(|ids| ids.map(size).sum::<usize>());
    bytes.max().unwrap_or(0) as u64
}

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

fn position(schedule: &FitSchedule, is_it: impl Fn(FitAction) -> bool) -> usize {
    let mut steps = schedule.steps.iter();
    steps
        .position(|step| is_it(step.action))
        .expect("one of the steps")
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
fn what_is_cheap_to_make_is_made_again() {
    let (graph, fit) = skip();
    let costs = OperatorCosts::from_seconds([0.5, 9.0, 9.0, 9.0, 9.0]).unwrap();
    // `skip` is made again of x, which then has to stay: 50 bytes. So it is spilled.
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
fn what_is_made_again_is_made_of_old_values_and_not_of_what_was_written_over_them() {
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
    // `b` is there, in the bytes that `a` had. So `a` is made again, too.
    assert_eq!((fitted.cost().reruns, fitted.cost().seconds()), (2, 2.0));
    let schedule = fitted.schedule();
    assert!(computes(&graph, schedule, sizes_of(schedule, &graph)));
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
fn graphs_and_options_that_mean_nothing_are_refused() {
    let (graph, fit) = skip();
    let refused = |fit: &Fit| Planner::new().fit(&graph, fit).unwrap_err();
    let costs = OperatorCosts::from_seconds([1.0]).unwrap();
    assert!(matches!(
        refused(&fit.clone().costs(costs)),
        FitError::Costs { .. }
    ));
    for bandwidth in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let slow = SlowMemory::new(100, 1.0).write_bytes_per_second(bandwidth);
        assert!(matches!(
            refused(&fit.clone().slow(slow)),
            FitError::Bandwidth { .. }
        ));
    }
    let skip = graph.find("skip").unwrap();
    assert!(matches!(
        refused(&fit.clone().stored([skip])),
        FitError::NotAnInput { .. }
    ));
    let unknown = TensorId::new(99);
    assert!(matches!(
        refused(&fit.stored([unknown])),
        FitError::NotAnInput { .. }
    ));
    assert!(matches!(
        refused(&Fit::within(49)),
        FitError::Impossible { .. }
    ));
    assert!(OperatorCosts::from_seconds([-1.0]).is_none());
    assert!(OperatorCosts::from_seconds([f64::NAN]).is_none());

    let mut g = GraphBuilder::new();
    let [x, y] = ["x", "y"].map(|name| g.tensor(name, bytes(1)));
    g.op("a").writes([x]);
    g.op("b").stream(1).writes([y]);
    let streams = g.build().unwrap();
    let error = Planner::new().fit(&streams, &Fit::within(9)).unwrap_err();
    assert_eq!(error, FitError::Streams);
    let mut g = GraphBuilder::new();
    let x = g.tensor("x", bytes(1));
    let start = g.next_op();
    g.op("a").writes([x]);
    let end = g.next_op();
    let looping = g.repeated(start..end).build().unwrap();
    let error = Planner::new().fit(&looping, &Fit::within(9)).unwrap_err();
    assert_eq!(error, FitError::ControlFlow);
    let mut g = GraphBuilder::new();
    let gpu = g.device("gpu", 64);
    let [x, y] = [g.tensor("x", bytes(1)), g.tensor_on(gpu, "y", bytes(1))];
    g.op("copy").reads([x]).writes([y]);
    let devices = g.output(y).build().unwrap();
    let error = Planner::new().fit(&devices, &Fit::within(9)).unwrap_err();
    assert_eq!(error, FitError::Devices);
    let mut g = GraphBuilder::new();
    let [past, present] = ["past", "present"].map(|name| g.tensor(name, bytes(1)));
    g.op("append").in_place(present, past);
    let aliased = g
        .output(present)
        .alias_output(present, past)
        .build()
        .unwrap();
    let error = Planner::new().fit(&aliased, &Fit::within(9)).unwrap_err();
    assert!(matches!(error, FitError::OutputAlias { .. }));
}

/// What the check says of a schedule after a change.
fn broken(change: impl Fn(&mut FitSchedule)) -> (FitRule, String) {
    let (graph, fit) = skip();
    let mut schedule = fitted(&graph, &fit).schedule().clone();
    change(&mut schedule);
    let mistake = schedule.check(&graph, &fit).expect_err("it was broken");
    (mistake.rule, mistake.name)
}

#[test]
fn each_rule_refuses_what_breaks_it() {
    use FitRule as Rule;
    let is_spill = |action| matches!(action, FitAction::Spill(_));
    let is_fetch = |action| matches!(action, FitAction::Fetch(_));
    let rule = |change: fn(&mut FitSchedule)| broken(change).0;

    // A spill that is moved behind its fetch, and one that does not happen.
    let (found, name) = broken(|schedule| {
        let (spill, fetch) = (position(schedule, is_spill), position(schedule, is_fetch));
        let copies = &mut schedule.copies;
        for copy in copies
            .iter_mut()
            .filter(|copy| copy.tensor == TensorId::new(1))
        {
            copy.steps = 0..7;
            copy.offset = if copy.memory == Memory::Slow {
                50
            } else {
                copy.offset
            };
        }
        schedule.steps.swap(spill, fetch);
    });
    let is_one = |rule: &Rule| matches!(rule, Rule::NotSpilled | Rule::Overlap { .. });
    assert!(is_one(&found), "{found}: {name}");
    let (found, name) = broken(|schedule| {
        let spill = position(schedule, is_spill);
        schedule.steps.remove(spill);
        for copy in &mut schedule.copies {
            let moved = |step: usize| step - usize::from(step > spill);
            copy.steps = moved(copy.steps.start)..moved(copy.steps.end);
        }
    });
    assert_eq!((found, name.as_str()), (Rule::NotSpilled, "skip"));
    // A fetch that does not happen: the reader finds nothing.
    let (found, name) = broken(|schedule| {
        let fetch = position(schedule, is_fetch);
        schedule.steps.remove(fetch);
        for copy in &mut schedule.copies {
            let moved = |step: usize| step - usize::from(step > fetch);
            copy.steps = moved(copy.steps.start)..moved(copy.steps.end);
        }
    });
    assert_eq!(
        (found, name.as_str()),
        (Rule::NotThere { holds: None }, "skip")
    );
    // A reader that looks into the copy from before the spill.
    let (found, name) = broken(|schedule| {
        let spill = position(schedule, is_spill);
        let old = schedule.steps[spill].reads[0];
        schedule.steps.last_mut().unwrap().reads[1] = old;
    });
    assert_eq!((found, name.as_str()), (Rule::NoBytes, "skip"));
    // Two at one place.
    let found = rule(|schedule| {
        let Some(step) = schedule.steps.last() else {
            return;
        };
        let [c, skip] = [step.reads[0], step.reads[1]];
        schedule.copies[skip.index()].offset = schedule.copies[c.index()].offset + 9;
    });
    assert!(matches!(
        found,
        Rule::Overlap {
            memory: Memory::Fast,
            ..
        }
    ));
    // Beyond the end.
    let found = rule(|schedule| schedule.copies[0].offset = 31);
    let expected = Rule::Capacity {
        memory: Memory::Fast,
        capacity: 40,
        end: 41,
    };
    assert_eq!(found, expected);
    let found = rule(|schedule| schedule.copies[0].offset = u64::MAX);
    assert!(matches!(found, Rule::Capacity { .. }));
    // Something else is in the copy.
    let found = rule(|schedule| schedule.steps.last_mut().unwrap().reads.swap(0, 1));
    assert!(matches!(found, Rule::NotThere { holds: Some(_) }));
    // Operators: missing, twice, too early.
    let found = rule(|schedule| {
        let last = schedule.steps.len() - 1;
        schedule.steps.remove(last);
    });
    assert_eq!(found, Rule::RunOnce);
    let found = rule(|schedule| schedule.steps[1] = schedule.steps[0].clone());
    assert_eq!(found, Rule::RunOnce);
    let found = rule(|schedule| {
        let FitAction::Run(op) = schedule.steps[0].action else {
            return;
        };
        schedule.steps[0].action = FitAction::Rerun(op);
    });
    assert_eq!(found, Rule::TooEarly);
    // Inputs and outputs.
    let found = rule(|schedule| schedule.inputs[0] = None);
    assert_eq!(found, Rule::NotThere { holds: None });
    let found = rule(|schedule| schedule.outputs.clear());
    assert!(matches!(
        found,
        Rule::Count {
            expected: 1,
            found: 0
        }
    ));
    let found = rule(|schedule| schedule.outputs[0] = schedule.inputs[0].unwrap());
    assert_eq!(found, Rule::OutputMissing);
    // Copies that there are not, too few of them, and such in the wrong memory.
    let found = rule(|schedule| schedule.steps[0].reads[0] = CopyId::new(1000));
    assert_eq!(found, Rule::Unknown);
    let found = rule(|schedule| schedule.steps[0].writes.clear());
    assert!(matches!(found, Rule::Count { .. }));
    let found = rule(|schedule| {
        schedule.steps[2]
            .reads
            .swap_with_slice(&mut [CopyId::new(0)])
    });
    assert!(matches!(found, Rule::WrongCopy { .. } | Rule::NoBytes));
    // A result over an operand that is not to be written over.
    let found = rule(|schedule| {
        schedule.steps[0].writes[0] = schedule.steps[0].reads[0];
    });
    assert_eq!(found, Rule::Overwritten);
}

/// A graph with views and results in place, and what to fit it into.
fn instance() -> impl Strategy<Value = (Graph, Fit)> {
    let aliasing = select(vec![Aliasing::Off, Aliasing::Views, Aliasing::InPlace]);
    let donated = |graph: Graph| {
        let inputs = graph.inputs().to_vec();
        let mut g = GraphBuilder::from(graph);
        inputs
            .into_iter()
            .fold(&mut g, GraphBuilder::donate)
            .build()
    };
    let graph = prop_oneof![
        sharing_graphs(14, 12),
        sharing_graphs(14, 12).prop_map(move |graph| donated(graph.clone()).unwrap_or(graph)),
    ];
    let numbers = (
        3..=10u64,
        1..4u32,
        1..4u32,
        0..3u8,
        any::<bool>(),
        0..3u8,
        aliasing,
    );
    (graph, numbers).prop_map(|(graph, numbers)| {
        let (part, write, read, ways, reorder, stored, aliasing) = numbers;
        let capacity = graph.lifetimes_with(aliasing).load() * part / 10;
        let slow = SlowMemory::new(if ways == 2 { 40 } else { 4000 }, read.into());
        let slow = slow.write_bytes_per_second(write.into());
        let mut fit = Fit::within(capacity).reorder(reorder).recompute(ways != 1);
        fit = fit.aliasing(aliasing);
        if ways != 0 {
            fit = fit.slow(slow);
            let inputs = graph.inputs().iter().copied();
            fit = fit.stored(inputs.filter(|id| id.index() % 3 < usize::from(stored)));
        }
        (graph, fit)
    })
}

/// The sizes of both memories for the machine.
fn sizes_of(schedule: &FitSchedule, graph: &Graph) -> [usize; 2] {
    let end = |memory| {
        let copies = schedule.copies.iter().filter(|copy| copy.memory == memory);
        let ends = copies.map(|copy| {
            let tensor = graph.tensor(copy.tensor);
            copy.offset as usize + tensor.map_or(0, |tensor| tensor.layout().size())
        });
        ends.max().unwrap_or(0)
    };
    [end(Memory::Fast), end(Memory::Slow)]
}

proptest! {
    #[test]
    fn schedules_compute_what_the_graph_computes((graph, fit) in instance()) {
        match Planner::new().fit(&graph, &fit) {
            Ok(fitted) => {
                let schedule = fitted.schedule();
                prop_assert!(fitted.fast_plan().peak() <= fit.capacity());
                prop_assert_eq!(fitted.load(), fitted.fast_plan().load());
                prop_assert!(computes(&graph, schedule, sizes_of(schedule, &graph)));
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
    fn what_the_check_accepts_computes_what_the_graph_computes(
        (graph, fit) in instance(),
        changes in prop::collection::vec((0..8u8, any::<u32>(), any::<u32>()), 1..3),
    ) {
        let Ok(fitted) = Planner::new().fit(&graph, &fit) else { return Ok(()) };
        let mut schedule = fitted.schedule().clone();
        for (kind, a, b) in changes {
            change(&mut schedule, kind, a as usize, b as usize);
        }
        if schedule.check(&graph, &fit).is_ok() {
            prop_assert!(computes(&graph, &schedule, sizes_of(&schedule, &graph)));
        }
    }
}

/// Breaks something, or not: which kind of change, and two numbers that say where.
fn change(schedule: &mut FitSchedule, kind: u8, a: usize, b: usize) {
    let (steps, copies) = (schedule.steps.len(), schedule.copies.len());
    if steps == 0 || copies == 0 {
        return;
    }
    let step = a % steps;
    match kind {
        0 => {
            schedule.steps.remove(step);
            for copy in &mut schedule.copies {
                let moved = |at: usize| at - usize::from(at > step);
                copy.steps = moved(copy.steps.start)..moved(copy.steps.end);
            }
        }
        1 => schedule.steps.swap(step, b % steps),
        2 => schedule.copies[a % copies].offset = schedule.copies[b % copies].offset,
        3 => schedule.copies[a % copies].steps.start += b % 3,
        4 => {
            let end = &mut schedule.copies[a % copies].steps.end;
            *end = end.saturating_sub(1);
        }
        5 => {
            if let Some(read) = schedule.steps[step].reads.last_mut() {
                *read = CopyId::new((b % copies) as u32);
            }
        }
        6 => {
            if let Some(write) = schedule.steps[step].writes.last_mut() {
                *write = CopyId::new((b % copies) as u32);
            }
        }
        _ => schedule.copies[a % copies].steps = 0..steps,
    }
}
