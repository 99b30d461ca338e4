//! A lease: the right to a run of chunks of the address range, and the memory in it.
//!
//! In a [`Lease`] one region at a time is open, for whoever claims its blocks. Another one takes
//! its place once none of its bytes are in use. The memory grows and shrinks with need.
//!
//! Invariant: the memory behind the open region is resident, and at least as long as that.

use alloc::sync::Arc;
use core::ops;

use super::{
    address_range::{AddressRange, CHUNK},
    error::ReplayError,
    planned_region::PlannedRegion,
    region_map::RegionMap,
};
use orionrt_alloc::arena::HugePages;
use orionrt_sys::checker;
use orionrt_sys::mapping::{MapError, PAGE};

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

impl AddressRange {
    /// Leases memory for a region, whose blocks are aligned to at most [`MAX_ALIGNMENT`], and opens
    /// it there. All of it is resident. One that is still used elsewhere is replaced by a copy.
    pub(super) fn lease(
        &self,
        region: &mut Arc<PlannedRegion>,
        pages: PagePolicy,
    ) -> Result<Lease<'_>, ReplayError> {
        let bytes = self.size_of(region)?;
        let region = own_or_copy(region);
        self.reclaim();
        let count = bytes.div_ceil(CHUNK).max(1);
        let first = self.insert(count, region)?;
        let mut lease = Lease {
            range: self,
            chunks: first..first + count,
            bytes: 0,
            pages,
            region: Arc::clone(region),
        };
        lease.back(bytes)?;
        // SAFETY: the region is closed, since nothing else has it, and so is that of the run, which
        // is the same. The chunks are this lease's, and backed for so many bytes.
        unsafe { self.open(&lease.chunks, region) };
        Ok(lease)
    }

    /// The bytes of a region, in whole pages, if the range holds as many.
    fn size_of(&self, region: &PlannedRegion) -> Result<usize, ReplayError> {
        let bytes = region.map().bytes();
        self.ensure_fits(bytes)?;
        let whole = usize::try_from(bytes).ok();
        let whole = whole.and_then(|bytes| bytes.checked_next_multiple_of(PAGE));
        whole.ok_or(ReplayError::TooLarge { bytes })
    }
}

/// The region, or a copy in its place if anything else still has it: then it is perhaps open.
fn own_or_copy(region: &mut Arc<PlannedRegion>) -> &Arc<PlannedRegion> {
    if Arc::get_mut(region).is_none() {
        *region = Arc::new(PlannedRegion::new(region.map().unclaimed()));
    }
    region
}

/// What came of opening another region in a run of chunks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exchange {
    Done,
    /// Bytes of the region that is open there are in use.
    InUse,
    /// The chunks are too few, and those behind them are taken.
    TooShort,
}

/// The right to a run of chunks, in which one region at a time is open. Dropping it retires the
/// run.
#[derive(Debug)]
pub(super) struct Lease<'r> {
    range: &'r AddressRange,
    chunks: ops::Range<usize>,
    /// So many bytes from the start on are resident: whole pages.
    bytes: usize,
    pages: PagePolicy,
    region: Arc<PlannedRegion>,
}

impl Lease<'_> {
    /// Whether this region is open here.
    #[inline]
    pub(super) fn has(&self, region: &Arc<PlannedRegion>) -> bool {
        Arc::ptr_eq(&self.region, region)
    }

    /// Whether no block of the region that is open here is in use.
    pub(super) fn is_free(&self) -> bool {
        self.region.is_free()
    }

    /// Closes the region that is open here, if none of its bytes are in use; returns whether it
    /// did. An empty one takes its place.
    pub(super) fn vacate(&mut self) -> bool {
        let empty = RegionMap::new([].into_iter()).map(PlannedRegion::new);
        let outcome = empty.map(|empty| self.exchange(&mut Arc::new(empty)));
        outcome == Some(Ok(Exchange::Done))
    }

    /// The bytes that are resident.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Opens a region here instead of the one that is open now, if none of that one's bytes are in
    /// use. One that is still used elsewhere is replaced by a copy.
    ///
    /// # Errors
    /// If there is no memory. The other region stays open then.
    pub(super) fn exchange(
        &mut self,
        region: &mut Arc<PlannedRegion>,
    ) -> Result<Exchange, ReplayError> {
        let bytes = self.range.size_of(region)?;
        let count = bytes.div_ceil(CHUNK).max(1);
        let region = own_or_copy(region);
        // From here on nobody uses the chunks. (Nothing unwinds before a region is open again: the
        // run could never be reclaimed.)
        if !self.region.try_close() {
            return Ok(Exchange::InUse);
        }
        let outcome = self.make_room(bytes, count);
        if outcome == Ok(Exchange::Done) {
            self.region = Arc::clone(region);
        }
        // SAFETY: the region is the one that was closed above, or the other one, which is closed
        // since nothing else has it. The chunks are this lease's, and backed for as many bytes.
        unsafe { self.range.open(&self.chunks, &self.region) };
        outcome
    }

    /// Makes so many bytes resident, in so many chunks, if there is room for those.
    fn make_room(&mut self, bytes: usize, count: usize) -> Result<Exchange, ReplayError> {
        if count > self.chunks.len() {
            if !self.range.extend(&self.chunks, count) {
                return Ok(Exchange::TooShort);
            }
            self.chunks.end = self.chunks.start + count;
        }
        self.back(bytes)?;
        Ok(Exchange::Done)
    }

    /// Makes bytes up to here usable and resident. Without memory for all, what was taken goes.
    fn back(&mut self, bytes: usize) -> Result<(), MapError> {
        if bytes <= self.bytes {
            return Ok(());
        }
        let start = self.chunks.start * CHUNK;
        let range = start + self.bytes..start + bytes;
        let whole = start..start + bytes.next_multiple_of(CHUNK);
        self.commit(range.clone(), whole)?;
        let outcome = self.make_resident(range.clone());
        match outcome {
            Ok(()) => self.bytes = bytes,
            // SAFETY: the range is this lease's, committed above, and no region that is open here
            // reaches it.
            Err(_) => unsafe { self.range.give_back(range) },
        }
        outcome
    }

    /// Makes a range usable, and `whole` chunks with it if they are huge pages. A refused advice on
    /// huge pages changes nothing else. On an error nothing of the range has become resident.
    fn commit(&self, range: ops::Range<usize>, whole: ops::Range<usize>) -> Result<(), MapError> {
        let mapping = self.range.mapping();
        match self.pages.huge_pages {
            // Whole chunks are committed, so that the last one can be a huge page, too. A region
            // that is smaller than one would only take more memory.
            HugePages::Always if range.end - whole.start >= CHUNK => {
                mapping.commit(whole.clone())?;
                let _ = mapping.advise_huge(whole);
            }
            HugePages::Off => {
                mapping.commit(range.clone())?;
                let _ = mapping.advise_nohuge(range.clone());
            }
            _ => mapping.commit(range)?,
        }
        Ok(())
    }

    /// Makes a range that is committed resident, and locked if the pages are to be.
    fn make_resident(&self, range: ops::Range<usize>) -> Result<(), MapError> {
        let mapping = self.range.mapping();
        if self.pages.is_pinned {
            mapping.lock(range.clone())?;
        }
        // SAFETY: the range is this lease's, and nobody has been granted any of it: regions that
        // were open here since it was last given back end before it.
        unsafe { mapping.prefault(range.clone()) }?;
        checker::no_access(self.range.at(range.start), range.len());
        Ok(())
    }

    /// Gives the memory back that is more than so many bytes, but not that of the region.
    pub(super) fn shrink(&mut self, bytes: usize) {
        let needed = self.region.bytes().next_multiple_of(PAGE);
        let kept = needed.max(bytes / PAGE * PAGE);
        if kept < self.bytes {
            let start = self.chunks.start * CHUNK;
            // SAFETY: the range is this lease's, and the region that is open here ends before it.
            unsafe { self.range.give_back(start + kept..start + self.bytes) };
            self.bytes = kept;
        }
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        // SAFETY: the chunks are this lease's, which ends here, and backed for so many bytes.
        unsafe { self.range.retire(&self.chunks, self.bytes) };
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    /// A closed region of one block.
    fn region(bytes: u64) -> Arc<PlannedRegion> {
        let map = RegionMap::new([(0, bytes)].into_iter()).unwrap();
        Arc::new(PlannedRegion::new(map))
    }

    /// The address of a lease's first byte.
    fn start_of(lease: &Lease<'_>) -> usize {
        lease.range.base().addr().get() + lease.chunks.start * CHUNK
    }

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
            let lease = range.lease(&mut region(bytes), pages).unwrap();
            assert_eq!(writable_from(start_of(&lease)), expected, "{bytes}");
        }
    }

    fn pages() -> PagePolicy {
        PagePolicy::default()
    }

    /// The bytes from the start of a lease on that are in memory.
    fn resident(lease: &Lease<'_>) -> usize {
        let pages = lease.chunks.len() * CHUNK / PAGE;
        let mut states = alloc::vec![0u8; pages];
        let start = lease.range.at(lease.chunks.start * CHUNK).as_ptr();
        // SAFETY: writes a byte for each page, of which there are so many.
        let outcome = unsafe { libc::mincore(start.cast(), pages * PAGE, states.as_mut_ptr()) };
        assert_eq!(outcome, 0);
        states.iter().filter(|&&state| state & 1 == 1).count() * PAGE
    }

    #[test]
    fn the_memory_of_a_lease_grows_and_shrinks_with_its_regions() {
        let range = AddressRange::reserve(64 << 20).unwrap();
        let mut regions = [100_000, 9 << 20, 3 << 20].map(region);
        let mut lease = range.lease(&mut regions[0], pages()).unwrap();
        for (i, expected) in [(0, 102_400), (1, 9 << 20), (2, 9 << 20)] {
            if i > 0 {
                assert_eq!(lease.exchange(&mut regions[i]), Ok(Exchange::Done));
            }
            assert!(lease.has(&regions[i]));
            assert_eq!((lease.bytes(), resident(&lease)), (expected, expected));
            let start = regions[i].claim(0).expect("it is open");
            assert_eq!(start.addr().get(), start_of(&lease));
            let block = regions[i].live_block(start.as_ptr());
            block.expect("it was granted").release();
        }
        // No further than the open region needs.
        lease.shrink(0);
        assert_eq!((lease.bytes(), resident(&lease)), (3 << 20, 3 << 20));
    }

    #[test]
    fn a_region_that_is_in_use_or_closed_grants_nothing_to_another() {
        let range = AddressRange::reserve(64 << 20).unwrap();
        let [mut first, mut second] = [5000, 6000].map(region);
        let mut lease = range.lease(&mut first, pages()).unwrap();
        assert!(second.claim(0).is_none());
        let start = first.claim(0).expect("it is open");
        assert_eq!(lease.exchange(&mut second), Ok(Exchange::InUse));
        assert!(!lease.vacate() && second.claim(0).is_none());
        let block = range
            .region_at(start.as_ptr())
            .unwrap()
            .live_block(start.as_ptr());
        block.expect("it was granted").release();
        assert_eq!(lease.exchange(&mut second), Ok(Exchange::Done));
        assert!(first.claim(0).is_none() && second.claim(0).is_some());
        // One whose lease has ended while a block was in use is not opened twice.
        drop(lease);
        let old = Arc::clone(&second);
        let other = range.lease(&mut second, pages()).unwrap();
        assert!(!Arc::ptr_eq(&old, &second) && other.has(&second));
        assert_eq!(range.regions(), (2, 0));
    }

    #[test]
    fn a_lease_grows_into_free_chunks_alone() {
        let range = AddressRange::reserve(64 << 20).unwrap();
        let [mut small, mut beside, mut large] = [1000, 1000, 5 << 20].map(region);
        let mut lease = range.lease(&mut small, pages()).unwrap();
        let neighbour = range.lease(&mut beside, pages()).unwrap();
        assert_eq!(lease.exchange(&mut large), Ok(Exchange::TooShort));
        assert!(small.claim(0).is_some() && lease.has(&small));
        let start = start_of(&neighbour) as *mut u8;
        let found = range.region_at(start).map(core::ptr::from_ref);
        assert_eq!(found, Some(Arc::as_ptr(&beside)));
        drop(neighbour);
        drop(lease);
        let mut lease = range.lease(&mut beside, pages()).unwrap();
        assert_eq!(lease.exchange(&mut large), Ok(Exchange::Done));
        assert_eq!(lease.bytes(), 5 << 20);
    }
}
