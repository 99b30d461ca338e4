//! When the steps of schedules start and end, and why that cannot be told.

use orionrt::{
    Graph, GraphBuilder, Planner,
    fit::{CopyId, Fit, FitAction, FitSchedule, FitStep, OverlapError, SlowMemory},
};

use crate::{bytes, fast, ids, run, seconds, slow, times};

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
    let schedule = FitSchedule {
        copies: vec![
            fast(x, 0..1, 0),
            fast(p, 0..5, 10),
            slow(p, 1..4, 0),
            fast(p, 3..5, 0),
            fast(y, 4..5, 20),
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
