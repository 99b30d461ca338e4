//! `Malloc` under random steps, judged by a map of its live blocks, though it is never told how
//! large a block is that it gets back.
//!
//! It takes `ORIONRT_HEAP_STEPS` steps from `ORIONRT_HEAP_SEED`; a failure names the step.

use std::{
    alloc::{GlobalAlloc, Layout},
    env,
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    time::Duration,
};

#[cfg(feature = "profile")]
use orionrt::profile::Sampling;
use orionrt::{Malloc, OrionAlloc, heap::Decay};
use orionrt_testing::{
    blocks::in_thread,
    heap_oracle::{HeapOracle, Subject, Totals},
    heap_steps::{Bounds, Step},
    random::Random,
};

const STEPS: u64 = 20_000;
const BOUNDS: Bounds = Bounds {
    blocks: 600,
    bytes: 512 << 20,
};

/// Passes on what C would: no layout of a block that is resized or freed.
struct ByAddress(Malloc);

/// The last three sample one byte in 1, 64 and 4096.
#[cfg(feature = "profile")]
const SAMPLED: usize = 3;
#[cfg(not(feature = "profile"))]
const SAMPLED: usize = 0;

static ALLOCS: [ByAddress; 3 + SAMPLED] = [
    ByAddress(Malloc::new(OrionAlloc::new().with_first_zone(1 << 20))),
    ByAddress(Malloc::new(OrionAlloc::new())),
    ByAddress(Malloc::new(
        OrionAlloc::new().with_decay(Decay::After(Duration::ZERO)),
    )),
    #[cfg(feature = "profile")]
    ByAddress(Malloc::new(
        OrionAlloc::new().with_profile(Sampling::every(1)),
    )),
    #[cfg(feature = "profile")]
    ByAddress(Malloc::new(
        OrionAlloc::new()
            .with_first_zone(1 << 20)
            .with_profile(Sampling::every(64).with_seed(1)),
    )),
    #[cfg(feature = "profile")]
    ByAddress(Malloc::new(
        OrionAlloc::new().with_profile(Sampling::every(4096).with_seed(2)),
    )),
];

impl ByAddress {
    /// Overwrites what lies behind the bytes that were asked for: they are the owner's, too.
    fn use_all(&self, start: *mut u8, layout: Layout) -> *mut u8 {
        if !start.is_null() {
            let usable = self.0.usable_size(start).expect("it is a block");
            assert!(usable >= layout.size(), "{usable} bytes for {layout:?}");
            let rest = usable - layout.size();
            // SAFETY: the block has so many bytes, and they are this thread's.
            unsafe { start.add(layout.size()).write_bytes(0xee, rest) };
        }
        start
    }
}

// SAFETY: blocks of `Malloc` are as large and as aligned as asked, and are given back once.
unsafe impl GlobalAlloc for ByAddress {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.use_all(
            self.0.allocate_aligned(layout.size(), layout.align()),
            layout,
        )
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if layout.align() <= 16 {
            return self.use_all(self.0.allocate_zeroed(layout.size()), layout);
        }
        // SAFETY: the caller's duty, passed on.
        let start = unsafe { self.alloc(layout) };
        if !start.is_null() {
            // SAFETY: a new block of so many bytes.
            unsafe { start.write_bytes(0, layout.size()) };
        }
        start
    }

    unsafe fn dealloc(&self, start: *mut u8, _: Layout) {
        // SAFETY: the caller's duty, passed on.
        unsafe { self.0.free(start) };
    }

    unsafe fn realloc(&self, start: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller vouches for the new layout.
        let new = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
        if layout.align() <= 16 {
            // SAFETY: the caller's duty, passed on.
            return self.use_all(unsafe { self.0.reallocate(start, size) }, new);
        }
        // SAFETY: the caller's duty, passed on.
        let moved = unsafe { self.alloc(new) };
        if !moved.is_null() {
            // SAFETY: two live blocks, both of the smaller size at least; the old one is given up.
            unsafe {
                moved.copy_from_nonoverlapping(start, layout.size().min(size));
                self.dealloc(start, layout);
            }
        }
        moved
    }
}

impl Subject for ByAddress {
    fn purge(&self) {
        self.0.purge();
    }

    fn check_totals(&self, totals: Totals) {
        let stats = self.0.stats();
        assert_eq!(stats.allocations - stats.deallocations, totals.blocks);
        assert_eq!(stats.failures, totals.refused);
        assert_eq!(stats.requested_bytes, stats.live_bytes);
        assert!(stats.live_bytes >= totals.bytes);
    }
}

fn given(name: &str, usual: u64) -> u64 {
    env::var(name).map_or(usual, |given| given.parse().expect("a number"))
}

#[test]
fn blocks_without_layouts_are_aligned_apart_and_keep_their_contents() {
    let steps = given("ORIONRT_HEAP_STEPS", STEPS).div_ceil(ALLOCS.len() as u64);
    let seed = given("ORIONRT_HEAP_SEED", 1);
    for (index, subject) in ALLOCS.iter().enumerate() {
        in_thread(|| {
            let mut oracle = HeapOracle::new(subject);
            let mut random = Random(seed << 8 | index as u64);
            for number in 0..steps {
                let step = Step::random(&mut random);
                let went = catch_unwind(AssertUnwindSafe(|| oracle.step(step, BOUNDS)));
                if let Err(panic) = went {
                    eprintln!("allocator {index}, seed {seed}, step {number}: {step:?}");
                    resume_unwind(panic);
                }
            }
            oracle.check_all();
            oracle.free_all();
            oracle.check_all();
        });
    }
}

#[test]
fn only_starts_of_blocks_have_a_size() {
    let malloc = Malloc::new(OrionAlloc::new());
    assert_eq!(malloc.usable_size(std::ptr::null()), None);
    let blocks = [100, 40_000, 3 << 20].map(|bytes| malloc.allocate(bytes));
    for (block, most) in blocks.into_iter().zip([112, 45_056, 4 << 20]) {
        let usable = malloc.usable_size(block).expect("a block");
        assert!(usable <= most, "{usable}");
    }
    let [_, large, _] = blocks;
    assert_eq!(malloc.usable_size(large.wrapping_add(16)), None);
    assert_eq!(malloc.usable_size(large.wrapping_add(8192)), None);
    let local = 0u8;
    assert_eq!(malloc.usable_size(&raw const local), None);
    for block in blocks {
        // SAFETY: a block of this allocator, given up once.
        unsafe { malloc.free(block) };
    }
    assert_eq!(malloc.usable_size(large), None);
}

#[test]
fn a_block_that_shrinks_a_little_stays_and_one_that_shrinks_much_moves() {
    let malloc = Malloc::new(OrionAlloc::new());
    let block = malloc.allocate(1000);
    // SAFETY: blocks of this allocator, of which the last one is given up.
    unsafe {
        assert_eq!(malloc.reallocate(block, 600), block);
        let small = malloc.reallocate(block, 100);
        assert_eq!(malloc.usable_size(small), Some(112));
        malloc.free(small);
    }
}
