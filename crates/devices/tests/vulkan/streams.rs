//! Two streams with timelines: what shares bytes across them waits, and what does not wait is
//! refused.

use orionrt_devices::{
    DeviceArena, DevicePool, DeviceSlotError,
    DeviceUse::{Read, Write},
    StreamId, StreamOrder,
    vulkan::{
        VulkanCommands, VulkanDevice, VulkanKernel, VulkanMemory, VulkanProgram,
        VulkanProgramError, VulkanProgramRecorder, VulkanRecorder, VulkanStream,
    },
};
use orionrt_plan::{Lifetimes, Plan, Planner, TensorId};

use crate::{
    contrary,
    support::{affine, by, contrary_device, groups, silent},
};

const VALUES: usize = 4096;
const FIRST: StreamId = StreamId::new(0);
const SECOND: StreamId = StreamId::new(1);

// On the first stream `a = 2 d + 1` and `b = a + 5`; then on the second, in the bytes of `a`,
// `c = 3 b`, and `d = c + 1`: a run reads what the one before it wrote.
const A: TensorId = TensorId::new(0);
const B: TensorId = TensorId::new(1);
const C: TensorId = TensorId::new(2);
const D: TensorId = TensorId::new(3);

/// `b` and `d` after a run.
fn after(d: u32) -> (u32, u32) {
    let b = d.wrapping_mul(2).wrapping_add(6);
    (b, b.wrapping_mul(3).wrapping_add(1))
}

fn plan(device: &VulkanDevice) -> Plan {
    let layout = device.properties().layout((VALUES * 4) as u64).unwrap();
    let [bytes, align] = [layout.size() as u64, layout.align() as u64];
    let rows = [("a", 0, 2), ("b", 1, 4), ("c", 2, 4), ("d", 0, 4)];
    let rows = rows.map(|(name, from, to)| (name, from, to, bytes, align));
    let plan = Planner::new().plan(&Lifetimes::from_rows(rows).unwrap());
    let plan = plan.unwrap();
    assert_eq!(plan.offsets()[A.index()], plan.offsets()[C.index()]);
    plan
}

fn pool(device: &VulkanDevice) -> DevicePool<VulkanMemory> {
    let memory = VulkanMemory::allocate(device, 1 << 20).unwrap();
    let arena = DeviceArena::new(memory).unwrap();
    arena.pool(&plan(device), &StreamOrder::new(2)).unwrap()
}

fn streams(device: &VulkanDevice) -> Vec<VulkanStream> {
    let stream = |id| VulkanStream::new(device, id, 8192).unwrap();
    vec![stream(FIRST), stream(SECOND)]
}

/// The program: with the wait between the two uses of the shared bytes, or without it.
fn program(
    device: &VulkanDevice,
    pool: &DevicePool<VulkanMemory>,
    waits: bool,
) -> Result<VulkanProgram, VulkanProgramError> {
    let kernel = affine(device)?;
    let mut program = VulkanProgramRecorder::new(device, pool.order());
    let [a, b, d] = [
        pool.slot(A, FIRST)?,
        pool.slot(B, FIRST)?,
        pool.slot(D, FIRST)?,
    ];
    let groups = groups(VALUES);
    program.dispatch(FIRST, &kernel, &[Read(&d), Write(&a)], &by(2, 1), groups)?;
    program.dispatch(FIRST, &kernel, &[Read(&a), Write(&b)], &by(1, 5), groups)?;
    let first = program.signal(FIRST)?;
    a.free();
    if waits {
        program.wait(SECOND, &first)?;
    }
    let c = pool.slot(C, SECOND)?;
    program.dispatch(SECOND, &kernel, &[Read(&b), Write(&c)], &by(3, 0), groups)?;
    program.dispatch(SECOND, &kernel, &[Read(&c), Write(&d)], &by(1, 1), groups)?;
    program.finish()
}

/// What all values of a tensor are.
fn value(stream: &mut VulkanStream, pool: &DevicePool<VulkanMemory>, tensor: TensorId) -> u32 {
    let mut values = vec![0; VALUES];
    stream
        .download(pool.buffer(tensor).unwrap(), &mut values)
        .unwrap();
    assert_eq!(values, vec![values[0]; VALUES]);
    values[0]
}

#[test]
fn streams_share_bytes_in_the_order_of_the_plan() {
    let Some(device) = contrary_device() else {
        return;
    };
    let messages = device.messages();
    let pool = pool(&device);
    let program = program(&device, &pool, true).unwrap();
    let mut streams = streams(&device);
    let mut d = 9;
    let d_buffer = pool.buffer(D).unwrap();
    streams[1].upload(&[d; VALUES], d_buffer).unwrap();
    for _ in 0..3 {
        let mut b = 0;
        for _ in 0..3 {
            program.submit(&mut streams).unwrap();
            (b, d) = after(d);
        }
        assert!(contrary::waiting() >= 6);
        assert_eq!(value(&mut streams[0], &pool, B), b);
        assert_eq!(value(&mut streams[1], &pool, D), d);
    }
    drop((program, pool, streams, device));
    silent(&messages);
}

#[test]
fn bytes_are_lent_again_when_the_device_is_done() {
    let Some(device) = contrary_device() else {
        return;
    };
    let messages = device.messages();
    let pool = pool(&device);
    let arena = pool.arena().clone();
    let program = program(&device, &pool, true).unwrap();
    let mut streams = streams(&device);
    let ends = program.submit(&mut streams).unwrap();
    drop(pool);
    // The program can run again, so it has the pool.
    assert_eq!(arena.stats().set_aside, 0);
    drop(program);
    let lent = arena.stats().capacity - arena.stats().free_bytes;
    assert_eq!(arena.stats().set_aside, lent);
    assert!(lent > 0 && !ends[1].is_done().unwrap());
    assert_eq!(arena.allocate(1 << 20).unwrap().range(), 0..1 << 20);
    assert!(ends[0].is_done().unwrap() && ends[1].is_done().unwrap());
    drop((arena, streams, ends, device));
    silent(&messages);
}

#[test]
fn a_stream_that_is_dropped_waits_for_the_device() {
    let Some(device) = contrary_device() else {
        return;
    };
    let messages = device.messages();
    let pool = pool(&device);
    let program = program(&device, &pool, true).unwrap();
    let mut streams = streams(&device);
    program.submit(&mut streams).unwrap();
    assert_eq!(contrary::waiting(), 2);
    drop((program, pool));
    drop(streams);
    assert_eq!(contrary::waiting(), 0);
    drop(device);
    silent(&messages);
}

#[test]
fn a_wait_that_is_left_out_is_refused() {
    let Some(device) = contrary_device() else {
        return;
    };
    let refused = program(&device, &pool(&device), false).err().unwrap();
    let unordered = DeviceSlotError::Unordered {
        tensor: "c".into(),
        stream: SECOND,
        after: "a".into(),
        on: FIRST,
    };
    assert_eq!(refused, VulkanProgramError::Slot(unordered));
}

/// Runs the two streams' commands without a program, as no claim allows.
fn value_of_b(device: &VulkanDevice, kernel: &VulkanKernel, waits: bool) -> u32 {
    let pool = pool(device);
    let commands = |list: [[TensorId; 2]; 2], [one, two]: [[u32; 2]; 2]| -> VulkanCommands {
        let mut recorder = VulkanRecorder::new(device);
        for (tensors, [factor, term]) in list.into_iter().zip([one, two]) {
            let buffers = tensors.map(|tensor| pool.buffer(tensor).unwrap());
            let constants = by(factor, term);
            recorder
                .dispatch(kernel, &buffers, &constants, groups(VALUES))
                .unwrap();
        }
        recorder.finish().unwrap()
    };
    let first = commands([[D, A], [A, B]], [[2, 1], [1, 5]]);
    let second = commands([[B, C], [C, D]], [[3, 0], [1, 1]]);
    let mut streams = streams(device);
    streams[0]
        .upload(&[0_u32; VALUES], pool.buffer(B).unwrap())
        .unwrap();
    streams[0]
        .upload(&[0_u32; VALUES], pool.buffer(D).unwrap())
        .unwrap();
    streams[0].wait().unwrap();
    let end = streams[0].submit(&first, &[]).unwrap();
    let waits: Vec<_> = waits.then_some(end).into_iter().collect();
    streams[1].submit(&second, &waits).unwrap();
    value(&mut streams[0], &pool, B)
}

#[test]
fn a_wait_that_is_left_out_gives_other_contents() {
    let Some(device) = contrary_device() else {
        return;
    };
    let kernel = affine(&device).unwrap();
    assert_eq!(value_of_b(&device, &kernel, true), after(0).0);
    assert_ne!(value_of_b(&device, &kernel, false), after(0).0);
}
