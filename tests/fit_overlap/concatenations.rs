//! Operands that lie within the results of concatenations, and what is fetched beside them.

use orionrt::{
    Aliasing, Graph, GraphBuilder, Planner,
    fit::{Compression, CopyId, Fit, FitAction, FitSchedule, FitStep, SlowMemory},
};
use orionrt_testing::{
    fit_clock::{Speeds, has_room, joins, simulated},
    fit_instances::sizes_of,
    fit_machine::computes,
};

use crate::{
    assert_same_places, bytes, fast, fetched_to_its_place, ids, run, seconds, slow, times,
};

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
