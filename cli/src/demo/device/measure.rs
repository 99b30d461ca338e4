//! Runs networks on a device, planned and with a buffer for each tensor, side by side.
//!
//! Stands on [`planned`](super::planned) and [`separate`](super::separate), and on the heap's
//! executor for the results of the processor. Invariant: both ways are run as often, in turns, with
//! the same kernels; all results on the device are compared bit by bit, and those of the processor
//! value by value.

#![forbid(unsafe_code)]

use std::time::{Duration, Instant};

use allocator_api2::alloc::Global;
use orionrt::{Aliasing, Plan, Planner};

use super::{
    gpu::{Gpu, Kernels},
    planned::{self, Planned},
    separate::{self, Separate},
};
use crate::{
    demo::{
        executor::{Executor, HeapSource},
        measure::{INPUT_SEED, median, same_bits},
        models::sample_input,
        network::Network,
    },
    failure::Failure,
};

/// How far a result of the device may be from that of the processor: so many units in the last
/// place of the largest value of all results.
pub const ALLOWED_ULPS: f64 = 256.0;

/// The measurements of one network on a device.
#[derive(Debug)]
pub struct MeasuredOnDevice {
    /// The network's name.
    pub name: &'static str,
    /// Its operators.
    pub operators: usize,
    /// The dispatches of a planned run.
    pub dispatches: usize,
    /// The slots that a planned run claims, and those that it joins of others.
    pub slots: usize,
    /// The plan, aligned as the device wants it.
    pub plan: Plan,
    /// The bytes of constants: weights, biases and sizes. Both ways have as many.
    pub constant_bytes: u64,
    /// The bytes of device memory that the planned tensors have.
    pub planned_bytes: u64,
    /// How often a planned run after the first one allocated device memory.
    pub planned_allocations: u64,
    /// The most bytes of live tensors with a buffer each.
    pub most_live: u64,
    /// The most bytes of device memory that these buffers took.
    pub most_held: u64,
    /// The buffers that were made for one run.
    pub separate_allocations: u64,
    /// The median times of later runs.
    pub planned_time: Duration,
    /// With a buffer for each tensor.
    pub separate_time: Duration,
    /// The largest distance from the processor's results, in units in the last place of the largest
    /// of them.
    pub ulps: f64,
}

/// Plans each network and runs it `1 + iterations` times in both ways on the device.
///
/// # Errors
/// The device cannot do it, or results differ.
pub fn measure(
    gpu: &impl Gpu,
    networks: &[Network],
    iterations: u32,
) -> Result<Vec<MeasuredOnDevice>, Failure> {
    let mut kernels = Kernels::new();
    let each = networks.iter();
    each.map(|network| side_by_side(gpu, &mut kernels, network, iterations))
        .collect()
}

fn side_by_side<G: Gpu>(
    gpu: &G,
    kernels: &mut Kernels<G>,
    network: &Network,
    iterations: u32,
) -> Result<MeasuredOnDevice, Failure> {
    let plan = plan(gpu, network)?;
    let planned_program = planned::program(gpu, network, &plan)?;
    let separate_program = separate::program(gpu, network);
    kernels.compile(gpu, &planned_program)?;
    kernels.compile(gpu, &separate_program)?;
    let mut planned = Planned::new(gpu, kernels, network, &plan, &planned_program)?;
    let mut separate = Separate::new(gpu, kernels, network, &separate_program)?;
    let input = sample_input(network, INPUT_SEED);
    let [mut in_block, mut in_buffers] = [Runs::of(network), Runs::of(network)];
    let mut planned_allocations = 0;
    for iteration in 0..=iterations {
        let before = gpu.allocations();
        in_block.time(|output| planned.run(&input, output))?;
        if iteration > 0 {
            planned_allocations = planned_allocations.max(gpu.allocations().abs_diff(before));
        }
        in_buffers.time(|output| separate.run(&input, output))?;
        if !same_bits(&in_block.output, &in_buffers.output) {
            let network = network.name();
            return Err(Failure::demo(format!(
                "run {iteration} of the {network} on the device gave different bits in a planned \
                 block and with a buffer for each tensor"
            )));
        }
    }
    let ulps = distance(&in_block.output, &on_the_processor(network, &input)?);
    check(gpu, network, ulps)?;
    let usage = separate.usage();
    Ok(MeasuredOnDevice {
        name: network.name(),
        operators: network.nodes().len(),
        dispatches: planned_program.steps().iter().map(Vec::len).sum(),
        constant_bytes: planned.constant_bytes(),
        slots: planned.slots(),
        planned_bytes: planned.bytes(),
        planned_allocations,
        most_live: usage.most_live,
        most_held: usage.most_held,
        separate_allocations: usage.allocations / u64::from(iterations + 1),
        planned_time: in_block.later(),
        separate_time: in_buffers.later(),
        ulps,
        plan,
    })
}

/// The times and the last result of one way.
struct Runs {
    times: Vec<Duration>,
    output: Vec<f32>,
}

impl Runs {
    fn of(network: &Network) -> Self {
        Self {
            times: Vec::new(),
            output: vec![0.0; network.length(network.output())],
        }
    }

    fn time(&mut self, run: impl FnOnce(&mut [f32]) -> Result<(), Failure>) -> Result<(), Failure> {
        // The last run's result must not pass for this one's.
        self.output.fill(f32::NAN);
        let start = Instant::now();
        run(&mut self.output)?;
        self.times.push(start.elapsed());
        Ok(())
    }

    /// The median time of all runs but the first one, in which drivers compile.
    fn later(&self) -> Duration {
        median(&self.times[1..]).unwrap_or_default()
    }
}

/// Checks the distance from the processor's results, and that validation layers are silent.
fn check(gpu: &impl Gpu, network: &Network, ulps: f64) -> Result<(), Failure> {
    if ulps.is_nan() || ulps > ALLOWED_ULPS {
        let network = network.name();
        return Err(Failure::demo(format!(
            "the {network} is {ulps:.0} units in the last place from the processor's results, \
             and {ALLOWED_ULPS} are allowed"
        )));
    }
    match gpu.messages().first() {
        Some(message) => Err(Failure::demo(format!(
            "the validation layers say: {message}"
        ))),
        None => Ok(()),
    }
}

/// The plan with views, results in place and parts of results, as far as these begin where the
/// device can bind a buffer.
fn plan(gpu: &impl Gpu, network: &Network) -> Result<Plan, Failure> {
    let properties = gpu.properties();
    let planner = Planner::new().alignment(properties.plan_alignment());
    let plan = |aliasing| {
        let lifetimes = network.graph().lifetimes_with(aliasing);
        planner.plan(&lifetimes).map_err(Failure::demo)
    };
    for aliasing in [Aliasing::Parts, Aliasing::InPlace] {
        let plan = plan(aliasing)?;
        if properties.check(&plan).is_ok() {
            return Ok(plan);
        }
    }
    plan(Aliasing::Off)
}

/// The results of the processor, with every tensor on the heap.
fn on_the_processor(network: &Network, input: &[f32]) -> Result<Vec<f32>, Failure> {
    let lifetimes = network.graph().lifetimes_with(Aliasing::Off);
    let executor = Executor::new(network, &lifetimes, HeapSource(Global));
    let mut executor = executor.map_err(Failure::demo)?;
    let mut output = vec![f32::NAN; network.length(network.output())];
    executor.run(input, &mut output).map_err(Failure::demo)?;
    Ok(output)
}

/// The largest distance between values of the same index, in units in the last place of the
/// largest of all `expected`; NaN if one is not a number.
pub fn distance(values: &[f32], expected: &[f32]) -> f64 {
    let largest = expected
        .iter()
        .fold(0.0_f32, |largest, value| largest.max(value.abs()));
    let unit = f64::from(largest.max(f32::MIN_POSITIVE).next_up() - largest.max(f32::MIN_POSITIVE));
    let apart = values.iter().zip(expected);
    let apart = apart.map(|(&value, &expected)| (f64::from(value) - f64::from(expected)).abs());
    let furthest = apart.fold(0.0_f64, |furthest, apart| match apart.is_nan() {
        true => f64::NAN,
        false if furthest.is_nan() => furthest,
        false => furthest.max(apart),
    });
    furthest / unit
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_in_units_of_the_largest_value() {
        let next = 2.0_f32.next_up();
        assert_eq!(distance(&[2.0, 0.5], &[2.0, 0.5]), 0.0);
        assert_eq!(distance(&[next, 0.5], &[2.0, 0.5]), 1.0);
        // A small value is as far as a large one.
        assert_eq!(distance(&[2.0, 0.5 + (next - 2.0) * 3.0], &[2.0, 0.5]), 3.0);
        assert!(distance(&[2.0, f32::NAN, 1.0], &[2.0, 0.5, 1.0]).is_nan());
        assert_eq!(distance(&[0.0], &[0.0]), 0.0);
    }
}
