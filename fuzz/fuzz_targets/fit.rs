//! Schedules with spills, fetches, compressed forms and reruns, changed at random: what the check
//! accepts computes what the graph computes, on a machine that knows offsets and bytes alone. So
//! does every schedule that `Planner::fit` finds, and no bound is above its cost.
#![no_main]

use libfuzzer_sys::{
    arbitrary::{self, Arbitrary},
    fuzz_target,
};
use orionrt::{
    Aliasing, Graph, Planner,
    fit::{Codec, Compression, Fit, FitError, SlowMemory},
};
use orionrt_testing::{
    fit_changes::change,
    fit_instances::sizes_of,
    fit_machine::computes,
    graphs::{self, MadeOp, Written},
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
struct Case {
    inputs: Vec<u8>,
    ops: Vec<RawOp>,
    /// The capacity, in parts of 255 of the load.
    part: u8,
    slow: Option<(u8, u8)>,
    recompute: bool,
    codec: Option<(u8, u8)>,
    stored: u8,
    aliasing: u8,
    reorder: bool,
    changes: Vec<(u8, u16, u16)>,
}

impl Case {
    fn graph(&self) -> Graph {
        let inputs = self
            .inputs
            .iter()
            .take(4)
            .map(|&size| usize::from(size % 64));
        let ops = self.ops.iter().take(20).map(RawOp::made);
        graphs::graph(&inputs.collect::<Vec<_>>(), &ops.collect::<Vec<_>>())
    }

    fn fit(&self, graph: &Graph) -> Fit {
        let all = [Aliasing::Off, Aliasing::Views, Aliasing::InPlace];
        let aliasing = all[usize::from(self.aliasing) % 3];
        let load = graph.lifetimes_with(aliasing).load();
        let mut fit = Fit::within(load * u64::from(self.part) / 255)
            .aliasing(aliasing)
            .reorder(self.reorder)
            .recompute(self.recompute)
            .work(20_000);
        if let Some((capacity, speed)) = self.slow {
            let slow = SlowMemory::new(u64::from(capacity) * 4, f64::from(speed) + 1.0);
            let inputs = graph.inputs().iter().copied();
            let stored = inputs.filter(|id| self.stored >> (id.index() % 8) & 1 == 1);
            fit = fit.slow(slow).stored(stored);
        }
        if let Some((ratio, speed)) = self.codec {
            let codec = Codec::with_ratio(f64::from(ratio) / 16.0 + 0.5, f64::from(speed) + 1.0);
            fit = fit.compression(Compression::all(codec));
        }
        fit
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
    let mut changed = schedule.clone();
    for &(kind, a, b) in case.changes.iter().take(4) {
        change(&mut changed, kind, a.into(), b.into());
        if changed.check(&graph, &fit).is_ok() {
            assert!(computes(&graph, &changed, sizes_of(&changed, &graph)));
        }
    }
});
