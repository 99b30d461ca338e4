//! [`OrionHeapStats`]: what one heap counts, and the sums over several.

#![forbid(unsafe_code)]

/// Counts and bytes of an [`OrionHeap`](crate::OrionHeap) at one moment.
///
/// ```
/// use allocator_api2::vec::Vec;
/// use orionrt_alloc::OrionHeap;
///
/// let heap = OrionHeap::new()?;
/// let v: Vec<u8, &OrionHeap> = Vec::with_capacity_in(100, &heap);
/// let stats = heap.stats();
/// assert_eq!((stats.allocations, stats.requested_bytes, stats.live_bytes), (1, 100, 112));
/// # drop(v);
/// # Ok::<(), allocator_api2::alloc::AllocError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct OrionHeapStats {
    /// Allocations served since the heap was made. Resizing in place does not count.
    pub allocations: u64,
    /// Allocations given back since the heap was made, one by one or by a
    /// [`reset`](crate::OrionHeap::reset).
    pub deallocations: u64,
    /// Bytes that live allocations asked for.
    pub requested_bytes: usize,
    /// Bytes granted to live allocations: requests rounded up to size classes or pages.
    pub live_bytes: usize,
    /// Bytes granted to live allocations of more than 32 KiB; a part of `live_bytes`.
    pub large_bytes: usize,
    /// Bytes of the heap's pages: those of spans and of large blocks.
    pub used_bytes: usize,
    /// The number of spans, which are runs of pages that small blocks of one size share.
    pub spans: usize,
    /// The number of blocks of more than 32 KiB.
    pub large_blocks: usize,
}

impl OrionHeapStats {
    /// Counts a new block of `granted` bytes, for a request of `requested`.
    #[inline]
    pub(super) fn note_allocated(&mut self, requested: usize, granted: usize) {
        self.allocations += 1;
        self.requested_bytes = self.requested_bytes.wrapping_add(requested);
        self.live_bytes += granted;
    }

    /// Counts that a block is gone.
    #[inline]
    pub(super) fn note_freed(&mut self, requested: usize, granted: usize) {
        self.deallocations += 1;
        self.requested_bytes = self.requested_bytes.wrapping_sub(requested);
        self.live_bytes -= granted;
    }

    /// Counts that a block now asks for another number of bytes, without being granted others.
    pub(super) fn note_resized(&mut self, old: usize, new: usize) {
        let others = self.requested_bytes.wrapping_sub(old);
        self.requested_bytes = others.wrapping_add(new);
    }

    /// The counts of a heap that has just given everything back.
    pub(super) fn after_reset(self) -> Self {
        Self {
            allocations: self.allocations,
            deallocations: self.allocations,
            ..Self::default()
        }
    }

    /// Adds another heap's counts.
    pub(super) fn add(&mut self, other: &Self) {
        self.allocations += other.allocations;
        self.deallocations += other.deallocations;
        self.requested_bytes = self.requested_bytes.wrapping_add(other.requested_bytes);
        self.live_bytes += other.live_bytes;
        self.large_bytes += other.large_bytes;
        self.used_bytes += other.used_bytes;
        self.spans += other.spans;
        self.large_blocks += other.large_blocks;
    }
}
