//! Any sequence of `OrionAlloc`'s operations, from one thread, with some blocks freed by another,
//! judged by a map of the live blocks: alignments up to 2^32, blocks up to 128 MiB, limits that
//! change between steps, and all bytes come back.
//!
//! Heaps stay for ever, so the allocators are statics: each case finds free memory that others have
//! left, but no live block. Every case runs in a thread of its own, which has a cache of the
//! allocator that it uses, or has a cache of another one and takes a lock for every call.
#![no_main]

use std::{
    alloc::{GlobalAlloc, Layout},
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    thread,
    time::Duration,
};

use libfuzzer_sys::{
    arbitrary::{self, Arbitrary},
    fuzz_target,
};
use orionrt::{OrionAlloc, arena::HugePages, heap::Decay};
use orionrt_testing::{
    blocks::{Block, layout},
    heap_oracle::{HeapOracle, Subject, Totals},
    heap_steps::{Bounds, Step},
};

const BOUNDS: Bounds = Bounds {
    blocks: 4096,
    bytes: 256 << 20,
};

/// Steps from one change of a limit to the next.
const A_LIMIT: usize = 32;

static ALLOCS: [Alloc; 4] = [
    Alloc::new(OrionAlloc::new().with_first_zone(1 << 20)),
    Alloc::new(
        OrionAlloc::new()
            .with_first_zone(1 << 20)
            .with_decay(Decay::After(Duration::ZERO)),
    ),
    Alloc::new(OrionAlloc::new().with_decay(Decay::Never)),
    Alloc::new(
        OrionAlloc::new()
            .with_first_zone(64 << 20)
            .with_huge_pages(HugePages::Always),
    ),
];
static OTHER: OrionAlloc = OrionAlloc::new();

/// An allocator that refuses nothing here but what its limits forbid.
struct Alloc {
    alloc: OrionAlloc,
    is_limited: AtomicBool,
    /// What earlier cases were refused.
    failures: AtomicU64,
}

impl Alloc {
    const fn new(alloc: OrionAlloc) -> Self {
        Self {
            alloc,
            is_limited: AtomicBool::new(false),
            failures: AtomicU64::new(0),
        }
    }

    fn set(&self, limit: Limit) {
        let bytes = |shift: u8| 1 << (12 + shift % 20);
        let is_set = match limit {
            Limit::Resident(shift) => self.alloc.set_limit(bytes(shift)),
            Limit::Free(shift) => {
                let used = self.alloc.stats().used_bytes;
                self.alloc.set_limit(used + bytes(shift))
            }
            Limit::Reserved(shift) => {
                let reserved = self.alloc.stats().reserved_bytes;
                self.alloc.set_reserved_limit(reserved + bytes(shift))
            }
            Limit::Block(shift) => self.alloc.set_largest_block(bytes(shift)),
            Limit::None => return self.lift_limits(),
        };
        assert!(is_set);
        self.is_limited.store(true, Relaxed);
    }

    fn lift_limits(&self) {
        assert!(self.alloc.set_limit(usize::MAX));
        assert!(self.alloc.set_reserved_limit(usize::MAX));
        assert!(self.alloc.set_largest_block(usize::MAX));
        self.is_limited.store(false, Relaxed);
    }
}

/// A limit; bytes are powers of two from 4 KiB to 2 GiB.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Limit {
    Resident(u8),
    /// Above what is in use now.
    Free(u8),
    /// Above what is reserved now.
    Reserved(u8),
    Block(u8),
    None,
}

// SAFETY: passes all calls on to an allocator.
unsafe impl GlobalAlloc for Alloc {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's duty, passed on.
        unsafe { self.alloc.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        unsafe { self.alloc.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { self.alloc.dealloc(start, layout) };
    }

    unsafe fn realloc(&self, start: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as above.
        unsafe { self.alloc.realloc(start, layout, size) }
    }
}

impl Subject for Alloc {
    fn purge(&self) {
        self.alloc.purge();
    }

    fn may_refuse(&self, _: Layout, _: usize) -> bool {
        self.is_limited.load(Relaxed)
    }

    fn check_totals(&self, totals: Totals) {
        let stats = self.alloc.stats();
        assert_eq!(stats.requested_bytes, totals.bytes);
        assert_eq!(stats.allocations - stats.deallocations, totals.blocks);
        let failures = stats.failures - self.failures.load(Relaxed);
        assert_eq!(failures, totals.refused);
        assert!(stats.live_bytes >= stats.requested_bytes);
        assert!(stats.used_bytes >= stats.live_bytes);
        assert!(stats.resident_bytes >= stats.used_bytes);
    }
}

#[derive(Arbitrary, Debug)]
struct Case {
    settings: u8,
    limits: Vec<Limit>,
    steps: Vec<Step>,
}

/// Runs a case, and frees every other block; returns the rest.
fn run(case: Case, alloc: &'static Alloc) -> HeapOracle<'static, Alloc> {
    if case.settings & 0x80 != 0 {
        // A heap has no caches before its first allocation: the second one binds a cache.
        (0..2).for_each(|_| Block::new(&OTHER, layout(8, 8), 0).free(&OTHER));
    }
    alloc.failures.store(alloc.alloc.stats().failures, Relaxed);
    let mut oracle = HeapOracle::new(alloc);
    let mut limits = case.limits.into_iter();
    for steps in case.steps.chunks(A_LIMIT) {
        limits.next().into_iter().for_each(|limit| alloc.set(limit));
        steps.iter().for_each(|step| oracle.step(*step, BOUNDS));
    }
    alloc.lift_limits();
    oracle.check_all();
    for index in (0..oracle.len()).rev().step_by(2) {
        oracle.free(index, index % 4 == 0);
    }
    oracle
}

fuzz_target!(|case: Case| {
    let alloc = &ALLOCS[usize::from(case.settings) % ALLOCS.len()];
    let purge = case.settings & 0x40 != 0;
    let run = || run(case, alloc);
    let mut left = thread::scope(|scope| scope.spawn(run).join()).expect("no panic");
    left.free_all();
    if purge {
        left.subject().purge();
    }
    left.check_all();
    assert_eq!(alloc.alloc.stats().live_bytes, 0);
});
