//! `fork` while threads make, use, reset and drop heaps: the child may go on with the heaps of the
//! thread that forked, with those that other threads had been using, and with new ones.
//!
//! In a second round all of them are at the limit of memory, where a thread that holds one lock
//! asks for pages of heaps that others hold.
//!
//! There is one test, because a child is a copy of all of it. If a lock stayed taken, the process
//! would hang: an alarm ends it then.
#![cfg(target_os = "linux")]

use std::{
    alloc::{GlobalAlloc, Layout},
    io,
    panic::catch_unwind,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use orionrt::{OrionAlloc, OrionHeap};
use orionrt_testing::{arena_blocks::MarkedBlock, random::Random};

static ALLOC: OrionAlloc = OrionAlloc::new().with_first_zone(8 << 20);
static LIMITED: OrionAlloc = OrionAlloc::new().with_limit(8 << 20);

const FORKS: u64 = 100;
const WORKERS: u64 = 3;
const LARGEST: usize = 100_000;
const CHILD_SECONDS: u32 = 20;
const PARENT_SECONDS: u32 = 240;

fn step(heap: &OrionHeap<'_>, own: &mut Vec<MarkedBlock>, random: &mut Random) {
    let (index, mark) = (random.below(own.len().max(1)), random.next_u64() as u8);
    let layout = random.layout(LARGEST);
    match random.below(4) {
        0 if index < own.len() => own.swap_remove(index).free(&heap),
        1 if index < own.len() => own[index].resize(&heap, layout, false, mark).unwrap(),
        _ if own.len() > 30 => own.swap_remove(index).free(&heap),
        _ => own.push(MarkedBlock::allocate(&heap, layout, false, mark).unwrap()),
    }
}

/// Uses the shared heap, and heaps of its own, until `stop`.
fn work(seed: u64, shared: &OrionHeap<'_>, stop: &AtomicBool) {
    let (mut random, mut in_shared) = (Random(seed), Vec::new());
    while !stop.load(Ordering::Relaxed) {
        let mut heap = ALLOC.new_heap().unwrap();
        let mut own = Vec::new();
        for _ in 0..random.below(50) {
            step(&heap, &mut own, &mut random);
            step(shared, &mut in_shared, &mut random);
        }
        match random.below(8) {
            0 => heap.reset(),
            1 => drop(ALLOC.purge()),
            2 => assert_eq!(ALLOC.stats().failures, 0),
            _ => {}
        }
    }
    in_shared.into_iter().for_each(|block| block.free(&shared));
}

/// What a child does: it uses the shared heap, which other threads used, a heap of the thread that
/// forked, with its blocks, and a new one.
fn child(seed: u64, shared: &OrionHeap<'_>, mut own: OrionHeap<'_>, mut blocks: Vec<MarkedBlock>) {
    let (mut random, mut in_shared) = (Random(seed), Vec::new());
    let new = ALLOC.new_heap().unwrap();
    let mut in_new = Vec::new();
    for _ in 0..100 {
        step(&own, &mut blocks, &mut random);
        step(&new, &mut in_new, &mut random);
        step(shared, &mut in_shared, &mut random);
    }
    blocks.into_iter().for_each(|block| block.free(&&own));
    assert_eq!(own.stats().live_bytes, 0);
    own.reset();
    drop(new);
    ALLOC.purge();
    assert!(ALLOC.stats().heaps >= 2);
}

/// Has as many small blocks of the limited allocator as it gets, until `stop`.
fn fill(seed: u64, stop: &AtomicBool) {
    let (mut random, mut blocks) = (Random(seed), Vec::new());
    while !stop.load(Ordering::Relaxed) {
        let layout = Layout::from_size_align(random.below(4000) + 1, 8).unwrap();
        // SAFETY: the layout has a size.
        let block = unsafe { LIMITED.alloc(layout) };
        let left = if block.is_null() {
            blocks.len() / 2
        } else {
            usize::MAX
        };
        blocks.extend((!block.is_null()).then_some((block, layout)));
        free(blocks.drain(left.min(blocks.len())..));
    }
    free(blocks.into_iter());
}

fn free(blocks: impl Iterator<Item = (*mut u8, Layout)>) {
    for (block, layout) in blocks {
        // SAFETY: a live block with its layout.
        unsafe { LIMITED.dealloc(block, layout) };
    }
}

/// Makes heaps of the limited allocator, which keep empty spans, until `stop`.
fn make_heaps(seed: u64, stop: &AtomicBool) {
    let mut random = Random(seed);
    while !stop.load(Ordering::Relaxed) {
        let heaps: Vec<_> = (0..20).filter_map(|_| LIMITED.new_heap().ok()).collect();
        for heap in &heaps {
            let layout = random.layout(LARGEST);
            if let Ok(block) = MarkedBlock::allocate(&heap, layout, false, 1) {
                block.free(&heap);
            }
        }
        if random.below(8) == 0 {
            LIMITED.purge();
        }
    }
}

/// Forks while threads are refused, and are given what heaps keep.
fn fork_at_the_limit() {
    let stop = AtomicBool::new(false);
    let outcomes: Vec<_> = thread::scope(|scope| {
        let stop = &stop;
        let workers = [
            scope.spawn(move || fill(0, stop)),
            scope.spawn(move || fill(1, stop)),
            scope.spawn(move || make_heaps(0, stop)),
            scope.spawn(move || make_heaps(1, stop)),
        ];
        let child = || {
            let stop = AtomicBool::new(true);
            fill(1, &stop);
            make_heaps(1, &stop);
            LIMITED.purge();
            let one = Layout::new::<u64>();
            // SAFETY: the layout has a size; null is not freed.
            let block = unsafe { LIMITED.alloc(one) };
            free((!block.is_null()).then_some((block, one)).into_iter());
            drop(LIMITED.new_heap());
        };
        let outcomes = (0..FORKS).map(|_| fork(child)).collect();
        stop.store(true, Ordering::Relaxed);
        // A scope does not wait for threads to give their caches back.
        workers
            .into_iter()
            .for_each(|worker| worker.join().unwrap());
        outcomes
    });
    for (round, outcome) in outcomes.into_iter().enumerate() {
        let status = outcome.expect("fork and wait");
        assert_eq!(status, 0, "fork {round} at the limit (0xe: alarm)");
    }
    let stats = LIMITED.stats();
    assert_eq!((stats.live_bytes, stats.heaps), (0, 0));
    assert_ne!(stats.failures_over_limit, 0, "the limit was never felt");
}

/// Runs `run` in a new process; returns its wait status.
fn fork(run: impl FnOnce() + std::panic::UnwindSafe) -> io::Result<i32> {
    // SAFETY: the child runs on what the allocator keeps usable, and leaves by `_exit`.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => {
            // SAFETY: no handler: the signal ends the process.
            unsafe { libc::alarm(CHILD_SECONDS) };
            let outcome = catch_unwind(run);
            // SAFETY: ends this process at once.
            unsafe { libc::_exit(outcome.is_err().into()) }
        }
        pid => {
            let mut status = 0;
            // SAFETY: waits for the child above; the status is written there.
            match unsafe { libc::waitpid(pid, &raw mut status, 0) } {
                -1 => Err(io::Error::last_os_error()),
                _ => Ok(status),
            }
        }
    }
}

#[test]
fn forked_children_may_use_all_heaps() {
    // SAFETY: as in `fork`; children do not inherit it.
    unsafe { libc::alarm(PARENT_SECONDS) };
    let shared = ALLOC.new_heap().unwrap();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        for seed in 0..WORKERS {
            let (shared, stop) = (&shared, &stop);
            scope.spawn(move || work(1000 + seed, shared, stop));
        }
        let mut random = Random(1);
        let mut outcomes = Vec::new();
        for round in 0..FORKS {
            let heap = ALLOC.new_heap().unwrap();
            let mut blocks = Vec::new();
            (0..30).for_each(|_| step(&heap, &mut blocks, &mut random));
            let shared = std::panic::AssertUnwindSafe(&shared);
            let own = std::panic::AssertUnwindSafe((heap, blocks));
            outcomes.push(fork(move || {
                let (shared, own) = ({ shared }, { own });
                child(round, &shared, own.0.0, own.0.1);
            }));
        }
        stop.store(true, Ordering::Relaxed);
        for (round, outcome) in outcomes.into_iter().enumerate() {
            let status = outcome.expect("fork and wait");
            assert_eq!(status, 0, "fork {round} (0xe: alarm)");
        }
    });
    assert_eq!(shared.stats().live_bytes, 0);
    drop(shared);
    let stats = ALLOC.stats();
    assert_eq!((stats.heaps, stats.heap_bytes), (0, 0));
    fork_at_the_limit();
    // SAFETY: takes the alarm back.
    unsafe { libc::alarm(0) };
}
