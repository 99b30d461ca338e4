//! The address range of all planned regions: one comparison tells whether an address is planned.
//!
//! An [`AddressRange`] reserves address space once and cuts it into chunks of 2 MiB; every region
//! is a run of chunks, and a table maps each chunk to its region. Regions are used through a
//! [`Lease`]. When the lease ends, the region is *retired*: its bytes go back to the system, except
//! for blocks that are still in use. These, and the chunks, follow at the first
//! [`reclaim`](AddressRange::reclaim) after the last block was released.
//!
//! ```text
//! chunks    ┌─ region A ──┬── free ──┬ region B ┬─ region C (retired) ───┐
//! tables      A  A  A  A    -  -  -    B  B  B    C  C  C  C  C  C  C  C
//! ```
//!
//! Invariant: a chunk is in at most one of `runs`, and its entry in the table is that run's region,
//! or null. A region is dropped, and its chunks become free, only when it is retired and all of its
//! claims are released. If its addresses are lost meanwhile, neither ever happens, and they are not
//! unmapped either.

use alloc::{boxed::Box, vec::Vec};
use core::{mem::ManuallyDrop, ops, ptr, ptr::NonNull};

use super::{
    error::ReplayError, planned_region::PlannedRegion, region_map::RegionMap, trace::MAX_ALIGNMENT,
};
use crate::fork::uninterrupted;
use orionrt_alloc::arena::HugePages;
use orionrt_sys::checker;
use orionrt_sys::locked::Locked;
use orionrt_sys::machine::reservation;
use orionrt_sys::mapping::{HUGE_PAGE, MapError, Mapping};
use orionrt_sys::sync::atomic::{AtomicPtr, Ordering};

const CHUNK: usize = HUGE_PAGE;
const _: () = assert!(CHUNK >= MAX_ALIGNMENT);

/// The largest range has 2 to this power bytes.
pub(super) const MOST_LOG2: u32 = if usize::BITS >= 64 { 38 } else { 29 };
/// The smallest range: if the system refuses even that, nothing can be replayed.
const LEAST_BYTES: usize = 16 << 20;

/// How the pages of a region are backed.
#[derive(Clone, Copy, Debug)]
pub(super) struct PagePolicy {
    pub(super) huge_pages: HugePages,
    pub(super) is_pinned: bool,
}

impl Default for PagePolicy {
    fn default() -> Self {
        Self {
            huge_pages: HugePages::OnRequest,
            is_pinned: false,
        }
    }
}

#[derive(Debug)]
pub(super) struct AddressRange {
    mapping: ManuallyDrop<Mapping>,
    chunks: Box<[AtomicPtr<PlannedRegion>]>,
    /// In order of address.
    runs: Locked<Vec<ChunkRun>>,
}

/// A region, its chunks, and whether its lease has ended.
#[derive(Debug)]
struct ChunkRun {
    chunks: ops::Range<usize>,
    /// From a box; the table has copies.
    region: NonNull<PlannedRegion>,
    is_retired: bool,
    /// Whether its addresses may be somebody else's by now: they are not used again.
    is_lost: bool,
}

impl ChunkRun {
    fn region(&self) -> &PlannedRegion {
        // SAFETY: made by `insert`, and dropped with this.
        unsafe { self.region.as_ref() }
    }
}

impl Drop for ChunkRun {
    fn drop(&mut self) {
        // SAFETY: from a box in `insert`; whoever drops this has seen that nobody can reach the
        // region: it is retired and free, or the range itself ends.
        drop(unsafe { Box::from_raw(self.region.as_ptr()) });
    }
}

// SAFETY: owns the region, which may move between threads.
unsafe impl Send for ChunkRun {}

// SAFETY: the mapping is used through regions, whose bytes are disjoint, and advised under the
// lock; the rest is atomic or locked.
unsafe impl Sync for AddressRange {}

impl AddressRange {
    /// Reserves what suits the machine, `limit` bytes at most, or half of what the system grants,
    /// so that the program keeps the rest.
    pub(super) fn reserve(limit: usize) -> Result<Self, MapError> {
        let suitable = reservation(1 << MOST_LOG2).max(LEAST_BYTES);
        let limit = limit.max(1).checked_next_multiple_of(CHUNK);
        let wanted = suitable.min(limit.unwrap_or(usize::MAX));
        let mut bytes = wanted;
        let mapping = loop {
            match Mapping::reserve(bytes, CHUNK) {
                Ok(mapping) if bytes < wanted && bytes > LEAST_BYTES => {
                    drop(mapping);
                    bytes = half(bytes);
                    break Mapping::reserve(bytes, CHUNK)?;
                }
                Ok(mapping) => break mapping,
                Err(_) if bytes > LEAST_BYTES => bytes = half(bytes),
                Err(error) => return Err(error),
            }
        };
        // Zeros, not null pointers: only they come from zeroed memory, of which most pages are
        // never touched.
        let chunks = alloc::vec![0usize; bytes / CHUNK];
        let chunks = Box::into_raw(chunks.into_boxed_slice());
        Ok(Self {
            // SAFETY: from a box in the line above; an `AtomicPtr` has the size and alignment of a
            // `usize`, and is null where that is 0.
            chunks: unsafe { Box::from_raw(chunks as *mut [AtomicPtr<PlannedRegion>]) },
            mapping: ManuallyDrop::new(mapping),
            runs: Locked::new(Vec::new()),
        })
    }

    /// The bytes that are reserved.
    pub(super) fn len(&self) -> usize {
        self.mapping.len()
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
    pub(super) fn region_at(&self, address: *mut u8) -> Option<&PlannedRegion> {
        let offset = self.offset(address);
        let region = self.chunks.get(offset / CHUNK)?.load(Ordering::Relaxed);
        // SAFETY: null, or a region that is dropped only when none of its bytes are in use. The
        // caller asks for bytes in use, so the load also sees the entry that was written before
        // they were granted.
        unsafe { region.as_ref() }
    }

    /// The number of regions, retired ones included, and that of those whose addresses are lost.
    #[cfg(test)]
    pub(super) fn regions(&self) -> (usize, usize) {
        self.with_runs(|runs| (runs.len(), runs.iter().filter(|run| run.is_lost).count()))
    }

    /// Fails if a region of so many bytes is more than the range holds, were it empty.
    pub(super) fn ensure_fits(&self, bytes: u64) -> Result<(), ReplayError> {
        match bytes.div_ceil(CHUNK as u64) <= self.chunks.len() as u64 {
            true => Ok(()),
            false => Err(ReplayError::TooLarge { bytes }),
        }
    }

    /// Makes a region with these blocks, which are aligned to at most [`MAX_ALIGNMENT`]. Its memory
    /// is resident.
    pub(super) fn lease(
        &self,
        map: RegionMap,
        pages: PagePolicy,
    ) -> Result<Lease<'_>, ReplayError> {
        let too_large = ReplayError::TooLarge { bytes: map.bytes() };
        let bytes = usize::try_from(map.bytes()).ok();
        let bytes = bytes.filter(|&bytes| bytes <= self.mapping.len());
        let bytes = bytes.ok_or(too_large)?;
        self.reclaim();
        let count = bytes.div_ceil(CHUNK).max(1);
        let (first, region) = self.with_runs(|runs| self.insert(runs, count, map))?;
        let lease = Lease {
            range: self,
            first,
            region,
        };
        self.back(first * CHUNK, bytes, pages)?;
        Ok(lease)
    }

    /// Reads or changes the runs, which no child of a `fork` finds locked or half changed.
    fn with_runs<R>(&self, f: impl FnOnce(&mut Vec<ChunkRun>) -> R) -> R {
        uninterrupted(|| self.runs.with(f))
    }

    /// Makes a region in the first gap of `count` chunks; returns the first of them.
    fn insert(
        &self,
        runs: &mut Vec<ChunkRun>,
        count: usize,
        map: RegionMap,
    ) -> Result<(usize, NonNull<PlannedRegion>), ReplayError> {
        let mut start = 0;
        let mut position = 0;
        for (i, run) in runs.iter().enumerate() {
            if run.chunks.start - start >= count {
                break;
            }
            (start, position) = (run.chunks.end, i + 1);
        }
        if self.chunks.len() - start < count {
            return Err(ReplayError::Full { bytes: map.bytes() });
        }
        let base = self.at(start * CHUNK);
        // SAFETY: the chunks are in no other region: they were a gap, and the lock is held until
        // they are in `runs`. Bytes are granted after `back` has made them usable. The start of a
        // chunk is a multiple of every planned alignment, as the caller of `lease` sees to.
        let region = unsafe { PlannedRegion::new(base, map) };
        let run = ChunkRun {
            chunks: start..start + count,
            region: NonNull::from(Box::leak(Box::new(region))),
            is_retired: false,
            is_lost: false,
        };
        for chunk in run.chunks.clone() {
            self.chunks[chunk].store(run.region.as_ptr(), Ordering::Relaxed);
        }
        let region = run.region;
        runs.insert(position, run);
        Ok((start, region))
    }

    /// Makes memory usable and resident. A refused advice on huge pages changes nothing else.
    fn back(&self, start: usize, bytes: usize, pages: PagePolicy) -> Result<(), MapError> {
        let range = start..start + bytes;
        let whole = start..start + bytes.next_multiple_of(CHUNK);
        match pages.huge_pages {
            // Whole chunks are committed, so that the last one can be a huge page, too. A region
            // that is smaller than one would only take more memory.
            HugePages::Always if bytes >= CHUNK => {
                self.mapping.commit(whole.clone())?;
                let _ = self.mapping.advise_huge(whole);
            }
            HugePages::Off => {
                self.mapping.commit(range.clone())?;
                let _ = self.mapping.advise_nohuge(range.clone());
            }
            _ => self.mapping.commit(range.clone())?,
        }
        if pages.is_pinned {
            self.mapping.lock(range.clone())?;
        }
        // SAFETY: nobody has been granted any of these bytes yet.
        unsafe { self.mapping.prefault(range.clone()) }?;
        checker::no_access(self.at(range.start), range.len());
        Ok(())
    }

    /// The address of an offset in the range.
    fn at(&self, offset: usize) -> NonNull<u8> {
        debug_assert!(offset <= self.mapping.len());
        // SAFETY: within the mapping.
        unsafe { self.base().add(offset) }
    }

    /// Retires the region that starts at a chunk: bytes that are not in use go back to the system.
    fn retire(&self, first: usize) {
        self.with_runs(|runs| {
            let Some(run) = runs.iter_mut().find(|run| run.chunks.start == first) else {
                return;
            };
            run.is_retired = true;
            let start = first * CHUNK;
            let tail = run.region().bytes()..run.chunks.len() * CHUNK;
            for free in run.region().free_bytes().into_iter().chain([tail]) {
                let free = start + free.start..start + free.end;
                // Locked pages cannot be discarded.
                let _ = self.mapping.unlock(free.clone());
                // SAFETY: these bytes are not in use, and nobody claims them any more. If the
                // system refuses, they stay resident.
                let _ = unsafe { self.mapping.discard(free) };
            }
        });
        self.reclaim();
    }

    /// Drops the retired regions that have no bytes in use; returns the number of their bytes.
    pub(super) fn reclaim(&self) -> usize {
        let mut gone = Vec::new();
        self.with_runs(|runs| {
            let mut i = 0;
            while i < runs.len() {
                if self.can_reclaim(&mut runs[i]) {
                    gone.push(runs.remove(i));
                } else {
                    i += 1;
                }
            }
            for chunk in gone.iter().flat_map(|run| run.chunks.clone()) {
                self.chunks[chunk].store(ptr::null_mut(), Ordering::Relaxed);
            }
        });
        // Dropped here, outside of the lock.
        gone.iter().map(|run| run.region().bytes()).sum()
    }

    /// Whether a region is retired and free. Its addresses can be used again then.
    fn can_reclaim(&self, run: &mut ChunkRun) -> bool {
        if !run.is_retired || run.is_lost || !run.region().is_free() {
            return false;
        }
        let bytes = run.chunks.start * CHUNK..run.chunks.end * CHUNK;
        checker::gone(self.at(bytes.start), bytes.len());
        // SAFETY: as in `retire`; by now none of the bytes are in use. If the system refuses, the
        // chunks are not used again before it agrees.
        let outcome = unsafe { self.mapping.decommit(bytes) };
        run.is_lost = outcome.is_err_and(|error| error.is_out_of_memory());
        outcome.is_ok()
    }
}

impl Drop for AddressRange {
    fn drop(&mut self) {
        if self.runs.with(|runs| runs.iter().all(|run| !run.is_lost)) {
            let tell = |run: &ChunkRun| {
                let bytes = run.chunks.len() * CHUNK;
                checker::gone(self.at(run.chunks.start * CHUNK), bytes);
            };
            self.runs.with(|runs| runs.iter().for_each(tell));
            // SAFETY: dropped here alone. Sessions borrow the range, so none is left.
            unsafe { ManuallyDrop::drop(&mut self.mapping) };
        }
    }
}

/// Half of a range, in whole chunks.
const fn half(bytes: usize) -> usize {
    (bytes / 2).next_multiple_of(CHUNK)
}

/// The sole right to claim blocks of a region. Dropping it retires the region.
#[derive(Debug)]
pub(super) struct Lease<'r> {
    range: &'r AddressRange,
    first: usize,
    region: NonNull<PlannedRegion>,
}

// SAFETY: the region may be used from any thread, and so may the range.
unsafe impl Send for Lease<'_> {}
// SAFETY: as above, and a shared reference gives no more than shared references to both.
unsafe impl Sync for Lease<'_> {}

impl Lease<'_> {
    #[inline]
    pub(super) fn region(&self) -> &PlannedRegion {
        // SAFETY: a region is alive until it is retired, and only dropping this lease retires it.
        unsafe { self.region.as_ref() }
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        self.range.retire(self.first);
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    /// The bytes from `start` on that the process may write to.
    fn writable_from(start: usize) -> usize {
        let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
        let writable = maps.lines().filter_map(|line| {
            let (range, rest) = line.split_once(' ')?;
            let (from, to) = range.split_once('-')?;
            let address = |text| usize::from_str_radix(text, 16).ok();
            rest.starts_with("rw")
                .then_some((address(from)?, address(to)?))
        });
        let found = writable.into_iter().find(|range| range.0 == start);
        found.map_or(0, |(from, to)| to - from)
    }

    #[test]
    fn a_region_below_two_mebibytes_takes_small_pages() {
        let range = AddressRange::reserve(usize::MAX).unwrap();
        let pages = PagePolicy {
            huge_pages: HugePages::Always,
            is_pinned: false,
        };
        for (bytes, expected) in [(100_000, 102_400), ((2 << 20) + 1, 4 << 20)] {
            let map = RegionMap::new([(0, bytes)].into_iter()).unwrap();
            let lease = range.lease(map, pages).unwrap();
            let start = range.base().addr().get() + lease.first * CHUNK;
            assert_eq!(writable_from(start), expected, "{bytes}");
        }
    }
}
