//! The rounds of a workload, and the medians of what they measured.
//!
//! Invariant: a ratio of CPU times is one of the same round.

use std::{collections::BTreeMap, error::Error, num::NonZero};

use orionrt_engines::{Counts, Figures, Heap, Planned, Task};
use serde::Serialize;

use crate::{options::Options, programs, workloads::Workload};

/// Passes before the steady state: a session records a key four times at most.
const WARM: usize = 8;

/// All figures of a workload.
#[derive(Debug, Serialize)]
pub(crate) struct Result {
    pub(crate) workload: String,
    pub(crate) threads: usize,
    pub(crate) counts: Counts,
    /// The shares of requests and of bytes that the plan served.
    pub(crate) hit_rates: (f64, f64),
    /// The report of the replay whose requests were counted.
    pub(crate) planned: Planned,
    pub(crate) heaps: BTreeMap<Heap, OnHeap>,
    /// Whether all results of all processes have the same bits.
    pub(crate) is_equal: bool,
}

/// Figures on a heap: medians over rounds unless they say otherwise.
#[derive(Debug, Serialize)]
pub(crate) struct OnHeap {
    /// The most resident bytes above the loaded model.
    pub(crate) most_bytes: f64,
    pub(crate) loaded_bytes: f64,
    /// Resident bytes above the loaded model, at the end.
    pub(crate) end_bytes: f64,
    /// Page faults of an iteration, in the first round.
    pub(crate) faults: f64,
    pub(crate) first_ms: f64,
    pub(crate) cpu_ms: f64,
    /// CPU time relative to the system's heap.
    pub(crate) cpu_ratio: f64,
    /// The first and the third quartile of that.
    pub(crate) cpu_quartiles: (f64, f64),
    pub(crate) rounds: Vec<Figures>,
}

/// Runs all rounds of a workload.
pub(crate) fn measure(
    workload: &Workload,
    threads: usize,
    options: &Options,
) -> std::result::Result<Result, Box<dyn Error>> {
    let mut task = task(workload, threads, options);
    let counted = programs::start(workload.engine, Heap::Counted, &task)?;
    let counts = counted.counts.ok_or("the program did not count")?;
    let mut rounds: BTreeMap<Heap, Vec<Figures>> = BTreeMap::new();
    for round in 0..options.rounds.max(1) {
        let mut heaps = Heap::COMPARED;
        heaps.rotate_left(round % Heap::COMPARED.len());
        for heap in heaps {
            let measured = programs::start(workload.engine, heap, &task)?;
            rounds.entry(heap).or_default().push(measured.figures);
        }
        // Medians of time hardly depend on it.
        task.settle = 0.0;
    }
    let all = rounds.values().flatten();
    let is_equal = all
        .map(|figures| &figures.digest)
        .all(|digest| *digest == counted.figures.digest);
    let system = rounds[&Heap::System].clone();
    let heaps = rounds
        .into_iter()
        .map(|(heap, rounds)| (heap, OnHeap::new(rounds, &system)));
    Ok(Result {
        workload: workload.name(),
        threads,
        counts,
        hit_rates: counts.hit_rates(),
        planned: counted.planned.unwrap_or_default(),
        heaps: heaps.collect(),
        is_equal,
    })
}

fn task(workload: &Workload, threads: usize, options: &Options) -> Task {
    let (warm, passes) = match (workload.is_text(), options.quick) {
        (true, _) => (1, 1),
        (false, true) => (WARM, 5),
        (false, false) => (WARM, 20),
    };
    let passes = options.iterations.map_or(passes, NonZero::get);
    Task {
        workload: workload.workload.clone(),
        model: workload.model.clone(),
        tokens: workload.tokens(options.quick),
        threads,
        warm,
        settle: if options.quick { 1.0 } else { options.settle },
        passes,
        seconds: if options.quick { 0.1 } else { options.seconds },
        lanes: options.lanes,
    }
}

impl OnHeap {
    fn new(rounds: Vec<Figures>, system: &[Figures]) -> Self {
        let of = |figure: fn(&Figures) -> f64| median(rounds.iter().map(figure));
        let above = |most: u64, loaded: u64| most.saturating_sub(loaded) as f64;
        let pairs = rounds.iter().zip(system);
        let ratios = sorted(pairs.map(|(own, system)| own.cpu_ms / system.cpu_ms));
        let quartile = |number: usize| ratios[ratios.len() * number / 4];
        Self {
            most_bytes: median(rounds.iter().map(|f| above(f.most_bytes, f.loaded_bytes))),
            end_bytes: median(rounds.iter().map(|f| above(f.end_bytes, f.loaded_bytes))),
            loaded_bytes: of(|f| f.loaded_bytes as f64),
            faults: rounds[0].faults,
            first_ms: of(|f| f.first_ms),
            cpu_ms: of(|f| f.cpu_ms),
            cpu_ratio: quartile(2),
            cpu_quartiles: (quartile(1), quartile(3)),
            rounds,
        }
    }
}

fn median(numbers: impl Iterator<Item = f64>) -> f64 {
    let numbers = sorted(numbers);
    numbers[numbers.len() / 2]
}

fn sorted(numbers: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut numbers: Vec<_> = numbers.collect();
    numbers.sort_by(f64::total_cmp);
    numbers
}
