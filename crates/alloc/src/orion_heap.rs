//! [`OrionHeap`]: a heap of the program's own, as an [`Allocator`], that is dropped whole.
//!
//! It owns one small block of its [`OrionAlloc`], in which its state lies. This file adds what the
//! trait asks for and the heap does not offer: sizes of zero, zeroing, and moving what cannot be
//! resized in place. All else is in [`heap`](crate::heap).
//!
//! Invariant: a block is used only while a shared reference to its heap exists, since only
//! `&OrionHeap` is an allocator. So nothing is in use when the heap is dropped or reset.

use core::{alloc::GlobalAlloc, alloc::Layout, fmt, ptr::NonNull};

use allocator_api2::alloc::{AllocError, Allocator};

use crate::arena::dangling;
use crate::global::OrionAlloc;
use crate::heap::{Heap, OrionHeapStats, OwnedHeap, abort_invalid_free};

/// The allocator behind [`OrionHeap::new`].
static SHARED: OrionAlloc = OrionAlloc::new();

/// A heap of the program's own: an allocator whose blocks are all given back when it is dropped.
///
/// `&OrionHeap` is an [`Allocator`]: collections keep their elements in it. Blocks may be freed one
/// by one; what is left when the heap is dropped, leaked blocks included, goes at once, in time
/// proportional to the number of pages and not of blocks. (The destructors of leaked values do not
/// run.) The compiler makes sure that no block is used for longer than its heap exists.
///
/// ```
/// use allocator_api2::{boxed::Box, vec::Vec};
/// use orionrt_alloc::{OrionAlloc, OrionHeap};
///
/// static ALLOC: OrionAlloc = OrionAlloc::new(); // which may be the `#[global_allocator]`, too
///
/// /// Answers a request, from memory that is given back as a whole at the end.
/// fn answer(request: &str) -> Result<usize, allocator_api2::alloc::AllocError> {
///     let heap = OrionHeap::new_in(&ALLOC)?;
///     let mut words: Vec<&mut [u8], &OrionHeap> = Vec::new_in(&heap);
///     for word in request.split(' ') {
///         let mut copy = Vec::with_capacity_in(word.len(), &heap);
///         copy.extend_from_slice(word.as_bytes());
///         words.push(copy.leak()); // freed with the heap
///     }
///     Ok(words.len())
/// }
///
/// assert_eq!(answer("one heap per request"), Ok(4));
/// assert_eq!(ALLOC.stats().heaps, 0);
/// assert_eq!(ALLOC.stats().live_bytes, 0);
/// ```
///
/// # Cost
///
/// A heap takes less than a kibibyte, and pages for what is allocated from it. These come from its
/// [`OrionAlloc`] and go back to it, so that heaps share address space and free pages with each
/// other and with the rest of the program. Thousands may exist at once. A heap is best for many
/// blocks: the first block of each size class takes a span, which is one page or more.
///
/// # Threads and `fork`
///
/// Any number of threads may use a heap at the same time. They share one lock, so threads that
/// allocate much should have a heap each; a block may be freed by any thread. A `fork` leaves the
/// heaps usable in the child.
///
/// # Misuse
///
/// Freeing a block twice, to another heap or to an `OrionAlloc`, with a layout of another size
/// class, or by a pointer into its middle ends the process with a message. (A block that was freed
/// and handed out again in between is the exception.) With the feature `hardened` blocks are filled
/// with junk, and large ones have an inaccessible page behind them.
pub struct OrionHeap<'a> {
    owned: NonNull<OwnedHeap>,
    heap: &'static Heap,
    alloc: &'a OrionAlloc,
}

// SAFETY: the state behind `owned` is `Sync`, and is given back by the last holder alone.
unsafe impl Send for OrionHeap<'_> {}
// SAFETY: as above.
unsafe impl Sync for OrionHeap<'_> {}

impl OrionHeap<'static> {
    /// A heap whose pages come from an [`OrionAlloc`] that all heaps made in this way share.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub fn new() -> Result<Self, AllocError> {
        Self::new_in(&SHARED)
    }
}

impl<'a> OrionHeap<'a> {
    /// A heap whose pages come from the given allocator.
    ///
    /// ```
    /// use orionrt_alloc::{OrionAlloc, OrionHeap};
    ///
    /// static ALLOC: OrionAlloc = OrionAlloc::new();
    /// let heaps = (0..1000).map(|_| OrionHeap::new_in(&ALLOC)).collect::<Result<Vec<_>, _>>()?;
    /// assert_eq!(ALLOC.stats().heaps, 1000);
    /// # drop(heaps);
    /// # Ok::<(), allocator_api2::alloc::AllocError>(())
    /// ```
    ///
    /// # Errors
    /// When there is no memory for it.
    pub fn new_in(alloc: &'a OrionAlloc) -> Result<Self, AllocError> {
        // SAFETY: its size is not zero.
        let memory = NonNull::new(unsafe { alloc.alloc(Heap::OWNED_HEAP) }).ok_or(AllocError)?;
        let heap = alloc.heap_or_create().ok_or(AllocError)?;
        // SAFETY: allocated just now; it is given back when this heap has been closed.
        let owned = unsafe { heap.open_owned_heap(memory) };
        Ok(Self { owned, heap, alloc })
    }

    /// The allocator that the heap's pages come from.
    #[must_use]
    pub fn allocator(&self) -> &'a OrionAlloc {
        self.alloc
    }

    /// Counts and bytes at this moment. Takes the heap's lock, briefly.
    #[must_use]
    pub fn stats(&self) -> OrionHeapStats {
        self.owned().spans.with(|spans| spans.stats())
    }

    /// Gives everything that was allocated from the heap back, as dropping it does.
    ///
    /// ```
    /// use allocator_api2::boxed::Box;
    /// use orionrt_alloc::OrionHeap;
    ///
    /// let mut heap = OrionHeap::new()?;
    /// for _ in 0..3 {
    ///     for number in 0..1000 {
    ///         Box::leak(Box::new_in(number, &heap));
    ///     }
    ///     heap.reset();
    ///     assert_eq!(heap.stats().used_bytes, 0);
    /// }
    /// # Ok::<(), allocator_api2::alloc::AllocError>(())
    /// ```
    pub fn reset(&mut self) {
        // SAFETY: nobody else has a reference to the heap, so nobody uses it or its blocks (module
        // invariant).
        unsafe { self.heap.empty_owned_heap(self.owned()) };
    }

    #[inline]
    fn owned(&self) -> &OwnedHeap {
        // SAFETY: the state stays until the heap is dropped.
        unsafe { self.owned.as_ref() }
    }

    /// Resizes a block where it lies, if that can be.
    ///
    /// # Safety
    /// `start` is allocated here with layout `old`, and its holder gives up the bytes beyond `new`.
    #[inline]
    unsafe fn resize(&self, start: NonNull<u8>, old: Layout, new: Layout) -> bool {
        if old.size() == 0 || new.size() == 0 {
            return false;
        }
        let resized = self.heap.resize_owned(self.owned(), start, old, new);
        resized.unwrap_or_else(abort_invalid_free)
    }

    /// Moves `bytes` bytes of a block to `to` and frees it.
    ///
    /// # Safety
    /// `from` is allocated here with layout `old`; `to` is other memory of at least `bytes` bytes.
    unsafe fn relocate(&self, from: NonNull<u8>, old: Layout, to: NonNull<u8>, bytes: usize) {
        // SAFETY: two blocks that are alive at once do not overlap, and both hold `bytes` bytes
        // (caller).
        unsafe { to.copy_from_nonoverlapping(from, bytes) };
        // SAFETY: the caller's duty, passed on.
        unsafe { self.deallocate(from, old) };
    }
}

impl OrionAlloc {
    /// Makes a heap whose pages come from this allocator; see [`OrionHeap::new_in`].
    ///
    /// # Errors
    /// When there is no memory for it.
    pub fn new_heap(&self) -> Result<OrionHeap<'_>, AllocError> {
        OrionHeap::new_in(self)
    }
}

impl Drop for OrionHeap<'_> {
    fn drop(&mut self) {
        // SAFETY: made by this heap's `new_in`, with that memory. Nobody else has a reference to
        // the heap, so nobody uses it or its blocks (module invariant).
        unsafe {
            self.heap.close_owned_heap(self.owned);
            self.alloc
                .dealloc(self.owned.as_ptr().cast(), Heap::OWNED_HEAP);
        }
    }
}

impl fmt::Debug for OrionHeap<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OrionHeap")
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

// SAFETY: blocks stay where they are until they are freed, or until the heap is dropped or reset,
// which takes an exclusive reference to it; all copies of this allocator are shared ones. Moving
// the heap moves neither its state nor its blocks. A block has one owner at a time (see the
// invariants of the heap's files).
unsafe impl Allocator for &OrionHeap<'_> {
    #[inline]
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        let start = match layout.size() {
            0 => dangling(layout.align()),
            _ => self
                .heap
                .allocate_owned(self.owned(), layout)
                .ok_or(AllocError)?,
        };
        Ok(NonNull::slice_from_raw_parts(start, layout.size()))
    }

    fn allocate_zeroed(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        let start = match layout.size() {
            0 => dangling(layout.align()),
            _ => self
                .heap
                .allocate_owned_zeroed(self.owned(), layout)
                .ok_or(AllocError)?,
        };
        Ok(NonNull::slice_from_raw_parts(start, layout.size()))
    }

    #[inline]
    unsafe fn deallocate(&self, start: NonNull<u8>, layout: Layout) {
        if layout.size() > 0 {
            // SAFETY: the caller gives the block up.
            let released = unsafe { self.heap.release_owned(self.owned(), start, layout) };
            released.unwrap_or_else(abort_invalid_free);
        }
    }

    unsafe fn grow(
        &self,
        start: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<[u8]>, AllocError> {
        // SAFETY: the caller's duty, passed on.
        if unsafe { self.resize(start, old, new) } {
            return Ok(NonNull::slice_from_raw_parts(start, new.size()));
        }
        if old.size() == 0 {
            return self.allocate(new);
        }
        let moved = self.heap.allocate_owned_growing(self.owned(), new);
        let moved = moved.ok_or(AllocError)?;
        // SAFETY: `start` is allocated with `old` (contract of the trait); `moved` holds
        // `new.size()` bytes, at least `old.size()`.
        unsafe { self.relocate(start, old, moved, old.size()) };
        Ok(NonNull::slice_from_raw_parts(moved, new.size()))
    }

    unsafe fn grow_zeroed(
        &self,
        start: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<[u8]>, AllocError> {
        // SAFETY: the caller's duty, passed on.
        let grown = unsafe { self.grow(start, old, new)? };
        let more = new.size() - old.size();
        // SAFETY: `new.size()` bytes are allocated, of which the first `old.size()` are kept.
        unsafe { grown.cast::<u8>().add(old.size()).write_bytes(0, more) };
        Ok(grown)
    }

    unsafe fn shrink(
        &self,
        start: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<NonNull<[u8]>, AllocError> {
        // SAFETY: the caller's duty, passed on.
        if unsafe { self.resize(start, old, new) } {
            return Ok(NonNull::slice_from_raw_parts(start, new.size()));
        }
        let moved = self.allocate(new)?;
        // SAFETY: `start` is allocated with `old` (contract of the trait); both hold `new.size()`
        // bytes, at most `old.size()`.
        unsafe { self.relocate(start, old, moved.cast(), new.size()) };
        Ok(moved)
    }
}
