//! Iterations that `orionrt trace` finds in the recording of a process.

use std::sync::atomic::{AtomicU64, Ordering};

use orionrt_recording::{Event, Kind, Start, Writer, words_for};

use crate::run::Folder;

/// The recording of a loop: in each iteration, blocks of these sizes are allocated one after the
/// other, and the one before is freed; the last one stays. Iteration 5 allocates one more.
fn recording(iterations: u64, sizes: &[u64]) -> Vec<u8> {
    let memory: Vec<AtomicU64> = (0..words_for(1)).map(|_| AtomicU64::new(0)).collect();
    let start = Start {
        command: b"python3\0infer.py\0",
        ..Start::default()
    };
    let writer = Writer::begin(&memory, &start).expect("room");
    let index = writer.claim().expect("a chunk");
    let mut chunk = writer.open(index, 0, 7).expect("a chunk");
    let mut ticks = 0;
    let mut push = |kind, address, size| {
        ticks += 1_000_000;
        let event = Event {
            ticks,
            kind,
            alignment: 16,
            address,
            size,
        };
        assert!(chunk.push(&event));
    };
    push(Kind::Allocate, 1 << 40, 70_000);
    for iteration in 0..iterations {
        let of_this = (iteration == 5).then_some(48);
        let base = (iteration + 1) << 20;
        let mut last = None;
        for (address, size) in (base..)
            .step_by(1 << 13)
            .zip(sizes.iter().copied().chain(of_this))
        {
            push(Kind::Allocate, address, size);
            if let Some(last) = last.replace(address) {
                push(Kind::Free, last, 0);
            }
        }
    }
    writer.end();
    let words = memory.iter().map(|word| word.load(Ordering::Relaxed));
    words.flat_map(u64::to_ne_bytes).collect()
}

#[test]
fn a_trace_tells_the_iterations_of_a_loop() {
    let sizes = [4096, 1024, 2048, 512, 64, 8192, 256];
    let folder = Folder::with("run.rec", recording(40, &sizes));
    let text = folder.done(&["trace", "run.rec"]).stdout;
    for line in [
        "40 × 7 requests by thread 0, from 2.00 ms to 522 ms; replay would serve 99.6 %",
        "peak 8.25 KiB, planned 8.06 KiB, bound 8.06 KiB; 1 block of 256 B outlives it",
    ] {
        assert!(text.contains(line), "'{line}' in {text}");
    }
    let json = folder.done(&["trace", "run.rec", "--json"]).json();
    let found = &json["iterations"];
    assert_eq!(
        (&found["searched"], &found["found"]),
        (&282.into(), &1.into())
    );
    let one = &found["repetitions"][0];
    for (field, value) in [
        ("iterations", 40),
        ("period", 7),
        ("identical", 39),
        ("differing", 1),
    ] {
        assert_eq!(one[field], value, "{field}");
    }
    assert_eq!(json["allocations"], 282);
}

#[test]
fn a_trace_without_a_loop_says_so() {
    let folder = Folder::with("run.rec", recording(2, &[4096, 1024, 2048]));
    let text = folder.done(&["trace", "run.rec"]).stdout;
    assert!(text.contains("  iterations    none found\n"), "{text}");
}
