//! All allocators behind one interface, `GlobalAlloc`, each with the defaults of its crate.
//!
//! None of them is the global allocator of the benches, which allocate from the system.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    ptr::{self, NonNull},
    sync::LazyLock,
};

use allocator_api2::alloc::Allocator;
use buddy_system_allocator::LockedHeap;
use talc::{TalcLock, source::GlobalAllocSource};

/// An allocator and its name.
#[derive(Clone, Copy)]
pub struct Peer {
    /// The name in the tables.
    pub name: &'static str,
    /// The allocator.
    pub allocator: &'static (dyn GlobalAlloc + Sync),
    /// Whether it is part of OrionRT.
    pub is_own: bool,
}

static ORION: orionrt::OrionAlloc = orionrt::OrionAlloc::new();
static ARENA: LazyLock<ArenaAlloc> = LazyLock::new(|| {
    let arena = orionrt::Arena::builder().capacity(RANGE_BYTES).build();
    ArenaAlloc(arena.expect("address space"))
});
static MIMALLOC: mimalloc::MiMalloc = mimalloc::MiMalloc;
static JEMALLOC: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;
static SNMALLOC: snmalloc_rs::SnMalloc = snmalloc_rs::SnMalloc;
static RUSTY: rusty_alloc_api::RustyAlloc = rusty_alloc_api::RustyAlloc;
static TALC: TalcLock<spinning_top::RawSpinlock, GlobalAllocSource<System>> =
    TalcLock::new(GlobalAllocSource::new(System));
static BUDDY: LazyLock<LockedHeap<34>> = LazyLock::new(|| {
    let heap = LockedHeap::empty();
    let memory = Box::leak(vec![0u64; RANGE_BYTES / 8].into_boxed_slice());
    // SAFETY: the memory is leaked, so it stays valid and is used by nothing else.
    unsafe { heap.lock().init(memory.as_mut_ptr().addr(), RANGE_BYTES) };
    heap
});

/// The bytes of allocators that work in a fixed range; pages are touched only when they are used.
const RANGE_BYTES: usize = 1 << 30;

/// All allocators, OrionRT's two first.
pub fn peers() -> Vec<Peer> {
    let own = |name, allocator| Peer {
        name,
        allocator,
        is_own: true,
    };
    let other = |name, allocator| Peer {
        name,
        allocator,
        is_own: false,
    };
    vec![
        own("OrionAlloc", &ORION),
        own("&Arena", &*ARENA),
        other("mimalloc", &MIMALLOC),
        other("jemalloc", &JEMALLOC),
        other("snmalloc", &SNMALLOC),
        other("rusty_alloc", &RUSTY),
        other("system", &System),
        other("talc", &TALC),
        other("buddy_system", &*BUDDY),
    ]
}

/// `&Arena` behind the same interface.
struct ArenaAlloc(orionrt::Arena);

// SAFETY: an arena's `Allocator` fulfils the contract of `GlobalAlloc`, which is never called with
// a size of zero.
unsafe impl GlobalAlloc for ArenaAlloc {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let block = self.0.allocate(layout);
        block.map_or(ptr::null_mut(), |block| block.cast().as_ptr())
    }

    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
        if let Some(start) = NonNull::new(start) {
            // SAFETY: the caller keeps the contract.
            unsafe { self.0.deallocate(start, layout) }
        }
    }

    unsafe fn realloc(&self, start: *mut u8, old: Layout, size: usize) -> *mut u8 {
        let Some(start) = NonNull::new(start) else {
            return ptr::null_mut();
        };
        // SAFETY: the caller guarantees a valid new layout.
        let new = unsafe { Layout::from_size_align_unchecked(size, old.align()) };
        // SAFETY: the caller keeps the contract.
        let moved = unsafe {
            if size >= old.size() {
                self.0.grow(start, old, new)
            } else {
                self.0.shrink(start, old, new)
            }
        };
        moved.map_or(ptr::null_mut(), |block| block.cast().as_ptr())
    }
}
