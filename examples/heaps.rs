//! A heap for each request: `cargo run --release --example heaps`.
//!
//! Threads answer requests. Everything that an answer needs is allocated from a heap of the
//! request's own, and is given back as a whole when that is dropped.

use std::thread;

use allocator_api2::{alloc::AllocError, vec::Vec};
use hashbrown::{DefaultHashBuilder, HashMap};
use orionrt::{OrionAlloc, OrionHeap};

#[global_allocator]
static ALLOC: OrionAlloc = OrionAlloc::new();

const THREADS: usize = 4;
const REQUESTS: usize = 1000;

/// How often a text has its most frequent word, worked out in a heap.
fn most_frequent(text: &str) -> Result<usize, AllocError> {
    let heap = ALLOC.new_heap()?;
    let mut words: Vec<&[u8], &OrionHeap> = Vec::new_in(&heap);
    for word in text.split(' ') {
        let mut lower = Vec::with_capacity_in(word.len(), &heap);
        lower.extend(word.bytes().map(|byte| byte.to_ascii_lowercase()));
        // Nobody frees the word: the heap does.
        words.push(lower.leak());
    }
    let mut counts: HashMap<&[u8], usize, DefaultHashBuilder, &OrionHeap> = HashMap::new_in(&heap);
    for word in words {
        *counts.entry(word).or_default() += 1;
    }
    Ok(counts.values().copied().max().unwrap_or(0))
}

fn main() {
    let text = "The heap goes and the words go and the map goes with the heap";
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for _ in 0..REQUESTS {
                    assert_eq!(most_frequent(text), Ok(4));
                }
            });
        }
    });
    let heap = ALLOC.new_heap().expect("memory for a heap");
    let mut v = Vec::new_in(&heap);
    v.extend(0..100_000u32);
    println!("one heap: {:#?}", heap.stats());
    println!("all of the program: {}", ALLOC.stats());
}
