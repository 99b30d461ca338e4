//! Schedules with spills, fetches, compressed forms, reruns and operands within the results of
//! concatenations, changed at random: what the check accepts computes what the graph computes, on a
//! machine that knows offsets and bytes alone. So does every schedule that `Planner::fit` finds,
//! and no bound is above its cost. Where transfers run beside operators, times are those of a
//! simulation of events, and fetches at earlier steps make no schedule slower and take no operand
//! out of a result.
#![no_main]

use libfuzzer_sys::{
    arbitrary::{self, Arbitrary},
    fuzz_target,
};
use orionrt::{
    Aliasing, Graph, Planner,
    fit::{Codec, Compression, Fit, FitError, FitSchedule, OperatorCosts, SlowMemory},
};
use orionrt_testing::{
    fit_changes::change,
    fit_clock::{Speeds, Time, has_room, in_order_of_time, joins, simulated},
    fit_instances::sizes_of,
    fit_machine::computes,
    graphs::{self, MadeOp, Written},
    joining_graphs::{JoiningOp, joining_graph},
};

#[derive(Arbitrary, Debug)]
struct RawOp {
    reads: Vec<u8>,
    writes: Vec<(u8, u8, u8)>,
    is_output: bool,
    waits: Option<u8>,
}

impl RawOp {
    fn made(&self) -> MadeOp {
        let written = |&(kind, which, size): &(u8, u8, u8)| {
            let (which, size) = (usize::from(which), usize::from(size % 64));
            match kind % 4 {
                0 => Written::View(which, size, usize::from(kind)),
                1 => Written::InPlace(which, kind > 99),
                _ => Written::Own(size),
            }
        };
        MadeOp {
            reads: self
                .reads
                .iter()
                .take(4)
                .map(|&read| usize::from(read))
                .collect(),
            writes: self.writes.iter().take(3).map(written).collect(),
            is_output: self.is_output,
            waits: self.waits.map(usize::from),
        }
    }
}

#[derive(Arbitrary, Debug)]
enum RawGraph {
    /// Views, results in place and waits.
    Sharing(Vec<u8>, Vec<RawOp>),
    /// Concatenations, and whether tensors are aligned.
    Joining(u8, Vec<(JoiningOp, bool)>, bool),
}

#[derive(Arbitrary, Debug)]
struct Case {
    graph: RawGraph,
    /// The capacity, in parts of 255 of the load.
    part: u8,
    slow: Option<(u8, u8)>,
    half_duplex: bool,
    cold_start: bool,
    /// The seconds of the operators, again and again.
    seconds: Vec<u8>,
    recompute: bool,
    codec: Option<(u8, u8)>,
    stored: u8,
    aliasing: u8,
    reorder: bool,
    changes: Vec<(u8, u16, u16)>,
}

impl Case {
    fn graph(&self) -> Graph {
        match &self.graph {
            RawGraph::Sharing(inputs, ops) => {
                let inputs = inputs.iter().take(4).map(|&size| usize::from(size % 64));
                let ops = ops.iter().take(20).map(RawOp::made);
                graphs::graph(&inputs.collect::<Vec<_>>(), &ops.collect::<Vec<_>>())
            }
            RawGraph::Joining(inputs, ops, is_aligned) => {
                joining_graph(*inputs, &ops[..ops.len().min(20)], *is_aligned)
            }
        }
    }

    fn fit(&self, graph: &Graph) -> Fit {
        let all = [
            Aliasing::Off,
            Aliasing::Views,
            Aliasing::InPlace,
            Aliasing::Parts,
        ];
        let aliasing = all[usize::from(self.aliasing) % all.len()];
        let load = graph.lifetimes_with(aliasing).load();
        let mut fit = Fit::within(load * u64::from(self.part) / 255)
            .aliasing(aliasing)
            .reorder(self.reorder)
            .recompute(self.recompute)
            .cold_start(self.cold_start)
            .work(20_000);
        if let Some(slow) = self.slow() {
            let inputs = graph.inputs().iter().copied();
            let stored = inputs.filter(|id| self.stored >> (id.index() % 8) & 1 == 1);
            fit = fit.slow(slow).stored(stored);
        }
        fit.compression(self.compression())
    }

    fn slow(&self) -> Option<SlowMemory> {
        let (capacity, speed) = self.slow?;
        let slow = SlowMemory::new(u64::from(capacity) * 4, f64::from(speed) + 1.0);
        Some(slow.half_duplex(self.half_duplex))
    }

    fn compression(&self) -> Compression {
        self.codec.map_or(Compression::new(), |(ratio, speed)| {
            let codec = Codec::with_ratio(f64::from(ratio) / 16.0 + 0.5, f64::from(speed) + 1.0);
            Compression::all(codec)
        })
    }

    fn costs(&self, graph: &Graph) -> OperatorCosts {
        let seconds = self.seconds.iter().copied().chain([1]).cycle();
        let seconds = seconds.take(graph.ops().len()).map(f64::from);
        OperatorCosts::from_seconds(seconds).expect("not negative")
    }

    /// Compares the times of a schedule with the simulation of events, and follows the steps in the
    /// order in which they start and end; returns the time of the whole schedule.
    fn judge(&self, graph: &Graph, schedule: &FitSchedule) -> f64 {
        let (fit, costs) = (self.fit(graph), self.costs(graph));
        let overlap = schedule
            .overlapped(graph, &fit, &costs)
            .expect("it passes the check");
        let compression = self.compression();
        let speeds = Speeds {
            slow: self.slow(),
            compression: &compression,
            costs: &costs,
        };
        let times = overlap.steps().iter().map(|step| step.start..step.end);
        let times: Vec<Time> = times.collect();
        assert_eq!(times, simulated(graph, schedule, speeds));
        let slow = self.slow().map_or(0, |slow| slow.capacity);
        assert!(has_room(graph, schedule, &times, [fit.capacity(), slow]));
        for sorted in in_order_of_time(schedule, &times) {
            assert!(computes(graph, &sorted, sizes_of(schedule, graph)));
        }
        assert!(overlap.seconds() <= overlap.serial_seconds());
        overlap.seconds()
    }

    /// A schedule with fetches at earlier steps, which takes at most `seconds`.
    fn prefetched(&self, graph: &Graph, schedule: &FitSchedule, seconds: f64) -> FitSchedule {
        let (fit, costs) = (self.fit(graph), self.costs(graph));
        let early = schedule.prefetched(graph, &fit, &costs, &Planner::new().nodes(1000));
        let early = early.expect("it passes the check");
        assert_eq!(joins(graph, &early), joins(graph, schedule));
        assert!(self.judge(graph, &early) <= seconds);
        early
    }
}

fuzz_target!(|case: Case| {
    let graph = case.graph();
    let fit = case.fit(&graph);
    let fitted = match Planner::new().nodes(1000).fit(&graph, &fit) {
        Ok(fitted) => fitted,
        Err(FitError::Schedule(mistake)) => panic!("{mistake}"),
        Err(_) => return,
    };
    let schedule = fitted.schedule();
    assert!(computes(&graph, schedule, sizes_of(schedule, &graph)));
    assert!(fitted.lower_bound() <= fitted.cost().seconds() * (1.0 + 1e-9) + 1e-9);
    let seconds = case.judge(&graph, schedule);
    let alone = case.prefetched(&graph, schedule, seconds);
    let planner = Planner::new().nodes(1000);
    let early = fitted.prefetched(&graph, &fit, &case.costs(&graph), &planner);
    let early = early.expect("it passes the check");
    assert_eq!(&alone, early.schedule());
    assert!(early.fast_plan().peak() <= fit.capacity());
    let mut changed = schedule.clone();
    for &(kind, a, b) in case.changes.iter().take(4) {
        change(&mut changed, kind, a.into(), b.into());
        if changed.check(&graph, &fit).is_ok() {
            assert!(computes(&graph, &changed, sizes_of(&changed, &graph)));
            let seconds = case.judge(&graph, &changed);
            case.prefetched(&graph, &changed, seconds);
        }
    }
});
