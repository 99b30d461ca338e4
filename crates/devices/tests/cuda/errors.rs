//! What is refused, calls that fail, and a device that is lost.

use orionrt_alloc::Arena;
use orionrt_devices::{
    DeviceMemory, DeviceMemoryError,
    cuda::{
        CudaDevice, CudaGraph, CudaKernel, CudaMemory, CudaPinned, CudaStream,
        cudarc::driver::{DriverError, sys},
    },
};

use crate::{
    other_device::names_both,
    refusal::refusal,
    support::{device, kernel, model, model_device, square},
};

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
fn what_is_of_another_context_is_refused() {
    let Some(device) = device() else { return };
    let Ok(other) = CudaDevice::open(1) else {
        return;
    };
    let [ours, theirs] = [&device, &other].map(|device| CudaStream::new(device).unwrap());
    let memory = CudaMemory::reserve(&other, 64).unwrap();
    let x = memory.buffer(0..64).unwrap();
    memory.upload(&theirs, &x, &[1_u8; 64]).unwrap();

    let name = &device.properties().name;
    let names_both = |error, given| names_both(error, given, name);
    let stream = CudaStream::from_engine(&device, theirs.stream().clone());
    names_both(stream.unwrap_err(), "a stream");
    let upload = memory.upload(&ours, &x, &[1_u8; 64]);
    names_both(upload.unwrap_err(), "a stream");
    let download = memory.download(&ours, &x, &mut [1_u8; 64]);
    names_both(download.unwrap_err(), "a stream");
    let here = CudaMemory::new(&device, 64).unwrap();
    let upload = here.upload(&ours, &x, &[1_u8; 64]);
    names_both(upload.unwrap_err(), "a buffer");
    let [square_here, square_there] = [&device, &other].map(|it| kernel(it, "square").unwrap());
    names_both(square(&square_here, &theirs, &x).unwrap_err(), "a kernel");
    names_both(square(&square_here, &ours, &x).unwrap_err(), "a buffer");
    square(&square_there, &theirs, &x).unwrap();
    // A context has one name, whoever opened it.
    let again = CudaDevice::from_engine(device.context().clone()).unwrap();
    let [one, other_one] = [&device, &again].map(|device| {
        let stream = CudaStream::from_engine(device, theirs.stream().clone());
        stream.unwrap_err().to_string()
    });
    assert_eq!(one, other_one);
    // Streams wait for events of other devices, too.
    ours.wait(&theirs.signal().unwrap()).unwrap();
    ours.finish().unwrap();
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
    let mut graph = CudaGraph::capture(&second, kept, |stream| square(&kernel, stream, &y))?;
    graph.launch()?;
    let mut data = [0.0_f32; 16];
    growing.download(&second, &y, &mut data)?;
    assert_eq!(data, [9.0; 16]);
    second.signal()?.wait()?;
    // What was refused to the graph is the error of the next call.
    drop(graph);
    device.finish()?;
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
        CudaGraph::capture(&stream, Vec::new(), |stream| square(&square_, stream, &x)).unwrap();

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
    lost(CudaGraph::capture(&stream, Vec::new(), |_| Ok(())).unwrap_err());
    lost(device.finish().unwrap_err());
    model("model_lose", 0);

    drop((memory, growing, x, square_, event, graph, stream));
    device.context().check_err().unwrap();
    assert_eq!(model("model_alive", 0), before);
}
