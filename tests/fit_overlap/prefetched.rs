//! Fetches that are moved to earlier steps: as far as their bytes and the work allow.

use orionrt::{
    GraphBuilder, Planner,
    fit::{CopyId, Fit, FitAction, FitSchedule, FitStep, SlowMemory},
    planner::Cancel,
};

use crate::{bytes, fast, fetched_to_its_place, ids, run, seconds};

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
