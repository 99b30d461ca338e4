//! Two streams with timelines: what shares bytes across them waits, and what does not wait is
//! refused.

use orionrt_devices::{
    DeviceArena, DevicePool, DeviceSlotError, StreamId, StreamOrder,
    vulkan::{
        VulkanCommands, VulkanDevice, VulkanMemory, VulkanProgram, VulkanProgramError,
        VulkanProgramRecorder, VulkanRecorder, VulkanStream, VulkanUse,
    },
};
use orionrt_plan::{Lifetimes, Plan, Planner, TensorId};

use crate::support::{affine, by, device, groups, silent};

const VALUES: usize = 4096;
const COPIES: StreamId = StreamId::new(0);
const KERNELS: StreamId = StreamId::new(1);

/// `a` makes `b` on stream 0, then `c`, in the bytes of `a`, makes `d` on stream 1.
const A: TensorId = TensorId::new(0);
const B: TensorId = TensorId::new(1);
const C: TensorId = TensorId::new(2);
const D: TensorId = TensorId::new(3);

fn plan(device: &VulkanDevice) -> Plan {
    let layout = device.properties().layout((VALUES * 4) as u64).unwrap();
    let [bytes, align] = [layout.size() as u64, layout.align() as u64];
    let rows = [("a", 0, 1), ("b", 0, 3), ("c", 1, 2), ("d", 1, 3)];
    let rows = rows.map(|(name, from, to)| (name, from, to, bytes, align));
    Planner::new()
        .plan(&Lifetimes::from_rows(rows).unwrap())
        .unwrap()
}

fn streams(device: &VulkanDevice) -> Vec<VulkanStream> {
    let stream = |id| VulkanStream::new(device, id, 8192).unwrap();
    vec![stream(COPIES), stream(KERNELS)]
}

/// The program: with the wait between the two uses of the shared bytes, or without it.
fn program(
    pool: &DevicePool<VulkanMemory>,
    waits: bool,
) -> Result<VulkanProgram, VulkanProgramError> {
    let device = pool.arena().memory().device().clone();
    let kernel = affine(&device)?;
    let mut program = VulkanProgramRecorder::new(&device, pool.order());
    let [a, b] = [pool.slot(A, COPIES)?, pool.slot(B, COPIES)?];
    let (read, write) = (VulkanUse::Read(&a), VulkanUse::Write(&b));
    // `a` is 0, 0, .. times 0 plus 5; `b` is `2 a + 1`.
    program.dispatch(
        COPIES,
        &kernel,
        &[VulkanUse::Read(&b), VulkanUse::Write(&a)],
        &by(0, 5),
        groups(VALUES),
    )?;
    program.dispatch(COPIES, &kernel, &[read, write], &by(2, 1), groups(VALUES))?;
    let first = program.signal(COPIES)?;
    a.free();
    if waits {
        program.wait(KERNELS, &first)?;
    }
    let c = pool.slot(C, KERNELS)?;
    let d = pool.slot(D, KERNELS)?;
    program.dispatch(
        KERNELS,
        &kernel,
        &[VulkanUse::Read(&d), VulkanUse::Write(&c)],
        &by(0, 100),
        groups(VALUES),
    )?;
    program.dispatch(
        KERNELS,
        &kernel,
        &[VulkanUse::Read(&c), VulkanUse::Write(&d)],
        &by(3, 0),
        groups(VALUES),
    )?;
    program.finish()
}

fn contents(
    stream: &mut VulkanStream,
    pool: &DevicePool<VulkanMemory>,
    tensor: TensorId,
) -> Vec<u32> {
    let mut values = vec![0; VALUES];
    stream
        .download(pool.buffer(tensor).unwrap(), &mut values)
        .unwrap();
    values
}

#[test]
fn streams_share_bytes_in_the_order_of_the_plan() {
    let Some(device) = device() else { return };
    let messages = device.messages();
    let plan = plan(&device);
    assert_eq!(plan.offsets()[A.index()], plan.offsets()[C.index()]);
    let arena = DeviceArena::new(VulkanMemory::allocate(&device, 1 << 20).unwrap()).unwrap();
    let pool = arena.pool(&plan, &StreamOrder::new(2)).unwrap();
    let program = program(&pool, true).unwrap();
    let mut streams = streams(&device);
    for _ in 0..4 {
        program.submit(&mut streams).unwrap();
        let ends = program.submit(&mut streams).unwrap();
        assert!(ends[1].wait(std::time::Duration::MAX).unwrap());
        assert!(ends[0].is_done().unwrap());
        assert_eq!(contents(&mut streams[0], &pool, B), [11; VALUES]);
        assert_eq!(contents(&mut streams[1], &pool, D), [300; VALUES]);
    }
    // The program has the pool, whose bytes are lent again only after the last run.
    drop(pool);
    program.submit(&mut streams).unwrap();
    assert!(arena.stats().free_bytes < arena.stats().capacity);
    drop(program);
    streams.clear();
    assert_eq!(arena.allocate(1 << 20).unwrap().range(), 0..1 << 20);
    drop((arena, device));
    silent(&messages);
}

#[test]
fn a_wait_that_is_left_out_is_refused() {
    let Some(device) = device() else { return };
    let arena = DeviceArena::new(VulkanMemory::allocate(&device, 1 << 20).unwrap()).unwrap();
    let pool = arena.pool(&plan(&device), &StreamOrder::new(2)).unwrap();
    let refused = program(&pool, false).err().unwrap();
    let unordered = DeviceSlotError::Unordered {
        tensor: "c".into(),
        stream: KERNELS,
        after: "a".into(),
        on: COPIES,
    };
    assert_eq!(refused, VulkanProgramError::Slot(unordered));
}

/// What the claims refuse gives wrong contents: two streams without a wait between them may run in
/// any order, such as that of these submissions.
#[test]
fn a_wait_that_is_left_out_gives_other_contents() {
    let Some(device) = device() else { return };
    let memory = VulkanMemory::allocate(&device, 1 << 20).unwrap();
    let arena = DeviceArena::new(memory).unwrap();
    let pool = arena.pool(&plan(&device), &StreamOrder::new(2)).unwrap();
    let kernel = affine(&device).unwrap();
    let command = |from, to, factor, term| -> VulkanCommands {
        let mut recorder = VulkanRecorder::new(&device);
        let buffers = [from, to].map(|tensor| pool.buffer(tensor).unwrap());
        recorder
            .dispatch(&kernel, &buffers, &by(factor, term), groups(VALUES))
            .unwrap();
        recorder.finish().unwrap()
    };
    let [writes_a, reads_a] = [command(B, A, 0, 5), command(A, B, 2, 1)];
    let writes_c = command(D, C, 0, 100);
    let mut streams = streams(&device);
    let mut run = |waits: bool| {
        let written = streams[0].submit(&writes_a, &[]).unwrap();
        if waits {
            let read = streams[0].submit(&reads_a, &[]).unwrap();
            streams[1].submit(&writes_c, &[read]).unwrap();
        } else {
            let early = streams[1].submit(&writes_c, &[written]).unwrap();
            streams[0].submit(&reads_a, &[early]).unwrap();
        }
        contents(&mut streams[0], &pool, B)
    };
    assert_eq!(run(true), [11; VALUES]);
    assert_eq!(run(false), [201; VALUES]);
}
