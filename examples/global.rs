//! A whole program on OrionRT's global allocator: `cargo run --release --example global`.

use std::{collections::BTreeMap, thread};

use orionrt::OrionAlloc;

#[global_allocator]
static ALLOC: OrionAlloc = OrionAlloc::new();

fn main() {
    let words = |seed: usize| -> BTreeMap<String, usize> {
        (0..20_000)
            .map(|i| (format!("{:x}", i * seed), i))
            .collect()
    };
    let threads: Vec<_> = (1..=4)
        .map(|seed| thread::spawn(move || words(seed)))
        .collect();
    let maps: Vec<_> = threads
        .into_iter()
        .flat_map(thread::JoinHandle::join)
        .collect();
    println!(
        "{} maps, made on other threads:\n{}\n",
        maps.len(),
        ALLOC.stats()
    );
    drop(maps);
    println!("dropped on this one:\n{}\n", ALLOC.stats());
    println!("{} bytes went back to the system", ALLOC.purge());
}
