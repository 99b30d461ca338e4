//! Planned tensors through CUDA: on a device where there is a driver, and on the model of a driver
//! in `cuda_model/driver.rs` everywhere else. The test that begins with `on_the_model` compiles
//! that and runs this program again with it in the place of the driver.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc, Mutex, Once,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use orionrt_alloc::Arena;
use orionrt_devices::{
    DeviceArena, DeviceKind, DeviceMemory, DeviceMemoryError, DeviceSlotError, StreamId,
    cuda::{
        CudaBuffer, CudaDevice, CudaGraph, CudaKernel, CudaMemory, CudaPinned, CudaStream,
        CudaStreams, CudaStreamsError,
        cudarc::driver::{CudaContext, DriverError, sys},
        devices,
    },
};
use orionrt_plan::{Lifetimes, Planner, TensorId};
use proptest::prelude::*;

/// `x[i] *= x[i]` and `y[i] += x[i]`, for `i < n`.
const PTX: &str = "
.version 7.0
.target sm_52
.address_size 64

.visible .entry square(.param .u64 px, .param .u32 pn)
{
    .reg .pred %p;
    .reg .f32 %f<2>;
    .reg .b32 %r<5>;
    .reg .b64 %rd<3>;
    ld.param.u64 %rd0, [px];
    ld.param.u32 %r0, [pn];
    mov.u32 %r1, %ctaid.x;
    mov.u32 %r2, %ntid.x;
    mov.u32 %r3, %tid.x;
    mad.lo.u32 %r4, %r1, %r2, %r3;
    setp.ge.u32 %p, %r4, %r0;
    @%p bra done;
    cvta.to.global.u64 %rd1, %rd0;
    mul.wide.u32 %rd2, %r4, 4;
    add.u64 %rd1, %rd1, %rd2;
    ld.global.f32 %f0, [%rd1];
    mul.f32 %f1, %f0, %f0;
    st.global.f32 [%rd1], %f1;
done:
    ret;
}

.visible .entry add(.param .u64 px, .param .u64 py, .param .u32 pn)
{
    .reg .pred %p;
    .reg .f32 %f<3>;
    .reg .b32 %r<5>;
    .reg .b64 %rd<5>;
    ld.param.u64 %rd0, [px];
    ld.param.u64 %rd1, [py];
    ld.param.u32 %r0, [pn];
    mov.u32 %r1, %ctaid.x;
    mov.u32 %r2, %ntid.x;
    mov.u32 %r3, %tid.x;
    mad.lo.u32 %r4, %r1, %r2, %r3;
    setp.ge.u32 %p, %r4, %r0;
    @%p bra done;
    cvta.to.global.u64 %rd2, %rd0;
    cvta.to.global.u64 %rd3, %rd1;
    mul.wide.u32 %rd4, %r4, 4;
    add.u64 %rd2, %rd2, %rd4;
    add.u64 %rd3, %rd3, %rd4;
    ld.global.f32 %f0, [%rd2];
    ld.global.f32 %f1, [%rd3];
    add.f32 %f2, %f0, %f1;
    st.global.f32 [%rd3], %f2;
done:
    ret;
}
";

/// Set in the program that runs on the model of a driver.
const ON_THE_MODEL: &str = "ORIONRT_CUDA_MODEL";

fn is_model() -> bool {
    env::var_os(ON_THE_MODEL).is_some()
}

/// The first device, or nothing, which is said once.
fn device() -> Option<CudaDevice> {
    static SKIPPED: Once = Once::new();
    match CudaDevice::open(0) {
        Ok(device) => Some(device),
        Err(error @ DeviceMemoryError::Unavailable { .. }) if !is_model() => {
            SKIPPED
                .call_once(|| println!("skipped: tests on a GPU, which run on a model: {error}"));
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// Calls one of the three functions by which tests steer the model.
fn model(function: &str, argument: u32) -> u32 {
    assert!(is_model());
    // SAFETY: the model's library is loaded, as a device was opened, and has this function.
    unsafe {
        let function = sys::culib().get::<extern "C" fn(u32) -> u32>(function.as_bytes());
        function.unwrap()(argument)
    }
}

/// What is done once when the model has accepted the next copy.
static BEHIND_A_COPY: Mutex<Option<Box<dyn FnOnce() + Send>>> = Mutex::new(None);

extern "C" fn behind_a_copy() {
    let act = BEHIND_A_COPY.lock().unwrap().take();
    act.unwrap()();
}

/// Has something done between the next copy and what comes behind it.
fn on_the_next_copy(act: impl FnOnce() + Send + 'static) {
    assert!(is_model());
    *BEHIND_A_COPY.lock().unwrap() = Some(Box::new(act));
    // SAFETY: the model's library is loaded, as a device was opened, and has this function.
    unsafe {
        let set = sys::culib().get::<extern "C" fn(extern "C" fn())>(b"model_behind_a_copy");
        set.unwrap()(behind_a_copy);
    }
}

/// A device of the model, or nothing on another driver.
fn model_device() -> Option<CudaDevice> {
    is_model().then(device)?
}

fn kernel(device: &CudaDevice, name: &str) -> Result<CudaKernel, DeviceMemoryError> {
    CudaKernel::new(device, PTX, name)
}

fn square(
    kernel: &CudaKernel,
    stream: &CudaStream,
    x: &CudaBuffer,
) -> Result<(), DeviceMemoryError> {
    let count = u32::try_from(x.size() / 4).unwrap();
    let blocks = [count.div_ceil(32), 1, 1];
    // SAFETY: the kernel has a buffer and its length as parameters, and the tests keep the buffer.
    unsafe { kernel.launch(stream, &[x], &[count], blocks, [32, 1, 1]) }
}

fn refusal<T>(result: Result<T, DeviceMemoryError>) -> String {
    match result {
        Err(error @ DeviceMemoryError::Refused { .. }) => error.to_string(),
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("this should be refused"),
    }
}

#[test]
fn devices_say_what_planning_needs() {
    let Some(device) = device() else { return };
    let all = devices().unwrap();
    let first = &all[0];
    assert!(first.plan_alignment().is_power_of_two() && first.plan_alignment() >= 128);
    assert_eq!(first.heaps[0].bytes, first.largest_block);
    assert!(matches!(
        first.kind,
        DeviceKind::Discrete | DeviceKind::Integrated
    ));
    let budget = device.properties().heaps[0].budget.unwrap();
    assert!(budget > 0 && budget <= first.largest_block);
    let none = DeviceMemoryError::NoSuchDevice {
        index: all.len(),
        devices: all.len(),
    };
    assert_eq!(CudaDevice::open(all.len()).unwrap_err(), none);
}

#[test]
fn transfers_keep_every_byte_and_their_neighbours() {
    let Some(device) = device() else { return };
    let (block, apart) = (4096, device.properties().plan_alignment());
    let memory = CudaMemory::new(&device, block).unwrap();
    let stream = CudaStream::new(&device).unwrap();
    let whole = memory.buffer(0..block).unwrap();
    let mut expected = vec![0xa5_u8; block as usize];
    memory.upload(&stream, &whole, &expected).unwrap();
    for (index, size) in [(0, 1), (3, 255), (15, 256), (7, 0), (8, 513)] {
        let start = index * apart;
        let buffer = memory.buffer(start..start + size as u64).unwrap();
        let data: Vec<u8> = (0..size).map(|at| (at * 7 + size) as u8).collect();
        memory.upload(&stream, &buffer, &data).unwrap();
        expected[start as usize..start as usize + size].copy_from_slice(&data);
        let mut all = vec![0; block as usize];
        memory.download(&stream, &whole, &mut all).unwrap();
        assert_eq!(all, expected);
    }
}

#[test]
fn a_stream_waits_for_the_work_of_another() {
    let Some(device) = device() else { return };
    let memory = CudaMemory::new(&device, 1024).unwrap();
    let (x, y) = (
        memory.buffer(0..64).unwrap(),
        memory.buffer(512..576).unwrap(),
    );
    let [first, second] = [(), ()].map(|()| CudaStream::new(&device).unwrap());
    let [square_, add] = ["square", "add"].map(|name| kernel(&device, name).unwrap());
    let run = |waits: bool| {
        memory.upload(&first, &x, &[3.0_f32; 16]).unwrap();
        memory.upload(&first, &y, &[0.5_f32; 16]).unwrap();
        square(&square_, &first, &x).unwrap();
        let squared = first.signal().unwrap();
        if waits {
            second.wait(&squared).unwrap();
        }
        // SAFETY: the kernel has two buffers and their length as parameters.
        unsafe { add.launch(&second, &[&x, &y], &[16], [1, 1, 1], [32, 1, 1]) }.unwrap();
        let mut sums = [0.0_f32; 16];
        memory.download(&second, &y, &mut sums).unwrap();
        squared.wait().unwrap();
        assert!(squared.is_done().unwrap());
        sums
    };
    assert_eq!(run(true), [9.5; 16]);
    if is_model() {
        // The model's streams are in the wrong order where nothing says which is right.
        assert_eq!(run(false), [3.5; 16]);
    }
}

#[test]
fn an_event_is_done_when_its_stream_is() {
    let Some(device) = model_device() else { return };
    let memory = CudaMemory::new(&device, 64).unwrap();
    let (x, stream) = (
        memory.buffer(0..64).unwrap(),
        CudaStream::new(&device).unwrap(),
    );
    square(&kernel(&device, "square").unwrap(), &stream, &x).unwrap();
    let event = stream.signal().unwrap();
    assert!(!event.is_done().unwrap());
    stream.finish().unwrap();
    assert!(event.is_done().unwrap());
}

#[test]
fn reserved_addresses_get_memory_as_it_is_needed() {
    let Some(device) = device() else { return };
    let stream = CudaStream::new(&device).unwrap();
    let most = 32 << 20;
    let memory = CudaMemory::reserve(&device, most).unwrap();
    assert!(memory.bytes() >= most);
    assert_eq!(memory.mapped_bytes(), 0);
    let first = memory.buffer(0..1000).unwrap();
    let step = memory.mapped_bytes();
    assert!((1000..most).contains(&step), "{step}");
    memory.upload(&stream, &first, &[7_u8; 1000]).unwrap();

    // Over the end of what is mapped, and then within it again.
    let apart = device.properties().plan_alignment();
    let over = memory.buffer(step - apart..3 * step + 5).unwrap();
    assert_eq!(memory.mapped_bytes(), 4 * step);
    memory.buffer(0..4 * step).unwrap();
    assert_eq!(memory.mapped_bytes(), 4 * step);
    let data: Vec<u8> = (0..over.size()).map(|at| at as u8).collect();
    memory.upload(&stream, &over, &data).unwrap();
    let mut back = vec![0; data.len()];
    memory.download(&stream, &over, &mut back).unwrap();
    assert!(back == data);
    let mut back = [0_u8; 1000];
    memory.download(&stream, &first, &mut back).unwrap();
    assert_eq!(back, [7; 1000]);
    assert_eq!(memory.buffer(0..1000).unwrap().address(), first.address());
}

#[test]
fn memory_that_is_not_there_is_a_typed_error() {
    let Some(device) = device() else { return };
    let largest = device.properties().largest_block;
    let needed = largest + 1;
    let error = CudaMemory::new(&device, needed).unwrap_err();
    assert_eq!(error, DeviceMemoryError::TooLarge { needed, largest });
    let error = CudaMemory::reserve(&device, u64::MAX).unwrap_err();
    assert!(
        matches!(error, DeviceMemoryError::TooLarge { .. }),
        "{error}"
    );

    let Some(device) = model_device() else { return };
    let half = CudaMemory::new(&device, largest / 2 + 1).unwrap();
    let error = CudaMemory::new(&device, largest / 2).unwrap_err();
    let (needed, heap) = (largest / 2, Some(largest));
    assert_eq!(error, DeviceMemoryError::OutOfMemory { needed, heap });
    let growing = CudaMemory::reserve(&device, 2 * largest).unwrap();
    growing.buffer(0..1 << 20).unwrap();
    let error = growing.buffer(0..largest).unwrap_err();
    assert!(
        matches!(error, DeviceMemoryError::OutOfMemory { .. }),
        "{error}"
    );
    // What it has, it keeps.
    assert_eq!(growing.mapped_bytes(), 1 << 20);
    drop(half);
    growing.buffer(0..largest).unwrap();
}

#[test]
fn ranges_slices_and_streams_that_do_not_fit_are_refused() {
    let Some(device) = device() else { return };
    let memory = CudaMemory::new(&device, 1024).unwrap();
    let stream = CudaStream::new(&device).unwrap();
    for (start, end) in [(512, 1025), (512, 256), (u64::MAX, u64::MAX)] {
        let (error, block) = (memory.buffer(start..end).unwrap_err(), 1024);
        assert_eq!(error, DeviceMemoryError::OutOfBlock { start, end, block });
    }
    let aligned = refusal(memory.buffer(4..512));
    assert!(
        aligned.contains("does not begin at a multiple of"),
        "{aligned}"
    );
    let x = memory.buffer(0..8).unwrap();
    let long = memory.upload(&stream, &x, &[0_u8; 9]).unwrap_err();
    assert_eq!(long, DeviceMemoryError::OtherSize { range: 8, given: 9 });
    let short = memory.download(&stream, &x, &mut [0_u32]).unwrap_err();
    assert_eq!(short, DeviceMemoryError::OtherSize { range: 8, given: 4 });
    let other = CudaMemory::new(&device, 64).unwrap();
    let foreign = refusal(other.upload(&stream, &x, &[0_u8; 8]));
    assert!(foreign.ends_with("of another block"), "{foreign}");
    memory.upload(&stream, &x, &[0_u64]).unwrap();

    let unknown = refusal(kernel(&device, "divide"));
    assert!(unknown.contains("compile a kernel"), "{unknown}");
    refusal(CudaKernel::new(&device, "text\0with a zero byte", "square"));
}

#[test]
fn an_engines_context_and_stream_are_used_as_they_are() {
    if device().is_none() {
        return;
    }
    let context = CudaContext::new(0).unwrap();
    let device = CudaDevice::from_engine(context.clone()).unwrap();
    assert_eq!(device.context(), &context);
    let stream = CudaStream::from_engine(&device, context.new_stream().unwrap()).unwrap();
    let memory = CudaMemory::new(&device, 64).unwrap();
    let x = memory.buffer(0..8).unwrap();
    memory.upload(&stream, &x, &[7_u64]).unwrap();
    let mut back = [0_u64];
    memory.download(&stream, &x, &mut back).unwrap();
    assert_eq!(back, [7]);
}

#[test]
fn what_is_of_another_context_is_refused() {
    let Some(device) = device() else { return };
    let Ok(other) = CudaDevice::open(1) else {
        return;
    };
    let [ours, theirs] = [&device, &other].map(|device| CudaStream::new(device).unwrap());
    let memory = CudaMemory::reserve(&other, 64).unwrap();
    let x = memory.buffer(0..64).unwrap();
    memory.upload(&theirs, &x, &[1_u8; 64]).unwrap();

    let stream = refusal(CudaStream::from_engine(&device, theirs.stream().clone()));
    assert!(stream.ends_with("it is of another context"), "{stream}");
    let upload = refusal(memory.upload(&ours, &x, &[1_u8; 64]));
    assert!(
        upload.ends_with("the stream is of another context"),
        "{upload}"
    );
    refusal(memory.download(&ours, &x, &mut [1_u8; 64]));
    let launch = refusal(square(&kernel(&device, "square").unwrap(), &theirs, &x));
    assert!(
        launch.ends_with("the stream is of another context"),
        "{launch}"
    );
    // Streams wait for events of other devices, too.
    ours.wait(&theirs.signal().unwrap()).unwrap();
    ours.finish().unwrap();
}

#[test]
fn a_pinned_arena_is_registered_while_it_is_lent() {
    let Some(device) = device() else { return };
    let arena = |pinned| Arena::builder().capacity(64 << 10).pinned(pinned).build();
    let unpinned = arena(false).unwrap();
    let refused = refusal(CudaPinned::new(&device, &unpinned));
    assert!(refused.ends_with("the arena is not pinned"), "{refused}");
    let Ok(arena) = arena(true) else {
        println!("skipped: an arena cannot be pinned within this process's limit");
        return;
    };
    let memory = CudaMemory::new(&device, 4096).unwrap();
    let (x, stream) = (
        memory.buffer(0..4096).unwrap(),
        CudaStream::new(&device).unwrap(),
    );
    for _ in 0..2 {
        let staging = CudaPinned::new(&device, &arena).unwrap();
        refusal(CudaPinned::new(&device, staging.arena()));
        let mut data = allocator_api2::vec::Vec::new_in(staging.arena());
        data.resize(4096, 0x5a_u8);
        memory.upload(&stream, &x, &data).unwrap();
        data.fill(0);
        memory.download(&stream, &x, &mut data).unwrap();
        assert!(data.iter().all(|&byte| byte == 0x5a));
    }
}

#[test]
fn a_graph_is_recorded_once_and_launched_many_times() {
    let Some(device) = device() else { return };
    let memory = CudaMemory::new(&device, 64).unwrap();
    let (x, stream) = (
        memory.buffer(0..64).unwrap(),
        CudaStream::new(&device).unwrap(),
    );
    let kernel = kernel(&device, "square").unwrap();
    memory.upload(&stream, &x, &[2.0_f32; 16]).unwrap();
    let kept: Vec<Box<dyn std::any::Any>> = vec![Box::new(x.clone()), Box::new(kernel.clone())];
    let mut graph = CudaGraph::record(&stream, kept, |stream| {
        let hosts = refusal(memory.upload(stream, &x, &[1.0_f32; 16]));
        assert!(hosts.contains("the stream is being recorded"), "{hosts}");
        square(&kernel, stream, &x)?;
        square(&kernel, stream, &x)
    })
    .unwrap();
    let mut expected = 2.0_f32;
    for _ in 0..3 {
        let mut data = [0.0_f32; 16];
        memory.download(&stream, &x, &mut data).unwrap();
        assert_eq!(data, [expected; 16]);
        graph.launch().unwrap();
        expected = expected.powi(4);
    }
    // The graph keeps what it was given, and waits for what was launched.
    let buffer_is_last = (memory, x, kernel);
    drop(buffer_is_last);
    drop(graph);
    stream.finish().unwrap();
}

#[test]
fn a_recording_that_fails_is_ended() {
    let Some(device) = device() else { return };
    let stream = CudaStream::new(&device).unwrap();
    let failure = || DeviceMemoryError::Refused {
        action: "test",
        answer: "as asked".to_owned(),
    };
    let failed = CudaGraph::record(&stream, Vec::new(), |_| Err(failure()));
    assert_eq!(failed.unwrap_err(), failure());
    stream.finish().unwrap();
    let dropped = Arc::new(AtomicBool::new(false));
    struct Kept(Arc<AtomicBool>);
    impl Drop for Kept {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let kept: Vec<Box<dyn std::any::Any>> = vec![Box::new(Kept(Arc::clone(&dropped)))];
    refusal(CudaGraph::record(&stream, kept, |stream| {
        refusal(CudaGraph::record(stream, Vec::new(), |_| Ok(())));
        Err(failure())
    }));
    assert!(dropped.load(Ordering::Relaxed));
    stream.finish().unwrap();
}

#[test]
fn a_recording_that_became_invalid_fails_no_other_call() {
    let Some(device) = device() else { return };
    let stream = CudaStream::new(&device).unwrap();
    let failed = CudaGraph::record(&stream, Vec::new(), CudaStream::finish);
    let reason = refusal(failed);
    assert!(reason.contains("finish a stream"), "{reason}");
    stream.signal().unwrap();
    stream.finish().unwrap();
}

#[test]
fn a_recording_is_ended_whatever_error_waits_for_the_next_call() {
    let Some(device) = device() else { return };
    let stream = CudaStream::new(&device).unwrap();
    let error = DriverError(sys::CUresult::CUDA_ERROR_NOT_PERMITTED);
    let failed = CudaGraph::record(&stream, Vec::new(), |_| {
        device.context().record_err::<()>(Err(error));
        Ok(())
    });
    refusal(failed);
    stream.finish().unwrap();
}

#[test]
fn a_transfer_is_done_when_it_returns_whatever_error_another_thread_leaves() {
    let Some(device) = model_device() else { return };
    let memory = CudaMemory::new(&device, 64).unwrap();
    let (x, stream) = (
        memory.buffer(0..8).unwrap(),
        CudaStream::new(&device).unwrap(),
    );
    let error = DriverError(sys::CUresult::CUDA_ERROR_NOT_PERMITTED);
    let fail = || {
        let context = device.context().clone();
        on_the_next_copy(move || context.record_err::<()>(Err(error)));
    };
    fail();
    let written = stream.signal().unwrap();
    memory.upload(&stream, &x, &[7_u64]).unwrap();
    assert_eq!(device.context().check_err(), Err(error));
    assert!(written.is_done().unwrap());
    fail();
    let mut back = [0_u64];
    memory.download(&stream, &x, &mut back).unwrap();
    assert_eq!(back, [7]);
    // It is the error of the next call.
    assert_eq!(device.context().check_err(), Err(error));
}

#[test]
fn a_transfer_is_done_when_it_returns_though_another_thread_records_its_stream() {
    let Some(device) = model_device() else { return };
    let memory = CudaMemory::new(&device, 64).unwrap();
    let (x, stream) = (
        memory.buffer(0..8).unwrap(),
        CudaStream::new(&device).unwrap(),
    );
    memory.upload(&stream, &x, &[7_u64]).unwrap();
    let recorded = stream.clone();
    on_the_next_copy(move || {
        let (begun, has_begun) = mpsc::channel();
        thread::spawn(move || {
            CudaGraph::record(&recorded, Vec::new(), |_| {
                begun.send(()).unwrap();
                thread::sleep(Duration::from_millis(20));
                Ok(())
            })
            .unwrap_err();
        });
        has_begun.recv().unwrap();
    });
    let mut back = [0_u64];
    let error = refusal(memory.download(&stream, &x, &mut back));
    assert!(error.contains("download from a buffer"), "{error}");
    assert_eq!(back, [7]);
    stream.finish().unwrap();
}

#[test]
fn a_transfer_is_done_when_it_returns_though_its_thread_records_another_stream() {
    let Some(device) = device() else { return };
    let memory = CudaMemory::new(&device, 64).unwrap();
    let (x, kernel) = (
        memory.buffer(0..64).unwrap(),
        kernel(&device, "square").unwrap(),
    );
    let [recorded, copies] = [(); 2].map(|()| CudaStream::new(&device).unwrap());
    let kept: Vec<Box<dyn std::any::Any>> = vec![Box::new(x.clone()), Box::new(kernel.clone())];
    let mut back = [0.0_f32; 16];
    let mut graph = CudaGraph::record(&recorded, kept, |recorded| {
        square(&kernel, recorded, &x)?;
        memory.upload(&copies, &x, &[3.0_f32; 16])?;
        memory.download(&copies, &x, &mut back)
    })
    .unwrap();
    assert_eq!(back, [3.0; 16]);
    graph.launch().unwrap();
    memory.download(&recorded, &x, &mut back).unwrap();
    assert_eq!(back, [9.0; 16]);
}

#[test]
fn blocks_wait_for_what_uses_them() {
    let Some(device) = device() else { return };
    let stream = CudaStream::new(&device).unwrap();
    let kernel = kernel(&device, "square").unwrap();
    for reserved in [false, true] {
        let memory = match reserved {
            false => CudaMemory::new(&device, 4096).unwrap(),
            true => CudaMemory::reserve(&device, 1 << 20).unwrap(),
        };
        let x = memory.buffer(0..4096).unwrap();
        square(&kernel, &stream, &x).unwrap();
        drop(memory);
        drop(x);
        // On the model, an access to memory that was given back would have lost the device.
        stream.finish().unwrap();
    }
    // So does a kernel's module.
    let memory = CudaMemory::new(&device, 4096).unwrap();
    let x = memory.buffer(0..4096).unwrap();
    square(&kernel, &stream, &x).unwrap();
    drop(kernel);
    stream.finish().unwrap();
}

#[test]
fn streams_are_claimed_in_the_order_in_which_the_device_runs_them() {
    let Some(device) = device() else { return };
    // `b` has the bytes of `a`.
    let rows = [("a", 0, 1, 64, 256), ("b", 1, 2, 64, 256)];
    let plan = Planner::new()
        .plan(&Lifetimes::from_rows(rows).unwrap())
        .unwrap();
    let [a, b] = [0, 1].map(TensorId::new);
    let [first, second] = [0, 1].map(StreamId::new);
    let streams = CudaStreams::new(&device, 2).unwrap();
    let arena = DeviceArena::new(CudaMemory::new(&device, plan.peak()).unwrap()).unwrap();
    let pool = arena.pool(&plan, streams.order()).unwrap();
    let squared = kernel(&device, "square").unwrap();
    let memory = arena.memory();

    for value in [2.0_f32, 3.0] {
        let tensor = pool.slot(a, first).unwrap();
        let on = |stream| streams.stream(stream).unwrap();
        memory
            .upload(on(first), tensor.buffer(), &[value; 16])
            .unwrap();
        square(&squared, on(first), tensor.buffer()).unwrap();
        // The next stream reads it in a copy of its own, when it has waited.
        let written = streams.signal(first).unwrap();
        assert!(matches!(
            tensor.read_on(second),
            Err(DeviceSlotError::Unordered { .. })
        ));
        streams.wait(second, &written).unwrap();
        tensor.read_on(second).unwrap();
        let mut data = [0.0_f32; 16];
        memory
            .download(on(second), tensor.buffer(), &mut data)
            .unwrap();
        assert_eq!(data, [value * value; 16]);

        square(&squared, on(first), tensor.buffer()).unwrap();
        tensor.write_on(first).unwrap_err();
        let read = streams.signal(second).unwrap();
        streams.wait(first, &read).unwrap();
        tensor.write_on(first).unwrap();
        drop(tensor);
        // Without a wait, the bytes are not the other stream's.
        assert!(matches!(
            pool.slot(b, second),
            Err(DeviceSlotError::Unordered { .. })
        ));
        let given_up = streams.signal(first).unwrap();
        streams.wait(second, &given_up).unwrap();
        let tensor = pool.slot(b, second).unwrap();
        memory
            .upload(on(second), tensor.buffer(), &[0.5_f32; 16])
            .unwrap();
        tensor.read_on(StreamId::HOST).unwrap_err();
        streams
            .wait(StreamId::HOST, &streams.signal(second).unwrap())
            .unwrap();
        tensor.read_on(StreamId::HOST).unwrap();
        drop(tensor);
        streams
            .wait(first, &streams.signal(StreamId::HOST).unwrap())
            .unwrap();
    }

    let unknown = StreamId::new(2);
    for error in [
        streams.signal(unknown).unwrap_err(),
        streams.stream(StreamId::HOST).unwrap_err().into(),
        CudaStreams::new(&device, 2)
            .unwrap()
            .wait(first, &streams.signal(second).unwrap())
            .unwrap_err(),
    ] {
        assert!(matches!(error, CudaStreamsError::Order(_)), "{error}");
    }
}

#[test]
fn a_range_is_lent_again_when_the_device_has_done_its_work() {
    let Some(device) = model_device() else { return };
    let arena = DeviceArena::new(CudaMemory::new(&device, 4096).unwrap()).unwrap();
    let (stream, squared) = (
        CudaStream::new(&device).unwrap(),
        kernel(&device, "square").unwrap(),
    );
    let block = arena.allocate(4096).unwrap();
    square(&squared, &stream, block.buffer()).unwrap();
    drop(block);
    assert_eq!(arena.stats().set_aside, 4096);
    let done = stream.signal().unwrap();
    assert!(!done.is_done().unwrap());
    // There is no other range: this waits for the device.
    let block = arena.allocate(4096).unwrap();
    assert!(done.is_done().unwrap());
    drop(block);
    assert_eq!(arena.stats().set_aside, 0);

    // An engine says that it has launched something itself.
    let block = arena.allocate(4096).unwrap();
    device.note_submission();
    drop(block);
    assert_eq!(arena.stats().set_aside, 4096);
    device.finish().unwrap();
    arena.allocate(4096).unwrap();
}

/// All that the backend can be asked for, once.
fn everything(arena: &Arena) -> Result<(), DeviceMemoryError> {
    let device = CudaDevice::open(0)?;
    let memory = CudaMemory::new(&device, 4096)?;
    let growing = CudaMemory::reserve(&device, 1 << 20)?;
    let (x, y) = (memory.buffer(0..64)?, growing.buffer(0..64)?);
    growing.buffer(0..1 << 20)?;
    let staging = CudaPinned::new(&device, arena);
    let [first, second] = [CudaStream::new(&device)?, CudaStream::new(&device)?];
    let kernel = kernel(&device, "square")?;
    memory.upload(&first, &x, &[2.0_f32; 16])?;
    growing.upload(&first, &y, &[3.0_f32; 16])?;
    square(&kernel, &first, &x)?;
    second.wait(&first.signal()?)?;
    let kept: Vec<Box<dyn std::any::Any>> = vec![Box::new(y.clone()), Box::new(kernel.clone())];
    let mut graph = CudaGraph::record(&second, kept, |stream| square(&kernel, stream, &y))?;
    graph.launch()?;
    let mut data = [0.0_f32; 16];
    growing.download(&second, &y, &mut data)?;
    assert_eq!(data, [9.0; 16]);
    second.signal()?.wait()?;
    staging.map(drop)
}

#[test]
fn each_refused_call_is_an_error_and_leaks_nothing() {
    let Some(device) = model_device() else { return };
    drop(device);
    let pinned = Arena::builder().capacity(64 << 10).pinned(true).build();
    let Ok(arena) = pinned else {
        println!("skipped: an arena cannot be pinned within this process's limit");
        return;
    };
    everything(&arena).unwrap();
    assert_eq!(model("model_alive", 0), 0);
    let mut calls = 0;
    loop {
        calls += 1;
        model("model_refuse", calls);
        let result = everything(&arena);
        let is_refused = model("model_refuse", 0) == 0;
        assert_eq!(model("model_alive", 0), 0, "call {calls}: {result:?}");
        let Err(error) = result else {
            assert!(
                !is_refused,
                "call {calls} was refused, and that was not noticed"
            );
            break;
        };
        let is_typed = matches!(
            error,
            DeviceMemoryError::OutOfMemory { .. } | DeviceMemoryError::Refused { .. }
        );
        assert!(is_typed, "call {calls}: {error}");
    }
    assert!(calls > 30, "{calls}");
}

#[test]
fn an_error_that_waits_for_the_next_call_keeps_nothing_from_being_given_back() {
    let Some(device) = model_device() else { return };
    let context = device.context();
    let kernel = kernel(&device, "square").unwrap();
    let before = model("model_alive", 0);
    let memory = CudaMemory::new(&device, 4096).unwrap();
    let error = DriverError(sys::CUresult::CUDA_ERROR_NOT_PERMITTED);
    context.record_err::<()>(Err(error));
    drop((memory, kernel));
    // The module, too.
    assert_eq!(model("model_alive", 0), before - 1);
    assert_eq!(context.check_err(), Err(error));
    context.check_err().unwrap();
}

#[test]
fn a_lost_device_is_a_typed_error_everywhere() {
    let Some(device) = model_device() else { return };
    let before = model("model_alive", 0);
    let lost = |error: DeviceMemoryError| {
        assert!(matches!(error, DeviceMemoryError::Lost { .. }), "{error}");
    };
    let memory = CudaMemory::new(&device, 4096).unwrap();
    let growing = CudaMemory::reserve(&device, 1 << 20).unwrap();
    let (x, stream) = (
        memory.buffer(0..64).unwrap(),
        CudaStream::new(&device).unwrap(),
    );
    let square_ = kernel(&device, "square").unwrap();
    let event = stream.signal().unwrap();
    let mut graph =
        CudaGraph::record(&stream, Vec::new(), |stream| square(&square_, stream, &x)).unwrap();

    model("model_lose", 1);
    lost(memory.upload(&stream, &x, &[0_u8; 64]).unwrap_err());
    lost(memory.download(&stream, &x, &mut [0_u8; 64]).unwrap_err());
    lost(CudaMemory::new(&device, 64).unwrap_err());
    lost(CudaMemory::reserve(&device, 64).unwrap_err());
    lost(growing.buffer(0..64).unwrap_err());
    lost(square(&square_, &stream, &x).unwrap_err());
    lost(kernel(&device, "add").unwrap_err());
    lost(CudaStream::new(&device).unwrap_err());
    lost(stream.signal().unwrap_err());
    lost(stream.wait(&event).unwrap_err());
    lost(stream.finish().unwrap_err());
    lost(event.is_done().unwrap_err());
    lost(event.wait().unwrap_err());
    lost(graph.launch().unwrap_err());
    lost(CudaGraph::record(&stream, Vec::new(), |_| Ok(())).unwrap_err());
    lost(device.finish().unwrap_err());
    model("model_lose", 0);

    drop((memory, growing, x, square_, event, graph, stream));
    device.context().check_err().unwrap();
    assert_eq!(model("model_alive", 0), before);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Kernels of several streams, each of which waits for the one before, compute what one stream
    /// would.
    #[test]
    fn streams_with_events_compute_what_one_stream_would(
        steps in proptest::collection::vec((0..4_usize, 0..3_usize), 1..24),
    ) {
        let Some(device) = device() else { return Ok(()) };
        let memory = CudaMemory::new(&device, 3 * 256).unwrap();
        let x = [0, 256, 512].map(|at| memory.buffer(at..at + 64).unwrap());
        let streams = [(); 4].map(|()| CudaStream::new(&device).unwrap());
        let add = kernel(&device, "add").unwrap();
        let mut expected = [[1.0_f32; 16], [2.0; 16], [3.0; 16]];
        for (x, data) in x.iter().zip(&expected) {
            memory.upload(&streams[0], x, data).unwrap();
        }
        let mut last = streams[0].signal().unwrap();
        for (stream, from) in steps {
            let (stream, to) = (&streams[stream], (from + 1) % 3);
            stream.wait(&last).unwrap();
            let buffers = [&x[from], &x[to]];
            // SAFETY: the kernel has two buffers and their length as parameters.
            unsafe { add.launch(stream, &buffers, &[16], [1, 1, 1], [32, 1, 1]) }.unwrap();
            last = stream.signal().unwrap();
            let source = expected[from];
            expected[to].iter_mut().zip(source).for_each(|(to, from)| *to += from);
        }
        last.wait().unwrap();
        for (x, expected) in x.iter().zip(&expected) {
            let mut data = [0.0_f32; 16];
            memory.download(&streams[3], x, &mut data).unwrap();
            prop_assert_eq!(&data, expected);
        }
    }
}

/// Compiles a library into a directory of its own, and gives the directory.
fn library(name: &str, source: &Path) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::create_dir_all(&directory).unwrap();
    let compiler = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let compiled = Command::new(compiler)
        .args(["--edition=2024", "--crate-type=cdylib", "-o"])
        .arg(directory.join("libcuda.so"))
        .arg(source)
        .status();
    assert!(compiled.unwrap().success());
    directory
}

/// Runs tests of this program with another library in the place of the driver's.
fn run_with(library: &Path, arguments: &[&str], model: bool) {
    let mut tests = Command::new(env::current_exe().unwrap());
    tests.env("LD_LIBRARY_PATH", library).args(arguments);
    if model {
        tests.env(ON_THE_MODEL, "1");
    }
    let output = tests.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(!text.contains("0 passed"), "{text}");
}

#[test]
#[cfg(target_os = "linux")]
fn on_the_model_of_a_driver_all_tests_pass() {
    if is_model() {
        return;
    }
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cuda_model/driver.rs");
    // One test at a time: they share the model's device.
    run_with(&library("cuda_model", &source), &["--test-threads=1"], true);
}

#[test]
#[cfg(target_os = "linux")]
fn a_driver_that_lacks_functions_is_unavailable() {
    if is_model() {
        return;
    }
    let source = Path::new(env!("CARGO_TARGET_TMPDIR")).join("no_driver.rs");
    std::fs::write(&source, "").unwrap();
    let library = library("no_driver", &source);
    run_with(&library, &["--ignored", "what_is_missing_is_named"], false);
}

#[test]
#[ignore = "run by another test, with a library that has no function"]
fn what_is_missing_is_named() {
    let error = CudaDevice::open(0).unwrap_err().to_string();
    assert!(
        error.ends_with("has no function `cuCtxGetCurrent`"),
        "{error}"
    );
    assert_eq!(devices().unwrap_err().to_string(), error);
}
