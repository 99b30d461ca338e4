//! What things cost on this machine: each operator of a network, a byte to and from the file, and
//! tensors in compressed form.
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
use orionrt::{
    TensorId,
    fit::{Codec, Compression, FitAction, FitSchedule, OperatorCosts, SlowMemory},
};

use super::{
    executor::FittedExecutor,
    mapped_file::MappedFile,
    packed::{pack, packed_len, unpack},
};
use crate::demo::{measure::median, network::Network, run_error::RunError};

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

/// How small the tensors of a network get in compressed form, and how fast, in a run with this
/// input. Tensors that may have the same bytes, as views or one in the place of the other, are as
/// large as the largest of them.
///
/// # Errors
/// When the network does not run.
pub fn compression(
    network: &Network,
    executor: &mut FittedExecutor<'_>,
    input: &[f32],
    output: &mut [f32],
) -> Result<Compression, RunError> {
    let mut codecs = vec![None; network.graph().tensors().len()];
    codecs[network.input().index()] = Some(codec(input));
    executor.run_observed(input, output, |tensor, values| {
        codecs[tensor.index()] = Some(codec(values));
    })?;
    let group = groups(network);
    let most = |id: usize| {
        let members = (0..codecs.len()).filter(|&member| group[member] == group[id]);
        let sizes = members.filter_map(|member| codecs[member].map(|codec: Packing| codec.bytes));
        sizes.max().unwrap_or(0)
    };
    let mut compression = Compression::new();
    for (id, codec) in codecs.iter().enumerate() {
        if let Some(codec) = codec {
            let tensor = TensorId::new(id as u32);
            let codec = Codec::with_bytes(most(id), codec.compress_speed)
                .expand_bytes_per_second(codec.expand_speed);
            compression = compression.tensor(tensor, codec);
        }
    }
    Ok(compression)
}

/// What packing the values of a tensor takes.
#[derive(Clone, Copy, Debug)]
struct Packing {
    bytes: u64,
    /// Bytes of the tensor in a second, as is the other one.
    compress_speed: f64,
    expand_speed: f64,
}

fn codec(values: &[f32]) -> Packing {
    let mut packed = vec![0; packed_len(values)];
    let mut back = vec![0.0; values.len()];
    let (mut packs, mut unpacks) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        packs.push(timed(|| _ = pack(values, &mut packed)));
        unpacks.push(timed(|| _ = unpack(&packed, &mut back)));
    }
    let speed = |times: &[Duration]| {
        let time = median(times).unwrap_or_default();
        size_of_val(values).max(1) as f64 / time.as_secs_f64().max(1e-9)
    };
    Packing {
        bytes: packed.len() as u64,
        compress_speed: speed(&packs),
        expand_speed: speed(&unpacks),
    }
}

/// For each tensor, a number that it shares with its views, and with those that may take its place,
/// or it theirs: what is written over a view is in the bytes of the whole.
fn groups(network: &Network) -> Vec<usize> {
    let mut group: Vec<usize> = (0..network.graph().tensors().len()).collect();
    let ops = || network.graph().ops().iter();
    let views = ops()
        .flat_map(|op| op.views())
        .map(|view| (view.result, view.of));
    let in_place = ops()
        .flat_map(|op| op.in_place())
        .map(|pair| (pair.result, pair.of));
    for (result, of) in views.chain(in_place) {
        let [from, to] = [result, of].map(|id| group[id.index()]);
        let members = group.iter_mut().filter(|group| **group == from);
        members.for_each(|group| *group = to);
    }
    group
}

fn timed(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}
