//! Interleavings of threads that write a recording, by loom:
//! `RUSTFLAGS="--cfg loom" cargo test --release -p orionrt-recording --test loom`.
//!
//! Two threads claim chunks and write events while a third one reads the memory. The model fails if
//! two threads get one chunk, or if what is in use includes an event that is not whole.
#![cfg(loom)]

use loom::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};
use orionrt_recording::{Event, Kind, Start, Writer, words_for};

fn event(thread: u32, at: u64) -> Event {
    Event {
        ticks: at,
        kind: Kind::Allocate,
        alignment: 16,
        address: u64::from(thread) + 1,
        size: at + 1,
    }
}

#[test]
fn chunks_have_one_writer_and_counts_cover_whole_events() {
    loom::model(|| {
        let memory: Arc<Vec<AtomicU64>> =
            Arc::new((0..words_for(2)).map(|_| AtomicU64::new(0)).collect());
        assert!(Writer::begin(&memory, &Start::default()).is_some());
        let write = |thread: u32| {
            let memory = Arc::clone(&memory);
            thread::spawn(move || {
                let writer = Writer::attach(&memory).expect("it was begun");
                let claim = writer.claim().expect("one for each");
                let mut chunk = writer.open(claim, thread, 0).expect("it is there");
                assert!(chunk.push(&event(thread, 0)));
                claim
            })
        };
        let writers = [write(0), write(1)];
        for index in 0..2 {
            let chunk = &memory[words_for(index)..];
            // An address that is no multiple of 16 makes an event of three words.
            let used = chunk[1].load(Ordering::Acquire);
            for at in 0..used as usize / 3 {
                let words: Vec<u64> = (0..3)
                    .map(|word| chunk[3 + at * 3 + word].load(Ordering::Relaxed))
                    .collect();
                assert!(words.iter().all(|&word| word != 0), "{words:?}");
            }
        }
        let [one, other] = writers.map(|writer| writer.join().expect("it ends"));
        assert_ne!(one, other);
    });
}
