//! The address range of all planned regions: one comparison tells whether an address is planned.
//!
//! An [`AddressRange`] reserves address space once and cuts it into chunks of 2 MiB. In a run of
//! chunks one region at a time is open, and a table maps each chunk to that region. Runs are used
//! by a lease. When it ends, the run is *retired*: its bytes go back to the system, except for
//! blocks that are still in use. These, and the chunks, follow at the first
//! [`reclaim`](AddressRange::reclaim) after the last block was released.
//!
//! ```text
//! chunks    ┌─ region A ──┬── free ──┬ region B ┬─ region C (retired) ───┐
//! tables      A  A  A  A    -  -  -    B  B  B    C  C  C  C  C  C  C  C
//! ```
//!
//! Invariants: a chunk is in at most one of `runs`, and its entry in the table is that run's
//! region, or null. A region is open only while a run has it, and a run gets another one, or its
//! chunks become free, only once it is closed: then no block of it is in use. If the addresses of a
//! run are lost, they are used by nobody again, and are not unmapped either.

use alloc::{boxed::Box, sync::Arc, vec::Vec};
use core::{mem, mem::ManuallyDrop, ops, ptr, ptr::NonNull};

use super::{error::ReplayError, planned_region::PlannedRegion, trace::MAX_ALIGNMENT};
use crate::fork::uninterrupted;
use orionrt_sys::checker;
use orionrt_sys::locked::Locked;
use orionrt_sys::machine::reservation;
use orionrt_sys::mapping::{DISCARD_WRITES, HUGE_PAGE, MapError, Mapping};
use orionrt_sys::sync::atomic::{AtomicPtr, Ordering};

/// Runs have whole chunks of so many bytes.
pub(super) const CHUNK: usize = HUGE_PAGE;
const _: () = assert!(CHUNK >= MAX_ALIGNMENT);

/// The largest range has 2 to this power bytes.
pub(super) const MOST_LOG2: u32 = if usize::BITS >= 64 { 38 } else { 29 };
/// The smallest range: if the system refuses even that, nothing can be replayed.
const LEAST_BYTES: usize = 16 << 20;

#[derive(Debug)]
pub(super) struct AddressRange {
    mapping: ManuallyDrop<Mapping>,
    chunks: Box<[AtomicPtr<PlannedRegion>]>,
    /// In order of address.
    runs: Locked<Vec<ChunkRun>>,
}

/// A run of chunks, its region, and whether its lease has ended.
#[derive(Debug)]
struct ChunkRun {
    chunks: ops::Range<usize>,
    /// The table has addresses of it.
    region: Arc<PlannedRegion>,
    /// Whether the region is known to be closed, before it is opened or for good. If not, it is
    /// open.
    is_closed: bool,
    is_retired: bool,
    /// Whether some thread is giving its memory back.
    is_leaving: bool,
    /// Whether its addresses may be somebody else's by now: they are not used again.
    is_lost: bool,
}

impl ChunkRun {
    /// Closes the region for good, if none of its bytes are in use; returns whether it is closed.
    fn close(&mut self) -> bool {
        self.is_closed = self.is_closed || self.region.try_close();
        self.is_closed
    }
}

// SAFETY: all calls on a part of the mapping come from whoever has it alone: a lease, whose chunks
// are in no other run, or the one thread that has marked a retired run as leaving. The rest is
// atomic or locked.
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

    /// The mapping of all chunks, by offsets in the range.
    pub(super) fn mapping(&self) -> &Mapping {
        &self.mapping
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

    /// Reads or changes the runs, which no child of a `fork` finds locked or half changed.
    fn with_runs<R>(&self, f: impl FnOnce(&mut Vec<ChunkRun>) -> R) -> R {
        uninterrupted(|| self.runs.with(f))
    }

    /// Makes a run of `count` chunks for a closed region, in the first gap; returns the first of
    /// them. There is no memory in it yet.
    pub(super) fn insert(
        &self,
        count: usize,
        region: &Arc<PlannedRegion>,
    ) -> Result<usize, ReplayError> {
        self.with_runs(|runs| self.insert_into(runs, count, region))
    }

    fn insert_into(
        &self,
        runs: &mut Vec<ChunkRun>,
        count: usize,
        region: &Arc<PlannedRegion>,
    ) -> Result<usize, ReplayError> {
        let mut start = 0;
        let mut position = 0;
        for (i, run) in runs.iter().enumerate() {
            if run.chunks.start - start >= count {
                break;
            }
            (start, position) = (run.chunks.end, i + 1);
        }
        if self.chunks.len() - start < count {
            let bytes = region.map().bytes();
            return Err(ReplayError::Full { bytes });
        }
        let run = ChunkRun {
            chunks: start..start + count,
            region: Arc::clone(region),
            is_closed: true,
            is_retired: false,
            is_leaving: false,
            is_lost: false,
        };
        self.set_table(run.chunks.clone(), Some(region));
        runs.insert(position, run);
        Ok(start)
    }

    /// Has the table name the region of these chunks.
    fn set_table(&self, chunks: ops::Range<usize>, region: Option<&Arc<PlannedRegion>>) {
        let region = region.map_or(ptr::null(), Arc::as_ptr).cast_mut();
        for chunk in &self.chunks[chunks] {
            chunk.store(region, Ordering::Relaxed);
        }
    }

    /// Extends the run of these chunks to so many, if those behind it are free; returns whether it
    /// did.
    pub(super) fn extend(&self, chunks: &ops::Range<usize>, count: usize) -> bool {
        self.with_runs(|runs| {
            let Some(at) = runs.iter().position(|run| run.chunks == *chunks) else {
                return false;
            };
            let end = chunks.start + count;
            let next = runs.get(at + 1).map(|run| run.chunks.start);
            if end > next.unwrap_or(self.chunks.len()) {
                return false;
            }
            self.set_table(chunks.end..end, Some(&runs[at].region));
            runs[at].chunks.end = end;
            true
        })
    }

    /// Opens a region in the run of these chunks.
    ///
    /// # Safety
    /// The chunks are the caller's lease, which is backed for all bytes of the region. The region
    /// is closed, and no other run has it; and so is the region that the run has had.
    pub(super) unsafe fn open(&self, chunks: &ops::Range<usize>, region: &Arc<PlannedRegion>) {
        let old = self.with_runs(|runs| {
            let run = runs.iter_mut().find(|run| run.chunks == *chunks)?;
            // Before it is open: whoever releases a block of it finds it here.
            self.set_table(chunks.clone(), Some(region));
            run.is_closed = false;
            let old = mem::replace(&mut run.region, Arc::clone(region));
            // SAFETY: it is closed, as the caller vouches. The chunks are in no other run, and so
            // they are this region's alone as long as it is open. The start of a chunk is a
            // multiple of every planned alignment.
            unsafe { region.open(self.at(chunks.start * CHUNK)) };
            Some(old)
        });
        // Dropped here, outside of the lock.
        drop(old);
    }

    /// The address of an offset in the range.
    pub(super) fn at(&self, offset: usize) -> NonNull<u8> {
        debug_assert!(offset <= self.mapping.len());
        // SAFETY: within the mapping.
        unsafe { self.base().add(offset) }
    }

    /// Retires the run of these chunks, whose first `backed` bytes are resident: bytes that are not
    /// in use go back to the system.
    ///
    /// # Safety
    /// The chunks are the caller's lease, which ends now: nobody claims bytes in it any more. So
    /// many bytes of it are committed, those of the region that is open there among them.
    pub(super) unsafe fn retire(&self, chunks: &ops::Range<usize>, backed: usize) {
        let in_use = self.with_runs(|runs| {
            let run = runs.iter_mut().find(|run| run.chunks == *chunks)?;
            run.is_retired = run.close();
            (!run.is_retired).then(|| Arc::clone(&run.region))
        });
        if let Some(region) = in_use {
            let start = chunks.start * CHUNK;
            // A huge page may reach as far as its chunk. What is written must be committed.
            let end = match DISCARD_WRITES {
                true => backed,
                false => chunks.len() * CHUNK,
            };
            let tail = region.bytes()..end;
            for free in region.free_bytes().into_iter().chain([tail]) {
                // SAFETY: these bytes are in no block in use, and nobody claims them, as the caller
                // vouches, also for what is committed. The run is not retired yet, so nobody else
                // gets its chunks.
                unsafe { self.give_back(start + free.start..start + free.end) };
            }
            self.with_runs(|runs| {
                let run = runs.iter_mut().find(|run| run.chunks == *chunks);
                run.into_iter().for_each(|run| run.is_retired = true);
            });
        }
        self.reclaim();
    }

    /// Gives the memory of whole pages back to the system. If that refuses, they stay resident.
    ///
    /// # Safety
    /// The bytes belong to the caller's lease, and nobody uses them. Where [`DISCARD_WRITES`] is
    /// true, they are committed.
    pub(super) unsafe fn give_back(&self, bytes: ops::Range<usize>) {
        // Locked pages cannot be discarded.
        let _ = self.mapping.unlock(bytes.clone());
        // SAFETY: nobody uses them, and they are committed, as the caller vouches.
        let _ = unsafe { self.mapping.discard(bytes) };
    }

    /// Frees the chunks of retired runs that have no bytes in use; returns the number of bytes that
    /// their regions had. Meanwhile other threads may use the range: giving back much memory takes
    /// long.
    pub(super) fn reclaim(&self) -> usize {
        let leaving: Vec<ops::Range<usize>> = self.with_runs(|runs| {
            let leaving = runs.iter_mut().filter_map(|run| {
                let can_leave = run.is_retired && !run.is_lost && !run.is_leaving && run.close();
                run.is_leaving |= can_leave;
                can_leave.then(|| run.chunks.clone())
            });
            leaving.collect()
        });
        leaving.into_iter().map(|chunks| self.leave(chunks)).sum()
    }

    /// Frees the chunks of a run that is leaving; returns the number of bytes that its region had.
    fn leave(&self, chunks: ops::Range<usize>) -> usize {
        let bytes = chunks.start * CHUNK..chunks.end * CHUNK;
        checker::gone(self.at(bytes.start), bytes.len());
        // SAFETY: the region is closed for good, so none of the bytes are in use. The chunks are
        // used again once they are in no run, and if the system refuses, not before it agrees.
        let outcome = unsafe { self.mapping.decommit(bytes) };
        let gone = self.with_runs(|runs| {
            let at = runs.iter().position(|run| run.chunks == chunks)?;
            runs[at].is_leaving = false;
            runs[at].is_lost = outcome.is_err_and(|error| error.is_out_of_memory());
            outcome.is_ok().then(|| {
                self.set_table(chunks, None);
                runs.remove(at)
            })
        });
        // Dropped here, outside of the lock.
        gone.map_or(0, |run| run.region.bytes())
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
