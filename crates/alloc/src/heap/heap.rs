//! [`Heap`]: the state that all threads share. What a heap does is in the files below this one.
//!
//! ```text
//!   small, up to 32 KiB                                        large
//!   thread cache ── no lock: bins of free objects                │
//!     │ refill, flush: batches of objects                        │
//!   depot of the class ── a lock per class: transfer cache, spans│
//!     │ spans                                                    │
//!   page heap ── one lock: zones, a buddy allocator over pages ──┘
//!     │
//!   mapping ── reserve, commit, discard, move
//! ```
//!
//! Rust passes the layout to `dealloc`, so a block's class is known without looking at the block.
//! Its page's *kind*, a byte in a side table, is compared with the class at every release: that
//! catches pointers of others and wrong sizes. All tables lie outside of the memory that the
//! program gets.
//!
//! Invariants:
//! - a heap is made on first use and stays for ever: threads may have caches of it for longer than
//!   its allocator lives;
//! - locks are taken in the order caches, depots by class, list of owned heaps, owned heap,
//!   purging, pages, samples, and nobody but `fork` holds two depots or two owned heaps;
//! - nothing in the heap allocates, formats, or panics in release builds (statistics are formatted
//!   by their reader).

use core::sync::atomic::{
    AtomicBool, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed,
};

use super::{
    cache::{Caches, HeapAddress},
    class::{CLASSES, Class},
    config::Config,
    depot::Depot,
    large_counts::LargeCounts,
    owned::OwnedHeaps,
    page_heap::PageHeap,
    purger_state::PurgerState,
    zone_registry::ZoneRegistry,
};
#[cfg(feature = "profile")]
use super::{profile_hook::ProfileHook, sample_table::SampleTable, sampling::Sampler};
use orionrt_sys::{locked::Locked, sync::RawLock};

/// What the threads of an allocator share.
pub(crate) struct Heap {
    pub(super) registry: ZoneRegistry,
    pub(super) caches: Locked<Caches>,
    pub(super) depots: [Locked<Depot>; CLASSES],
    pub(super) pages: Locked<PageHeap<'static>>,
    /// Held by the thread that gives memory back.
    pub(super) purging: RawLock,
    /// How often all threads were asked to flush their caches.
    pub(super) flush_epoch: AtomicU32,
    pub(super) retired: AtomicBool,
    /// Whether an observer sees every call: threads' caches are hidden from the fast path.
    pub(super) is_observed: bool,
    /// Bytes that large blocks, and small ones of threads without a cache, asked for; wraps below
    /// zero, as a cache's count may.
    pub(super) requested: AtomicUsize,
    pub(super) large: LargeCounts,
    /// The heaps that programs make; see [`owned`](super::owned).
    pub(super) owned: Locked<OwnedHeaps>,
    /// Whether an owned heap may have a span that holds no object.
    pub(super) has_empty_owned: AtomicBool,
    pub(super) failures: AtomicU64,
    /// Refusals because of a limit, and because a block was too large.
    pub(super) over_limit: AtomicU64,
    pub(super) too_large: AtomicU64,
    pub(super) purger: PurgerState,
    #[cfg(feature = "profile")]
    pub(super) sampler: Sampler,
    #[cfg(feature = "profile")]
    pub(super) samples: Locked<SampleTable>,
    #[cfg(feature = "profile")]
    pub(super) profile_hook: ProfileHook,
    /// Where the code begins and ends that is left out of stacks.
    #[cfg(feature = "profile")]
    pub(super) hidden_code: [AtomicUsize; 2],
    /// The number of guard pages.
    #[cfg(feature = "hardened")]
    pub(super) guards: AtomicUsize,
    /// The next heap in the list of all; see [`fork`](super::fork).
    pub(super) next: AtomicPtr<Self>,
}

impl Heap {
    /// Writes a new heap, part by part: threads with small stacks have no room for a whole one.
    ///
    /// # Safety
    /// `heap` is valid for writes, and its bytes are zero.
    pub(super) unsafe fn write_to(heap: *mut Self, config: Config) {
        // SAFETY: fields of `heap`.
        unsafe {
            let depots = (&raw mut (*heap).depots).cast::<Locked<Depot>>();
            for class in Class::all() {
                let depot = Locked::new(Depot::new(class));
                depots.add(class.index()).write(depot);
            }
            (&raw mut (*heap).registry).write(ZoneRegistry::new());
            (&raw mut (*heap).caches).write(Locked::new(Caches::new()));
            (&raw mut (*heap).pages).write(Locked::new(PageHeap::new(config)));
            (&raw mut (*heap).purging).write(RawLock::new());
            (&raw mut (*heap).large).write(LargeCounts::new());
            (&raw mut (*heap).is_observed).write(config.is_observed);
            (&raw mut (*heap).owned).write(Locked::new(OwnedHeaps::new()));
            #[cfg(feature = "profile")]
            {
                (&raw mut (*heap).samples).write(Locked::new(SampleTable::new()));
                (*heap).sampler.set_first(config.sampling);
            }
            // What is left are integers, flags, a bell and a null pointer: zeros.
        }
    }

    /// The address by which caches know it.
    #[inline]
    pub(super) fn address(&self) -> HeapAddress {
        core::ptr::from_ref(self).cast()
    }

    /// The depot of a class.
    #[inline]
    pub(super) fn depot(&self, class: Class) -> &Locked<Depot> {
        &self.depots[class.index()]
    }

    /// Whether an address is one that this heap has reserved.
    #[inline]
    pub(crate) fn contains(&self, address: *const u8) -> bool {
        self.registry.find(address).is_some()
    }

    /// Whether an observer sees every call.
    #[inline]
    pub(crate) fn is_observed(&self) -> bool {
        self.is_observed
    }

    /// Whether the allocator in front of the heap is gone.
    pub(super) fn is_retired(&self) -> bool {
        self.retired.load(Relaxed)
    }

    /// Counts a request that could not be served.
    pub(super) fn note_failure(&self) {
        self.failures.fetch_add(1, Relaxed);
    }
}
