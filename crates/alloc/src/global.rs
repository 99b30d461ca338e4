//! [`OrionAlloc`]: a heap as the program's global allocator.
//!
//! It owns only the settings and a pointer to its [`Heap`], which is made on first use. The common
//! case is here and inlined into the caller: find the class, pop from the thread's cache or push to
//! it. All else is the heap's.
//!
//! Invariant: `heap` is null or a heap that stays for ever. Nothing here allocates or unwinds; an
//! invalid free ends the process with a message, because unwinding out of a global allocator
//! is undefined behaviour. Sizes of zero never come here (that is `GlobalAlloc`'s contract).

use core::{
    alloc::{GlobalAlloc, Layout},
    fmt,
    ptr::{self, NonNull},
    sync::atomic::{AtomicPtr, Ordering},
};

use orionrt_sys::checker;

use crate::arena::HugePages;
use crate::heap::{
    Cache, Class, Config, Decay, Heap, HeapStats, InvalidFree, LEAST_ZONE, Limits,
    abort_invalid_free, cache, with_heaps_locked,
};

/// A general-purpose global allocator; const-constructed, and nothing happens before its first use.
///
/// ```
/// #[global_allocator]
/// static ALLOC: orionrt_alloc::OrionAlloc = orionrt_alloc::OrionAlloc::new();
///
/// let v = vec![1u8; 1000];
/// assert!(ALLOC.stats().live_bytes >= 1000);
/// # drop(v);
/// ```
///
/// Small objects come from a cache of the thread's own, without a lock; large blocks come from a
/// buddy allocator over pages. Free memory goes back to the system by itself, see [`Decay`].
///
/// A program can limit [memory](Self::with_limit), [address space](Self::with_reserved_limit) and
/// [single blocks](Self::with_largest_block). What is beyond a limit, or what the system refuses,
/// is a null pointer, and counted.
///
/// # Threads, signals, and `fork`
///
/// It may be used from any thread at any time, thread start and exit included, and on both sides of
/// a `fork`. A thread has a cache for one allocator, the first that it uses; further ones take a
/// lock for every call. Allocating in a signal handler is not supported, as with any allocator that
/// locks, nor in a `pthread_atfork` handler that was registered before this allocator's first use.
///
/// # Misuse
///
/// Freeing memory that is not a block of this allocator, or with a layout of another size class,
/// ends the process with a message; so does freeing a large block twice. (A small block of another
/// `OrionAlloc` may go back to that one instead, if this thread has a cache of it.) Freeing a small
/// block twice is not noticed at once, if at all. With the feature `hardened` it is, and so is
/// freeing a pointer into the middle of a block, or a block of another allocator in every case.
/// That feature also fills small blocks with junk when they are allocated and freed, and puts an
/// inaccessible page behind large ones.
///
/// # Dropping one
///
/// A `#[global_allocator]` is never dropped. Dropping another allocator gives the memory of all of
/// its blocks back to the system; its address space stays reserved, and so do about 100 KiB of
/// tables. Allocators are meant to be few and to live long.
pub struct OrionAlloc {
    heap: AtomicPtr<Heap>,
    pub(crate) config: Config,
    /// Changes the settings on first use.
    adjust: Option<fn(Self) -> Self>,
}

impl OrionAlloc {
    /// An allocator with the default settings.
    ///
    /// On first use it reserves address space for twice the memory and swap space of the machine,
    /// rounded up to a power of two: at most 64 GiB (256 MiB on 32-bit targets), and at most a
    /// quarter of what the process may have (`ulimit -v`). It reserves more when that is full.
    /// Address space is not memory: pages become resident when they are touched.
    ///
    /// [`with_first_zone`](Self::with_first_zone) chooses another size, and
    /// [`with_reserved_limit`](Self::with_reserved_limit) bounds all of it.
    ///
    /// It does not compile for an operating system that `orionrt-sys` does not support.
    #[must_use]
    pub const fn new() -> Self {
        const {
            assert!(
                orionrt_sys::IS_SUPPORTED,
                "OrionAlloc does not support this system yet"
            )
        };
        Self {
            heap: AtomicPtr::new(ptr::null_mut()),
            config: Config {
                first_zone: 0,
                decay: Decay::DEFAULT,
                huge_pages: HugePages::OnRequest,
                limits: Limits::NONE,
                is_observed: false,
                #[cfg(feature = "profile")]
                sampling: None,
            },
            adjust: None,
        }
    }

    /// Sets how much address space is reserved on first use, in bytes; rounded up to a power of two
    /// of at least 1 MiB.
    #[must_use]
    pub const fn with_first_zone(mut self, bytes: usize) -> Self {
        let bytes = if bytes < LEAST_ZONE {
            LEAST_ZONE
        } else {
            bytes
        };
        if let Some(bytes) = bytes.checked_next_power_of_two() {
            self.config.first_zone = bytes;
        }
        self
    }

    /// Sets when free memory goes back to the system.
    ///
    /// ```
    /// use std::time::Duration;
    /// use orionrt_alloc::{OrionAlloc, heap::Decay};
    ///
    /// const DECAY: Decay = Decay::After(Duration::from_secs(1));
    /// static ALLOC: OrionAlloc = OrionAlloc::new().with_decay(DECAY);
    /// ```
    #[must_use]
    pub const fn with_decay(mut self, decay: Decay) -> Self {
        self.config.decay = decay;
        self
    }

    /// Sets the policy for huge pages of 2 MiB: they mean fewer page faults and TLB misses in large
    /// heaps, and more resident memory in small ones.
    #[must_use]
    pub const fn with_huge_pages(mut self, policy: HugePages) -> Self {
        self.config.huge_pages = policy;
        self
    }

    /// Has the [observer](crate::Malloc::observed_by) of a `Malloc` see every call. Each takes the
    /// slow path then: threads keep their caches where the fast path does not find them.
    #[must_use]
    pub const fn observed(mut self) -> Self {
        self.config.is_observed = true;
        self
    }

    /// Has the settings changed on first use, by what is known only as the program runs: its
    /// environment, say. `adjust` gets the allocator as it is set up so far.
    ///
    /// It is called before any lock is taken: by two threads at once if both allocate first, and
    /// again after an attempt that failed because there is no memory. The settings that one of them
    /// returns are those of the heap. It must not allocate, use this allocator, or panic.
    ///
    /// ```
    /// use orionrt_alloc::{OrionAlloc, heap::Decay};
    /// use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
    ///
    /// static KEEPS_ALL: AtomicBool = AtomicBool::new(false);
    ///
    /// fn adjust(alloc: OrionAlloc) -> OrionAlloc {
    ///     if KEEPS_ALL.load(Relaxed) { alloc.with_decay(Decay::Never) } else { alloc }
    /// }
    ///
    /// static ALLOC: OrionAlloc = OrionAlloc::new().adjusted_by(adjust);
    /// ```
    #[must_use]
    pub const fn adjusted_by(mut self, adjust: fn(Self) -> Self) -> Self {
        self.adjust = Some(adjust);
        self
    }

    /// Counts and bytes at this moment. Takes each lock once, briefly.
    #[must_use]
    pub fn stats(&self) -> HeapStats {
        self.heap().map_or_else(HeapStats::default, Heap::stats)
    }

    /// Gives all free memory back to the operating system, including what this thread has cached;
    /// returns how many bytes. What its own tables have in memory for pages that are free goes
    /// back, too, which does not count. Other threads flush their caches on their next slow path,
    /// that is, when their cache next runs out of objects or of room.
    pub fn purge(&self) -> usize {
        self.heap().map_or(0, Heap::purge)
    }

    /// Whether an address lies in the address space that this allocator has reserved.
    ///
    /// All of its blocks do, and no block of another allocator does: a program that uses several
    /// can find out whose a block is.
    ///
    /// ```
    /// use std::alloc::{GlobalAlloc, Layout};
    /// let alloc = orionrt_alloc::OrionAlloc::new();
    /// // SAFETY: the size is not zero, and the block is freed with its layout.
    /// unsafe {
    ///     let block = alloc.alloc(Layout::new::<u64>());
    ///     assert!(alloc.contains(block) && !alloc.contains(&0u8));
    ///     alloc.dealloc(block, Layout::new::<u64>());
    /// }
    /// ```
    #[inline]
    #[must_use]
    pub fn contains(&self, address: *const u8) -> bool {
        self.heap().is_some_and(|heap| heap.contains(address))
    }

    #[inline(always)]
    fn allocate(&self, layout: Layout) -> *mut u8 {
        let Some(class) = Class::of_common(layout) else {
            return self.allocate_uncommon(layout);
        };
        let cached = self
            .own_cache()
            .and_then(|cache| cache.pop(class, layout.size()));
        match cached {
            Some(object) => object.as_ptr(),
            None => self.allocate_small(class, layout.size()),
        }
    }

    #[inline(always)]
    fn release(&self, start: *mut u8, layout: Layout) {
        let Some(class) = Class::of_common(layout) else {
            return self.release_uncommon(start, layout);
        };
        if !cache().push(class, start, layout.size()) {
            self.release_small(class, start, layout.size());
        }
    }

    #[cfg(feature = "hardened")]
    fn mark_allocated(&self, start: *mut u8, layout: Layout) {
        if let (Some(class), Some(start), Some(heap)) =
            (Class::of(layout), NonNull::new(start), self.heap())
        {
            // SAFETY: just allocated, with the class of this layout.
            unsafe { heap.mark_allocated(class, start) };
        }
    }

    #[cfg(feature = "hardened")]
    fn mark_freed(&self, start: *mut u8, layout: Layout) {
        match (Class::of(layout), self.heap()) {
            // SAFETY: the caller of `dealloc` gives the block up.
            (Some(class), Some(heap)) => unsafe { heap.mark_freed(class, start) },
            (Some(_), None) => abort_invalid_free(InvalidFree::at(start)),
            (None, _) => {}
        }
    }

    /// This thread's cache, if it has one of this allocator.
    #[inline(always)]
    pub(crate) fn own_cache(&self) -> Option<&'static Cache> {
        let cache = cache();
        cache
            .serves(self.heap.load(Ordering::Relaxed).cast())
            .then_some(cache)
    }

    #[inline(always)]
    pub(crate) fn heap(&self) -> Option<&'static Heap> {
        // SAFETY: null or a heap that stays for ever.
        unsafe { self.heap.load(Ordering::Acquire).as_ref() }
    }

    /// The heap, made now if this is the first use; `None` if there is no memory for it.
    #[inline]
    pub(crate) fn heap_or_create(&self) -> Option<&'static Heap> {
        self.heap().or_else(|| self.create())
    }

    #[cold]
    fn create(&self) -> Option<&'static Heap> {
        // Before the lock: it calls what is not of this crate.
        let config = self.adjusted();
        with_heaps_locked(|| {
            self.heap().or_else(|| {
                let heap = Heap::create(config)?;
                self.heap
                    .store(ptr::from_ref(heap).cast_mut(), Ordering::Release);
                Some(heap)
            })
        })
    }

    /// The settings of the heap.
    fn adjusted(&self) -> Config {
        let Some(adjust) = self.adjust else {
            return self.config;
        };
        let mut settings = Self::new();
        settings.config = self.config;
        adjust(settings).config
    }

    #[cold]
    #[inline(never)]
    fn allocate_small(&self, class: Class, bytes: usize) -> *mut u8 {
        let heap = self.heap_or_create();
        start_of(heap.and_then(|heap| heap.allocate_small(class, bytes)))
    }

    /// Allocates a block that is large or aligned to more than 16 bytes.
    #[inline(never)]
    fn allocate_uncommon(&self, layout: Layout) -> *mut u8 {
        if let Some(class) = Class::of(layout) {
            let object = self
                .own_cache()
                .and_then(|cache| cache.pop(class, layout.size()));
            return object.map_or_else(
                || self.allocate_small(class, layout.size()),
                NonNull::as_ptr,
            );
        }
        let heap = self.heap_or_create();
        let block = heap.and_then(|heap| heap.allocate_large(layout));
        start_of(block.map(|block| block.start))
    }

    /// Releases a block that is large or aligned to more than 16 bytes.
    #[inline(never)]
    fn release_uncommon(&self, start: *mut u8, layout: Layout) {
        if let Some(class) = Class::of(layout) {
            if !cache().push(class, start, layout.size()) {
                self.release_small(class, start, layout.size());
            }
            return;
        }
        let released = self.heap().map_or(Err(InvalidFree::at(start)), |heap| {
            heap.release_large(start, layout)
        });
        released.unwrap_or_else(abort_invalid_free);
    }

    #[cold]
    #[inline(never)]
    fn release_small(&self, class: Class, start: *mut u8, bytes: usize) {
        let released = self.heap().map_or(Err(InvalidFree::at(start)), |heap| {
            heap.release_small(class, start, bytes)
        });
        released.unwrap_or_else(abort_invalid_free);
    }

    /// Resizes a block by allocating another one, copying, and freeing the old one.
    ///
    /// # Safety
    /// That of `GlobalAlloc::realloc`.
    unsafe fn relocate(&self, start: *mut u8, old: Layout, new: Layout) -> *mut u8 {
        let run = (new.size() > old.size())
            .then(|| self.heap()?.allocate_with_headroom(new))
            .flatten();
        let moved = match run {
            Some(moved) => moved.as_ptr(),
            // SAFETY: `new` has the caller's size, which is not zero.
            None => unsafe { self.alloc(new) },
        };
        if !moved.is_null() {
            // SAFETY: two live blocks do not overlap, and both hold the smaller of the two sizes.
            unsafe { ptr::copy_nonoverlapping(start, moved, old.size().min(new.size())) };
            // SAFETY: allocated with `old` (caller), and copied.
            unsafe { self.dealloc(start, old) };
        }
        moved
    }
}

impl Default for OrionAlloc {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for OrionAlloc {
    fn drop(&mut self) {
        if let Some(heap) = self.heap() {
            heap.retire();
        }
    }
}

impl fmt::Debug for OrionAlloc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OrionAlloc")
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}

fn start_of(block: Option<NonNull<u8>>) -> *mut u8 {
    block.map_or(ptr::null_mut(), NonNull::as_ptr)
}

/// Tells memory checkers of a small block. (The heap tells them of large ones.)
#[inline(always)]
fn tell_allocated(start: *mut u8, layout: Layout) {
    if checker::IS_ON && Class::of(layout).is_some() {
        if let Some(start) = NonNull::new(start) {
            checker::allocated(start, layout.size());
        }
    }
}

#[inline(always)]
fn tell_freed(start: *mut u8, layout: Layout) {
    if checker::IS_ON && Class::of(layout).is_some() {
        if let Some(start) = NonNull::new(start) {
            checker::freed(start, layout.size());
        }
    }
}

#[inline(always)]
fn tell_resized(start: *mut u8, old: usize, new: usize) {
    if checker::IS_ON {
        if let Some(start) = NonNull::new(start) {
            checker::resized(start, old, new);
        }
    }
}

// SAFETY: blocks come from a heap that stays mapped for ever, and that has every byte in one place
// at a time (see the invariants of its files); they are aligned as asked (`Class::of`,
// `Zone::allocate`). Nothing unwinds: misuse aborts.
unsafe impl GlobalAlloc for OrionAlloc {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let start = self.allocate(layout);
        #[cfg(feature = "hardened")]
        self.mark_allocated(start, layout);
        tell_allocated(start, layout);
        start
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if Class::of(layout).is_none() {
            let heap = self.heap_or_create();
            return start_of(heap.and_then(|heap| heap.allocate_large_zeroed(layout)));
        }
        // SAFETY: the caller's duty, passed on.
        let start = unsafe { self.alloc(layout) };
        if !start.is_null() {
            // SAFETY: just allocated.
            unsafe { start.write_bytes(0, layout.size()) };
        }
        start
    }

    #[inline]
    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
        tell_freed(start, layout);
        #[cfg(feature = "hardened")]
        self.mark_freed(start, layout);
        self.release(start, layout);
    }

    unsafe fn realloc(&self, start: *mut u8, old: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller vouches that `size` rounded up to `old.align()` does not overflow.
        let new = unsafe { Layout::from_size_align_unchecked(size, old.align()) };
        let Some(heap) = self.heap() else {
            return abort_invalid_free(InvalidFree::at(start));
        };
        match (Class::of(old), Class::of(new)) {
            (Some(was), Some(is)) if was == is => {
                tell_resized(start, old.size(), size);
                heap.note_resized(old.size(), size);
                #[cfg(feature = "profile")]
                heap.note_sample_resized(start, size);
            }
            _ => match heap.resize(start, old, new) {
                Ok(Some(moved)) => return moved.as_ptr(),
                // SAFETY: the caller's duty, passed on.
                Ok(None) => return unsafe { self.relocate(start, old, new) },
                Err(invalid) => return abort_invalid_free(invalid),
            },
        }
        start
    }
}
