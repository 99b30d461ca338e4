//! Runs each network within a capacity and without a limit, side by side.
//!
//! Stands on [`FittedExecutor`]. Invariant: the runs within the capacity and without a limit take
//! turns, and the results of every run are compared bit by bit with those of the network on the
//! system's heap, where every tensor has bytes of its own.

#![forbid(unsafe_code)]

use std::{
    error::Error,
    time::{Duration, Instant},
};

use orionrt::{
    Aliasing, Planner,
    fit::{Compression, Fit, FitAction, FitSchedule, Fitted, OperatorCosts, SlowMemory},
};

use super::{
    copies::Memories,
    executor::FittedExecutor,
    profile::{compression, operator_costs, slow_memory},
    stored_weights::StoredWeights,
    within::{Within, fit_within},
};
use crate::{
    args::{Capacity, Way},
    demo::{
        executor::{Executor, HeapSource},
        measure::{INPUT_SEED, median, same_bits},
        models::sample_input,
        network::Network,
        run_error::RunError,
    },
    failure::Failure,
    resident_memory,
};

/// The alignment of every copy.
const ALIGNMENT: u64 = 64;
/// The nodes of a search for offsets: the planner then looks at no clock.
const NODES: u64 = 200_000;
/// The work of a search for a schedule.
const WORK: u64 = 500_000;

/// By which means memory is freed.
#[derive(Clone, Debug)]
pub struct Means {
    /// What may be done with tensors that are idle.
    pub ways: Vec<Way>,
    /// Whether weights are tensors, too, which are read from a file when they are needed.
    pub stream_weights: bool,
}

type AnyError = Box<dyn Error + Send + Sync>;

/// The measurements of one network within a capacity.
#[derive(Debug)]
pub struct MeasuredFit {
    /// The network's name.
    pub name: &'static str,
    /// The number of its operators.
    pub operators: usize,
    /// The peak of its plan without a limit.
    pub peak_bytes: u64,
    /// What was asked for.
    pub asked_bytes: u64,
    /// The schedule, and what it was fitted into.
    pub within: Within,
    /// The time that it took to make the schedule, and to look for the least capacity if need be.
    pub fitting_time: Duration,
    /// The bytes of the weights, if they are tensors.
    pub weight_bytes: u64,
    /// The speeds of the slow memory, if it was used.
    pub slow: Option<SlowMemory>,
    /// The bytes of the arena's pages that were resident after the last run, if the system says.
    pub resident_bytes: Option<u64>,
    /// The median time of a run without a limit.
    pub unlimited_time: Duration,
    /// The median time of a run within the capacity.
    pub limited_time: Duration,
    /// The median time that the added steps of a run took: what the schedule's cost estimates.
    pub added_time: Duration,
}

/// Fits each network into a capacity, and runs it `1 + iterations` times there and without a limit.
pub fn measure_fitted(
    networks: &[Network],
    capacity: Capacity,
    means: &Means,
    iterations: u32,
) -> Result<Vec<MeasuredFit>, Failure> {
    let each = networks.iter().map(|network| {
        let measured = side_by_side(network, capacity, means, iterations);
        measured.map_err(|error| Failure::demo(format!("{}: {error}", network.name())))
    });
    each.collect()
}

fn side_by_side(
    network: &Network,
    capacity: Capacity,
    means: &Means,
    iterations: u32,
) -> Result<MeasuredFit, AnyError> {
    let input = sample_input(network, INPUT_SEED);
    let expected = on_the_heap(network, &input)?;
    let network = &match means.stream_weights {
        true => network.with_weights()?,
        false => network.clone(),
    };
    let weights = StoredWeights::new(network)?;
    let planner = Planner::new().alignment(ALIGNMENT).nodes(NODES);
    let graph = network.graph();
    let peak_bytes = planner.plan_parts(graph)?.plan.peak();
    let asked_bytes = capacity.of(peak_bytes);

    let unlimited = unlimited(&planner, network, peak_bytes)?;
    let roomy = Memories::new(&unlimited, unlimited.fast_plan().peak())?;
    let mut plain = Subject::new(network, &unlimited, &roomy, &weights);
    let costs = operator_costs(
        &mut plain.executor,
        unlimited.schedule(),
        &input,
        &mut plain.output,
    )?;
    let slow = slow_memory_of(network, means)?;
    let packing = match means.ways.contains(&Way::Compress) {
        true => compression(network, &mut plain.executor, &input, &mut plain.output)?,
        false => Compression::new(),
    };

    let start = Instant::now();
    let fit =
        |capacity| options(network, capacity, &costs, slow, means).compression(packing.clone());
    let within = fit_within(&planner, graph, asked_bytes, fit, unlimited.clone())?;
    let fitting_time = start.elapsed();
    let memories = Memories::new(&within.fitted, within.capacity)?;
    let mut limited = Subject::new(network, &within.fitted, &memories, &weights);
    for iteration in 0..=iterations {
        // In turns, so that neither way always finds the caches as the other left them.
        let bits = match iteration % 2 {
            0 => [
                limited.run(&input, &expected)?,
                plain.run(&input, &expected)?,
            ],
            _ => [
                plain.run(&input, &expected)?,
                limited.run(&input, &expected)?,
            ],
        };
        if bits != [true; 2] {
            let message = "gave different bits in less memory, without a limit, and on the heap";
            return Err(format!("inference {iteration} {message}").into());
        }
    }
    let arena = memories.fast.arena();
    let resident_bytes = resident_memory::of_range(arena.base().addr().get(), arena.capacity());
    let [limited_time, added_time] =
        [&limited.times, &limited.added].map(|times| later_median(times));
    drop(limited);
    Ok(MeasuredFit {
        name: network.name(),
        operators: network.nodes().len(),
        peak_bytes,
        asked_bytes,
        within,
        fitting_time,
        weight_bytes: network
            .weights()
            .map(|(_, weight)| size_of_val(weight) as u64)
            .sum(),
        slow,
        resident_bytes,
        unlimited_time: later_median(&plain.times),
        limited_time,
        added_time,
    })
}

/// A network with a schedule, and what its runs took.
struct Subject<'n> {
    executor: FittedExecutor<'n>,
    schedule: &'n FitSchedule,
    output: Vec<f32>,
    times: Vec<Duration>,
    /// Of each run, the time of all steps that are not the first run of an operator.
    added: Vec<Duration>,
}

impl<'n> Subject<'n> {
    fn new(
        network: &'n Network,
        fitted: &'n Fitted,
        memories: &'n Memories,
        weights: &'n StoredWeights,
    ) -> Self {
        let schedule = fitted.schedule();
        Self {
            executor: FittedExecutor::new(network, schedule, memories, weights),
            schedule,
            output: vec![0.0; network.length(network.output())],
            times: Vec::new(),
            added: Vec::new(),
        }
    }

    /// Runs the network; returns whether the result has the bits that are expected.
    fn run(&mut self, input: &[f32], expected: &[f32]) -> Result<bool, RunError> {
        // The last run's result must not pass for this one's.
        self.output.fill(f32::NAN);
        self.executor.run(input, &mut self.output)?;
        // Inputs are there before: weights, too, if they are not read when they are needed.
        self.times.push(self.executor.times().iter().sum());
        let steps = self.schedule.steps.iter().zip(self.executor.times());
        let added = steps.filter(|(step, _)| !matches!(step.action, FitAction::Run(_)));
        self.added.push(added.map(|(_, &time)| time).sum());
        Ok(same_bits(&self.output, expected))
    }
}

/// The median of all but the first, in which pages fault in.
fn later_median(times: &[Duration]) -> Duration {
    median(&times[1..]).unwrap_or_default()
}

/// The result with every tensor in bytes of its own.
fn on_the_heap(network: &Network, input: &[f32]) -> Result<Vec<f32>, AnyError> {
    let lifetimes = network.graph().lifetimes_with(Aliasing::Off);
    let mut executor = Executor::new(network, &lifetimes, HeapSource(std::alloc::System))?;
    let mut output = vec![f32::NAN; network.length(network.output())];
    executor.run(input, &mut output)?;
    Ok(output)
}

/// The operators in their order, with room for all that is alive at once.
fn unlimited(planner: &Planner, network: &Network, peak: u64) -> Result<Fitted, AnyError> {
    let fit = |capacity| {
        let fit = Fit::within(capacity).reorder(false);
        planner.fit(network.graph(), &fit.aliasing(Aliasing::Parts))
    };
    // A plan may have parts of results that a schedule does not have.
    let all_bytes = network.graph().lifetimes().total_bytes();
    Ok(fit(peak).or_else(|_| fit(all_bytes))?)
}

/// The file, with no room for spills if only weights are read from one.
fn slow_memory_of(network: &Network, means: &Means) -> Result<Option<SlowMemory>, AnyError> {
    let spills = means.ways.contains(&Way::Spill);
    if !spills && !means.stream_weights {
        return Ok(None);
    }
    let tensors = network.graph().tensors().map(|(id, _)| network.length(id));
    let all_bytes = network.graph().lifetimes().total_bytes();
    let capacity = if spills { all_bytes } else { 0 };
    let slow = slow_memory(tensors.max().unwrap_or(0), capacity)?;
    Ok(Some(slow))
}

fn options(
    network: &Network,
    capacity: u64,
    costs: &OperatorCosts,
    slow: Option<SlowMemory>,
    means: &Means,
) -> Fit {
    let fit = Fit::within(capacity).aliasing(Aliasing::Parts);
    let fit = fit.costs(costs.clone()).work(WORK);
    let fit = fit.recompute(means.ways.contains(&Way::Recompute));
    let fit = fit.stored(network.weights().map(|(tensor, _)| tensor));
    match slow {
        Some(slow) => fit.slow(slow),
        None => fit,
    }
}
