//! What planning leaves in memory, counted in bytes beneath: at most 64 for each planned request.
#![cfg(target_os = "linux")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    hint::black_box,
    sync::atomic::{AtomicUsize, Ordering},
};

use orionrt::{Planner, ReplayAlloc};
use orionrt_testing::process_memory::process_anonymous;

/// The system's allocator, which knows how many bytes are alive.
struct Counting(AtomicUsize);

impl Counting {
    fn add(&self, start: *mut u8, bytes: usize) -> *mut u8 {
        if !start.is_null() {
            self.0.fetch_add(bytes, Ordering::Relaxed);
        }
        start
    }
}

// SAFETY: every call is the system allocator's, passed on.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's contract, passed on; here and below.
        self.add(unsafe { System.alloc(layout) }, layout.size())
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        self.add(unsafe { System.alloc_zeroed(layout) }, layout.size())
    }

    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
        self.0.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(start, layout) }
    }
}

#[global_allocator]
static ALLOC: ReplayAlloc<Counting> = ReplayAlloc::new(Counting(AtomicUsize::new(0)));

fn alive() -> usize {
    ALLOC.inner().0.load(Ordering::Relaxed)
}

/// Asks for so many vectors, a few of them alive together.
fn iteration(requests: usize, size: impl Fn(usize) -> usize) {
    const ALIVE: usize = 13;
    let mut window: [Option<Vec<u8>>; ALIVE] = Default::default();
    for i in 0..requests {
        window[i * 7 % ALIVE] = None;
        window[i * i % ALIVE] = Some(Vec::with_capacity(black_box(size(i))));
    }
}

/// One test, so that no other thread allocates meanwhile.
#[test]
fn a_plan_takes_64_bytes_for_each_planned_request_and_gives_the_rest_back() {
    let equal = |_| 4096;
    let few = |i: usize| 1024 << (i % 5);
    // No two blocks begin or end at the same offsets, nearly.
    let random = |i: usize| 1024 + i.wrapping_mul(0x9E37_79B9_7F4A_7C15_u64 as usize) % 30_011;
    let sizes: [&dyn Fn(usize) -> usize; 3] = [&equal, &few, &random];
    let mut session = ALLOC.session(Planner::new().nodes(1));
    let resident = process_anonymous();
    session.run(99, || iteration(5, equal)).expect("it runs");
    let more = process_anonymous() - resident;
    assert!(more < 768 << 10, "the first iteration touches {more} bytes");
    // The first key of all makes the table of the address range, the session's own tables, ...
    for key in 100..110 {
        (0..2).for_each(|_| session.run(key, || iteration(5, equal)).expect("it runs"));
    }
    for (key, size) in sizes.iter().enumerate() {
        for requests in [2_000, 5_000] {
            session.forget(&key);
            let before = alive();
            session
                .run(key, || iteration(requests, size))
                .expect("it runs");
            let taken = alive().saturating_sub(before);
            session
                .run(key, || iteration(requests, size))
                .expect("it runs");
            let hits = session.report().keys[11 + key].last.hits;
            assert_eq!(hits, requests as u64);
            assert!(
                taken <= 64 * requests,
                "{key}: {taken} for {requests} requests"
            );
            assert!(alive() - before <= 64 * requests, "replay keeps more");
        }
    }
    // Small requests take nothing at all.
    let before = alive();
    session
        .run(50, || {
            (0..50_000).for_each(|i| drop(black_box(Box::new(i))))
        })
        .expect("it runs");
    assert!(alive() - before < 4096, "{}", alive() - before);
    // All of it goes with the session.
    drop(session);
    let before_all = alive();
    let mut session = ALLOC.session(Planner::new().nodes(1));
    session.run(1, || iteration(5_000, few)).expect("it runs");
    drop(session);
    ALLOC.reclaim();
    assert!(alive() <= before_all + 512, "{} left", alive() - before_all);
}
