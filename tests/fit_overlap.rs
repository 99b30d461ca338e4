//! Schedules whose transfers run beside operators: the times are those of a simulation of events,
//! nothing is disturbed, and fetches at earlier steps make no schedule slower.

use std::{alloc::Layout, cell::Cell, ops::Range};

use orionrt::{
    Aliasing, Graph, GraphBuilder, Planner, TensorId,
    fit::{
        Compression, CopyId, Fit, FitAction, FitError, FitRule, FitSchedule, FitStep, Fitted,
        Memory, OperatorCosts, Overlap, OverlapError, SlowMemory, TensorCopy,
    },
    graph::OpId,
    planner::{Cancel, PlannerError},
};
use orionrt_testing::{
    fit_changes::{KINDS, change},
    fit_clock::{Speeds, Time, has_room, in_order_of_time, joins, simulated},
    fit_instances::{FitInstance, fit_instances, roomy_fit_instances, sizes_of},
    fit_machine::computes,
};
use proptest::{collection::vec, prelude::*, test_runner::TestRunner};

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
        instance in prop_oneof![1 => fit_instances(), 2 => roomy_fit_instances()],
        half_duplex: bool,
        is_cold: bool,
        speed in prop::sample::select(vec![1.0, 3.0, 20.0, 60.0]),
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

/// What has been judged.
#[derive(Debug, Default)]
struct Judged {
    schedules: Cell<u32>,
    /// Schedules with transfers.
    transfers: Cell<u32>,
    /// Schedules with operands that are joined to a result.
    joins: Cell<u32>,
    /// Schedules that have fetches at earlier steps then.
    moved: Cell<u32>,
}

impl Judged {
    fn add(&self, graph: &Graph, schedule: &FitSchedule, early: &FitSchedule) {
        let count = |of: &Cell<u32>, is_one: bool| of.set(of.get() + u32::from(is_one));
        let is_transfer =
            |step: &FitStep| matches!(step.action, FitAction::Spill(_) | FitAction::Fetch(_));
        count(&self.schedules, true);
        count(&self.transfers, schedule.steps.iter().any(is_transfer));
        count(&self.joins, !joins(graph, schedule).is_empty());
        count(&self.moved, early != schedule);
    }

    /// Each number is at least this.
    fn assert_at_least(&self, [schedules, transfers, joins, moved]: [u32; 4]) {
        let found = [
            (&self.schedules, schedules),
            (&self.transfers, transfers),
            (&self.joins, joins),
            (&self.moved, moved),
        ];
        let is_enough = found.iter().all(|(count, least)| count.get() >= *least);
        assert!(is_enough, "{self:?}");
    }
}

/// The graph fitted, unless that is impossible.
fn fitted(timed: &Timed, planner: &Planner) -> Option<Fitted> {
    match planner.fit(&timed.instance.graph, &timed.fit) {
        Ok(fitted) => Some(fitted),
        Err(FitError::Impossible { .. } | FitError::NotFound { .. }) => None,
        Err(FitError::Placement(PlannerError::Capacity { .. })) => None,
        Err(error) => panic!("{error}"),
    }
}

/// Judges an answer and the one with fetches at earlier steps.
fn judge_both(timed: &Timed, judged: &Judged) -> Result<(), TestCaseError> {
    let planner = Planner::new().nodes(1000);
    let graph = &timed.instance.graph;
    let Some(fitted) = fitted(timed, &planner) else {
        return Ok(());
    };
    timed.judge(fitted.schedule())?;
    let schedule = fitted.schedule();
    let bytes = |step: &FitStep| match step.action {
        FitAction::Fetch(_) => schedule.copies[step.writes[0].index()].bytes(graph),
        _ => 0,
    };
    prop_assert_eq!(
        fitted.cost().read_bytes,
        schedule.steps.iter().map(bytes).sum::<u64>()
    );
    let least = fitted.lower_bound();
    prop_assert!(least <= fitted.cost().seconds() * (1.0 + 1e-9) + 1e-9);
    let early = schedule.prefetched(graph, &timed.fit, &timed.costs, &planner);
    let early = early.expect("a schedule that passes the check");
    prop_assert!(early.check(graph, &timed.fit).is_ok());
    prop_assert!(computes(graph, &early, sizes_of(&early, graph)));
    let [before, after] = [schedule, &early].map(|of| timed.overlapped(of));
    prop_assert!(after.seconds() <= before.seconds());
    prop_assert_eq!(early == *schedule, after.seconds() == before.seconds());
    prop_assert_eq!(joins(graph, &early), joins(graph, schedule));
    timed.judge(&early)?;
    let whole = fitted.prefetched(graph, &timed.fit, &timed.costs, &planner);
    let whole = whole.expect("a schedule that passes the check");
    prop_assert_eq!(whole.schedule(), &early);
    assert_same_places(&whole);
    judged.add(graph, schedule, &early);
    Ok(())
}

/// Times are those of the events; a schedule with fetches at earlier steps passes the check,
/// computes what it should and is no slower.
#[test]
fn times_are_those_of_a_simulation_of_events() {
    let judged = Judged::default();
    let mut runner = TestRunner::new(ProptestConfig::with_cases(600));
    let result = runner.run(&timed(), |timed| judge_both(&timed, &judged));
    result.unwrap_or_else(|error| panic!("{error}"));

    judged.assert_at_least([200, 100, 50, 5]);
}

/// Judges a schedule with changes that the check accepts, and the one with fetches at earlier
/// steps.
fn judge_changed(
    timed: &Timed,
    changes: Vec<(u8, usize, usize)>,
    judged: &Judged,
) -> Result<(), TestCaseError> {
    let planner = Planner::new().nodes(1000);
    let graph = &timed.instance.graph;
    let Some(fitted) = fitted(timed, &planner) else {
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
    let early = early.expect("a schedule that passes the check");
    prop_assert_eq!(joins(graph, &early), joins(graph, &changed));
    timed.judge(&early)?;
    if changed != *fitted.schedule() {
        judged.add(graph, &changed, &early);
    }
    Ok(())
}

/// Schedules that others made may keep copies longer than the library's do.
#[test]
fn times_of_changed_schedules_are_those_of_a_simulation_of_events() {
    let judged = Judged::default();
    let mut runner = TestRunner::new(ProptestConfig::with_cases(600));
    let cases = (timed(), vec((0..KINDS, 0..100usize, 0..100usize), 1..20));
    let result = runner.run(&cases, |(timed, changes)| {
        judge_changed(&timed, changes, &judged)
    });
    result.unwrap_or_else(|error| panic!("{error}"));

    judged.assert_at_least([40, 25, 10, 0]);
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

/// Ids of copies.
fn ids(all: &[u32]) -> Vec<CopyId> {
    all.iter().map(|&id| CopyId::new(id)).collect()
}

/// Runs the operator at this position of the graph.
fn run(op: usize, reads: &[u32], writes: &[u32]) -> FitStep {
    FitStep::new(
        FitAction::Run(OpId::from_index(op)),
        ids(reads),
        ids(writes),
    )
}

fn fast(tensor: TensorId, steps: Range<usize>, offset: u64) -> TensorCopy {
    TensorCopy::new(tensor, Memory::Fast, steps, offset)
}

fn slow(tensor: TensorId, steps: Range<usize>, offset: u64) -> TensorCopy {
    TensorCopy::new(tensor, Memory::Slow, steps, offset)
}

/// `p` is spilled, and its bytes become those of `r`, which is written over.
#[test]
fn an_operand_becomes_a_part_of_its_concatenation_when_its_spill_has_ended() {
    let mut g = GraphBuilder::new();
    let [x, p, q] = ["x", "p", "q"].map(|name| g.tensor(name, bytes(10)));
    let [r, s, y, z] = ["r", "s", "y", "z"].map(|name| g.tensor(name, bytes(20)));
    g.op("make p").reads([x]).writes([p]);
    g.op("make q").reads([x]).writes([q]);
    g.op("join").part(p, r, 0).part(q, r, 10);
    g.op("relu").in_place(s, r);
    g.op("add").reads([s, p]).writes([y]);
    g.op("end").reads([y]).writes([z]);
    let graph = g.output(z).build().expect("six operators");
    let memory = SlowMemory::new(10, 10.0).write_bytes_per_second(2.0);
    let fit = Fit::within(60).slow(memory).aliasing(Aliasing::Parts);
    let schedule = FitSchedule {
        copies: vec![
            fast(x, 0..3, 0),
            fast(p, 0..4, 10),
            slow(p, 1..6, 0),
            fast(q, 2..4, 20),
            fast(r, 3..7, 10),
            fast(p, 5..7, 30),
            fast(y, 6..8, 40),
            fast(z, 7..8, 10),
        ],
        steps: vec![
            run(0, &[0], &[1]),
            FitStep::new(FitAction::Spill(p), ids(&[1]), ids(&[2])),
            run(1, &[0], &[3]),
            run(2, &[1, 3], &[4]),
            run(3, &[4], &[4]),
            FitStep::new(FitAction::Fetch(p), ids(&[2]), ids(&[5])),
            run(4, &[4, 5], &[6]),
            run(5, &[6], &[7]),
        ],
        inputs: vec![Some(CopyId::new(0))],
        outputs: ids(&[7]),
    };
    let costs = seconds([1.0; 6]);
    let overlap = schedule.overlapped(&graph, &fit, &costs);
    let overlap = overlap.expect("a schedule that passes the check");
    let expected = [
        0.0..1.0,
        1.0..6.0,
        1.0..2.0,
        // The spill still reads the bytes of `p`.
        6.0..7.0,
        7.0..8.0,
        6.0..7.0,
        8.0..9.0,
        9.0..10.0,
    ];
    assert_eq!(times(&overlap), expected);
    let speeds = Speeds {
        slow: Some(memory),
        compression: &Compression::new(),
        costs: &costs,
    };
    assert_eq!(simulated(&graph, &schedule, speeds), expected);
    assert!(has_room(&graph, &schedule, &expected, [60, 10]));
    // Not if the join and what comes after it do not wait for the spill.
    let mut early = expected;
    (early[3], early[4]) = (2.0..3.0, 3.0..4.0);
    assert!(!has_room(&graph, &schedule, &early, [60, 10]));
}

/// `p` is spilled, and fetched into its place in `r`, which begins at `start`.
fn fetched_to_its_place(start: u64, capacity: u64) -> (Graph, Fit, FitSchedule) {
    let mut g = GraphBuilder::new();
    let [x, p, q, y] = ["x", "p", "q", "y"].map(|name| g.tensor(name, bytes(10)));
    let [b, r] = ["b", "r"].map(|name| g.tensor(name, bytes(20)));
    g.op("make p").reads([x]).writes([p]);
    g.op("make b").reads([x]).writes([b]);
    g.op("make q").reads([b]).writes([q]);
    g.op("join").part(p, r, 0).part(q, r, 10);
    g.op("end").reads([r]).writes([y]);
    let graph = g.output(y).build().expect("five operators");
    let memory = SlowMemory::new(10, 10.0);
    let fit = Fit::within(capacity).slow(memory).aliasing(Aliasing::Parts);
    let schedule = FitSchedule {
        copies: vec![
            fast(x, 0..3, 0),
            fast(p, 0..2, 10),
            slow(p, 1..5, 0),
            fast(b, 2..4, 10),
            fast(q, 3..6, start + 10),
            fast(p, 4..6, start),
            fast(r, 5..7, start),
            fast(y, 6..7, 0),
        ],
        steps: vec![
            run(0, &[0], &[1]),
            FitStep::new(FitAction::Spill(p), ids(&[1]), ids(&[2])),
            run(1, &[0], &[3]),
            run(2, &[3], &[4]),
            FitStep::new(FitAction::Fetch(p), ids(&[2]), ids(&[5])),
            run(3, &[5, 4], &[6]),
            run(4, &[6], &[7]),
        ],
        inputs: vec![Some(CopyId::new(0))],
        outputs: ids(&[7]),
    };
    schedule.check(&graph, &fit).expect("a right schedule");
    (graph, fit, schedule)
}

#[test]
fn an_operand_is_fetched_earlier_to_its_place_in_a_concatenation() {
    // It waits for the bytes of `b`, and all copies are placed anew.
    let (graph, fit, schedule) = fetched_to_its_place(20, 40);
    let planner = Planner::new();
    let costs = seconds([1.0; 5]);
    let early = schedule.prefetched(&graph, &fit, &costs, &planner);
    let early = early.expect("a schedule that passes the check");
    let waited = |schedule: &FitSchedule| {
        let overlap = schedule.overlapped(&graph, &fit, &costs).expect("right");
        overlap.waited_seconds()
    };
    // `make b` waits for the spill in both.
    assert_eq!((waited(&schedule), waited(&early)), (2.0, 1.0));
    let [p, q, r] = [5, 4, 6].map(|at: usize| early.copies[at].offset);
    assert_eq!((p, q), (r, r + 10));
    assert!(computes(&graph, &early, sizes_of(&early, &graph)));
}

#[test]
fn a_concatenation_leaves_room_for_a_fetch_beside_the_bytes_that_it_has_once() {
    let mut g = GraphBuilder::new();
    let names = ["x", "p", "q", "w", "y"];
    let [x, p, q, w, y] = names.map(|name| g.tensor(name, bytes(10)));
    let r = g.tensor("r", bytes(20));
    g.op("make p").reads([x]).writes([p]);
    g.op("make q").reads([x]).writes([q]);
    g.op("join").part(p, r, 0).part(q, r, 10);
    g.op("end").reads([r, w]).writes([y]);
    let graph = g.output(y).build().expect("four operators");
    let fit = Fit::within(40).slow(SlowMemory::new(0, 10.0));
    let fit = fit.stored([w]).aliasing(Aliasing::Parts);
    let schedule = FitSchedule {
        copies: vec![
            fast(x, 0..2, 0),
            fast(p, 0..3, 10),
            fast(q, 1..3, 20),
            fast(r, 2..5, 10),
            // Into the bytes of `x`.
            fast(w, 3..5, 0),
            fast(y, 4..5, 30),
        ],
        steps: vec![
            run(0, &[0], &[1]),
            run(1, &[0], &[2]),
            run(2, &[1, 2], &[3]),
            FitStep::new(FitAction::Fetch(w), vec![], ids(&[4])),
            run(3, &[3, 4], &[5]),
        ],
        inputs: vec![Some(CopyId::new(0)), None],
        outputs: ids(&[5]),
    };
    let costs = seconds([1.0, 1.0, 0.0, 1.0]);
    let early = schedule.prefetched(&graph, &fit, &costs, &Planner::new());
    let early = early.expect("a schedule that passes the check");
    let time = |of: &FitSchedule| of.overlapped(&graph, &fit, &costs).map(|of| of.seconds());
    assert_eq!((time(&schedule), time(&early)), (Ok(4.0), Ok(3.0)));
}

#[test]
fn an_operand_is_fetched_before_another_tensor_to_the_bytes_that_it_has() {
    let mut g = GraphBuilder::new();
    let [x, p, q, y] = ["x", "p", "q", "y"].map(|name| g.tensor(name, bytes(10)));
    let [b, w] = ["b", "w"].map(|name| g.tensor(name, bytes(30)));
    let r = g.tensor("r", bytes(20));
    g.op("make p").reads([x]).writes([p]);
    g.op("make b").reads([x]).writes([b]);
    g.op("make q").reads([b]).writes([q]);
    g.op("join").part(p, r, 0).part(q, r, 10);
    g.op("end").reads([r, w]).writes([y]);
    let graph = g.output(y).build().expect("five operators");
    let fit = Fit::within(60).slow(SlowMemory::new(10, 10.0));
    let fit = fit.stored([w]).aliasing(Aliasing::Parts);
    let schedule = FitSchedule {
        copies: vec![
            fast(x, 0..3, 0),
            fast(p, 0..2, 50),
            slow(p, 1..6, 0),
            fast(b, 2..4, 10),
            fast(q, 3..7, 50),
            // After `b`, and before `p`, which waits for that.
            fast(w, 4..8, 10),
            fast(p, 5..7, 40),
            fast(r, 6..8, 40),
            fast(y, 7..8, 0),
        ],
        steps: vec![
            run(0, &[0], &[1]),
            FitStep::new(FitAction::Spill(p), ids(&[1]), ids(&[2])),
            run(1, &[0], &[3]),
            run(2, &[3], &[4]),
            FitStep::new(FitAction::Fetch(w), vec![], ids(&[5])),
            FitStep::new(FitAction::Fetch(p), ids(&[2]), ids(&[6])),
            run(3, &[6, 4], &[7]),
            run(4, &[7, 5], &[8]),
        ],
        inputs: vec![Some(CopyId::new(0)), None],
        outputs: ids(&[8]),
    };
    let costs = seconds([1.0; 5]);
    let early = schedule.prefetched(&graph, &fit, &costs, &Planner::new());
    let early = early.expect("a schedule that passes the check");
    let time = |of: &FitSchedule| of.overlapped(&graph, &fit, &costs).map(|of| of.seconds());
    assert_eq!((time(&schedule), time(&early)), (Ok(9.0), Ok(7.0)));
    assert_eq!(early.copies[6].offset, 40);
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
    let error = told(&schedule, &fit, &[f64::MAX, f64::MAX]);
    assert_eq!(error, OverlapError::Sum { step: 2 });
    assert_eq!(
        error.to_string(),
        "the steps up to step 2 take no finite time together; expected a sum of at most \
         1.7976931348623157e308 s"
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

/// Layers after a concatenation, each with a weight that stays in a file.
fn layers_after_join() -> (Graph, Fit) {
    let mut g = GraphBuilder::new();
    let names = ["x", "v", "w", "p", "q"];
    let [x, v, w, p, q] = names.map(|name| g.tensor(name, bytes(10)));
    let mut before = g.tensor("r", bytes(20));
    g.op("make p").reads([x, v]).writes([p]);
    g.op("make q").reads([x, w]).writes([q]);
    g.op("join").part(p, before, 0).part(q, before, 10);
    let mut weights = vec![v, w];
    for layer in 0..4 {
        let [w, y] = ["w", "y"].map(|name| g.tensor(format!("{name}{layer}"), bytes(10)));
        g.op(format!("layer {layer}"))
            .reads([before, w])
            .writes([y]);
        weights.push(w);
        before = y;
    }
    let graph = g.output(before).build().expect("layers");
    let fit = Fit::within(40).slow(SlowMemory::new(0, 10.0));
    let fit = fit.stored(weights).aliasing(Aliasing::Parts);
    (graph, fit)
}

#[test]
fn the_plans_of_a_schedule_with_a_concatenation_follow_its_fetches() {
    let (graph, fit) = layers_after_join();
    let planner = Planner::new();
    let fitted = planner.fit(&graph, &fit).expect("it fits");
    assert_eq!(fitted.aliasing(), Aliasing::Parts);
    let costs = seconds([1.0; 7]);
    let schedule = fitted.schedule();
    let early = schedule.prefetched(&graph, &fit, &costs, &planner);
    let early = early.expect("a schedule that passes the check");
    let joined = |schedule: &FitSchedule| joins(&graph, schedule).len();
    assert_eq!((joined(schedule), joined(&early)), (2, 2));
    assert_ne!(&early, schedule);
    let whole = fitted.prefetched(&graph, &fit, &costs, &planner);
    let whole = whole.expect("a schedule that passes the check");
    assert_eq!(whole.schedule(), &early);
    assert_same_places(&whole);
}

/// The plans of both memories have the copies where and when the schedule has them.
fn assert_same_places(fitted: &Fitted) {
    let plans = [
        (Memory::Fast, fitted.fast_plan()),
        (Memory::Slow, fitted.slow_plan()),
    ];
    for (memory, plan) in plans {
        let copies = fitted.schedule().copies.iter();
        let copies: Vec<_> = copies.filter(|copy| copy.memory == memory).collect();
        let offsets: Vec<u64> = copies.iter().map(|copy| copy.offset).collect();
        assert_eq!(plan.offsets(), offsets);
        for (copy, (_, _, row)) in copies.iter().zip(plan.lifetimes().iter()) {
            assert_eq!(copy.steps.end as i64, row.upper);
            // The row of a result has the steps of its operands as well.
            assert!(row.lower <= copy.steps.start as i64);
        }
    }
    assert_eq!(fitted.load(), fitted.fast_plan().load());
}

#[test]
fn prefetching_does_as_much_work_as_asked() {
    let (graph, fit, schedule) = fetched_to_its_place(20, 40);
    let costs = seconds([1.0; 5]);
    let early = |work: u64, planner: &Planner| {
        let fit = fit.clone().work(work);
        let early = schedule.prefetched(&graph, &fit, &costs, planner);
        early.expect("a schedule that passes the check")
    };
    let planner = Planner::new();
    // Its own times need one look at each of the seven steps.
    for work in [0, 1, 7] {
        assert_eq!(early(work, &planner), schedule);
    }
    assert_ne!(early(100, &planner), schedule);
    let cancel = Cancel::new();
    cancel.cancel();
    assert_eq!(early(100, &planner.cancelled_by(&cancel)), schedule);
}

#[test]
fn a_fetch_is_moved_before_everything_while_an_input_is_there() {
    let mut g = GraphBuilder::new();
    let [x, w, a, y] = ["x", "w", "a", "y"].map(|name| g.tensor(name, bytes(10)));
    g.op("first").reads([x]).writes([a]);
    g.op("second").reads([a, w]).writes([y]);
    let graph = g.output(y).build().expect("two operators");
    let fit = Fit::within(40).slow(SlowMemory::new(0, 10.0));
    let fit = fit.stored([w]).cold_start(true);
    let schedule = FitSchedule {
        copies: vec![
            fast(x, 0..1, 0),
            fast(a, 0..3, 10),
            // Into the bytes of the input.
            fast(w, 1..3, 0),
            fast(y, 2..3, 20),
        ],
        steps: vec![
            run(0, &[0], &[1]),
            FitStep::new(FitAction::Fetch(w), vec![], ids(&[2])),
            run(1, &[1, 2], &[3]),
        ],
        inputs: vec![Some(CopyId::new(0)), None],
        outputs: ids(&[3]),
    };
    let costs = seconds([1.0, 1.0]);
    let early = schedule.prefetched(&graph, &fit, &costs, &Planner::new());
    let early = early.expect("a schedule that passes the check");
    assert!(matches!(early.steps[0].action, FitAction::Fetch(_)));
    assert_eq!(
        (early.copies[0].steps.clone(), early.operators_ahead(0)),
        (0..2, 1)
    );
    let time = |of: &FitSchedule| of.overlapped(&graph, &fit, &costs).map(|of| of.seconds());
    assert_eq!((time(&schedule), time(&early)), (Ok(3.0), Ok(2.0)));
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
