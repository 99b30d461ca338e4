//! Recordings that tests write.

#![forbid(unsafe_code)]

use std::sync::atomic::{AtomicU64, Ordering};

use orionrt_recording::{Event, Kind, Start, Writer, words_for};

/// The ticks, the kind, the address and the size of an event.
pub(super) type Call = (u64, Kind, u64, u64);

/// The bytes of a recording with the events of some threads, one chunk for each.
pub(super) fn recorded(threads: &[&[Call]]) -> Vec<u8> {
    let words = words_for(threads.len());
    let memory: Vec<AtomicU64> = (0..words).map(|_| AtomicU64::new(0)).collect();
    let writer = Writer::begin(&memory, &Start::default()).expect("room");
    for (thread, events) in (0..).zip(threads) {
        let index = writer.claim().expect("a chunk");
        let mut chunk = writer.open(index, thread, 0).expect("a chunk");
        for &(ticks, kind, address, size) in *events {
            let alignment = 16;
            assert!(chunk.push(&Event {
                ticks,
                kind,
                alignment,
                address,
                size
            }));
        }
    }
    let words = memory.iter().map(|word| word.load(Ordering::Relaxed));
    words.flat_map(u64::to_ne_bytes).collect()
}
