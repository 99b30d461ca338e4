//! Runs each network with its tensors in planned slots and on the system's heap, side by side.
//!
//! Stands on [`executor`](super::executor) and its two sources. In planned slots, views and results
//! in place share bytes; on the heap, every tensor has its own, as in a program that knows no
//! lifetimes: there a view is a copy. A network with concatenations also runs once, unmeasured, in
//! a region where operands lie within the results. Invariant: both sources are measured in the same
//! way: on one fresh thread, after the kernels have warmed up with a third source, in turns, with
//! plain pages; and their results are compared bit by bit in every run.
//!
//! - *Fresh thread*: the C library gives it a heap of its own, without the pages that building the
//!   networks left behind. A thread that ends leaves its heap to the next thread, so no thread ends
//!   before all networks are measured.
//! - *Warmed up*: matrix products pack their operands in buffers (at most 1.1 MiB) from the heap,
//!   whatever the source; the page faults of those buffers count for neither source.
//! - *Plain pages*: huge pages would save the arena most of its faults, but not the heap.

#![forbid(unsafe_code)]

use std::{
    alloc::System,
    panic,
    sync::{Mutex, mpsc},
    thread,
    time::{Duration, Instant},
};

use orionrt::{Aliasing, Arena, Lifetimes, Plan, Planner, TensorPool, parts::PartsPlan};

use super::{
    executor::{Executor, HeapSource, RegionExecutor, TensorSource},
    metered::Metered,
    models::sample_input,
    network::Network,
    pool_source::PoolSource,
};
use crate::{failure::Failure, page_faults::PageFaults};

/// The seed of the values that a network is given.
pub(super) const INPUT_SEED: u64 = 7;
/// The C library's allocator maps the first large buffers one by one, and keeps them from the
/// second run on.
const WARM_UPS: usize = 2;

/// The measurements of one network.
#[derive(Debug)]
pub struct Measured {
    /// The network's name.
    pub name: &'static str,
    /// The number of its operators.
    pub operators: usize,
    /// Its plan, with views and results in place.
    pub plan: Plan,
    /// The plan in which every tensor has its own bytes, for comparison: nothing runs in it.
    pub plan_off: Plan,
    /// The plan with parts of results, too, if the network has concatenations. The network ran in
    /// it once, with the same results.
    pub parts: Option<PartsPlan>,
    /// The time it took to make `plan`.
    pub planning_time: Duration,
    /// The most bytes that tensors on the heap had requested at once.
    pub heap_peak_bytes: u64,
    /// With tensors in planned slots.
    pub planned: Runs,
    /// With tensors on the heap.
    pub heap: Runs,
}

/// The measurements of the runs with one source.
#[derive(Debug, Default)]
pub struct Runs {
    /// Requests to the allocator in a run: to the heap, or to the arena that the slots are in.
    pub requests: u64,
    /// Page faults of the first run, if the system counts them.
    pub first_faults: Option<u64>,
    /// The median of the page faults of later runs.
    pub steady_faults: Option<u64>,
    /// The median time of later runs.
    pub median_time: Duration,
}

/// Plans each network and runs it `1 + iterations` times with each source.
pub fn measure(networks: &[Network], iterations: u32) -> Result<Vec<Measured>, Failure> {
    let all_measured = Mutex::new(());
    thread::scope(|scope| {
        let _not_yet = all_measured.lock();
        let each = networks.iter().map(|network| {
            let (send, receive) = mpsc::channel();
            let all_measured = &all_measured;
            let measuring = scope.spawn(move || {
                let _ = send.send(side_by_side(network, iterations));
                // The next thread's heap is fresh only while this thread keeps its own.
                drop(all_measured.lock());
            });
            receive.recv().unwrap_or_else(|_| {
                panic::resume_unwind(measuring.join().expect_err("it sends or panics"))
            })
        });
        each.collect()
    })
}

fn side_by_side(network: &Network, iterations: u32) -> Result<Measured, Failure> {
    let start = Instant::now();
    let planner = Planner::new().alignment(64);
    let plan = planner
        .plan(&network.graph().lifetimes())
        .map_err(Failure::demo)?;
    let planning_time = start.elapsed();
    let plan_off = planner
        .plan(&network.graph().lifetimes_with(Aliasing::Off))
        .map_err(Failure::demo)?;
    let (lifetimes, off) = (plan.lifetimes(), plan_off.lifetimes());
    let input = sample_input(network, INPUT_SEED);

    let spare = arena(&plan)?;
    let pool = TensorPool::new(&spare, &plan).map_err(Failure::demo)?;
    let mut warm_up = Subject::new(network, &input, PoolSource(&pool), lifetimes)?;
    for _ in 0..WARM_UPS {
        warm_up.run()?;
    }

    let arena = arena(&plan)?;
    let pool = TensorPool::new(&arena, &plan).map_err(Failure::demo)?;
    let meter = Metered::new(System);
    let reserved = arena.stats().allocations;
    let mut planned = Subject::new(network, &input, PoolSource(&pool), lifetimes)?;
    let mut heap = Subject::new(network, &input, HeapSource(meter.clone()), off)?;
    for iteration in 0..=iterations {
        // In turns, so that neither source always finds the caches as the other left them.
        if iteration % 2 == 0 {
            planned.run()?;
            heap.run()?;
        } else {
            heap.run()?;
            planned.run()?;
        }
        if !planned.agrees_with(&heap) {
            let network = network.name();
            return Err(Failure::demo(format!(
                "inference {iteration} of the {network} gave different bits in planned slots \
                 and on the heap"
            )));
        }
    }
    // The executor drops a tensor when its lifetime ends, so the heap's peak is exactly the load.
    debug_assert_eq!(off.load(), meter.peak_bytes() as u64);
    debug_assert_eq!(meter.live_bytes(), 0);
    let parts = with_parts(network, &planner, &input, &heap.output)?;
    let (planned, heap) = (
        planned.runs(arena.stats().allocations - reserved),
        heap.runs(meter.allocations() as u64),
    );
    Ok(Measured {
        name: network.name(),
        operators: network.nodes().len(),
        planning_time,
        heap_peak_bytes: meter.peak_bytes() as u64,
        planned,
        heap,
        plan,
        plan_off,
        parts,
    })
}

/// The plan with parts of results, if there are concatenations, after a run in it that gave the
/// expected bits.
fn with_parts(
    network: &Network,
    planner: &Planner,
    input: &[f32],
    expected: &[f32],
) -> Result<Option<PartsPlan>, Failure> {
    let mut ops = network.graph().ops().iter();
    if ops.all(|op| op.parts().is_empty()) {
        return Ok(None);
    }
    let parts = planner.plan_parts(network.graph());
    let parts = parts.map_err(Failure::demo)?;
    let mut region = vec![0.0; parts.plan.peak() as usize / size_of::<f32>()];
    let mut executor =
        RegionExecutor::new(network, &parts.plan, &mut region).map_err(Failure::demo)?;
    let mut output = vec![f32::NAN; expected.len()];
    executor.run(input, &mut output).map_err(Failure::demo)?;
    if !same_bits(&output, expected) {
        let network = network.name();
        return Err(Failure::demo(format!(
            "the {network} gave different bits with operands within concatenations"
        )));
    }
    Ok(Some(parts))
}

/// An arena with room for the plan, none of its pages in memory yet.
fn arena(plan: &Plan) -> Result<Arena, Failure> {
    let capacity = usize::try_from(plan.peak()).unwrap_or(usize::MAX);
    let arena = Arena::builder().capacity(capacity).build();
    arena.map_err(Failure::demo)
}

/// A network with one source, its result, and the cost of its runs.
struct Subject<'n, S: TensorSource> {
    executor: Executor<'n, S>,
    input: &'n [f32],
    output: Vec<f32>,
    times: Vec<Duration>,
    faults: Vec<Option<PageFaults>>,
}

impl<'n, S: TensorSource> Subject<'n, S> {
    fn new(
        network: &'n Network,
        input: &'n [f32],
        source: S,
        lifetimes: &Lifetimes,
    ) -> Result<Self, Failure> {
        let executor = Executor::new(network, lifetimes, source);
        Ok(Self {
            executor: executor.map_err(Failure::demo)?,
            input,
            output: vec![0.0; network.length(network.output())],
            times: Vec::new(),
            faults: Vec::new(),
        })
    }

    fn run(&mut self) -> Result<(), Failure> {
        // The last run's result must not pass for this one's.
        self.output.fill(f32::NAN);
        let (faults, start) = (PageFaults::of_this_thread(), Instant::now());
        let ran = self.executor.run(self.input, &mut self.output);
        ran.map_err(Failure::demo)?;
        self.times.push(start.elapsed());
        let after = PageFaults::of_this_thread();
        self.faults
            .push(after.zip(faults).map(|(after, before)| after - before));
        Ok(())
    }

    fn agrees_with<T: TensorSource>(&self, other: &Subject<'_, T>) -> bool {
        same_bits(&self.output, &other.output)
    }

    /// The measurements, if all runs together made `requests` requests.
    fn runs(self, requests: u64) -> Runs {
        let faults = self.faults.iter().map(|f| f.map(PageFaults::total));
        let faults: Option<Vec<u64>> = faults.collect();
        let faults = faults.unwrap_or_default();
        Runs {
            requests: requests / self.times.len() as u64,
            first_faults: faults.first().copied(),
            steady_faults: median(faults.get(1..).unwrap_or_default()),
            median_time: median(&self.times[1..]).unwrap_or_default(),
        }
    }
}

/// Whether all values are the same, bit by bit.
pub(super) fn same_bits(a: &[f32], b: &[f32]) -> bool {
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.to_bits() == b.to_bits())
}

/// The middle value; of two middle values, the upper.
pub(super) fn median<T: Ord + Copy>(values: &[T]) -> Option<T> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    sorted.get(sorted.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(median::<u32>(&[]), None);
        assert_eq!(median(&[3]), Some(3));
        assert_eq!(median(&[9, 1, 5]), Some(5));
        assert_eq!(median(&[9, 1, 5, 2]), Some(5));
    }

    #[test]
    fn bits_are_compared_and_not_values() {
        assert!(same_bits(&[1.0, f32::NAN], &[1.0, f32::NAN]));
        assert!(!same_bits(&[0.0], &[-0.0]));
        assert!(!same_bits(&[1.0], &[1.0, 2.0]));
    }
}
