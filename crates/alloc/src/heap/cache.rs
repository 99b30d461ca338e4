//! A thread's cache: a [bin](Bin) of free objects for each class, and counts of what the thread
//! did.
//!
//! A cache also has what is needed to check a freed object without going through the heap: the
//! addresses of the heap's first zone, and the kinds of its pages.
//!
//! Invariant: one thread at a time uses a cache, the one that it is bound to (in
//! [`local`](super::local)); others only read its counters, which are atomic for that reason alone.
//! Caches are never given back to the system.

use core::{
    cell::Cell,
    ptr::{self, NonNull},
    sync::atomic::{AtomicU8, AtomicUsize, Ordering::Relaxed},
};

use super::{
    bin::{Bin, Bins},
    class::{Class, PAGE},
    zone_map::{KIND_NONE, ZoneMap},
};
#[cfg(feature = "profile")]
use super::{sampling::Sampler, thread_stack::ThreadStack};
use orionrt_sys::mapping::{self, Mapping};

/// The address of a heap, which says whose a cache is. Nothing here dereferences it.
pub(crate) type HeapAddress = *const ();

/// The bins of a thread, and the parts of its heap that are needed to use them.
#[derive(Debug)]
#[repr(C)]
pub(crate) struct Cache {
    /// The heap that the objects belong to.
    heap: HeapAddress,
    first_zone_base: usize,
    first_zone_pages: usize,
    first_zone_kinds: *const AtomicU8,
    requested: AtomicUsize,
    /// The heap's flush epoch that this cache has followed.
    pub(super) flush_epoch: Cell<u32>,
    /// The change of sampling that this cache has followed, and the mean since then.
    #[cfg(feature = "profile")]
    pub(super) sampling_epoch: Cell<u32>,
    #[cfg(feature = "profile")]
    pub(super) sampling_mean: Cell<u64>,
    /// Counts calls that took the slow path.
    pub(super) slow_paths: Cell<u32>,
    bins: Bins,
    /// The next of all caches of the heap, and the next of those without a thread; kept by the
    /// heap's [`Caches`].
    next: Cell<*const Cache>,
    next_idle: Cell<*const Cache>,
    /// What is known of the stack of the thread.
    #[cfg(feature = "profile")]
    pub(super) stack: ThreadStack,
}

/// The cache of threads that have none: it belongs to no heap, gives no object and takes none.
#[repr(transparent)]
pub(super) struct NoCache(Cache);

// SAFETY: nothing in it is written. Its heap is no heap's address, so no allocation gets past
// `serves`, and its zone has no pages, so `push` takes no object.
unsafe impl Sync for NoCache {}

impl NoCache {
    pub(super) const fn as_ptr(&self) -> *const Cache {
        &raw const self.0
    }
}

pub(super) static NO_CACHE: NoCache = NoCache(Cache::unused());

impl Cache {
    const fn unused() -> Self {
        Self {
            heap: ptr::dangling(),
            first_zone_base: 0,
            // No address lies in it.
            first_zone_pages: 0,
            first_zone_kinds: ptr::null(),
            requested: AtomicUsize::new(0),
            flush_epoch: Cell::new(0),
            #[cfg(feature = "profile")]
            sampling_epoch: Cell::new(0),
            #[cfg(feature = "profile")]
            sampling_mean: Cell::new(0),
            slow_paths: Cell::new(0),
            bins: Bins::unused(),
            next: Cell::new(ptr::null()),
            next_idle: Cell::new(ptr::null()),
            #[cfg(feature = "profile")]
            stack: ThreadStack::new(),
        }
    }

    /// The bytes of the mapping of a cache.
    pub(super) const BYTES: usize = size_of::<Self>().next_multiple_of(mapping::PAGE);

    /// A cache for objects of `heap`, in a mapping of its own that is kept for ever; `None` if
    /// there is no memory.
    fn create(heap: HeapAddress, first_zone: &ZoneMap) -> Option<&'static Self> {
        let mapping = Mapping::reserve(size_of::<Self>(), align_of::<Self>()).ok()?;
        mapping.commit(0..mapping.len()).ok()?;
        let memory = mapping.base().cast::<Self>();
        core::mem::forget(mapping);
        // SAFETY: new memory of the right size and alignment, kept for ever, and nobody else's yet.
        // All zero is a valid cache: integers, null pointers, cells of these, and a stack of which
        // nothing is known. (It is not written out in full because most of its cells are never
        // used.)
        let cache = unsafe { &mut *memory.as_ptr() };
        cache.heap = heap;
        cache.first_zone_base = first_zone.base().addr().get();
        cache.first_zone_pages = first_zone.pages();
        cache.first_zone_kinds = first_zone.kinds().as_ptr();
        cache.bins.open();
        Some(cache)
    }

    /// Whether its objects belong to this heap; null stands for a heap that does not exist yet.
    #[inline(always)]
    pub(crate) fn serves(&self, heap: HeapAddress) -> bool {
        ptr::eq(self.heap, heap)
    }

    /// The heap that it serves.
    pub(super) fn heap(&self) -> HeapAddress {
        self.heap
    }

    /// The bin of a class.
    #[inline(always)]
    pub(super) fn bin(&self, class: Class) -> Bin<'_> {
        self.bins.bin(class)
    }

    /// Has the bins count to their next samples, if sampling has changed.
    #[cfg(feature = "profile")]
    pub(super) fn follow(&self, sampler: &Sampler) {
        let epoch = sampler.epoch();
        if self.sampling_epoch.replace(epoch) == epoch {
            return;
        }
        let mean = sampler.mean();
        self.sampling_mean.set(mean);
        for class in Class::all() {
            self.bin(class).arm(sampler.pops(class.size(), mean));
        }
    }

    /// Allocates an object for a request of `bytes` bytes, if there is one.
    #[inline(always)]
    pub(crate) fn pop(&self, class: Class, bytes: usize) -> Option<NonNull<u8>> {
        let object = self.bin(class).pop()?;
        self.count_requested(bytes);
        Some(object)
    }

    /// Frees an object; `false` if the bin is full, or if the object does not lie in a span of the
    /// class in the first zone of this cache's heap. So whoever frees an object need not ask whose
    /// cache it is: no object of another heap comes in, and [`NO_CACHE`] takes none.
    #[inline(always)]
    pub(crate) fn push(&self, class: Class, object: *mut u8, bytes: usize) -> bool {
        let done = self.kind_at(object) == class.kind() && self.bin(class).push(object);
        if done {
            self.count_requested(bytes.wrapping_neg());
        }
        done
    }

    /// The class of the span in which an address lies; `None` if it lies in none of the heap's
    /// first zone.
    #[inline(always)]
    pub(super) fn class_at(&self, address: *mut u8) -> Option<Class> {
        Class::of_kind(self.kind_at(address))
    }

    /// The kind of the page of an address in the heap's first zone; [`KIND_NONE`] for all others.
    #[inline(always)]
    fn kind_at(&self, address: *mut u8) -> u8 {
        let page = address.addr().wrapping_sub(self.first_zone_base) / PAGE;
        if page >= self.first_zone_pages {
            return KIND_NONE;
        }
        // SAFETY: one kind for each page of the first zone, whose map stays for ever.
        unsafe { &*self.first_zone_kinds.add(page) }.load(Relaxed)
    }

    /// Adds to the bytes that live objects asked for; the number may be negative, wrapped.
    #[inline(always)]
    pub(super) fn count_requested(&self, bytes: usize) {
        let sum = self.requested.load(Relaxed).wrapping_add(bytes);
        self.requested.store(sum, Relaxed);
    }

    /// The bytes that this thread asked for, less those that it gave back; wraps below zero.
    pub(super) fn requested(&self) -> usize {
        self.requested.load(Relaxed)
    }
}

/// All caches of a heap.
///
/// Invariant: an idle cache is bound to no thread.
#[derive(Debug)]
pub(super) struct Caches {
    all: *const Cache,
    idle: *const Cache,
}

// SAFETY: caches are never given back, and an idle one is nobody's.
unsafe impl Send for Caches {}

impl Caches {
    pub(super) const fn new() -> Self {
        Self {
            all: ptr::null(),
            idle: ptr::null(),
        }
    }

    /// An idle cache, or a new one, and whether it is new; `None` if there is no memory.
    pub(super) fn take(
        &mut self,
        heap: HeapAddress,
        first_zone: &ZoneMap,
    ) -> Option<(&'static Cache, bool)> {
        // SAFETY: caches live for ever.
        if let Some(cache) = unsafe { self.idle.as_ref() } {
            self.idle = cache.next_idle.get();
            return Some((cache, false));
        }
        let cache = Cache::create(heap, first_zone)?;
        cache.next.set(self.all);
        self.all = cache;
        Some((cache, true))
    }

    /// Takes a cache back from its thread.
    pub(super) fn put_back(&mut self, cache: &'static Cache) {
        cache.next_idle.set(self.idle);
        self.idle = cache;
    }

    /// Calls `visit` with every cache, also those in use, whose counters alone may be read.
    pub(super) fn each(&self, mut visit: impl FnMut(&Cache)) {
        let mut next = self.all;
        // SAFETY: caches live for ever.
        while let Some(cache) = unsafe { next.as_ref() } {
            visit(cache);
            next = cache.next.get();
        }
    }
}
