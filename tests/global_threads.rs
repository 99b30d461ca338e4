//! Threads and `OrionAlloc`: what they do while they end, and with more than one allocator.
//!
//! The allocators are instances beside the test program's own, which is std's: so a thread can have
//! thread-locals that are older than its cache, and whose destructors run when the cache is gone.

use std::{cell::RefCell, sync::mpsc, thread};

use orionrt::OrionAlloc;
use orionrt_testing::blocks::{Block, in_thread, layout};

/// Allocates and frees when its thread ends.
struct AtExit {
    alloc: &'static OrionAlloc,
    kept: Vec<Block>,
}

impl Drop for AtExit {
    fn drop(&mut self) {
        let alloc = self.alloc;
        let mut more: Vec<_> = (0..200)
            .map(|tag| Block::new(alloc, layout(10 + tag * 300, 8), tag as u64))
            .collect();
        for block in &mut more {
            block.resize(alloc, 20_000, 1);
        }
        let kept = self.kept.drain(..);
        more.into_iter()
            .chain(kept)
            .for_each(|block| block.free(alloc));
    }
}

thread_local! {
    static OLDER: RefCell<Option<AtExit>> = const { RefCell::new(None) };
    static YOUNGER: RefCell<Option<AtExit>> = const { RefCell::new(None) };
}

fn blocks_of(alloc: &OrionAlloc, count: usize) -> Vec<Block> {
    (0..count)
        .map(|tag| Block::new(alloc, layout(1 + tag * 77, 8), tag as u64))
        .collect()
}

fn assert_all_free(alloc: &OrionAlloc) {
    let stats = alloc.stats();
    assert_eq!((stats.live_bytes, stats.requested_bytes), (0, 0), "{stats}");
    assert_eq!(stats.allocations, stats.deallocations, "{stats}");
    alloc.purge();
    assert_eq!(alloc.stats().used_bytes, 0, "{}", alloc.stats());
}

#[test]
fn thread_locals_may_allocate_before_and_after_the_cache_is_gone() {
    static ALLOC: OrionAlloc = OrionAlloc::new();
    for _ in 0..20 {
        in_thread(|| {
            let at_exit = || {
                Some(AtExit {
                    alloc: &ALLOC,
                    kept: Vec::new(),
                })
            };
            // One thread-local is registered before the cache, one after it.
            OLDER.set(at_exit());
            let blocks = blocks_of(&ALLOC, 100);
            YOUNGER.set(at_exit());
            let mut halves = [Vec::new(), Vec::new()];
            for (index, block) in blocks.into_iter().enumerate() {
                halves[index % 2].push(block);
            }
            for (local, half) in [&OLDER, &YOUNGER].into_iter().zip(halves) {
                local.with_borrow_mut(|at_exit| at_exit.as_mut().unwrap().kept = half);
            }
        });
    }
    // A thread that allocates when its cache is gone does not get another one.
    assert_eq!(ALLOC.stats().caches, 1);
    assert_all_free(&ALLOC);
}

#[test]
fn a_thread_may_first_allocate_while_it_ends() {
    static ALLOC: OrionAlloc = OrionAlloc::new();
    for _ in 0..20 {
        in_thread(|| {
            let kept = Vec::new();
            let alloc = &ALLOC;
            OLDER.set(Some(AtExit { alloc, kept }));
        });
    }
    assert!(ALLOC.stats().caches <= 1);
    assert_all_free(&ALLOC);
}

#[test]
fn a_second_allocator_in_the_same_thread_works_without_a_cache() {
    static FIRST: OrionAlloc = OrionAlloc::new();
    static SECOND: OrionAlloc = OrionAlloc::new().with_first_zone(1 << 20);
    let threads: Vec<_> = (0..6)
        .map(|_| {
            thread::spawn(|| {
                for _ in 0..30 {
                    let (first, second) = (blocks_of(&FIRST, 60), blocks_of(&SECOND, 60));
                    first.into_iter().for_each(|block| block.free(&FIRST));
                    for mut block in second {
                        block.resize(&SECOND, 5000, 1);
                        block.free(&SECOND);
                    }
                }
            })
        })
        .collect();
    threads
        .into_iter()
        .for_each(|thread| thread.join().unwrap());
    assert!((1..=6).contains(&FIRST.stats().caches));
    assert_eq!(SECOND.stats().caches, 0);
    assert_eq!(FIRST.stats().allocations, 6 * 30 * 60);
    assert_all_free(&FIRST);
    assert_all_free(&SECOND);
}

/// A thread whose cache belongs to a dropped allocator gets a cache of the next one.
#[test]
fn a_thread_may_outlive_the_allocators_that_it_uses() {
    let lasting = OrionAlloc::new();
    let kept = blocks_of(&lasting, 100);
    thread::scope(|scope| {
        let (send, receive) = mpsc::channel::<OrionAlloc>();
        let worker = scope.spawn(|| {
            for alloc in receive {
                let blocks = blocks_of(&alloc, 200);
                blocks.into_iter().for_each(|block| block.free(&alloc));
                assert_eq!((alloc.stats().caches, alloc.stats().live_bytes), (1, 0));
                // Dropped here, while this thread has a cache of it.
            }
        });
        for _ in 0..50 {
            send.send(OrionAlloc::new().with_first_zone(1 << 20))
                .unwrap();
        }
        drop(send);
        worker.join().unwrap();
    });
    kept.into_iter().for_each(|block| block.free(&lasting));
    assert_all_free(&lasting);
}

/// A purge cannot reach the caches of other threads: they follow on their next slow path.
#[test]
fn other_threads_flush_their_caches_after_a_purge() {
    static ALLOC: OrionAlloc = OrionAlloc::new();
    let (purged, at_purge) = mpsc::channel::<()>();
    let (ready, at_ready) = mpsc::channel::<()>();
    let worker = thread::spawn(move || {
        let blocks = blocks_of(&ALLOC, 200);
        blocks.into_iter().for_each(|block| block.free(&ALLOC));
        ready.send(()).unwrap();
        at_purge.recv().unwrap();
        // One of a size that it has not used before.
        Block::new(&ALLOC, layout(32_000, 8), 1).free(&ALLOC);
        let stats = ALLOC.stats();
        assert!(stats.cached_bytes <= 4 * 32_768, "{stats}");
    });
    at_ready.recv().unwrap();
    assert!(ALLOC.stats().cached_bytes > 4 * 32_768, "{}", ALLOC.stats());
    ALLOC.purge();
    purged.send(()).unwrap();
    worker.join().unwrap();
    assert_all_free(&ALLOC);
}
