//! Schedules whose transfers run beside operators: the times are those of a simulation of events,
//! nothing is disturbed, and fetches at earlier steps make no schedule slower.

use std::alloc::Layout;

use orionrt::{
    Graph, GraphBuilder, Planner, TensorId,
    fit::{
        CopyId, Fit, FitAction, FitRule, FitSchedule, FitStep, Fitted, Memory, OperatorCosts,
        Overlap, OverlapError, SlowMemory, TensorCopy,
    },
    graph::OpId,
};
use orionrt_testing::{
    fit_changes::{KINDS, change},
    fit_clock::{Speeds, Time, has_room, in_order_of_time, simulated},
    fit_instances::{FitInstance, fit_instances, sizes_of},
    fit_machine::computes,
};
use proptest::{collection::vec, prelude::*};

/// A graph with what it is fitted into, and the time of each operator.
#[derive(Clone, Debug)]
struct Timed {
    instance: FitInstance,
    fit: Fit,
    slow: Option<SlowMemory>,
    costs: OperatorCosts,
}

impl Timed {
    fn speeds(&self) -> Speeds<'_> {
        Speeds {
            slow: self.slow,
            compression: &self.instance.compression,
            costs: &self.costs,
        }
    }

    fn overlapped(&self, schedule: &FitSchedule) -> Overlap {
        let overlap = schedule.overlapped(&self.instance.graph, &self.fit, &self.costs);
        overlap.expect("a schedule that passes the check")
    }

    /// Compares the times of a schedule with the simulation of events, and follows it.
    fn judge(&self, schedule: &FitSchedule) -> Result<(), TestCaseError> {
        let graph = &self.instance.graph;
        let overlap = self.overlapped(schedule);
        let times = times(&overlap);
        let speeds = self.speeds();
        prop_assert_eq!(&times, &simulated(graph, schedule, speeds));
        let capacities = [
            self.fit.capacity(),
            self.slow.map_or(0, |slow| slow.capacity),
        ];
        prop_assert!(has_room(graph, schedule, &times, capacities));
        for sorted in in_order_of_time(schedule, &times) {
            prop_assert!(computes(graph, &sorted, sizes_of(schedule, graph)));
        }
        self.bounded(schedule, &overlap)
    }

    /// The time is between that of the busiest unit and that of all steps one after the other.
    fn bounded(&self, schedule: &FitSchedule, overlap: &Overlap) -> Result<(), TestCaseError> {
        let seconds = overlap.steps().iter().map(|step| step.end - step.start);
        let units = schedule.steps.iter().map(|step| match step.action {
            FitAction::Spill(_) => 1,
            FitAction::Fetch(_) => 2,
            _ => 0,
        });
        let mut busy = [0.0; 3];
        units
            .zip(seconds)
            .for_each(|(unit, seconds)| busy[unit] += seconds);
        if self.slow.is_some_and(|slow| slow.is_half_duplex) {
            busy[1] += busy[2];
        }
        let most = |a: f64, b: f64| a <= b * (1.0 + 1e-9) + 1e-9;
        prop_assert!(busy.into_iter().all(|busy| most(busy, overlap.seconds())));
        prop_assert!(overlap.seconds() <= overlap.serial_seconds());
        let waiting = overlap.seconds() - busy[0];
        prop_assert!((overlap.waited_seconds() - waiting).abs() <= 1e-9 * overlap.seconds());
        Ok(())
    }
}

fn times(overlap: &Overlap) -> Vec<Time> {
    let steps = overlap.steps().iter();
    steps.map(|step| step.start..step.end).collect()
}

prop_compose! {
    fn timed()(
        instance in fit_instances(),
        half_duplex: bool,
        is_cold: bool,
        speed in prop::sample::select(vec![1.0, 3.0, 20.0]),
        costs in vec(0..60u32, 14),
    ) -> Timed {
        let slow = instance.slow.map(|slow| slow.half_duplex(half_duplex));
        let fit = slow.map_or(instance.fit.clone(), |slow| instance.fit.clone().slow(slow));
        let fit = fit.cold_start(is_cold);
        let ops = instance.graph.ops().len();
        let costs = costs.into_iter().cycle().take(ops);
        let costs = costs.map(|cost| f64::from(cost) / speed);
        let costs = OperatorCosts::from_seconds(costs).expect("not negative");
        Timed { instance, fit, slow, costs }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    /// Times are those of the events; a schedule with fetches at earlier steps passes the check,
    /// computes what it should and is no slower.
    #[test]
    fn times_are_those_of_a_simulation_of_events(timed in timed()) {
        let planner = Planner::new().nodes(1000);
        let graph = &timed.instance.graph;
        let Ok(fitted) = planner.fit(graph, &timed.fit) else {
            return Ok(());
        };
        timed.judge(fitted.schedule())?;
        let schedule = fitted.schedule();
        let bytes = |step: &FitStep| match step.action {
            FitAction::Fetch(_) => schedule.copies[step.writes[0].index()].bytes(graph),
            _ => 0,
        };
        prop_assert_eq!(fitted.cost().read_bytes, schedule.steps.iter().map(bytes).sum::<u64>());
        let least = fitted.lower_bound();
        prop_assert!(least <= fitted.cost().seconds() * (1.0 + 1e-9) + 1e-9);
        let early = schedule.prefetched(graph, &timed.fit, &timed.costs, &planner);
        let early = early.expect("a schedule that passes the check");
        prop_assert!(early.check(graph, &timed.fit).is_ok());
        prop_assert!(computes(graph, &early, sizes_of(&early, graph)));
        let [before, after] = [schedule, &early].map(|of| timed.overlapped(of));
        prop_assert!(after.seconds() <= before.seconds());
        prop_assert_eq!(early == *schedule, after.seconds() == before.seconds());
        timed.judge(&early)?;
    }

    /// Schedules that others made may keep copies longer than the library's do.
    #[test]
    fn times_of_changed_schedules_are_those_of_a_simulation_of_events(
        timed in timed(),
        changes in vec((0..KINDS, 0..100usize, 0..100usize), 1..6),
    ) {
        let planner = Planner::new().nodes(1000);
        let graph = &timed.instance.graph;
        let Ok(fitted) = planner.fit(graph, &timed.fit) else {
            return Ok(());
        };
        let mut changed = fitted.schedule().clone();
        for (kind, a, b) in changes {
            let mut next = changed.clone();
            change(&mut next, kind, a, b);
            if next.check(graph, &timed.fit).is_ok() {
                changed = next;
            }
        }
        timed.judge(&changed)?;
        let early = changed.prefetched(graph, &timed.fit, &timed.costs, &planner);
        timed.judge(&early.expect("a schedule that passes the check"))?;
    }
}

fn bytes(size: usize) -> Layout {
    Layout::from_size_align(size, 1).expect("small")
}

fn seconds(of: impl IntoIterator<Item = f64>) -> OperatorCosts {
    OperatorCosts::from_seconds(of).expect("not negative")
}

/// A chain in which the first result is needed once more at the end, and has to leave.
fn skip() -> (Graph, Fit) {
    let mut g = GraphBuilder::new();
    let [x, skip, c, y] = ["x", "skip", "c", "y"].map(|name| g.tensor(name, bytes(10)));
    let [a, b] = ["a", "b"].map(|name| g.tensor(name, bytes(20)));
    g.op("conv 0").reads([x]).writes([skip]);
    g.op("conv 1").reads([skip]).writes([a]);
    g.op("conv 2").reads([a]).writes([b]);
    g.op("conv 3").reads([b]).writes([c]);
    g.op("add").reads([c, skip]).writes([y]);
    let graph = g.output(y).build().expect("a chain");
    let fit = Fit::within(40).slow(SlowMemory::new(100, 10.0));
    (graph, fit)
}

#[test]
fn the_bytes_of_a_spilled_tensor_are_free_when_the_spill_ends() {
    let (graph, fit) = skip();
    let fitted = Planner::new().fit(&graph, &fit).expect("it fits");
    let costs = seconds([1.0, 0.25, 1.0, 1.0, 1.0]);
    let overlap = fitted.schedule().overlapped(&graph, &fit, &costs);
    let overlap = overlap.expect("a schedule that passes the check");
    let steps = [
        (0.0, 1.0),
        (1.0, 1.25),
        // The spill begins when `conv 0` has ended. `conv 2` needs the bytes.
        (1.0, 2.0),
        (2.0, 3.0),
        (3.0, 4.0),
        // The fetch is into the bytes of `a`, which `conv 2` reads.
        (3.0, 4.0),
        (4.0, 5.0),
    ];
    assert_eq!(times(&overlap), steps.map(|(start, end)| start..end));
    assert_eq!((overlap.seconds(), overlap.serial_seconds()), (5.0, 6.25));
    assert_eq!(
        (overlap.waited_seconds(), overlap.added_seconds()),
        (0.75, 0.75)
    );
}

/// Two operators, an input that nothing reads, and a weight that is fetched into its bytes.
fn with_unread_input() -> (Graph, Fit, FitSchedule) {
    let mut g = GraphBuilder::new();
    let [x, u, w, p, y] = ["x", "u", "w", "p", "y"].map(|name| g.tensor(name, bytes(10)));
    g.input(u);
    g.op("first").reads([x]).writes([p]);
    g.op("second").reads([p, w]).writes([y]);
    let graph = g.output(y).build().expect("two operators");
    let slow = SlowMemory::new(0, 10.0);
    let fit = Fit::within(30).slow(slow).stored([w]);
    let fast =
        |tensor: TensorId, steps, offset| TensorCopy::new(tensor, Memory::Fast, steps, offset);
    let ids = |all: &[u32]| all.iter().map(|&id| CopyId::new(id)).collect::<Vec<_>>();
    let run = |at, reads: &[u32], writes| {
        FitStep::new(
            FitAction::Run(OpId::from_index(at)),
            ids(reads),
            ids(writes),
        )
    };
    let schedule = FitSchedule {
        copies: vec![
            fast(x, 0..1, 0),
            fast(u, 0..1, 10),
            fast(p, 0..3, 20),
            fast(w, 1..3, 10),
            fast(y, 2..3, 0),
        ],
        steps: vec![
            run(0, &[0], &[2]),
            FitStep::new(FitAction::Fetch(w), vec![], ids(&[3])),
            run(1, &[2, 3], &[4]),
        ],
        inputs: vec![Some(CopyId::new(0)), Some(CopyId::new(1)), None],
        outputs: ids(&[4]),
    };
    (graph, fit, schedule)
}

#[test]
fn an_input_keeps_its_bytes_as_long_as_the_plan_says() {
    let (graph, fit, schedule) = with_unread_input();
    let overlap = schedule.overlapped(&graph, &fit, &seconds([5.0, 2.0]));
    let overlap = overlap.expect("a schedule that passes the check");
    assert_eq!(times(&overlap), [0.0..5.0, 5.0..6.0, 6.0..8.0]);
    assert_eq!(overlap.waited_seconds(), 1.0);
}

/// `p` is spilled, and `q` is written over it.
#[test]
fn a_tensor_is_written_over_when_its_spill_has_ended() {
    let mut g = GraphBuilder::new();
    let [x, p, q, y] = ["x", "p", "q", "y"].map(|name| g.tensor(name, bytes(10)));
    g.op("make").reads([x]).writes([p]);
    g.op("relu").in_place(q, p);
    g.op("add").reads([q, p]).writes([y]);
    let graph = g.output(y).build().expect("three operators");
    let fit = Fit::within(30).slow(SlowMemory::new(10, 10.0));
    let copy = |tensor, memory, steps, offset| TensorCopy::new(tensor, memory, steps, offset);
    let ids = |all: &[u32]| all.iter().map(|&id| CopyId::new(id)).collect::<Vec<_>>();
    let run = |at, reads: &[u32], writes| {
        FitStep::new(
            FitAction::Run(OpId::from_index(at)),
            ids(reads),
            ids(writes),
        )
    };
    let schedule = FitSchedule {
        copies: vec![
            copy(x, Memory::Fast, 0..1, 0),
            copy(p, Memory::Fast, 0..5, 10),
            copy(p, Memory::Slow, 1..4, 0),
            copy(p, Memory::Fast, 3..5, 0),
            copy(y, Memory::Fast, 4..5, 20),
        ],
        steps: vec![
            run(0, &[0], &[1]),
            FitStep::new(FitAction::Spill(p), ids(&[1]), ids(&[2])),
            run(1, &[1], &[1]),
            FitStep::new(FitAction::Fetch(p), ids(&[2]), ids(&[3])),
            run(2, &[1, 3], &[4]),
        ],
        inputs: vec![Some(CopyId::new(0))],
        outputs: ids(&[4]),
    };
    let overlap = schedule.overlapped(&graph, &fit, &seconds([1.0, 5.0, 1.0]));
    let overlap = overlap.expect("a schedule that passes the check");
    // The fetch waits for the spill, too.
    assert_eq!(
        times(&overlap),
        [0.0..1.0, 1.0..2.0, 2.0..7.0, 2.0..3.0, 7.0..8.0]
    );
}

#[test]
fn times_need_a_right_schedule_and_a_finite_time_for_each_operator() {
    let (graph, fit, schedule) = with_unread_input();
    let told = |schedule: &FitSchedule, fit: &Fit, costs: &[f64]| {
        let costs = seconds(costs.iter().copied());
        let error = schedule.overlapped(&graph, fit, &costs).unwrap_err();
        let early = schedule.prefetched(&graph, fit, &costs, &Planner::new());
        assert_eq!(early.as_ref(), Err(&error));
        error
    };
    let error = told(&schedule, &fit, &[1.0]);
    assert_eq!(
        error.to_string(),
        "the number of times is 1, and that of operators 2"
    );
    let error = told(&schedule, &fit, &[1.0, f64::INFINITY]);
    assert_eq!(
        error.to_string(),
        "step 2 ('second') takes inf s; expected a finite number that is not negative"
    );
    let w = schedule.copies[3].tensor;
    let stopped = Fit::within(30).slow(SlowMemory::new(0, 0.0)).stored([w]);
    let error = told(&schedule, &stopped, &[1.0, 1.0]);
    assert!(matches!(error, OverlapError::Seconds { step: 1, .. }));
    let mut wrong = schedule.clone();
    wrong.steps.pop();
    assert!(matches!(
        told(&wrong, &fit, &[1.0, 1.0]),
        OverlapError::Schedule(_)
    ));
}

/// A chain of layers, each with a weight that stays in a file.
fn layers(count: usize) -> (Graph, Vec<TensorId>) {
    let mut g = GraphBuilder::new();
    let mut x = g.tensor("x", bytes(10));
    let mut weights = Vec::new();
    for layer in 0..count {
        let [w, y] = ["w", "y"].map(|name| g.tensor(format!("{name}{layer}"), bytes(10)));
        g.op(format!("layer {layer}")).reads([x, w]).writes([y]);
        weights.push(w);
        x = y;
    }
    (g.output(x).build().expect("layers"), weights)
}

#[test]
fn weights_are_fetched_while_the_layer_before_runs() {
    let (graph, weights) = layers(8);
    let fit = Fit::within(40)
        .slow(SlowMemory::new(0, 10.0))
        .stored(weights);
    let fit = fit.aliasing(orionrt::Aliasing::Off);
    let planner = Planner::new();
    let fitted = planner.fit(&graph, &fit).expect("it fits");
    let costs = seconds([1.0; 8]);
    let schedule = fitted.schedule();
    let early = schedule.prefetched(&graph, &fit, &costs, &planner);
    let early = early.expect("a schedule that passes the check");
    let told = |schedule: &FitSchedule| {
        let overlap = schedule.overlapped(&graph, &fit, &costs).expect("right");
        let ahead = (0..schedule.steps.len()).map(|step| schedule.operators_ahead(step));
        (overlap.waited_seconds(), ahead.sum::<usize>())
    };
    // Two weights are there from the start. Every second one of the others now comes while the
    // operator before the last one runs.
    assert_eq!((told(schedule), told(&early)), ((5.0, 0), (0.0, 3)));
    let whole = fitted
        .prefetched(&graph, &fit, &costs, &planner)
        .expect("right");
    assert_eq!(whole.schedule(), &early);
    assert_eq!((whole.load(), whole.cost()), (40, fitted.cost()));
    assert!(whole.fast_plan().peak() <= 40);
}

#[test]
fn a_cold_start_has_every_weight_fetched_before_its_first_use() {
    let (graph, weights) = layers(8);
    let fit = Fit::within(40)
        .slow(SlowMemory::new(0, 10.0))
        .stored(weights);
    let fit = fit.aliasing(orionrt::Aliasing::Off);
    let fitted = |fit: &Fit| Planner::new().fit(&graph, fit).expect("it fits");
    let warm = fitted(&fit);
    let cold = fitted(&fit.clone().cold_start(true));
    // One second for each weight, of which the caller fills two if it may.
    assert_eq!((warm.cost().seconds(), cold.cost().seconds()), (6.0, 8.0));
    assert_eq!((cold.lower_bound(), cold.cost().read_bytes), (8.0, 80));
    let there = |fitted: &Fitted| fitted.schedule().inputs.iter().flatten().count();
    assert_eq!((there(&warm), there(&cold)), (3, 1));
    assert_eq!(cold.schedule().check(&graph, &fit), Ok(()));
    let mistake = warm.schedule().check(&graph, &fit.cold_start(true));
    let mistake = mistake.expect_err("two weights are there");
    assert_eq!(mistake.rule, FitRule::ThereAtStart);
    assert_eq!(
        mistake.to_string(),
        "'w0' is there at the start; expected a fetch before its first use"
    );
}
