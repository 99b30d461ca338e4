//! The addresses of all planned regions: one range, so that a glance tells whether an address is planned.
//!
//! A [`Range`] reserves address space once, cut into chunks of 2 MiB; every region is a run of chunks, and a table says which region a
//! chunk belongs to. A region is lent ([`Lease`]); when its lease has ended it is *retired*: its bytes go back to the
//! system, but for those that someone still has. Those follow, and the chunks with them, at the next look
//! ([`reclaim`](Range::reclaim)) after the last one was given back.
//!
//! ```text
//! chunks    ┌─ region A ──┬── free ──┬ region B ┬─ region C (retired) ───┐
//! tables      A  A  A  A    -  -  -    B  B  B    C  C  C  C  C  C  C  C
//! ```
//!
//! Invariant: a chunk is in at most one run of `kept`, and its entry in the table is that run's region, or null. A region
//! is dropped, and its chunks are free, only when it is retired and all of its claims are released.

use alloc::{boxed::Box, vec::Vec};
use core::{ops, ptr, ptr::NonNull};

use super::{ReplayError, region::Region};
use crate::replay::trace::MOST_ALIGNMENT;
use orionrt_alloc::arena::HugePages;
use orionrt_plan::plan::Plan;
use orionrt_sys::locked::Locked;
use orionrt_sys::mapping::{HUGE_PAGE, MapError, Mapping};
use orionrt_sys::sync::atomic::{AtomicPtr, Ordering};

const CHUNK: usize = HUGE_PAGE;
const _: () = assert!(CHUNK >= MOST_ALIGNMENT);

/// What is reserved is 2 to this power at most, and at a multiple of its size: so addresses in the range agree in all higher bits.
pub(super) const SHIFT: u32 = if usize::BITS >= 64 { 38 } else { 29 };
/// What is reserved at least, or there is no range.
const LEAST_BYTES: usize = 64 << 20;

/// How a region's memory is to be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Backing {
    pub(super) huge_pages: HugePages,
    pub(super) is_pinned: bool,
}

#[derive(Debug)]
pub(super) struct Range {
    mapping: Mapping,
    chunks: Box<[AtomicPtr<Region>]>,
    kept: Locked<Vec<Kept>>,
}

/// A run of chunks that is a region's, and whether its lease has ended. In order of address.
#[derive(Debug)]
struct Kept {
    chunks: ops::Range<usize>,
    /// From a box; the table has copies.
    region: NonNull<Region>,
    is_retired: bool,
}

impl Kept {
    fn region(&self) -> &Region {
        // SAFETY: made by `insert`, and dropped with this.
        unsafe { self.region.as_ref() }
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        // SAFETY: from a box in `insert`; whoever drops this has seen that nobody can reach the region: it is retired and free, or the range
        // itself ends.
        drop(unsafe { Box::from_raw(self.region.as_ptr()) });
    }
}

// SAFETY: owns the region, which may move between threads.
unsafe impl Send for Kept {}

// SAFETY: the mapping is used by way of regions, whose bytes are disjoint, and advised under the lock; the rest is atomic or locked.
unsafe impl Sync for Range {}

impl Range {
    /// Reserves as many addresses as the system grants.
    pub(super) fn reserve() -> Result<Self, MapError> {
        let mut bytes = 1 << SHIFT;
        let mapping = loop {
            match Mapping::reserve(bytes, bytes) {
                Ok(mapping) => break mapping,
                Err(_) if bytes > LEAST_BYTES => bytes /= 2,
                Err(error) => return Err(error),
            }
        };
        let chunks = Box::new_zeroed_slice(bytes / CHUNK);
        Ok(Self {
            // SAFETY: zero is the null pointer. (Most of the table is never touched.)
            chunks: unsafe { chunks.assume_init() },
            mapping,
            kept: Locked::new(Vec::new()),
        })
    }

    /// The lowest address.
    pub(super) fn base(&self) -> NonNull<u8> {
        self.mapping.base()
    }

    /// Whether an address lies in the range.
    #[inline]
    pub(super) fn contains(&self, address: *mut u8) -> bool {
        self.offset(address) < self.mapping.len()
    }

    #[inline]
    fn offset(&self, address: *mut u8) -> usize {
        address.addr().wrapping_sub(self.base().addr().get())
    }

    /// The region that granted the bytes at an address.
    #[inline]
    pub(super) fn region_at(&self, address: *mut u8) -> Option<&Region> {
        let offset = self.offset(address);
        let region = self.chunks.get(offset / CHUNK)?.load(Ordering::Relaxed);
        // SAFETY: null or a region that is dropped only when nobody has any of its bytes; the caller asks for bytes that someone has,
        // which also makes the load see the entry that was written before they were granted.
        unsafe { region.as_ref() }
    }

    /// How many regions there are, retired ones included.
    #[cfg(test)]
    pub(super) fn kept(&self) -> usize {
        self.kept.with(|kept| kept.len())
    }

    /// A region for a plan, its memory resident.
    pub(super) fn lend(&self, plan: &Plan, backing: Backing) -> Result<Lease<'_>, ReplayError> {
        let too_large = ReplayError::TooLarge { bytes: plan.peak() };
        let bytes = usize::try_from(plan.peak()).ok();
        let bytes = bytes.filter(|&bytes| bytes <= self.mapping.len());
        let bytes = bytes.ok_or(too_large)?;
        self.reclaim();
        let count = bytes.div_ceil(CHUNK).max(1);
        let (first, region) = self.kept.with(|kept| self.insert(kept, count, plan))?;
        let lease = Lease {
            range: self,
            first,
            region,
        };
        self.back(first * CHUNK, bytes, backing)?;
        Ok(lease)
    }

    /// Makes a region in the first gap of `count` chunks; returns the first of them.
    fn insert(
        &self,
        kept: &mut Vec<Kept>,
        count: usize,
        plan: &Plan,
    ) -> Result<(usize, NonNull<Region>), ReplayError> {
        let mut start = 0;
        let mut position = 0;
        for (i, run) in kept.iter().enumerate() {
            if run.chunks.start - start >= count {
                break;
            }
            (start, position) = (run.chunks.end, i + 1);
        }
        if self.chunks.len() - start < count {
            return Err(ReplayError::Full { bytes: plan.peak() });
        }
        // SAFETY: chunk `start` lies in the mapping.
        let base = unsafe { self.base().add(start * CHUNK) };
        // SAFETY: the run is in no other region: it was a gap, and the lock is held until it is `kept`. Bytes are granted after `back` has
        // made them usable. A chunk's start is a multiple of every alignment that is planned; `Recording` leaves stricter ones out, and
        // `ReplayAlloc::replay` refuses other plans.
        let region = unsafe { Region::new(base, plan) }.ok_or(ReplayError::TooManySegments)?;
        let run = Kept {
            chunks: start..start + count,
            region: NonNull::from(Box::leak(Box::new(region))),
            is_retired: false,
        };
        for chunk in run.chunks.clone() {
            self.chunks[chunk].store(run.region.as_ptr(), Ordering::Relaxed);
        }
        let region = run.region;
        kept.insert(position, run);
        Ok((start, region))
    }

    /// Makes memory usable and resident.
    fn back(&self, start: usize, bytes: usize, backing: Backing) -> Result<(), MapError> {
        let range = start..start + bytes;
        let whole = start..start + bytes.next_multiple_of(CHUNK);
        match backing.huge_pages {
            // Whole chunks are committed, so that the last one can be a huge page, too.
            HugePages::Always => {
                self.mapping.commit(whole.clone())?;
                self.mapping.advise_huge(whole)?;
            }
            HugePages::Off => {
                self.mapping.commit(range.clone())?;
                self.mapping.advise_nohuge(range.clone())?;
            }
            _ => self.mapping.commit(range.clone())?,
        }
        if backing.is_pinned {
            self.mapping.lock(range.clone())?;
        }
        // SAFETY: nobody has been granted any of these bytes yet.
        unsafe { self.mapping.prefault(range) }
    }

    /// Ends the lease of the region that starts at a chunk: what nobody has goes back to the system.
    fn retire(&self, first: usize) {
        self.kept.with(|kept| {
            let Some(run) = kept.iter_mut().find(|run| run.chunks.start == first) else {
                return;
            };
            run.is_retired = true;
            let start = first * CHUNK;
            let tail = run.region().bytes()..run.chunks.len() * CHUNK;
            for free in run.region().free_bytes().into_iter().chain([tail]) {
                let free = start + free.start..start + free.end;
                // Locked pages cannot be given back.
                let _ = self.mapping.unlock(free.clone());
                // SAFETY: nobody has these bytes, and nobody claims them any more. A refusal leaves them resident.
                let _ = unsafe { self.mapping.discard(free) };
            }
        });
        self.reclaim();
    }

    /// Takes back the retired regions that nobody has any bytes of; returns their bytes.
    pub(super) fn reclaim(&self) -> usize {
        // Dropped outside of the lock.
        let gone: Vec<Kept> = self.kept.with(|kept| {
            let gone = kept.extract_if(.., |run| {
                let bytes = run.chunks.start * CHUNK..run.chunks.end * CHUNK;
                // SAFETY: as in `retire`; now nobody has any of the bytes. Where this is refused, the chunks are not used again.
                run.is_retired
                    && run.region().is_free()
                    && unsafe { self.mapping.decommit(bytes) }.is_ok()
            });
            let gone: Vec<Kept> = gone.collect();
            for chunk in gone.iter().flat_map(|run| run.chunks.clone()) {
                self.chunks[chunk].store(ptr::null_mut(), Ordering::Relaxed);
            }
            gone
        });
        gone.iter().map(|run| run.region().bytes()).sum()
    }
}

/// The sole right to claim bytes of a region. Dropping it retires the region.
#[derive(Debug)]
pub(super) struct Lease<'r> {
    range: &'r Range,
    first: usize,
    region: NonNull<Region>,
}

// SAFETY: the region may be used from any thread, and so may the range.
unsafe impl Send for Lease<'_> {}

impl Lease<'_> {
    #[inline]
    pub(super) fn region(&self) -> &Region {
        // SAFETY: a region is alive until it is retired, and only dropping this lease retires it.
        unsafe { self.region.as_ref() }
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        self.range.retire(self.first);
    }
}
