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
        let region = own(region);
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
        self.open(&lease.chunks, region);
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
fn own(region: &mut Arc<PlannedRegion>) -> &Arc<PlannedRegion> {
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
        let region = own(region);
        // From here on nobody uses the chunks.
        if !self.region.try_close() {
            return Ok(Exchange::InUse);
        }
        let outcome = self.make_room(bytes, count);
        if outcome == Ok(Exchange::Done) {
            self.region = Arc::clone(region);
        }
        self.range.open(&self.chunks, &self.region);
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

    /// Makes bytes up to here usable and resident. A refused advice on huge pages changes nothing
    /// else.
    fn back(&mut self, bytes: usize) -> Result<(), MapError> {
        if bytes <= self.bytes {
            return Ok(());
        }
        let (mapping, start) = (self.range.mapping(), self.chunks.start * CHUNK);
        let range = start + self.bytes..start + bytes;
        let whole = start..start + bytes.next_multiple_of(CHUNK);
        match self.pages.huge_pages {
            // Whole chunks are committed, so that the last one can be a huge page, too. A region
            // that is smaller than one would only take more memory.
            HugePages::Always if bytes >= CHUNK => {
                mapping.commit(whole.clone())?;
                let _ = mapping.advise_huge(whole);
            }
            HugePages::Off => {
                mapping.commit(range.clone())?;
                let _ = mapping.advise_nohuge(range.clone());
            }
            _ => mapping.commit(range.clone())?,
        }
        if self.pages.is_pinned {
            mapping.lock(range.clone())?;
        }
        // SAFETY: nobody has been granted any of these bytes: no region that was open here was so
        // large since they were last given back.
        unsafe { mapping.prefault(range.clone()) }?;
        checker::no_access(self.range.at(range.start), range.len());
        self.bytes = bytes;
        Ok(())
    }

    /// Gives the memory back that is more than so many bytes, but not that of the region.
    pub(super) fn shrink(&mut self, bytes: usize) {
        let needed = self.region.bytes().next_multiple_of(PAGE);
        let kept = needed.max(bytes / PAGE * PAGE);
        if kept < self.bytes {
            let start = self.chunks.start * CHUNK;
            self.range.give_back(start + kept..start + self.bytes);
            self.bytes = kept;
        }
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        self.range.retire(&self.chunks);
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use crate::replay::region_map::RegionMap;

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
}
