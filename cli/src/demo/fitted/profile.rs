//! What things cost on this machine: each operator of a network, and a byte to and from the file.
//!
//! Stands on runs of the network without a limit of memory, and on copies to a mapped file.
//! Invariant: every cost is the median of several measurements, so that one interruption does not
//! decide a schedule.

#![forbid(unsafe_code)]

use std::{
    error::Error,
    io,
    time::{Duration, Instant},
};

use allocator_api2::vec::Vec as FileVec;
use orionrt::fit::{FitAction, FitSchedule, OperatorCosts, SlowMemory};

use super::{executor::FittedExecutor, mapped_file::MappedFile};
use crate::demo::measure::median;

/// How often each thing is measured.
const RUNS: usize = 3;

/// The seconds of each operator, by runs that follow a schedule without spills and reruns.
///
/// # Errors
/// When the network does not run.
pub fn operator_costs(
    executor: &mut FittedExecutor<'_>,
    schedule: &FitSchedule,
    input: &[f32],
    output: &mut [f32],
) -> Result<OperatorCosts, Box<dyn Error + Send + Sync>> {
    let mut times = vec![Vec::new(); schedule.steps.len()];
    for _ in 0..RUNS {
        executor.run(input, output)?;
        for (times, &time) in times.iter_mut().zip(executor.times()) {
            times.push(time);
        }
    }
    let mut seconds = vec![0.0; schedule.steps.len()];
    for (step, times) in schedule.steps.iter().zip(&times) {
        if let FitAction::Run(op) = step.action {
            seconds[op.index()] = median(times).unwrap_or_default().as_secs_f64();
        }
    }
    OperatorCosts::from_seconds(seconds).ok_or_else(|| "a negative time was measured".into())
}

/// The speeds of a mapped file, by copies of `length` elements, and room for `capacity` bytes.
///
/// # Errors
/// When the system makes no such file.
pub fn slow_memory(length: usize, capacity: u64) -> io::Result<SlowMemory> {
    let file = MappedFile::new((length * size_of::<f32>()) as u64)?;
    let mut there = FileVec::new_in(&file);
    if there.try_reserve_exact(length).is_err() {
        return Err(io::ErrorKind::OutOfMemory.into());
    }
    let mut here = vec![1.0f32; length];
    let (mut writes, mut reads) = (Vec::new(), Vec::new());
    // In the first round, pages fault in.
    for _ in 0..=RUNS {
        there.clear();
        writes.push(timed(|| there.extend_from_slice(&here)));
        reads.push(timed(|| here.copy_from_slice(&there)));
    }
    let speed = |times: &[Duration]| {
        let time = median(&times[1..]).unwrap_or_default();
        (length * size_of::<f32>()).max(1) as f64 / time.as_secs_f64().max(1e-9)
    };
    Ok(SlowMemory::new(capacity, speed(&reads)).write_bytes_per_second(speed(&writes)))
}

fn timed(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}
