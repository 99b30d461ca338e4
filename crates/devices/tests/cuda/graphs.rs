//! Graphs: streams that are captured, by this thread or by another one.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use orionrt_devices::{
    DeviceMemory, DeviceMemoryError,
    cuda::{
        CudaGraph, CudaMemory, CudaStream,
        cudarc::driver::{DriverError, sys},
    },
};

use crate::{
    refusal::refusal,
    support::{device, kernel, model_device, on_the_next_copy, square},
};

#[test]
fn a_graph_is_captured_once_and_launched_many_times() {
    let Some(device) = device() else { return };
    let memory = CudaMemory::new(&device, 64).unwrap();
    let (x, stream) = (
        memory.buffer(0..64).unwrap(),
        CudaStream::new(&device).unwrap(),
    );
    let kernel = kernel(&device, "square").unwrap();
    memory.upload(&stream, &x, &[2.0_f32; 16]).unwrap();
    let kept: Vec<Box<dyn std::any::Any>> = vec![Box::new(x.clone()), Box::new(kernel.clone())];
    let mut graph = CudaGraph::capture(&stream, kept, |stream| {
        let hosts = refusal(memory.upload(stream, &x, &[1.0_f32; 16]));
        assert!(hosts.contains("the stream is being captured"), "{hosts}");
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
fn a_capture_that_fails_is_ended() {
    let Some(device) = device() else { return };
    let stream = CudaStream::new(&device).unwrap();
    let failure = || DeviceMemoryError::Refused {
        action: "test",
        answer: "as asked".to_owned(),
    };
    let failed = CudaGraph::capture(&stream, Vec::new(), |_| Err(failure()));
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
    refusal(CudaGraph::capture(&stream, kept, |stream| {
        refusal(CudaGraph::capture(stream, Vec::new(), |_| Ok(())));
        Err(failure())
    }));
    assert!(dropped.load(Ordering::Relaxed));
    stream.finish().unwrap();
}

#[test]
fn a_capture_that_became_invalid_fails_no_other_call() {
    let Some(device) = device() else { return };
    let stream = CudaStream::new(&device).unwrap();
    let failed = CudaGraph::capture(&stream, Vec::new(), CudaStream::finish);
    let reason = refusal(failed);
    assert!(reason.contains("finish a stream"), "{reason}");
    stream.signal().unwrap();
    stream.finish().unwrap();
}

#[test]
fn a_capture_is_ended_whatever_error_waits_for_the_next_call() {
    let Some(device) = device() else { return };
    let stream = CudaStream::new(&device).unwrap();
    let error = DriverError(sys::CUresult::CUDA_ERROR_NOT_PERMITTED);
    let failed = CudaGraph::capture(&stream, Vec::new(), |_| {
        device.context().record_err::<()>(Err(error));
        Ok(())
    });
    refusal(failed);
    stream.finish().unwrap();
}

#[test]
fn a_transfer_is_done_when_it_returns_though_another_thread_captures_its_stream() {
    let Some(device) = model_device() else { return };
    let memory = CudaMemory::new(&device, 64).unwrap();
    let (x, stream) = (
        memory.buffer(0..8).unwrap(),
        CudaStream::new(&device).unwrap(),
    );
    memory.upload(&stream, &x, &[7_u64]).unwrap();
    let captured = stream.clone();
    on_the_next_copy(move || {
        let (begun, has_begun) = mpsc::channel();
        thread::spawn(move || {
            CudaGraph::capture(&captured, Vec::new(), |_| {
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
fn a_transfer_is_done_when_it_returns_though_its_thread_captures_another_stream() {
    let Some(device) = device() else { return };
    let memory = CudaMemory::new(&device, 64).unwrap();
    let (x, kernel) = (
        memory.buffer(0..64).unwrap(),
        kernel(&device, "square").unwrap(),
    );
    let [captured, copies] = [(); 2].map(|()| CudaStream::new(&device).unwrap());
    let kept: Vec<Box<dyn std::any::Any>> = vec![Box::new(x.clone()), Box::new(kernel.clone())];
    let mut back = [0.0_f32; 16];
    let mut graph = CudaGraph::capture(&captured, kept, |captured| {
        square(&kernel, captured, &x)?;
        memory.upload(&copies, &x, &[3.0_f32; 16])?;
        memory.download(&copies, &x, &mut back)
    })
    .unwrap();
    assert_eq!(back, [3.0; 16]);
    graph.launch().unwrap();
    memory.download(&captured, &x, &mut back).unwrap();
    assert_eq!(back, [9.0; 16]);
}
