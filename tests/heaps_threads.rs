//! `OrionHeap` with many threads: all in one heap, and each with heaps of its own.

use std::{
    sync::{
        Barrier,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use orionrt::{OrionAlloc, OrionHeap};
use orionrt_testing::{arena_blocks::MarkedBlock, blocks::Block, random::Random};

const THREADS: u64 = 8;

/// An allocator whose zones fill up, so that heaps have pages in several.
fn small_zones() -> OrionAlloc {
    OrionAlloc::new().with_first_zone(1 << 20)
}

/// Allocates, resizes and frees in a heap; leaves its last blocks.
fn work(heap: &OrionHeap<'_>, random: &mut Random, steps: usize) -> Vec<MarkedBlock> {
    let mut own: Vec<MarkedBlock> = Vec::new();
    for _ in 0..steps {
        let (index, mark) = (random.below(own.len().max(1)), random.next_u64() as u8);
        let layout = random.layout(100_000);
        match random.below(4) {
            0 if index < own.len() => own.swap_remove(index).free(&heap),
            1 if index < own.len() => own[index].resize(&heap, layout, false, mark).unwrap(),
            _ if own.len() > 50 => own.swap_remove(index).free(&heap),
            _ => own.push(MarkedBlock::allocate(&heap, layout, false, mark).unwrap()),
        }
    }
    own
}

#[test]
fn eight_threads_share_one_heap() {
    let alloc = small_zones();
    let heap = alloc.new_heap().unwrap();
    let left: Vec<MarkedBlock> = thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|seed| {
                let heap = &heap;
                scope.spawn(move || Blocks(work(heap, &mut Random(seed), 4000)))
            })
            .collect();
        let left = threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap().0);
        left.collect()
    });
    let asked: usize = left.iter().map(|block| block.layout().size()).sum();
    assert_eq!(heap.stats().requested_bytes, asked);
    left.into_iter().for_each(|block| block.free(&&heap));
    let stats = heap.stats();
    assert_eq!(
        (stats.live_bytes, stats.allocations),
        (0, stats.deallocations)
    );
}

/// Blocks on their way to another thread.
struct Blocks(Vec<MarkedBlock>);

// SAFETY: the bytes of a block are its owner's alone.
unsafe impl Send for Blocks {}

#[test]
fn eight_threads_make_use_and_drop_heaps_while_another_purges_and_counts() {
    let alloc = small_zones();
    let (stop, start) = (AtomicBool::new(false), Barrier::new(THREADS as usize + 1));
    thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|seed| {
                let (alloc, start) = (&alloc, &start);
                scope.spawn(move || {
                    start.wait();
                    let mut random = Random(seed);
                    for _ in 0..40 {
                        let mut heap = alloc.new_heap().unwrap();
                        for mut block in work(&heap, &mut random, 100) {
                            block.check();
                        }
                        if random.one_in(2) {
                            heap.reset();
                            work(&heap, &mut random, 10);
                        }
                        let block = Block::new(alloc, random.layout(10_000), 1);
                        block.free(alloc);
                    }
                })
            })
            .collect();
        scope.spawn(|| {
            start.wait();
            while !stop.load(Ordering::Relaxed) {
                alloc.purge();
                let stats = alloc.stats();
                assert!(stats.heaps <= THREADS as usize && stats.failures == 0);
            }
        });
        let outcomes: Vec<_> = threads.into_iter().map(|thread| thread.join()).collect();
        stop.store(true, Ordering::Relaxed);
        outcomes.into_iter().for_each(|outcome| outcome.unwrap());
    });
    let stats = alloc.stats();
    assert_eq!((stats.heaps, stats.heap_bytes, stats.live_bytes), (0, 0, 0));
    assert_eq!(stats.allocations, stats.deallocations);
}
