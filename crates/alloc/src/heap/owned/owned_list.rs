//! [`OwnedHeaps`]: all owned heaps of one allocator, for `fork`, for statistics, and for purging.
//!
//! Invariant: a listed heap stays where it is until it is removed.

use core::ptr::{self, NonNull};

use super::{heap_stats::OrionHeapStats, owned_heap::OwnedHeap};

/// A list of owned heaps, newest first, linked through them.
#[derive(Debug)]
pub(crate) struct OwnedHeaps {
    first: *const OwnedHeap,
    len: usize,
    /// What heaps that are gone have counted.
    past: OrionHeapStats,
}

// SAFETY: the heaps belong to the process, not to a thread, and are `Sync`.
unsafe impl Send for OwnedHeaps {}

/// How many heaps there are, and the sums of their counts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OwnedTotals {
    pub(crate) heaps: usize,
    /// Allocations and deallocations include those of heaps that are gone.
    pub(crate) sum: OrionHeapStats,
}

impl OwnedHeaps {
    pub(crate) fn new() -> Self {
        Self {
            first: ptr::null(),
            len: 0,
            past: OrionHeapStats::default(),
        }
    }

    /// Adds a heap.
    ///
    /// # Safety
    /// It is in no list, and stays where it is until it is removed.
    pub(crate) unsafe fn add(&mut self, heap: NonNull<OwnedHeap>) {
        // SAFETY: valid (caller); so is the first one, by the invariant.
        let (new, first) = unsafe { (heap.as_ref(), self.first.as_ref()) };
        new.next.set(self.first);
        new.previous.set(ptr::null());
        if let Some(first) = first {
            first.previous.set(heap.as_ptr());
        }
        self.first = heap.as_ptr();
        self.len += 1;
    }

    /// Removes a heap, and keeps its counts for the sums.
    ///
    /// # Safety
    /// It is in this list, and nobody uses it any more.
    pub(crate) unsafe fn remove(&mut self, heap: NonNull<OwnedHeap>) {
        // SAFETY: a listed heap is valid, by the invariant.
        let heap = unsafe { heap.as_ref() };
        let (next, previous) = (heap.next.get(), heap.previous.get());
        // SAFETY: so are its neighbours.
        let neighbours = unsafe { (previous.as_ref(), next.as_ref()) };
        if let Some(after) = neighbours.1 {
            after.previous.set(previous);
        }
        match neighbours.0 {
            Some(before) => before.next.set(next),
            None => self.first = next,
        }
        self.len -= 1;
        let counts = heap.spans.with(|spans| spans.stats());
        self.past.add(&counts.after_reset());
    }

    /// Forgets all heaps: their memory is about to go.
    pub(crate) fn forget_all(&mut self) {
        (self.first, self.len) = (ptr::null(), 0);
    }

    /// Calls `visit` with every heap.
    pub(crate) fn each(&self, mut visit: impl FnMut(&OwnedHeap)) {
        let mut next = self.first;
        // SAFETY: a listed heap is valid, by the invariant.
        while let Some(heap) = unsafe { next.as_ref() } {
            next = heap.next.get();
            visit(heap);
        }
    }

    /// Numbers for statistics.
    pub(crate) fn totals(&self) -> OwnedTotals {
        let mut sum = self.past;
        self.each(|heap| sum.add(&heap.spans.with(|spans| spans.stats())));
        OwnedTotals {
            heaps: self.len,
            sum,
        }
    }
}
