//! Several `OrionHeap`s beside their `OrionAlloc` under random steps, judged by one map of all live
//! blocks: heaps that share zones never share a byte, and what is left in them goes at once.
//!
//! Each round makes the heaps, takes steps, and drops the heaps with the blocks that are in them.

use std::{
    alloc::{GlobalAlloc, Layout},
    env,
    ptr::{self, NonNull},
    time::Duration,
};

use allocator_api2::alloc::{AllocError, Allocator};
use orionrt::{OrionAlloc, OrionHeap, heap::Decay};
use orionrt_testing::{
    heap_oracle::{HeapOracle, Subject, Totals},
    heap_steps::{Bounds, Step},
    random::Random,
};

const STEPS: u64 = 20_000;
const A_ROUND: u64 = 1000;
const BOUNDS: Bounds = Bounds {
    blocks: 400,
    bytes: 256 << 20,
};

static ALLOCS: [OrionAlloc; 2] = [
    OrionAlloc::new(),
    OrionAlloc::new()
        .with_first_zone(1 << 20)
        .with_decay(Decay::After(Duration::ZERO)),
];

/// An allocator and heaps of it. A block's alignment, which it keeps when it is resized, decides
/// whose it is.
struct Heaps<'a> {
    alloc: &'a OrionAlloc,
    heaps: [OrionHeap<'a>; 3],
    /// Blocks of the allocator, and their bytes, before the heaps were used.
    before: (u64, usize),
}

impl<'a> Heaps<'a> {
    fn new(alloc: &'a OrionAlloc) -> Self {
        let heaps = [(); 3].map(|()| OrionHeap::new_in(alloc).expect("memory"));
        let stats = alloc.stats();
        let before = (
            stats.allocations - stats.deallocations,
            stats.requested_bytes,
        );
        Self {
            alloc,
            heaps,
            before,
        }
    }

    fn owner(&self, layout: Layout) -> Option<&OrionHeap<'a>> {
        self.heaps.get(layout.align().trailing_zeros() as usize % 4)
    }
}

fn start(answer: Result<NonNull<[u8]>, AllocError>) -> *mut u8 {
    answer.map_or(ptr::null_mut(), |block| block.as_ptr().cast())
}

// SAFETY: passes each call on to the block's owner, which its layout decides.
unsafe impl GlobalAlloc for Heaps<'_> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match self.owner(layout) {
            Some(heap) => start(heap.allocate(layout)),
            // SAFETY: the caller's duty, passed on.
            None => unsafe { self.alloc.alloc(layout) },
        }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        match self.owner(layout) {
            Some(heap) => start(heap.allocate_zeroed(layout)),
            // SAFETY: as above.
            None => unsafe { self.alloc.alloc_zeroed(layout) },
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        match (self.owner(layout), NonNull::new(block)) {
            // SAFETY: as above.
            (Some(heap), Some(block)) => unsafe { heap.deallocate(block, layout) },
            // SAFETY: as above.
            _ => unsafe { self.alloc.dealloc(block, layout) },
        }
    }

    unsafe fn realloc(&self, block: *mut u8, old: Layout, size: usize) -> *mut u8 {
        let new = Layout::from_size_align(size, old.align()).expect("a valid layout");
        match (self.owner(old), NonNull::new(block)) {
            (Some(heap), Some(block)) if size >= old.size() => {
                // SAFETY: as above; the new size is not smaller.
                start(unsafe { heap.grow(block, old, new) })
            }
            // SAFETY: as above; the new size is smaller.
            (Some(heap), Some(block)) => start(unsafe { heap.shrink(block, old, new) }),
            // SAFETY: as above.
            _ => unsafe { self.alloc.realloc(block, old, size) },
        }
    }
}

impl Subject for Heaps<'_> {
    fn purge(&self) {
        self.alloc.purge();
    }

    fn check_totals(&self, totals: Totals) {
        let (blocks, bytes) = self.before;
        let stats = self.alloc.stats();
        let heaps = self.heaps.each_ref().map(OrionHeap::stats);
        let live = heaps.map(|of| of.allocations - of.deallocations);
        let requested = heaps.map(|of| of.requested_bytes);
        assert!(stats.used_bytes >= heaps.iter().map(|of| of.used_bytes).sum());
        // Whether the allocator's totals include its heaps is its own affair: tests/heaps.rs.
        assert!(live.iter().sum::<u64>() <= totals.blocks);
        assert!(requested.iter().sum::<usize>() <= totals.bytes);
        assert!(stats.allocations - stats.deallocations >= blocks);
        assert!(stats.requested_bytes >= bytes);
    }
}

#[test]
fn heaps_of_one_allocator_never_share_a_byte_and_are_dropped_whole() {
    let given = |name, usual| env::var(name).map_or(usual, |given| given.parse().expect("number"));
    let steps = given("ORIONRT_HEAP_STEPS", STEPS);
    let mut random = Random(given("ORIONRT_HEAP_SEED", 1));
    for round in 0..steps.div_ceil(A_ROUND) {
        let alloc = &ALLOCS[round as usize % ALLOCS.len()];
        let heaps = Heaps::new(alloc);
        let mut oracle = HeapOracle::new(&heaps);
        for _ in 0..A_ROUND {
            oracle.step(Step::random(&mut random), BOUNDS);
        }
        // Blocks of the allocator itself are freed, those of the heaps are left in them.
        for index in (0..oracle.len()).rev() {
            if heaps.owner(oracle.layout(index)).is_none() {
                oracle.free(index, true);
            }
        }
        oracle.forget_all();
        drop(heaps);
        let stats = alloc.stats();
        assert_eq!((stats.live_bytes, stats.heaps), (0, 0), "round {round}");
        assert_eq!(stats.allocations, stats.deallocations, "round {round}");
    }
}
