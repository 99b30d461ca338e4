//! What a whole program asks of its allocator, as a Chrome trace. Run
//! `cargo run --release --features files --example recorder`, and open `target/recorder.json` in
//! <https://ui.perfetto.dev>.

use std::{alloc::System, error::Error, thread};

use orionrt::{Planner, Recorder, replay::OverflowPolicy};

#[global_allocator]
static ALLOC: Recorder<System> = Recorder::new(System);

/// Merge sort, with a new vector for every part.
fn sorted(numbers: Vec<u32>) -> Vec<u32> {
    if numbers.len() <= 256 {
        let mut numbers = numbers;
        numbers.sort_unstable();
        return numbers;
    }
    let (left, right) = numbers.split_at(numbers.len() / 2);
    let (mut left, mut right) = (sorted(left.to_vec()), sorted(right.to_vec()));
    let mut merged = Vec::new();
    while let (Some(l), Some(r)) = (left.last(), right.last()) {
        merged.extend(if l > r { left.pop() } else { right.pop() });
    }
    merged.reverse();
    [left, right, merged].concat()
}

fn main() -> Result<(), Box<dyn Error>> {
    ALLOC.start(1 << 20, OverflowPolicy::Oldest)?;
    let threads = (1..=3).map(|seed| {
        let numbers: Vec<u32> = (0..20_000).map(|i| i * seed % 65_521).collect();
        thread::spawn(move || sorted(numbers).is_sorted())
    });
    let threads: Vec<_> = threads.collect();
    for thread in threads {
        assert!(thread.join().expect("no panic"));
    }
    let recording = ALLOC.stop().expect("it was started");

    println!(
        "{} events, {} lost",
        recording.events().len(),
        recording.lost()
    );
    for lane in 0..recording.lanes() {
        let lifetimes = recording.lifetimes(lane)?;
        let plan = Planner::new().nodes(10_000).plan(&lifetimes)?;
        println!(
            "  thread {lane}: {} allocations of {} bytes, {} alive at once, would fit in {} bytes",
            plan.len(),
            lifetimes.total_bytes(),
            plan.load(),
            plan.peak()
        );
    }
    #[cfg(feature = "files")]
    recording.write_chrome_trace(std::fs::File::create("target/recorder.json")?)?;
    Ok(())
}
