//! The limits of an [`OrionAlloc`]: of memory, of address space, and of single blocks.
//!
//! They are fixed before the first use, or changed while the heap is used. The heap looks at them
//! where it takes pages, never where an object comes from a cache.

#![forbid(unsafe_code)]

#[cfg(doc)]
use crate::heap::HeapStats;
use crate::{global::OrionAlloc, heap::Limits};

impl OrionAlloc {
    /// Limits the memory that the allocator may have, in bytes:
    /// [`resident_bytes`](HeapStats::resident_bytes), that is, pages in use, free pages that have
    /// not gone back to the system, and the allocator's own tables.
    ///
    /// At the limit, free pages go back to the system first, and then the empty spans of the
    /// allocator's [heaps](crate::OrionHeap). If that is not enough, the allocation is refused,
    /// which [`failures_over_limit`](HeapStats::failures_over_limit) counts. Pages in use count as
    /// a whole, whether the program has touched them or not. The first allocation of a thread may
    /// exceed the limit by the thread's cache, which then counts for the next ones.
    ///
    /// ```
    /// use orionrt_alloc::OrionAlloc;
    /// use std::alloc::{GlobalAlloc, Layout};
    ///
    /// static ALLOC: OrionAlloc = OrionAlloc::new().with_limit(64 << 20);
    /// let layout = Layout::new::<[u8; 100 << 20]>();
    /// // SAFETY: the size is not zero.
    /// assert!(unsafe { ALLOC.alloc(layout) }.is_null());
    /// assert_eq!(ALLOC.stats().failures_over_limit, 1);
    /// ```
    #[must_use]
    pub const fn with_limit(mut self, bytes: usize) -> Self {
        self.config.limits.resident = bytes;
        self
    }

    /// Limits the address space that the allocator may reserve, in bytes:
    /// [`reserved_bytes`](HeapStats::reserved_bytes), for pages and for tables. While it reserves
    /// space at an aligned address, it has more for a moment: as much as the alignment, which is
    /// the size of the space, or that of the block if this is larger.
    ///
    /// A request that needs more is refused, which
    /// [`failures_over_limit`](HeapStats::failures_over_limit) counts.
    #[must_use]
    pub const fn with_reserved_limit(mut self, bytes: usize) -> Self {
        self.config.limits.reserved = bytes;
        self
    }

    /// Sets the largest block that is served, in bytes. Larger requests are refused, which
    /// [`failures_too_large`](HeapStats::failures_too_large) counts. Blocks of up to 64 KiB are
    /// always served.
    ///
    /// By default this is the memory of the machine together with its swap space: the system would
    /// grant more, but a program that used it would be killed. `usize::MAX` stands for that
    /// default; a program that wants to reserve huge blocks, of which it touches a small part, says
    /// how large they may be.
    #[must_use]
    pub const fn with_largest_block(mut self, bytes: usize) -> Self {
        self.config.limits.block = bytes;
        self
    }

    /// Changes the limit of [`with_limit`](Self::with_limit); `usize::MAX` lifts it. Free memory
    /// beyond a lower limit goes back to the system now; what is in use stays. Returns `false`, and
    /// changes nothing, if this is the first use and there is no memory.
    pub fn set_limit(&self, bytes: usize) -> bool {
        self.change_limits(|limits| limits.resident = bytes)
    }

    /// Changes the limit of [`with_reserved_limit`](Self::with_reserved_limit); `usize::MAX` lifts
    /// it. What is reserved stays. Returns `false`, and changes nothing, if this is the first use
    /// and there is no memory.
    pub fn set_reserved_limit(&self, bytes: usize) -> bool {
        self.change_limits(|limits| limits.reserved = bytes)
    }

    /// Changes the largest block that is served; see
    /// [`with_largest_block`](Self::with_largest_block), but for `usize::MAX`, which lifts the
    /// limit altogether. Returns `false`, and changes nothing, if this is the first use and there
    /// is no memory.
    pub fn set_largest_block(&self, bytes: usize) -> bool {
        self.change_limits(|limits| limits.block = bytes)
    }

    fn change_limits(&self, change: impl FnOnce(&mut Limits)) -> bool {
        let heap = self.heap_or_create();
        heap.map(|heap| heap.change_limits(change)).is_some()
    }
}
