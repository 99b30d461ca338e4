//! Streams and events, and claims in their order.

use orionrt_devices::{
    DeviceArena, DeviceMemory, DeviceSlotError, StreamId,
    cuda::{
        CudaDevice, CudaMemory, CudaStream, CudaStreams, CudaStreamsError,
        cudarc::driver::{CudaContext, DriverError, sys},
    },
};
use orionrt_plan::{Lifetimes, Planner, TensorId};
use proptest::prelude::*;

use crate::{
    refusal::refusal,
    support::{device, is_model, kernel, model_device, on_the_next_copy, square},
};

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
fn the_default_stream_of_each_thread_is_refused() {
    let Some(device) = device() else { return };
    let stream = device.context().per_thread_stream();
    let reason = refusal(CudaStream::from_engine(&device, stream));
    assert!(reason.contains("another stream in each thread"), "{reason}");
    let legacy = device.context().default_stream();
    CudaStream::from_engine(&device, legacy).unwrap();
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
