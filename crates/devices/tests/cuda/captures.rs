//! Ranges, blocks and graphs that are given back while a stream is captured, by this thread or by
//! another one: the capture stays valid, and nothing is used before the device is done with it. On
//! the model, where a wait that is not valid makes the capture invalid.

use std::{
    any::Any,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
};

use orionrt_devices::{
    DeviceArena, DeviceMemory, DeviceMemoryError,
    cuda::{CudaBuffer, CudaDevice, CudaGraph, CudaKernel, CudaMemory, CudaStream},
};

use crate::{
    refusal::refusal,
    support::{before_the_next_event, behind_the_next_event, kernel, model, model_device, square},
};

/// An arena of one range, a stream that uses it, a stream to capture, and what is captured.
struct Bench {
    device: CudaDevice,
    arena: DeviceArena<CudaMemory>,
    stream: CudaStream,
    captured: CudaStream,
    squared: CudaKernel,
    x: CudaBuffer,
}

const BYTES: u64 = 4096;

impl Bench {
    fn new() -> Option<Self> {
        let device = model_device()?;
        let memory = CudaMemory::new(&device, 64).unwrap();
        Some(Self {
            arena: DeviceArena::new(CudaMemory::new(&device, BYTES).unwrap()).unwrap(),
            stream: CudaStream::new(&device).unwrap(),
            captured: CudaStream::new(&device).unwrap(),
            squared: kernel(&device, "square").unwrap(),
            x: memory.buffer(0..64).unwrap(),
            device,
        })
    }

    /// Has a stream use the arena's only range, which is given back then.
    fn use_range_on(&self, stream: &CudaStream) {
        let block = self.arena.allocate(BYTES).unwrap();
        square(&self.squared, stream, block.buffer()).unwrap();
    }

    fn kept(&self) -> Vec<Box<dyn Any>> {
        vec![Box::new(self.x.clone()), Box::new(self.squared.clone())]
    }

    /// Captures a stream while something is done: in this thread, or in another one meanwhile.
    fn while_captured(&self, stream: &CudaStream, by_another: bool, act: impl FnOnce()) {
        let capture = |act: &mut dyn FnMut()| {
            let graph = CudaGraph::capture(stream, self.kept(), |stream| {
                square(&self.squared, stream, &self.x)?;
                act();
                Ok(())
            });
            graph.expect("the capture stays valid").launch().unwrap();
        };
        if !by_another {
            let mut act = Some(act);
            return capture(&mut || act.take().unwrap()());
        }
        let (begun, has_begun) = mpsc::channel();
        let (done, is_done) = mpsc::channel::<()>();
        thread::scope(|scope| {
            scope.spawn(move || {
                capture(&mut || {
                    begun.send(()).unwrap();
                    // If the other thread panics, this ends all the same.
                    let _ = is_done.recv();
                });
            });
            has_begun.recv().unwrap();
            act();
            drop(done);
        });
    }
}

fn is_of_capture<T>(result: Result<T, DeviceMemoryError>) {
    let reason = refusal(result);
    assert!(reason.ends_with("a stream is being captured"), "{reason}");
}

#[test]
fn an_arena_without_room_waits_for_a_stream_while_another_is_captured() {
    for by_another in [false, true] {
        let Some(bench) = Bench::new() else { return };
        bench.use_range_on(&bench.stream);
        bench.while_captured(&bench.captured, by_another, || {
            bench.arena.allocate(BYTES).unwrap();
        });
    }
}

#[test]
fn an_arena_without_room_does_not_wait_for_a_stream_that_is_captured() {
    for by_another in [false, true] {
        let Some(bench) = Bench::new() else { return };
        let block = bench.arena.allocate(BYTES).unwrap();
        square(&bench.squared, &bench.captured, block.buffer()).unwrap();
        let mut block = Some(block);
        bench.while_captured(&bench.captured, by_another, || {
            // There is no event behind it.
            drop(block.take());
            is_of_capture(bench.arena.allocate(BYTES));
        });
        bench.arena.allocate(BYTES).unwrap();
    }
}

#[test]
fn an_arena_without_room_does_not_wait_for_a_context_with_a_captured_stream() {
    for by_another in [false, true] {
        let Some(bench) = Bench::new() else { return };
        let block = bench.arena.allocate(BYTES).unwrap();
        bench.device.note_submission();
        drop(block);
        bench.while_captured(&bench.captured, by_another, || {
            is_of_capture(bench.arena.allocate(BYTES));
            is_of_capture(bench.device.finish());
        });
        bench.arena.allocate(BYTES).unwrap();
    }
}

#[test]
fn what_is_dropped_during_a_capture_leaves_it_valid() {
    for by_another in [false, true] {
        let Some(bench) = Bench::new() else { return };
        let alive = || model("model_alive", 0);
        let before = alive();
        let memory = CudaMemory::new(&bench.device, 64).unwrap();
        let growing = CudaMemory::reserve(&bench.device, 1 << 20).unwrap();
        growing.buffer(0..64).unwrap();
        let squared = kernel(&bench.device, "square").unwrap();
        let with_these = alive();
        let mut all = Some((memory, growing, squared));
        bench.while_captured(&bench.captured, by_another, || {
            drop(all.take());
            assert!(alive() >= with_these);
        });
        // They are given back when the context is next waited for.
        bench.device.finish().unwrap();
        assert_eq!(alive(), before);
    }
}

#[test]
fn an_event_that_became_part_of_a_graph_is_not_asked_for() {
    let Some(bench) = Bench::new() else { return };
    for ends_before in [false, true] {
        let block = bench.arena.allocate(BYTES).unwrap();
        square(&bench.squared, &bench.stream, block.buffer()).unwrap();
        let (stream, squared, x) = (bench.stream.clone(), bench.squared.clone(), bench.x.clone());
        let (recorded, is_recorded) = mpsc::channel::<()>();
        let (ended, has_ended) = mpsc::channel();
        before_the_next_event(move || {
            let (begun, has_begun) = mpsc::channel();
            thread::spawn(move || {
                let captured = CudaGraph::capture(&stream, Vec::new(), |stream| {
                    square(&squared, stream, &x)?;
                    begun.send(()).unwrap();
                    let _ = is_recorded.recv();
                    Ok(())
                });
                ended.send(captured.map(drop)).unwrap();
            });
            has_begun.recv().unwrap();
        });
        let mut end = Some(move || {
            drop(recorded);
            let ended = has_ended.recv().unwrap();
            ended.expect("the capture stays valid");
        });
        if ends_before {
            behind_the_next_event(end.take().unwrap());
        }
        drop(block);
        if let Some(end) = end {
            // The stream is still captured.
            assert!(bench.arena.allocate(BYTES + 1).is_err());
            is_of_capture(bench.arena.allocate(BYTES));
            end();
        }
        assert_eq!(bench.arena.stats().set_aside, BYTES);
        bench.arena.allocate(BYTES).unwrap();
    }
}

#[test]
fn a_launch_that_is_captured_is_a_submission_when_the_graph_is_launched() {
    let Some(bench) = Bench::new() else { return };
    let memory = bench.arena.memory();
    let before = memory.submitted();
    let mut graph = CudaGraph::capture(&bench.captured, bench.kept(), |stream| {
        square(&bench.squared, stream, &bench.x)
    })
    .unwrap();
    assert_eq!(memory.submitted(), before);
    graph.launch().unwrap();
    assert_eq!(memory.submitted(), before + 1);
    square(&bench.squared, &bench.captured, &bench.x).unwrap();
    assert_eq!(memory.submitted(), before + 2);
}

/// What a graph keeps, to see when it is given back.
struct Kept(Arc<AtomicBool>);

impl Drop for Kept {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[test]
fn a_graph_keeps_what_it_uses_for_ever_if_its_stream_cannot_be_waited_for() {
    let Some(bench) = Bench::new() else { return };
    // Captured is a stream, while a graph of it or of another one is dropped.
    for (is_own, is_launched) in [(true, true), (true, false), (false, true), (false, false)] {
        let is_given_back = Arc::new(AtomicBool::new(false));
        let kept: Vec<Box<dyn Any>> = vec![Box::new(Kept(Arc::clone(&is_given_back)))];
        let mut graph = CudaGraph::capture(&bench.stream, kept, |stream| {
            square(&bench.squared, stream, &bench.x)
        })
        .unwrap();
        if is_launched {
            graph.launch().unwrap();
        }
        let mut graph = Some(graph);
        let captured = if is_own {
            &bench.stream
        } else {
            &bench.captured
        };
        bench.while_captured(captured, false, || drop(graph.take()));
        let is_kept = is_own && is_launched;
        assert_eq!(is_given_back.load(Ordering::Relaxed), !is_kept);
    }
}
