//! Two heaps behind one global allocator, one of them in use: OrionAlloc's or the system's.
//!
//! Stands on `orionrt::OrionAlloc`. The choice holds for the whole process, so that threads which
//! help with some work take their memory from the same heap. Invariant: a block is freed by, and
//! grows in, the heap that granted it, whichever is in use by then.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::atomic::{AtomicU8, Ordering},
};

use orionrt::{OrionAlloc, ReplayAlloc};

use crate::own_heap::own_heap;

/// The binary's global allocator: one of two heaps, and on top the recording and replaying.
pub type Allocator = ReplayAlloc<DualHeap>;

/// An allocator that serves every block from OrionAlloc's heap until [`main`](crate::main) makes
/// it do otherwise.
#[must_use]
pub const fn allocator() -> Allocator {
    Allocator::new(DualHeap::new())
}

/// Which heap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Heap {
    /// OrionAlloc's.
    Orion,
    /// The C library's.
    System,
}

/// OrionAlloc's heap and the system's, one of them in use.
#[derive(Debug)]
pub struct DualHeap {
    orion: OrionAlloc,
    /// The [`Heap`] in use.
    in_use: AtomicU8,
}

impl DualHeap {
    /// OrionAlloc's heap is in use.
    pub(crate) const fn new() -> Self {
        Self {
            orion: own_heap(),
            in_use: AtomicU8::new(Heap::Orion as u8),
        }
    }

    /// Does `work` with memory from `heap`; afterwards, even after a panic, OrionAlloc's heap is
    /// in use again.
    pub(crate) fn with_heap<T>(&self, heap: Heap, work: impl FnOnce() -> T) -> T {
        struct Restore<'s>(&'s DualHeap);
        impl Drop for Restore<'_> {
            fn drop(&mut self) {
                self.0.select(Heap::Orion);
            }
        }
        self.select(heap);
        let _restore = Restore(self);
        work()
    }

    /// Gives the free memory of both heaps back to the operating system, where they can.
    pub(crate) fn purge(&self) {
        self.orion.purge();
        #[cfg(target_env = "gnu")]
        // SAFETY: `malloc_trim` may be called at any time.
        let _ = unsafe { libc::malloc_trim(0) };
    }

    fn select(&self, heap: Heap) {
        self.in_use.store(heap as u8, Ordering::Relaxed);
    }

    #[inline(always)]
    fn is_system(&self) -> bool {
        self.in_use.load(Ordering::Relaxed) == Heap::System as u8
    }
}

// SAFETY: each block comes from a heap that keeps the contract, and is freed by or grows in that
// same heap: `contains` distinguishes OrionAlloc's blocks from all other memory.
unsafe impl GlobalAlloc for DualHeap {
    #[inline(always)]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if self.is_system() {
            // SAFETY: the caller keeps the contract.
            unsafe { System.alloc(layout) }
        } else {
            // SAFETY: the caller keeps the contract.
            unsafe { self.orion.alloc(layout) }
        }
    }

    #[inline(always)]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if self.is_system() {
            // SAFETY: the caller keeps the contract.
            unsafe { System.alloc_zeroed(layout) }
        } else {
            // SAFETY: the caller keeps the contract.
            unsafe { self.orion.alloc_zeroed(layout) }
        }
    }

    #[inline(always)]
    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
        if self.orion.contains(start) {
            // SAFETY: a block of this heap; the caller keeps the contract.
            unsafe { self.orion.dealloc(start, layout) }
        } else {
            // SAFETY: not a block of OrionAlloc, so one of the other heap; the caller keeps the
            // contract.
            unsafe { System.dealloc(start, layout) }
        }
    }

    #[inline(always)]
    unsafe fn realloc(&self, start: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if self.orion.contains(start) {
            // SAFETY: a block of this heap; the caller keeps the contract.
            unsafe { self.orion.realloc(start, layout, size) }
        } else {
            // SAFETY: not a block of OrionAlloc, so one of the other heap; the caller keeps the
            // contract.
            unsafe { System.realloc(start, layout, size) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A block of `bytes` that begins with a 7.
    fn block(heaps: &DualHeap, bytes: usize) -> (*mut u8, Layout) {
        let layout = Layout::from_size_align(bytes, 8).unwrap();
        // SAFETY: the layout is not empty, and the block begins with a byte.
        unsafe {
            let start = heaps.alloc(layout);
            assert!(!start.is_null());
            start.write(7);
            (start, layout)
        }
    }

    #[test]
    fn a_block_is_freed_by_the_heap_that_granted_it() {
        let heaps = DualHeap::new();
        for bytes in [1, 100, 4096, 1 << 20] {
            let ours = block(&heaps, bytes);
            let theirs = heaps.with_heap(Heap::System, || block(&heaps, bytes));
            assert!(heaps.orion.contains(ours.0) && !heaps.orion.contains(theirs.0));
            // SAFETY: both are blocks of these layouts, and each is freed once, while the other
            // heap is in use.
            unsafe {
                heaps.dealloc(theirs.0, theirs.1);
                heaps.with_heap(Heap::System, || heaps.dealloc(ours.0, ours.1));
            }
        }
        assert_eq!(heaps.orion.stats().live_bytes, 0);
    }

    #[test]
    fn a_block_grows_in_the_heap_that_granted_it() {
        let heaps = DualHeap::new();
        let (start, layout) = block(&heaps, 100);
        // SAFETY: a block of this layout, which is then one of the new size.
        unsafe {
            let grown = heaps.with_heap(Heap::System, || heaps.realloc(start, layout, 9000));
            assert!(heaps.orion.contains(grown) && grown.read() == 7);
            heaps.dealloc(grown, Layout::from_size_align(9000, 8).unwrap());
        }
    }

    #[test]
    fn a_panic_of_the_work_puts_orion_alloc_back_in_use() {
        let heaps = DualHeap::new();
        let work = std::panic::AssertUnwindSafe(|| {
            heaps.with_heap(Heap::System, || {
                assert!(heaps.is_system());
                panic!("as planned");
            })
        });
        assert!(std::panic::catch_unwind(work).is_err());
        assert!(!heaps.is_system());
    }
}
