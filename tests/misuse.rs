//! An invalid free ends the process with a message; a test starts itself again to see it.
//!
//! Each case is tried in a thread that has a cache of the allocator, and in one that has none and
//! goes through the locks: a thread has a cache for the first allocator that it uses. The test
//! program's own allocator is std's.

use std::{
    alloc::{GlobalAlloc, Layout},
    process::Output,
    ptr,
};

use orionrt::OrionAlloc;
use orionrt_testing::children::{has_aborted, this_program};

static ALLOC: OrionAlloc = OrionAlloc::new();
/// Its first zone is full at once, so its blocks lie in others.
static GROWN: OrionAlloc = OrionAlloc::new().with_first_zone(1 << 20);
static FIRST: OrionAlloc = OrionAlloc::new();
static UNUSED: OrionAlloc = OrionAlloc::new();

const PAGE: usize = 4096;
const KIND: &str = "ORIONRT_TEST_MISUSE";
const MESSAGE: &str = "orionrt: invalid free";

fn bytes(size: usize) -> Layout {
    Layout::from_size_align(size, 8).unwrap()
}

fn allocate(size: usize) -> *mut u8 {
    // SAFETY: the size is not zero.
    let block = unsafe { ALLOC.alloc(bytes(size)) };
    assert!(!block.is_null());
    block
}

/// Frees an address that need not be a block: the allocator has to notice.
fn release(block: *mut u8, size: usize) {
    // SAFETY: broken on purpose, in a process of its own that ends here.
    unsafe { ALLOC.dealloc(block, bytes(size)) };
}

fn resize(block: *mut u8, old: usize, new: usize) {
    // SAFETY: as in `release`.
    unsafe { ALLOC.realloc(block, bytes(old), new) };
}

/// Memory that std's allocator has granted.
fn foreign(size: usize) -> *mut u8 {
    Box::leak(vec![0u8; size].into_boxed_slice()).as_mut_ptr()
}

/// A block that does not lie in its allocator's first zone.
fn grown(size: usize) -> *mut u8 {
    // SAFETY: no size is zero; what fills the first zone is never freed.
    unsafe {
        assert!(!GROWN.alloc(bytes(900 << 10)).is_null());
        (0..8).for_each(|_| assert!(!GROWN.alloc(bytes(40 << 10)).is_null()));
        GROWN.alloc(bytes(size))
    }
}

fn release_grown(block: *mut u8, size: usize) {
    // SAFETY: as in `release`.
    unsafe { GROWN.dealloc(block, bytes(size)) };
}

type Case = (&'static str, fn());

/// Misuse that every build notices.
const CASES: &[Case] = &[
    ("small, of std's", || release(foreign(100), 100)),
    ("large, of std's", || release(foreign(1 << 20), 1 << 20)),
    ("small, of a neighbour's", || release(grown(100), 100)),
    ("large, of a neighbour's", || {
        release(grown(1 << 20), 1 << 20)
    }),
    ("on the stack", || {
        release(ptr::from_mut(&mut [0u8; 100]).cast(), 100)
    }),
    ("near zero", || release(ptr::without_provenance_mut(8), 100)),
    ("large, near zero", || {
        release(ptr::without_provenance_mut(PAGE), 1 << 20)
    }),
    ("at the end of all", || {
        release(ptr::without_provenance_mut(usize::MAX & !15), 100)
    }),
    ("never handed out", || {
        release(allocate(100).wrapping_add(1 << 30), 100)
    }),
    ("of the next class", || release(allocate(100), 120)),
    ("of the class before", || release(allocate(100), 90)),
    ("of a far class", || release(allocate(100), 8000)),
    ("of an aligned class", || {
        let aligned = Layout::from_size_align(100, 128).unwrap();
        // SAFETY: as in `release`.
        unsafe { ALLOC.dealloc(allocate(100), aligned) };
    }),
    ("small as large", || release(allocate(100), 1 << 20)),
    ("a page as large", || release(allocate(PAGE), 40 << 10)),
    ("large as small", || release(allocate(1 << 20), 100)),
    ("large with a page less", || {
        release(allocate(100_000), 100_000 - PAGE)
    }),
    ("large with a page more", || {
        release(allocate(100_000), 100_000 + PAGE)
    }),
    ("a cache line before large", || {
        release(allocate(1_000_000).wrapping_sub(64), 1_000_000)
    }),
    ("a cache line into large", || {
        release(allocate(1_000_000).wrapping_add(64), 1_000_000)
    }),
    ("large twice", || {
        let block = allocate(1 << 20);
        release(block, 1 << 20);
        release(block, 1 << 20);
    }),
    ("large twice, purged", || {
        let block = allocate(1 << 20);
        release(block, 1 << 20);
        ALLOC.purge();
        release(block, 1 << 20);
    }),
    ("inside of large", || {
        release(allocate(1 << 20).wrapping_add(1), 1 << 20)
    }),
    ("a page of large", || {
        release(allocate(1 << 20).wrapping_add(PAGE), (1 << 20) - PAGE)
    }),
    ("a page of large as small", || {
        release(allocate(1 << 20).wrapping_add(PAGE), PAGE)
    }),
    ("the tail that was cut off", || {
        let block = allocate(1 << 20);
        resize(block, 1 << 20, 512 << 10);
        release(block.wrapping_add(512 << 10), 512 << 10);
    }),
    ("large with its former size", || {
        let block = allocate(1 << 20);
        resize(block, 1 << 20, 512 << 10);
        release(block, 1 << 20);
    }),
    ("resized: small, of std's", || {
        resize(foreign(100), 100, 1000)
    }),
    ("resized: large, of std's", || {
        resize(foreign(1 << 20), 1 << 20, 2 << 20)
    }),
    ("resized: shrunk, of std's", || {
        resize(foreign(1 << 20), 1 << 20, 100)
    }),
    ("resized: of another class", || {
        resize(allocate(100), 200, 1000)
    }),
    ("resized: small as large", || {
        resize(allocate(100), 1 << 20, 2 << 20)
    }),
    ("resized: large with a page less", || {
        resize(allocate(100_000), 90_000, 200_000)
    }),
    ("resized: large after its release", || {
        let block = allocate(1 << 20);
        release(block, 1 << 20);
        resize(block, 1 << 20, 2 << 20);
    }),
    ("outside of the first zone: of another class", || {
        release_grown(grown(100), 300)
    }),
    ("outside of the first zone: large twice", || {
        let block = grown(1 << 20);
        release_grown(block, 1 << 20);
        release_grown(block, 1 << 20);
    }),
    ("never used: small", || {
        // SAFETY: as in `release`.
        unsafe { UNUSED.dealloc(foreign(100), bytes(100)) };
    }),
    ("never used: large", || {
        // SAFETY: as in `release`.
        unsafe { UNUSED.dealloc(foreign(1 << 20), bytes(1 << 20)) };
    }),
    ("never used: resized", || {
        // SAFETY: as in `release`.
        unsafe { UNUSED.realloc(foreign(100), bytes(100), 1000) };
    }),
];

/// Misuse that only a hardened build notices.
#[cfg(feature = "hardened")]
const HARDENED: &[Case] = &[
    ("small, of another allocator", || {
        // SAFETY: the size is not zero.
        release(unsafe { FIRST.alloc(bytes(100)) }, 100);
    }),
    ("small twice", || {
        let block = allocate(100);
        release(block, 100);
        release(block, 100);
    }),
    ("small twice, with another between", || {
        let (block, other) = (allocate(100), allocate(100));
        release(block, 100);
        release(other, 100);
        release(block, 100);
    }),
    ("small twice, out of the thread's cache", || {
        let blocks: Vec<_> = (0..1000).map(|_| allocate(100)).collect();
        blocks.iter().for_each(|&block| release(block, 100));
        release(blocks[0], 100);
    }),
    ("one byte into small", || {
        release(allocate(100).wrapping_add(1), 100)
    }),
    ("the middle of small", || {
        release(allocate(1000).wrapping_add(512), 1000)
    }),
    ("outside of the first zone: small twice", || {
        let block = grown(100);
        release_grown(block, 100);
        release_grown(block, 100);
    }),
];

#[cfg(not(feature = "hardened"))]
const HARDENED: &[Case] = &[];

/// Runs this test again, in a process that misuses the allocator.
fn run(kind: &str, has_cache: bool) -> Output {
    let mode = if has_cache { "cached" } else { "direct" };
    this_program()
        .args([
            "--exact",
            "misuse_ends_the_process_with_its_message",
            "--nocapture",
        ])
        .env(KIND, format!("{mode}:{kind}"))
        .output()
        .unwrap()
}

/// What the process does that `run` has started.
fn misuse(kind: &str) {
    let (mode, kind) = kind.split_once(':').unwrap();
    let first = if mode == "direct" { &FIRST } else { &ALLOC };
    // SAFETY: freed with the layout that it was allocated with. From here on this thread has a
    // cache of `first`.
    unsafe { (0..2).for_each(|_| first.dealloc(first.alloc(bytes(64)), bytes(64))) };
    match CASES.iter().chain(HARDENED).find(|case| case.0 == kind) {
        Some((_, misuse)) => misuse(),
        None => release(allocate(100), 100),
    }
}

#[test]
fn misuse_ends_the_process_with_its_message() {
    if let Ok(kind) = std::env::var(KIND) {
        return misuse(&kind);
    }
    for has_cache in [true, false] {
        for (kind, _) in CASES.iter().chain(HARDENED) {
            let child = run(kind, has_cache);
            let text = String::from_utf8_lossy(&child.stderr);
            let said = format!("{kind} (cache: {has_cache}): {:?} {text}", child.status);
            assert!(has_aborted(child.status), "{said}");
            assert!(text.starts_with(MESSAGE), "{said}");
        }
        assert!(run("none", has_cache).status.success());
    }
}

/// A thread that has a cache frees small blocks without asking whose the cache is.
#[cfg(not(feature = "hardened"))]
#[test]
fn a_small_block_that_another_allocator_frees_goes_back_to_its_own() {
    static OWN: OrionAlloc = OrionAlloc::new();
    static OTHER: OrionAlloc = OrionAlloc::new();
    let allocate = |alloc: &OrionAlloc| {
        // SAFETY: the size is not zero.
        unsafe { alloc.alloc(bytes(100)) }
    };
    std::thread::spawn(move || {
        // A thread has a cache from its second call on.
        allocate(&OWN);
        let block = allocate(&OWN);
        let others = allocate(&OTHER);
        // SAFETY: allocated with this layout; that it is not of this allocator is the test.
        unsafe { OTHER.dealloc(block, bytes(100)) };
        assert_eq!(
            (OWN.stats().live_bytes, OTHER.stats().live_bytes),
            (112, 112)
        );
        assert_eq!(OWN.stats().requested_bytes, 100);
        assert_eq!(allocate(&OWN), block);
        assert_ne!(allocate(&OTHER), block);
        // SAFETY: allocated with this layout.
        unsafe { OTHER.dealloc(others, bytes(100)) };
        assert_eq!(
            (OWN.stats().live_bytes, OTHER.stats().live_bytes),
            (224, 112)
        );
    })
    .join()
    .unwrap();
}
