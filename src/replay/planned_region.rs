//! A planned region in memory: which bytes each planned request gets, and which are in use.
//!
//! Blocks of a [`PlannedRegion`] are claimed by number, by the holder of its lease, and released by
//! address, by anyone. [`Claims`] alone decide: a block is granted if all of its segments are free.
//!
//! ```text
//! release: address ─► offset ─► (hash table) segment that starts there ─► block granted there
//! ```
//!
//! Invariants, on which the unsafe code of replay rests:
//! - `base..base + bytes` is memory that belongs to this region alone until the address range takes
//!   it back, which it does after the lease has ended and every claim is released;
//! - the bytes of a block lie in the region, and its segments cover exactly these bytes;
//! - a retired region may be dropped as soon as its last claim is released: [`LiveBlock::release`]
//!   touches nothing after that;
//! - whoever was granted a block is the only user of its bytes until it is released. Meanwhile
//!   `granted` of its first segment names the block; it is 0 for a segment where no granted block
//!   starts.

use alloc::{boxed::Box, vec::Vec};
use core::{ops::Range, ptr::NonNull};

use crate::slots::claims::{Claims, SegmentRange, release};
use crate::slots::segments::Segments;
use orionrt_plan::plan::Plan;
use orionrt_sys::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// The bytes of one planned request.
#[derive(Clone, Copy, Debug)]
struct PlannedBlock {
    offset: usize,
    segments: SegmentRange,
}

#[derive(Debug)]
pub(super) struct PlannedRegion {
    base: NonNull<u8>,
    bytes: usize,
    blocks: Box<[PlannedBlock]>,
    claims: Claims,
    segments: Segments,
    /// For each segment, one plus the number of the granted block that starts there, or 0.
    granted: Box<[AtomicU32]>,
    index: SegmentIndex,
}

// SAFETY: the base is an address, which only those who were granted bytes dereference.
unsafe impl Send for PlannedRegion {}
// SAFETY: as above; claims and grants are atomic.
unsafe impl Sync for PlannedRegion {}

impl PlannedRegion {
    /// The region of a plan at `base`; `None` if there are more segments than a `u32` can number,
    /// or more bytes than a `usize` can.
    ///
    /// # Safety
    /// `base` is the first of `plan.peak()` bytes, aligned as the plan asks, that are this region's
    /// as long as it exists.
    pub(super) unsafe fn new(base: NonNull<u8>, plan: &Plan) -> Option<Self> {
        let segments = Segments::new(plan)?;
        let placed = plan.lifetimes().rows().iter().zip(plan.offsets());
        let block = |offset: u64, size| PlannedBlock {
            offset: offset as usize,
            segments: segments.range(offset, size),
        };
        let blocks: Box<[PlannedBlock]> = placed.map(|(row, &o)| block(o, row.size)).collect();
        let granted = (0..segments.count()).map(|_| AtomicU32::new(0));
        Some(Self {
            base,
            bytes: usize::try_from(plan.peak()).ok()?,
            claims: Claims::new(segments.count()),
            granted: granted.collect(),
            index: SegmentIndex::new(segments.bounds()),
            blocks,
            segments,
        })
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Claims a block for the caller; `None` if any of its bytes are in use.
    #[inline]
    pub(super) fn claim(&self, block: u32) -> Option<NonNull<u8>> {
        let PlannedBlock { offset, segments } = self.blocks[block as usize];
        if !self.claims.try_claim(segments) {
            return None;
        }
        self.granted[segments.start() as usize].store(block + 1, Ordering::Relaxed);
        // SAFETY: the offset of a block lies in the region.
        Some(unsafe { self.base.add(offset) })
    }

    /// The granted block that starts at an address, if there is one.
    #[inline]
    pub(super) fn live_block(&self, start: *mut u8) -> Option<LiveBlock<'_>> {
        let offset = start.addr().wrapping_sub(self.base.addr().get());
        let segment = self.index.find(offset as u64, self.segments.bounds())?;
        let granted = &self.granted[segment as usize];
        // Relaxed: whoever has the address has it from the claim.
        let block = granted.load(Ordering::Relaxed).checked_sub(1)?;
        Some(LiveBlock {
            granted,
            words: self.claims.words(),
            segments: self.blocks[block as usize].segments,
        })
    }

    /// The bytes of a granted block.
    pub(super) fn bytes_of(&self, block: &LiveBlock<'_>) -> NonNull<[u8]> {
        let bytes = self.offsets(block.segments);
        // SAFETY: segments lie in the region.
        let start = unsafe { self.base.add(bytes.start as usize) };
        NonNull::slice_from_raw_parts(start, (bytes.end - bytes.start) as usize)
    }

    /// The offsets of segments that are not empty.
    fn offsets(&self, segments: SegmentRange) -> Range<u64> {
        let bounds = self.segments.bounds();
        bounds[segments.start() as usize]..bounds[segments.end() as usize]
    }

    /// Whether no bytes are in use.
    pub(super) fn is_free(&self) -> bool {
        self.claims.are_free()
    }

    /// The runs of bytes that are not in use. To be called when nobody claims any more.
    pub(super) fn free_bytes(&self) -> Vec<Range<usize>> {
        let free = |segment: &u32| {
            let range = SegmentRange::new(*segment, segment + 1);
            let is_free = self.claims.try_claim(range);
            if is_free {
                self.claims.release(range);
            }
            is_free
        };
        let mut runs: Vec<Range<usize>> = Vec::new();
        for segment in (0..self.segments.count()).filter(free) {
            let bytes = self.offsets(SegmentRange::new(segment, segment + 1));
            let bytes = bytes.start as usize..bytes.end as usize;
            match runs.last_mut() {
                Some(run) if run.end == bytes.start => run.end = bytes.end,
                _ => runs.push(bytes),
            }
        }
        runs
    }
}

/// A granted block, found by its address to be resized or released.
#[derive(Debug)]
pub(super) struct LiveBlock<'r> {
    granted: &'r AtomicU32,
    words: &'r [AtomicU64],
    segments: SegmentRange,
}

impl LiveBlock<'_> {
    /// Releases the block. From then on the region may be gone.
    #[inline]
    pub(super) fn release(self) {
        self.granted.store(0, Ordering::Relaxed);
        release(self.words, self.segments);
    }
}

/// Which segment starts at an offset: a hash table with linear probing, at most half full, that
/// never changes.
#[derive(Debug)]
struct SegmentIndex {
    /// One plus the number of a segment; 0 in an empty entry.
    table: Box<[u32]>,
    shift: u32,
}

impl SegmentIndex {
    /// An index of the segments with these bounds.
    fn new(bounds: &[u64]) -> Self {
        let starts = &bounds[..bounds.len().saturating_sub(1)];
        let entries = (starts.len() * 2).next_power_of_two().max(2);
        let mut index = Self {
            table: alloc::vec![0; entries].into(),
            shift: u64::BITS - entries.trailing_zeros(),
        };
        for (segment, &start) in (1u32..).zip(starts) {
            let mut entry = index.first_entry(start);
            while index.table[entry] != 0 {
                entry = (entry + 1) % entries;
            }
            index.table[entry] = segment;
        }
        index
    }

    /// Fibonacci hashing (Knuth, *The Art of Computer Programming* 3, section 6.4).
    #[inline]
    fn first_entry(&self, offset: u64) -> usize {
        (offset.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> self.shift) as usize
    }

    /// The segment that starts at an offset, if one does; `bounds` as in [`new`](Self::new).
    #[inline]
    fn find(&self, offset: u64, bounds: &[u64]) -> Option<u32> {
        let mut entry = self.first_entry(offset);
        loop {
            let segment = self.table[entry].checked_sub(1)?;
            if bounds[segment as usize] == offset {
                return Some(segment);
            }
            entry = (entry + 1) & (self.table.len() - 1);
        }
    }
}
