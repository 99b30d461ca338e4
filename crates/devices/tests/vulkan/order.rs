//! What an event keeps alive, and what a run of a program comes after.

use std::time::Duration;

use orionrt_devices::{
    DeviceArena, DeviceMemory, DeviceMemoryError, DevicePool, StreamId, StreamOrder,
    vulkan::{
        VulkanDevice, VulkanMemory, VulkanProgram, VulkanProgramError, VulkanProgramRecorder,
        VulkanRecorder, VulkanStream,
    },
};
use orionrt_plan::{Lifetimes, Planner, TensorId};

use crate::{
    contrary,
    support::{contrary_device, silent},
};

const VALUES: usize = 1024;
const FIRST: StreamId = StreamId::new(0);
const SECOND: StreamId = StreamId::new(1);
const X: TensorId = TensorId::new(0);
const Y: TensorId = TensorId::new(1);

fn streams(device: &VulkanDevice) -> Vec<VulkanStream> {
    let stream = |id| VulkanStream::new(device, id, 1 << 14).unwrap();
    vec![stream(FIRST), stream(SECOND)]
}

/// A program whose second stream copies `x`, which the first one uploads, to `y`.
fn program(device: &VulkanDevice) -> (VulkanProgram, DevicePool<VulkanMemory>) {
    let layout = device.properties().layout((VALUES * 4) as u64).unwrap();
    let [bytes, align] = [layout.size() as u64, layout.align() as u64];
    let rows = [("x", 0, 2, bytes, align), ("y", 1, 3, bytes, align)];
    let plan = Planner::new().plan(&Lifetimes::from_rows(rows).unwrap());
    let plan = plan.unwrap();
    let memory = VulkanMemory::allocate(device, plan.peak()).unwrap();
    let arena = DeviceArena::new(memory).unwrap();
    let pool = arena.pool(&plan, &StreamOrder::new(2)).unwrap();
    let mut recorder = VulkanProgramRecorder::new(device, pool.order());
    let x = pool.slot(X, FIRST).unwrap();
    let uploaded = recorder.signal(FIRST).unwrap();
    recorder.wait(SECOND, &uploaded).unwrap();
    let y = pool.slot(Y, SECOND).unwrap();
    recorder.copy(SECOND, &x, &y).unwrap();
    (recorder.finish().unwrap(), pool)
}

#[test]
fn a_submission_keeps_the_semaphores_for_which_it_waits() {
    let Some(device) = contrary_device() else {
        return;
    };
    let messages = device.messages();
    let arena = DeviceArena::new(VulkanMemory::allocate(&device, 4096).unwrap()).unwrap();
    let buffer = arena.memory().buffer(0..1024).unwrap();
    let mut recorder = VulkanRecorder::new(&device);
    recorder.fill(&buffer, 1).unwrap();
    let commands = recorder.finish().unwrap();
    let [mut a, mut b] = <[_; 2]>::try_from(streams(&device)).unwrap();
    let end = a.submit(&commands, &[]).unwrap();
    let later = b.submit(&commands, &[end]).unwrap();
    // Waits for its own work alone; what comes behind it is forgotten by the arena.
    drop(a);
    drop(arena.allocate(100).unwrap());
    assert_eq!((contrary::waiting(), contrary::destroyed_in_use()), (1, 0));
    assert!(later.wait(Duration::MAX).unwrap());
    drop((b, later, commands, buffer, arena, device));
    silent(&messages);
}

#[test]
fn what_is_uploaded_behind_a_run_is_not_seen_by_it() {
    let Some(device) = contrary_device() else {
        return;
    };
    let messages = device.messages();
    let (program, pool) = program(&device);
    let mut streams = streams(&device);
    let x = pool.buffer(X).unwrap().clone();
    for value in [1_u32, 2] {
        streams[0].upload(&[value; VALUES], &x).unwrap();
        program.submit(&mut streams).unwrap();
    }
    streams[0].upload(&[3_u32; VALUES], &x).unwrap();
    let mut values = [0_u32; VALUES];
    let y = pool.buffer(Y).unwrap();
    streams[1].download(y, &mut values).unwrap();
    assert_eq!(values, [2; VALUES]);
    drop((x, streams, program, pool, device));
    silent(&messages);
}

#[test]
fn a_stream_waits_for_another_before_a_transfer() {
    let Some(device) = contrary_device() else {
        return;
    };
    let messages = device.messages();
    let memory = VulkanMemory::allocate(&device, 4096).unwrap();
    let buffer = memory.buffer(0..4096).unwrap();
    let mut streams = streams(&device);
    let first = streams[0].upload(&[1_u32; VALUES], &buffer).unwrap();
    streams[1].wait_for(&[first]).unwrap();
    let mut values = [0_u32; VALUES];
    streams[1].download(&buffer, &mut values).unwrap();
    assert_eq!(values, [1; VALUES]);
    drop((buffer, memory, streams, device));
    silent(&messages);
}

#[test]
fn a_run_on_other_streams_comes_after_the_run_before() {
    let Some(device) = contrary_device() else {
        return;
    };
    let messages = device.messages();
    let (program, pool) = program(&device);
    let [mut one, mut two] = [0; 2].map(|_| streams(&device));
    let before = program.submit(&mut one).unwrap();
    let ends = program.submit(&mut two).unwrap();
    assert!(ends[1].wait(Duration::MAX).unwrap());
    assert_eq!(contrary::waiting(), 0);
    assert!(before[1].is_done().unwrap());
    drop((before, ends, one, two, program, pool, device));
    silent(&messages);
}

#[test]
fn a_run_without_one_of_its_streams_submits_nothing() {
    let Some(device) = contrary_device() else {
        return;
    };
    let (program, _pool) = program(&device);
    let mut streams = streams(&device);
    let missing = program.submit(&mut streams[..1]).unwrap_err();
    assert_eq!(missing, VulkanProgramError::NoStream { stream: SECOND });
    assert_eq!(contrary::waiting(), 0);
}

/// Vulkan has neither empty descriptors nor empty fills.
#[test]
fn an_empty_range_is_not_given_to_the_device() {
    let Some(device) = contrary_device() else {
        return;
    };
    let messages = device.messages();
    let memory = VulkanMemory::allocate_as_one_buffer(&device, 4096).unwrap();
    let empty = memory.buffer(4096..4096).unwrap();
    let full = memory.buffer(0..1024).unwrap();
    assert!(empty.descriptor().is_none());
    assert_eq!(full.descriptor().unwrap().range, 1024);
    let kernel = crate::support::affine(&device).unwrap();
    let mut recorder = VulkanRecorder::new(&device);
    let by = crate::support::by(1, 1);
    let refused = recorder.dispatch(&kernel, &[&full, &empty], &by, [1; 3]);
    assert!(matches!(refused, Err(DeviceMemoryError::Refused { .. })));
    recorder.fill(&empty, 1).unwrap();
    recorder.copy((&empty, 0), (&full, 0), 0).unwrap();
    assert!(recorder.is_empty());
    drop((recorder, kernel, empty, full, memory, device));
    silent(&messages);
}
