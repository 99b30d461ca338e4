//! `OrionAlloc` under random steps while its own limits change, judged by a map of its live blocks:
//! what is refused is what a limit forbids, and what may be resident stays below the limit.

use std::{
    alloc::{GlobalAlloc, Layout},
    env,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
    time::Duration,
};

use orionrt::{OrionAlloc, heap::Decay};
use orionrt_testing::{
    heap_oracle::{HeapOracle, Subject, Totals},
    heap_steps::{Bounds, Step},
    random::Random,
};

const STEPS: u64 = 20_000;
/// Steps from one change of a limit to the next.
const A_LIMIT: u64 = 200;
const BOUNDS: Bounds = Bounds {
    blocks: 600,
    bytes: 512 << 20,
};
const NONE: usize = usize::MAX;
/// What a request may need beside its own bytes: a span, tables of a new zone, a thread's cache.
const BESIDE: usize = 512 << 10;

static ALLOCS: [OrionAlloc; 3] = [
    OrionAlloc::new().with_first_zone(1 << 20),
    OrionAlloc::new(),
    OrionAlloc::new()
        .with_first_zone(1 << 20)
        .with_decay(Decay::After(Duration::ZERO)),
];

/// An allocator and its limits, in bytes.
struct Limited {
    alloc: &'static OrionAlloc,
    resident: AtomicUsize,
    reserved: AtomicUsize,
    block: AtomicUsize,
    /// What was resident when the limit was set, which stays.
    stays: AtomicUsize,
}

impl Limited {
    fn new(alloc: &'static OrionAlloc) -> Self {
        let [resident, reserved, block, stays] = [NONE, NONE, NONE, 0].map(AtomicUsize::new);
        let this = Self {
            alloc,
            resident,
            reserved,
            block,
            stays,
        };
        this.set(NONE, NONE, NONE);
        this
    }

    fn set(&self, resident: usize, reserved: usize, block: usize) {
        assert!(self.alloc.set_limit(resident));
        assert!(self.alloc.set_reserved_limit(reserved));
        assert!(self.alloc.set_largest_block(block));
        self.resident.store(resident, Relaxed);
        self.reserved.store(reserved, Relaxed);
        self.block.store(block, Relaxed);
        self.stays.store(self.alloc.stats().resident_bytes, Relaxed);
    }

    /// Sets limits that may or may not leave room for more.
    fn set_any(&self, random: &mut Random) {
        let stats = self.alloc.stats();
        let mut any = |used: usize| match random.below(4) {
            0 => random.log_uniform(1, 1 << 30),
            1 => used + random.log_uniform(1 << 12, 1 << 28),
            _ => NONE,
        };
        let (resident, reserved) = (any(stats.used_bytes), any(stats.reserved_bytes));
        self.set(resident, reserved, any(0));
    }
}

// SAFETY: passes all calls on to an allocator.
unsafe impl GlobalAlloc for Limited {
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

impl Subject for Limited {
    fn purge(&self) {
        self.alloc.purge();
    }

    fn may_refuse(&self, layout: Layout, _: usize) -> bool {
        let stats = self.alloc.stats();
        let needed = layout.size() + BESIDE;
        let in_use = stats.used_bytes + stats.metadata_bytes;
        // A new zone lies at an aligned address, which takes space for a moment.
        let aligned = stats.reserved_bytes + 4 * (needed + layout.align());
        layout.size() > self.block.load(Relaxed)
            || in_use + needed > self.resident.load(Relaxed)
            || aligned > self.reserved.load(Relaxed)
    }

    fn check_totals(&self, totals: Totals) {
        let stats = self.alloc.stats();
        assert_eq!(stats.allocations - stats.deallocations, totals.blocks);
        assert_eq!(stats.requested_bytes, totals.bytes);
        assert_eq!(stats.failures, totals.refused);
        let limited = stats.failures_over_limit + stats.failures_too_large;
        assert_eq!(stats.failures, limited, "the system refused nothing");
    }
}

#[test]
fn memory_is_refused_only_where_a_limit_forbids_it() {
    let given = |name, usual| env::var(name).map_or(usual, |given| given.parse().expect("number"));
    let steps = given("ORIONRT_HEAP_STEPS", STEPS);
    let mut random = Random(given("ORIONRT_HEAP_SEED", 1));
    let mut refused = 0;
    for alloc in &ALLOCS {
        let subject = Limited::new(alloc);
        let mut oracle = HeapOracle::new(&subject);
        for number in 0..steps.div_ceil(ALLOCS.len() as u64) {
            if number % A_LIMIT == A_LIMIT - 1 {
                subject.set_any(&mut random);
            }
            oracle.step(Step::random(&mut random), BOUNDS);
            if number % 16 == 0 {
                let most = subject
                    .resident
                    .load(Relaxed)
                    .max(subject.stays.load(Relaxed));
                let resident = alloc.stats().resident_bytes;
                assert!(
                    resident <= most.saturating_add(BESIDE),
                    "{resident} of {most}"
                );
            }
        }
        subject.set(NONE, NONE, NONE);
        oracle.check_all();
        oracle.free_all();
        oracle.check_all();
        refused += oracle.totals().refused;
    }
    assert_ne!(refused, 0, "no limit was ever felt");
}
