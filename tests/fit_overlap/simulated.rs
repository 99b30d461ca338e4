//! Random schedules beside a simulation of events: what they take, and what they compute.

use std::cell::Cell;

use orionrt::{
    Graph, Planner,
    fit::{
        Fit, FitAction, FitError, FitSchedule, FitStep, Fitted, OperatorCosts, Overlap, SlowMemory,
    },
    planner::PlannerError,
};
use orionrt_testing::{
    fit_changes::{KINDS, change},
    fit_clock::{Speeds, has_room, in_order_of_time, joins, simulated},
    fit_instances::{FitInstance, fit_instances, roomy_fit_instances, sizes_of},
    fit_machine::computes,
};
use proptest::{collection::vec, prelude::*, test_runner::TestRunner};

use crate::{assert_same_places, times};

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
