//! [`Malloc`]: an allocator for owners that do not remember how large their blocks are, as in C.
//!
//! It owns an [`OrionAlloc`] and gives it another interface: a block is given back, resized and
//! measured by its address alone. The common case is inlined into the caller, as in `global.rs`:
//! find the class by the size or by the page, pop from the thread's cache or push to it.
//!
//! Invariant: all blocks are made here, so what is counted as requested does not matter; the
//! statistics say what was granted instead.

use core::{
    alloc::Layout,
    fmt,
    ptr::{self, NonNull},
};

use orionrt_sys::checker;

use crate::{
    global::OrionAlloc,
    heap::{
        Cache, Class, FoundBlock, Heap, HeapStats, InvalidFree, LARGEST_CLASS, PAGE,
        abort_invalid_free, cache,
    },
    observer::Observer,
};

/// The alignment of every block, in bytes.
const ALIGN: usize = 16;

/// An allocator in the way of C: blocks are known by their addresses alone.
///
/// It is what the C library's `malloc` can be made of, or memory that is handed over a foreign
/// interface. Rust programs use [`OrionAlloc`], which does not have to find sizes.
///
/// ```
/// use orionrt_alloc::{Malloc, OrionAlloc};
///
/// static MALLOC: Malloc = Malloc::new(OrionAlloc::new());
///
/// let block = MALLOC.allocate(100);
/// assert_eq!(MALLOC.usable_size(block), Some(112));
/// // SAFETY: a block of this allocator, given up once.
/// unsafe { MALLOC.free(block) };
/// ```
///
/// A request of zero bytes is one of the smallest block. Null is what there is no memory for, what
/// is beyond a limit, and what is larger than `isize::MAX`.
///
/// # Misuse
///
/// Freeing or resizing what is not the start of a block of this allocator ends the process with a
/// message that names the address; a small block of another allocator of this crate may go back to
/// that one instead. What is noticed, and when, is as with
/// [`OrionAlloc`](OrionAlloc#misuse).
///
/// # Observers
///
/// An [observer](Observer) is told of every call, if the settings [say so](OrionAlloc::observed):
/// then every call takes the slow path, which calls the observer. Otherwise it costs nothing.
pub struct Malloc {
    pub(crate) blocks: OrionAlloc,
    observer: Option<&'static dyn Observer>,
}

impl Malloc {
    /// An allocator with these settings, whose first use is still to come.
    #[must_use]
    pub const fn new(settings: OrionAlloc) -> Self {
        Self {
            blocks: settings,
            observer: None,
        }
    }

    /// Has an observer told of every call, if the settings are [`OrionAlloc::observed`].
    #[must_use]
    pub const fn observed_by(mut self, observer: &'static dyn Observer) -> Self {
        self.observer = Some(observer);
        self
    }

    /// What [`allocate`](Self::allocate) returns in most cases, and without a call: `None` where
    /// the thread's cache has no such block. [`allocate_uncached`](Self::allocate_uncached) is then
    /// to be called.
    ///
    /// A function that does no more than this, and calls another one last, needs no stack.
    #[inline(always)]
    #[must_use]
    pub fn allocate_cached(&self, bytes: usize) -> Option<NonNull<u8>> {
        let class = Class::of_size(bytes)?;
        let object = self.pop_own(class)?;
        NonNull::new(self.tell_allocated(class, object))
    }

    /// What [`allocate`](Self::allocate) does where the thread's cache has no such block.
    #[must_use]
    pub fn allocate_uncached(&self, bytes: usize) -> *mut u8 {
        let Some(class) = Class::of_size(bytes) else {
            return self.allocate_large(bytes, ALIGN, Heap::allocate_large_uninit);
        };
        self.allocate_observed(class, bytes, ALIGN)
    }

    /// Does what [`free`](Self::free) does in most cases, and without a call; `false` where the
    /// thread's cache does not take the block. [`free_uncached`](Self::free_uncached) is then to be
    /// called.
    ///
    /// # Safety
    /// That of [`free`](Self::free). If this returns `false`, the block is still the caller's.
    #[inline(always)]
    #[must_use]
    pub unsafe fn free_cached(&self, start: *mut u8) -> bool {
        !cfg!(feature = "hardened") && self.push_own(start)
    }

    /// What [`free`](Self::free) does where the thread's cache does not take the block.
    ///
    /// # Safety
    /// That of [`free`](Self::free).
    pub unsafe fn free_uncached(&self, start: *mut u8) {
        #[cfg(feature = "hardened")]
        self.mark_freed(start);
        self.free_uncommon(start);
    }

    /// A block of at least so many bytes, at a multiple of 16; null if it is refused.
    #[inline]
    #[must_use]
    pub fn allocate(&self, bytes: usize) -> *mut u8 {
        let Some(class) = Class::of_size(bytes) else {
            return self.allocate_large(bytes, ALIGN, Heap::allocate_large_uninit);
        };
        let cached = self
            .blocks
            .own_cache()
            .and_then(|cache| cache.pop_uncounted(class));
        match cached {
            Some(object) => self.tell_allocated(class, object),
            None => self.allocate_small(bytes),
        }
    }

    /// A block whose first `bytes` bytes are zero; null if it is refused.
    #[must_use]
    pub fn allocate_zeroed(&self, bytes: usize) -> *mut u8 {
        if bytes > LARGEST_CLASS {
            return self.allocate_large(bytes, ALIGN, Heap::allocate_large_zeroed);
        }
        let start = self.allocate(bytes);
        if !start.is_null() {
            // SAFETY: just allocated, with so many bytes.
            unsafe { start.write_bytes(0, bytes) };
        }
        start
    }

    /// A block at a multiple of `align`, which is a power of two; null if it is refused.
    #[must_use]
    pub fn allocate_aligned(&self, bytes: usize, align: usize) -> *mut u8 {
        if align <= ALIGN {
            return self.allocate(bytes);
        }
        let layout = Layout::from_size_align(bytes.max(1), align);
        match layout.map(Class::of) {
            Ok(Some(class)) => match self.pop_own(class) {
                Some(object) => self.tell_allocated(class, object),
                None => self.allocate_small_aligned(bytes, align),
            },
            Ok(None) => self.allocate_large(bytes, align, Heap::allocate_large_uninit),
            Err(_) => ptr::null_mut(),
        }
    }

    /// Gives a block back; null is none.
    ///
    /// # Safety
    /// `start` is null or a block of this allocator, which nobody uses from now on.
    #[inline]
    pub unsafe fn free(&self, start: *mut u8) {
        #[cfg(feature = "hardened")]
        self.mark_freed(start);
        if !self.push_own(start) {
            self.free_uncommon(start);
        }
    }

    /// Resizes a block, which may move it; null if it grows and that is refused, and then it stays
    /// as it is. Of null, it makes a new block. An alignment beyond 16 bytes is lost when it moves.
    ///
    /// # Safety
    /// `start` is null or a block of this allocator, which nobody uses from now on unless null is
    /// returned.
    #[must_use]
    pub unsafe fn reallocate(&self, start: *mut u8, bytes: usize) -> *mut u8 {
        if start.is_null() {
            return self.allocate(bytes);
        }
        let Some(observer) = self.active_observer() else {
            // SAFETY: the caller's duty, passed on.
            return unsafe { self.resize(start, bytes) };
        };
        observer.resizes(start, bytes);
        // SAFETY: the caller's duty, passed on.
        let resized = unsafe { self.resize(start, bytes) };
        observer.resized(resized, bytes);
        resized
    }

    /// Resizes a block without telling an observer.
    ///
    /// # Safety
    /// That of [`reallocate`](Self::reallocate); the block is not null.
    unsafe fn resize(&self, start: *mut u8, bytes: usize) -> *mut u8 {
        let Ok(new) = Layout::from_size_align(bytes.max(1), ALIGN) else {
            return ptr::null_mut();
        };
        let found = self.found(start);
        let (heap, old) = (self.blocks.heap(), found.layout());
        if found.keeps(bytes) {
            return start;
        }
        // A block that shares its page moves. One of few pages that is strictly aligned has a small
        // layout, but is not small.
        let may_stay =
            old.size() >= PAGE && matches!(found, FoundBlock::Small(_)) == Class::of(old).is_some();
        let resized = heap
            .filter(|_| may_stay)
            .map_or(Ok(None), |heap| heap.resize(start, old, new));
        match resized.unwrap_or_else(abort_invalid_free) {
            Some(moved) => moved.as_ptr(),
            // SAFETY: the caller's duty, passed on.
            None => unsafe { self.relocate(start, old.size(), new) },
        }
    }

    /// The bytes of a block that its owner may use, at least as many as it asked for; `None` if no
    /// block of this allocator starts there.
    #[must_use]
    pub fn usable_size(&self, start: *const u8) -> Option<usize> {
        let found = self.blocks.heap()?.find_block(start.cast_mut());
        found.ok().map(FoundBlock::usable)
    }

    /// Whether an address lies in the address space that this allocator has reserved.
    #[must_use]
    pub fn contains(&self, address: *const u8) -> bool {
        self.blocks.contains(address)
    }

    /// Counts and bytes at this moment; `requested_bytes` is what was granted.
    #[must_use]
    pub fn stats(&self) -> HeapStats {
        let mut stats = self.blocks.stats();
        stats.requested_bytes = stats.live_bytes;
        stats
    }

    /// Gives all free memory back to the operating system; see [`OrionAlloc::purge`].
    pub fn purge(&self) -> usize {
        self.blocks.purge()
    }

    /// Changes the limit of memory; see [`OrionAlloc::set_limit`].
    pub fn set_limit(&self, bytes: usize) -> bool {
        self.blocks.set_limit(bytes)
    }

    /// Changes the largest block that is served; see [`OrionAlloc::set_largest_block`].
    pub fn set_largest_block(&self, bytes: usize) -> bool {
        self.blocks.set_largest_block(bytes)
    }

    /// An object of this thread's cache.
    #[inline(always)]
    fn pop_own(&self, class: Class) -> Option<NonNull<u8>> {
        let cache = self.blocks.own_cache();
        cache.and_then(|cache| cache.pop_uncounted(class))
    }

    /// Frees a block into this thread's cache; `false` if that does not take it.
    #[inline(always)]
    fn push_own(&self, start: *mut u8) -> bool {
        !checker::IS_ON && cache().push_found(start)
    }

    /// Frees a block into the cache that an observed thread has; `false` if that does not take it.
    #[inline(always)]
    fn push_hidden(&self, start: *mut u8) -> bool {
        !checker::IS_ON
            && self
                .hidden_cache()
                .is_some_and(|cache| cache.push_found(start))
    }

    /// The observer, if the heap that there is now is observed.
    fn active_observer(&self) -> Option<&'static dyn Observer> {
        let heap = self.blocks.heap()?;
        self.observer.filter(|_| heap.is_observed())
    }

    /// Allocates a small block that the thread's cache does not have. The class is found again:
    /// that costs the fast path less than to keep it.
    #[cold]
    #[inline(never)]
    fn allocate_small(&self, bytes: usize) -> *mut u8 {
        self.allocate_uncached(bytes)
    }

    /// Allocates a small block with an alignment that the thread's cache does not have.
    #[cold]
    #[inline(never)]
    fn allocate_small_aligned(&self, bytes: usize, align: usize) -> *mut u8 {
        match Layout::from_size_align(bytes.max(1), align).map(Class::of) {
            Ok(Some(class)) => self.allocate_observed(class, bytes, align),
            _ => ptr::null_mut(),
        }
    }

    /// Allocates a small block that the fast path does not find, and tells the observer.
    #[inline(always)]
    fn allocate_observed(&self, class: Class, bytes: usize, align: usize) -> *mut u8 {
        match self.pop_hidden(class, bytes, align) {
            Some(block) => block,
            None => self.allocate_elsewhere(class, bytes, align),
        }
    }

    /// Allocates out of the cache that an observed thread has, and tells the observer.
    #[inline(always)]
    fn pop_hidden(&self, class: Class, bytes: usize, align: usize) -> Option<*mut u8> {
        let object = self.hidden_cache()?.pop_uncounted(class)?;
        let block = self.tell_allocated(class, object);
        if let Some(observer) = self.observer {
            observer.reused(block, bytes, align, &|| self.stats());
        }
        Some(block)
    }

    /// Allocates a small block that no cache of this thread has, and tells the observer.
    #[inline(never)]
    fn allocate_elsewhere(&self, class: Class, bytes: usize, align: usize) -> *mut u8 {
        let block = self.allocate_of(class);
        self.observe_allocated(block, bytes, align);
        block
    }

    /// The cache that this thread has if its calls are observed.
    #[inline(always)]
    fn hidden_cache(&self) -> Option<&'static Cache> {
        self.blocks.heap()?.hidden_cache()
    }

    /// Allocates a small block without telling an observer.
    #[inline(always)]
    fn allocate_of(&self, class: Class) -> *mut u8 {
        let heap = self.blocks.heap_or_create();
        match heap.and_then(|heap| heap.allocate_small(class, 0)) {
            Some(object) => self.tell_allocated(class, object),
            None => ptr::null_mut(),
        }
    }

    fn observe_allocated(&self, block: *mut u8, bytes: usize, align: usize) {
        if let Some(observer) = self.active_observer() {
            observer.allocated(block, bytes, align, &|| self.stats());
        }
    }

    #[cold]
    #[inline(never)]
    fn allocate_large(
        &self,
        bytes: usize,
        align: usize,
        allocate: fn(&'static Heap, Layout) -> Option<NonNull<u8>>,
    ) -> *mut u8 {
        let block = self.allocate_run(bytes, align, allocate);
        self.observe_allocated(block, bytes, align);
        block
    }

    /// Allocates a large block without telling an observer.
    fn allocate_run(
        &self,
        bytes: usize,
        align: usize,
        allocate: fn(&'static Heap, Layout) -> Option<NonNull<u8>>,
    ) -> *mut u8 {
        let Ok(layout) = Layout::from_size_align(bytes.max(1), align) else {
            return ptr::null_mut();
        };
        let heap = self.blocks.heap_or_create();
        let block = heap.and_then(|heap| allocate(heap, layout));
        block.map_or(ptr::null_mut(), NonNull::as_ptr)
    }

    /// Frees a block that the thread's cache does not take: null, a large one, one in another zone
    /// than the first, one of a full bin, or none at all.
    #[cold]
    #[inline(never)]
    fn free_uncommon(&self, start: *mut u8) {
        if let Some(observer) = self.active_observer() {
            if !start.is_null() {
                observer.frees(start);
                if self.push_hidden(start) {
                    return;
                }
            }
        }
        self.release(start);
    }

    /// Frees a block without telling an observer.
    #[inline(never)]
    fn release(&self, start: *mut u8) {
        let (Some(block), Some(heap)) = (NonNull::new(start), self.blocks.heap()) else {
            return if !start.is_null() {
                abort_invalid_free(InvalidFree::at(start))
            };
        };
        let freed = match self.found(start) {
            FoundBlock::Small(class) => {
                checker::freed(block, class.size());
                heap.release_small(class, start, 0)
            }
            large @ FoundBlock::Large(_) => heap.release_large(start, large.layout()),
        };
        freed.unwrap_or_else(abort_invalid_free);
    }

    /// Moves a block by copying, and frees the old one.
    ///
    /// # Safety
    /// `start` is a block of this allocator with so many usable bytes, which nobody uses unless
    /// null is returned.
    unsafe fn relocate(&self, start: *mut u8, usable: usize, new: Layout) -> *mut u8 {
        let run = (new.size() > usable)
            .then(|| self.blocks.heap()?.allocate_with_headroom(new))
            .flatten();
        let moved = run.map_or_else(|| self.allocate_untold(new.size()), NonNull::as_ptr);
        if moved.is_null() && new.size() <= usable {
            return start;
        }
        if !moved.is_null() {
            // SAFETY: two live blocks do not overlap, and both hold the smaller of the two sizes.
            unsafe { ptr::copy_nonoverlapping(start, moved, usable.min(new.size())) };
            #[cfg(feature = "hardened")]
            self.mark_freed(start);
            if !self.push_own(start) {
                self.release(start);
            }
        }
        moved
    }

    /// Allocates without telling an observer.
    fn allocate_untold(&self, bytes: usize) -> *mut u8 {
        let Some(class) = Class::of_size(bytes) else {
            return self.allocate_run(bytes, ALIGN, Heap::allocate_large_uninit);
        };
        match self.pop_own(class) {
            Some(object) => self.tell_allocated(class, object),
            None => self.allocate_of(class),
        }
    }

    /// The block that starts at an address; ends the process if there is none.
    #[inline]
    fn found(&self, start: *mut u8) -> FoundBlock {
        let found = self.blocks.heap().map(|heap| heap.find_block(start));
        found
            .unwrap_or(Err(InvalidFree::at(start)))
            .unwrap_or_else(abort_invalid_free)
    }

    /// What has to be known of a small block that was just allocated.
    #[inline(always)]
    fn tell_allocated(&self, class: Class, object: NonNull<u8>) -> *mut u8 {
        #[cfg(feature = "hardened")]
        if let Some(heap) = self.blocks.heap() {
            // SAFETY: just allocated, with this class.
            unsafe { heap.mark_allocated(class, object) };
        }
        checker::allocated(object, class.size());
        object.as_ptr()
    }

    #[cfg(feature = "hardened")]
    fn mark_freed(&self, start: *mut u8) {
        if start.is_null() {
            return;
        }
        if let (FoundBlock::Small(class), Some(heap)) = (self.found(start), self.blocks.heap()) {
            // SAFETY: the caller of `free` gives the block up.
            unsafe { heap.mark_freed(class, start) };
        }
    }
}

impl fmt::Debug for Malloc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Malloc").field(&self.blocks).finish()
    }
}
