//! A planned region: which bytes each planned request gets, and which are in use.
//!
//! Blocks of a [`PlannedRegion`] are claimed by number and released by address. [`Claims`] alone
//! decide: a block is granted if all of its segments are free. A region is *open* while memory
//! belongs to it, and *closed* otherwise: then all of its segments are claimed by the region
//! itself, so that no request gets any. It is closed at first, and can be closed while none of its
//! bytes are in use.
//!
//! ```text
//! closed ─► open at an address ─► blocks are granted and released ─► closed ─► open elsewhere
//! release: address ─► offset ─► (map) segment that starts there ─► block granted there
//! ```
//!
//! Invariants, on which the unsafe code of replay rests:
//! - while the region is open, `base..base + bytes` is memory that belongs to it alone;
//! - the bytes of a block lie in the region, and its segments cover them;
//! - a region may be closed and dropped as soon as its last claim is released:
//!   [`LiveBlock::release`] touches nothing after that;
//! - whoever was granted a block is the only user of its bytes until it is released. Meanwhile
//!   `granted` of its first segment names the block; it is 0 for a segment where no granted block
//!   starts.

use alloc::vec::Vec;
use core::{array, ops::Range, ptr::NonNull};

use super::region_map::RegionMap;
use crate::slots::claims::{Claims, SegmentRange, Word, release};
use orionrt_sys::checker;
use orionrt_sys::sync::atomic::{AtomicPtr, AtomicU32, Ordering};

#[derive(Debug)]
pub(super) struct PlannedRegion {
    /// Where the region lies; changes only while it is closed.
    base: AtomicPtr<u8>,
    map: RegionMap,
    claims: Claims,
}

impl PlannedRegion {
    /// A closed region with these blocks, of which none is granted.
    pub(super) fn new(map: RegionMap) -> Self {
        let region = Self {
            base: AtomicPtr::new(NonNull::dangling().as_ptr()),
            claims: Claims::new(map.count()),
            map,
        };
        let is_closed = region.try_close();
        debug_assert!(is_closed, "nobody else has it yet");
        region
    }

    /// Opens the region at `base`: from now on its blocks can be claimed.
    ///
    /// # Safety
    /// The region is closed, and whoever closes it again does so by [`try_close`](Self::try_close).
    /// `base` is the first of [`bytes`](Self::bytes) bytes, aligned as the blocks ask, that are
    /// this region's alone as long as it is open.
    pub(super) unsafe fn open(&self, base: NonNull<u8>) {
        // Whoever claims a block synchronises with the release below, and so sees this.
        self.base.store(base.as_ptr(), Ordering::Relaxed);
        self.claims.release(self.all());
    }

    /// Closes the region, if it is open and none of its bytes are in use; returns whether it did.
    /// What was done with its bytes happened before.
    #[must_use]
    pub(super) fn try_close(&self) -> bool {
        self.claims.try_claim(self.all())
    }

    /// Whether the region is open and none of its bytes are in use at this moment.
    pub(super) fn is_free(&self) -> bool {
        self.claims.are_free()
    }

    fn all(&self) -> SegmentRange {
        SegmentRange::new(0, self.map.count())
    }

    /// The address of the region. Only an open one has any.
    #[inline]
    fn base(&self) -> NonNull<u8> {
        // SAFETY: made of a `NonNull`, in `new` and in `open`.
        unsafe { NonNull::new_unchecked(self.base.load(Ordering::Relaxed)) }
    }

    pub(super) fn bytes(&self) -> usize {
        self.map.bytes() as usize
    }

    pub(super) fn map(&self) -> &RegionMap {
        &self.map
    }

    /// Claims a block for the caller; `None` if any of its bytes are in use, or the region is
    /// closed.
    #[inline]
    pub(super) fn claim(&self, block: u32) -> Option<NonNull<u8>> {
        let segments = self.map.block(block);
        if !self.claims.try_claim(segments) {
            return None;
        }
        let first = self.map.segment(segments.start());
        first.granted.store(block + 1, Ordering::Relaxed);
        if checker::IS_ON {
            let bytes = self.bytes_in(segments);
            checker::allocated(bytes.cast(), bytes.len());
        }
        // SAFETY: the offset of a block lies in the region, which is open: the claim succeeded.
        Some(unsafe { self.base().add(first.start as usize) })
    }

    /// Whether a block is granted.
    pub(super) fn is_granted(&self, block: u32) -> bool {
        let first = self.map.segment(self.map.block(block).start());
        first.granted.load(Ordering::Relaxed) == block + 1
    }

    /// Whether any block is granted.
    pub(super) fn is_any_granted(&self) -> bool {
        let granted = |segment| self.map.segment(segment).granted.load(Ordering::Relaxed);
        (0..self.map.count()).any(|segment| granted(segment) > 0)
    }

    /// Granted blocks that share bytes with this one, as far as they are seen: others may be
    /// granted and released meanwhile.
    pub(super) fn holders(&self, block: u32) -> impl Iterator<Item = u32> + '_ {
        const FAR: usize = 256;
        let wanted = self.map.block(block);
        let granted = |segment: u32| {
            let granted = &self.map.segment(segment).granted;
            granted.load(Ordering::Relaxed).checked_sub(1)
        };
        let within = wanted.start()..wanted.end();
        let before = (0..wanted.start()).rev().take(FAR);
        let reaches = move |block: &u32| self.map.block(*block).end() > wanted.start();
        before
            .filter_map(granted)
            .filter(reaches)
            .chain(within.take(FAR).filter_map(granted))
    }

    /// The granted block that starts at an address, if there is one.
    #[inline]
    pub(super) fn live_block(&self, start: *mut u8) -> Option<LiveBlock<'_>> {
        let offset = start.addr().wrapping_sub(self.base().addr().get());
        let granted = &self.map.find(offset as u64)?.granted;
        // Relaxed: whoever has the address has it from the claim.
        let block = granted.load(Ordering::Relaxed).checked_sub(1)?;
        let segments = self.map.block(block);
        Some(LiveBlock {
            granted,
            words: self.claims.words(),
            segments,
            bytes: array::from_fn(|_| self.bytes_in(segments)),
        })
    }

    /// The bytes of a granted block.
    pub(super) fn bytes_of(&self, block: &LiveBlock<'_>) -> NonNull<[u8]> {
        self.bytes_in(block.segments)
    }

    #[inline]
    fn bytes_in(&self, segments: SegmentRange) -> NonNull<[u8]> {
        let bytes = self.map.offsets(segments);
        // SAFETY: segments lie in the region, which is open while any of them is granted.
        let start = unsafe { self.base().add(bytes.start as usize) };
        NonNull::slice_from_raw_parts(start, (bytes.end - bytes.start) as usize)
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
        for segment in (0..self.map.count()).filter(free) {
            let bytes = self.map.offsets(SegmentRange::new(segment, segment + 1));
            let bytes = bytes.start as usize..bytes.end as usize;
            if bytes.is_empty() {
                continue;
            }
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
    words: &'r [Word],
    segments: SegmentRange,
    /// For a memory checker, if there is one.
    bytes: [NonNull<[u8]>; checker::IS_ON as usize],
}

impl LiveBlock<'_> {
    /// Releases the block. From then on the region may be gone.
    #[inline]
    pub(super) fn release(self) {
        for bytes in self.bytes {
            checker::freed(bytes.cast(), bytes.len());
        }
        self.granted.store(0, Ordering::Relaxed);
        release(self.words, self.segments);
    }
}
