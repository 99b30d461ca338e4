//! Ranges of an arena that are given back: lent again when the streams are done with them, and not
//! before. On the model, whose streams do nothing until somebody waits for it.

use orionrt_devices::{
    DeviceArena, DeviceMemory,
    cuda::{CudaDevice, CudaEvent, CudaGraph, CudaKernel, CudaMemory, CudaStream},
};

use crate::support::{kernel, model, model_device, square};

/// An arena of one range, a stream, and a kernel.
struct Bench {
    device: CudaDevice,
    arena: DeviceArena<CudaMemory>,
    stream: CudaStream,
    /// A stream that is given no kernel.
    idle: CudaStream,
    squared: CudaKernel,
}

const BYTES: u64 = 4096;

impl Bench {
    fn new() -> Option<Self> {
        let device = model_device()?;
        Some(Self {
            arena: DeviceArena::new(CudaMemory::new(&device, BYTES).unwrap()).unwrap(),
            stream: CudaStream::new(&device).unwrap(),
            idle: CudaStream::new(&device).unwrap(),
            squared: kernel(&device, "square").unwrap(),
            device,
        })
    }

    /// Has a stream use the arena's only range, which is given back then.
    fn use_range_on(&self, stream: &CudaStream) {
        let block = self.arena.allocate(BYTES).unwrap();
        square(&self.squared, stream, block.buffer()).unwrap();
        drop(block);
    }

    /// An event of the idle stream, which is not done until somebody waits for that stream.
    fn pending(&self) -> CudaEvent {
        let event = self.idle.signal().unwrap();
        assert!(!event.is_done().unwrap());
        event
    }
}

#[test]
fn a_range_is_lent_again_behind_its_stream_while_others_still_work() {
    let Some(bench) = Bench::new() else { return };
    bench.use_range_on(&bench.stream);
    assert_eq!(bench.arena.stats().set_aside, BYTES);
    let done = bench.stream.signal().unwrap();
    // What another stream is given from now on is no concern of the range.
    let other = CudaStream::new(&bench.device).unwrap();
    let memory = CudaMemory::new(&bench.device, 64).unwrap();
    let x = memory.buffer(0..64).unwrap();
    square(&bench.squared, &other, &x).unwrap();
    let others = other.signal().unwrap();
    // There is no other range: this waits for the stream alone. The kernel is done by the time of
    // the event behind the range, which comes before the one that is asked for here.
    let block = bench.arena.allocate(BYTES).unwrap();
    assert!(!others.is_done().unwrap());
    bench.stream.finish().unwrap();
    assert!(done.is_done().unwrap());
    assert!(!others.is_done().unwrap());
    drop(block);
    // The other stream may use it, for all that is known.
    assert_eq!(bench.arena.stats().set_aside, BYTES);
    other.finish().unwrap();
    bench.arena.allocate(BYTES).unwrap();
}

#[test]
fn a_range_is_not_lent_before_its_kernel_has_run() {
    let Some(bench) = Bench::new() else { return };
    let idle = CudaStream::new(&bench.device).unwrap();
    let block = bench.arena.allocate(BYTES).unwrap();
    bench
        .arena
        .memory()
        .upload(&idle, block.buffer(), &[3.0_f32; 1024])
        .unwrap();
    square(&bench.squared, &bench.stream, block.buffer()).unwrap();
    drop(block);
    // Whoever gets the range finds that the kernel has squared it, once.
    let block = bench.arena.allocate(BYTES).unwrap();
    let mut values = [0.0_f32; 1024];
    let memory = bench.arena.memory();
    memory.download(&idle, block.buffer(), &mut values).unwrap();
    assert_eq!(values, [9.0; 1024]);
}

/// Two streams were given work, and one of them has done it: the range is behind the other.
#[test]
fn the_event_behind_a_range_is_on_each_stream_that_was_given_work() {
    for uses_first in [true, false] {
        let Some(bench) = Bench::new() else { return };
        let done = CudaStream::new(&bench.device).unwrap();
        let memory = CudaMemory::new(&bench.device, 64).unwrap();
        let x = memory.buffer(0..64).unwrap();
        let block = bench.arena.allocate(BYTES).unwrap();
        let use_range = || square(&bench.squared, &bench.stream, block.buffer()).unwrap();
        if uses_first {
            use_range();
        }
        square(&bench.squared, &done, &x).unwrap();
        if !uses_first {
            use_range();
        }
        let used = bench.stream.signal().unwrap();
        drop(block);
        done.finish().unwrap();
        assert!(bench.arena.allocate(BYTES + 1).is_err());
        assert_eq!(bench.arena.stats().set_aside, BYTES);
        assert!(!used.is_done().unwrap());
        bench.stream.finish().unwrap();
        bench.arena.allocate(BYTES).unwrap();
    }
}

#[test]
fn a_refused_event_is_asked_for_again() {
    let Some(bench) = Bench::new() else { return };
    // The event is made, and recorded.
    for call in 1..=2 {
        let block = bench.arena.allocate(BYTES).unwrap();
        square(&bench.squared, &bench.stream, block.buffer()).unwrap();
        let before = model("model_alive", 0);
        model("model_refuse", call);
        drop(block);
        assert_eq!(model("model_refuse", 0), 0, "call {call} was not made");
        assert_eq!(bench.arena.stats().set_aside, BYTES);
        // The event is recorded now, behind the kernel: nobody waits for more than that.
        let others = bench.pending();
        bench.arena.allocate(BYTES).unwrap();
        assert!(!others.is_done().unwrap());
        drop(others);
        assert_eq!(model("model_alive", 0), before);
    }
}

#[test]
fn nobody_waits_where_the_stream_is_known_to_be_done() {
    let Some(bench) = Bench::new() else { return };
    bench.use_range_on(&bench.stream);
    bench.stream.finish().unwrap();
    let others = bench.pending();
    let small = bench.arena.allocate(256).unwrap();
    assert_eq!(bench.arena.stats().set_aside, 0);
    assert!(!others.is_done().unwrap());
    // And a range that is given back when nothing is known to run is free at once.
    drop(small);
    assert_eq!(bench.arena.stats().set_aside, 0);
    assert_eq!(bench.arena.stats().free_bytes, BYTES);
    assert!(!others.is_done().unwrap());
}

#[test]
fn work_of_an_engine_is_waited_for_on_its_stream_or_in_its_context() {
    let Some(bench) = Bench::new() else { return };
    let other = CudaStream::new(&bench.device).unwrap();
    let block = bench.arena.allocate(BYTES).unwrap();
    other.note_submission();
    drop(block);
    assert_eq!(bench.arena.stats().set_aside, BYTES);
    other.finish().unwrap();
    let block = bench.arena.allocate(BYTES).unwrap();
    // On a stream that is not known: nothing but the whole context will do.
    bench.device.note_submission();
    drop(block);
    other.finish().unwrap();
    bench.stream.finish().unwrap();
    let pending = bench.stream.signal().unwrap();
    let block = bench.arena.allocate(BYTES).unwrap();
    assert!(pending.is_done().unwrap());
    bench.device.note_submission();
    drop(block);
    bench.device.finish().unwrap();
    bench.arena.allocate(BYTES).unwrap();
}

#[test]
fn a_stream_that_was_dropped_is_waited_for_with_its_context() {
    let Some(bench) = Bench::new() else { return };
    let stream = CudaStream::new(&bench.device).unwrap();
    let block = bench.arena.allocate(BYTES).unwrap();
    square(&bench.squared, &stream, block.buffer()).unwrap();
    drop((stream, block));
    assert_eq!(bench.arena.stats().set_aside, BYTES);
    let pending = bench.stream.signal().unwrap();
    bench.arena.allocate(BYTES).unwrap();
    assert!(pending.is_done().unwrap());
}

/// An engine wraps its stream anew for each launch, and waits for it.
#[test]
fn a_stream_that_was_waited_for_is_no_matter_of_its_context_when_it_is_dropped() {
    let Some(bench) = Bench::new() else { return };
    let others = bench.pending();
    for _ in 0..3 {
        // SAFETY: the stream lives as long as what wraps it.
        let wrapped = unsafe {
            let handle = bench.stream.stream().cu_stream();
            bench.device.context().wrap_borrowed_stream(handle)
        };
        let wrapped = CudaStream::from_engine(&bench.device, wrapped).unwrap();
        let block = bench.arena.allocate(BYTES).unwrap();
        square(&bench.squared, &wrapped, block.buffer()).unwrap();
        wrapped.finish().unwrap();
        drop(wrapped);
        drop(block);
        assert_eq!(bench.arena.stats().set_aside, 0);
    }
    assert!(!others.is_done().unwrap());
}

#[test]
fn work_of_streams_that_were_dropped_is_kept_as_one() {
    let Some(bench) = Bench::new() else { return };
    let listed = || format!("{:?}", bench.device).matches("Running").count();
    let block = bench.arena.allocate(BYTES).unwrap();
    for _ in 0..100 {
        let stream = CudaStream::new(&bench.device).unwrap();
        square(&bench.squared, &stream, block.buffer()).unwrap();
        drop(stream);
        // The last one is found to be dropped when the next is used.
        assert!((1..=2).contains(&listed()), "{}", listed());
    }
    drop(block);
    assert_eq!(bench.arena.stats().set_aside, BYTES);
    let pending = bench.pending();
    bench.arena.allocate(BYTES).unwrap();
    assert!(pending.is_done().unwrap());
    assert_eq!(listed(), 0);
}

#[test]
fn two_openings_of_a_device_know_of_each_others_work() {
    let Some(bench) = Bench::new() else { return };
    let again = CudaDevice::from_engine(bench.device.context().clone()).unwrap();
    let stream = CudaStream::new(&again).unwrap();
    bench.use_range_on(&stream);
    assert_eq!(bench.arena.stats().set_aside, BYTES);
    bench.arena.allocate(BYTES).unwrap();
}

#[test]
fn a_range_that_is_given_back_during_a_capture_does_not_become_part_of_it() {
    let Some(bench) = Bench::new() else { return };
    let half = || bench.arena.allocate(BYTES / 2).unwrap();
    let (earlier, block) = (half(), half());
    let other = CudaStream::new(&bench.device).unwrap();
    square(&bench.squared, &other, earlier.buffer()).unwrap();
    // An event is behind this one, which is asked for during the capture.
    drop(earlier);
    square(&bench.squared, &bench.stream, block.buffer()).unwrap();
    let memory = CudaMemory::new(&bench.device, 64).unwrap();
    let x = memory.buffer(0..64).unwrap();
    let kept: Vec<Box<dyn std::any::Any>> =
        vec![Box::new(x.clone()), Box::new(bench.squared.clone())];
    let stream = &bench.stream;
    let mut graph = CudaGraph::capture(stream, kept, |stream| {
        square(&bench.squared, stream, &x)?;
        drop(block);
        assert_eq!(bench.arena.stats().set_aside, BYTES);
        Ok(())
    })
    .unwrap();
    graph.launch().unwrap();
    bench.arena.allocate(BYTES).unwrap();
    drop(graph);
    stream.finish().unwrap();
}

#[test]
fn a_range_is_behind_the_graphs_that_were_launched() {
    let Some(bench) = Bench::new() else { return };
    let block = bench.arena.allocate(BYTES).unwrap();
    let kept: Vec<Box<dyn std::any::Any>> = vec![Box::new(bench.squared.clone())];
    let mut graph = CudaGraph::capture(&bench.stream, kept, |stream| {
        square(&bench.squared, stream, block.buffer())
    })
    .unwrap();
    graph.launch().unwrap();
    let launched = bench.stream.signal().unwrap();
    drop(block);
    assert_eq!(bench.arena.stats().set_aside, BYTES);
    assert!(!launched.is_done().unwrap());
    bench.stream.finish().unwrap();
    bench.arena.allocate(BYTES).unwrap();
}
