//! The memory of a session's regions.
//!
//! The iterations of a session run one at a time, so its keys take turns in one lease: when another
//! key runs, its region is opened where the one before was, unless blocks of that one are still in
//! use. Then it gets a lease of its own. A lease grows with the regions that are opened in it.
//!
//! ```text
//! key       1     2     1     3, while a block of 1 is in use     2
//! lease a   ├ 1 ┤ ├ 2 ┤ ├────────── 1 ───────────────────────────────── ...
//! lease b                     ├ 3 ┤                               ├ 2 ┤
//! ```
//!
//! Stands on the address range. Invariant: leases are in the order in which they were last used.
//! Together they have no more bytes than allowed, and one alone no more than the largest region
//! needs; but the region that was opened last always has what it needs.

#![forbid(unsafe_code)]

use alloc::{sync::Arc, vec::Vec};

use super::{
    address_range::AddressRange,
    error::ReplayError,
    lease::{Exchange, Lease, PagePolicy},
    planned_region::PlannedRegion,
    region_map::RegionMap,
};

#[derive(Debug, Default)]
pub(super) struct SessionRegions<'a> {
    /// The last one used comes first.
    leases: Vec<Lease<'a>>,
    pub(super) pages: PagePolicy,
}

impl<'a> SessionRegions<'a> {
    /// Whether this region was opened last.
    #[inline]
    pub(super) fn is_last(&self, region: &Arc<PlannedRegion>) -> bool {
        self.leases.first().is_some_and(|lease| lease.has(region))
    }

    /// The bytes that are resident.
    pub(super) fn bytes(&self) -> u64 {
        self.leases.iter().map(|lease| lease.bytes() as u64).sum()
    }

    /// The bytes of the largest region that could be opened without more memory.
    pub(super) fn largest(&self) -> u64 {
        let bytes = self.leases.iter().map(|lease| lease.bytes() as u64);
        bytes.max().unwrap_or(0)
    }

    /// Opens a region, if it is not open already. Other leases may have the rest of so many bytes.
    pub(super) fn open(
        &mut self,
        range: &'a AddressRange,
        region: &mut Arc<PlannedRegion>,
        most: u64,
    ) -> Result<(), ReplayError> {
        let bytes = region.bytes() as u64;
        let lease = match self.leases.iter().position(|lease| lease.has(region)) {
            Some(at) => self.leases.remove(at),
            None => match self.exchange(region, |lease| lease.bytes() as u64 >= bytes)? {
                Some(lease) => lease,
                None => self.grow(range, region, most)?,
            },
        };
        self.leases.insert(0, lease);
        Ok(())
    }

    /// Closes a region that is not needed any more. If bytes of it are in use, its lease ends.
    pub(super) fn close(&mut self, region: &Arc<PlannedRegion>) {
        let Some(at) = self.leases.iter().position(|lease| lease.has(region)) else {
            return;
        };
        // Another one instead, which takes no memory.
        let empty = RegionMap::new([].into_iter()).map(PlannedRegion::new);
        let outcome = empty.map(|empty| self.leases[at].exchange(&mut Arc::new(empty)));
        if outcome != Some(Ok(Exchange::Done)) {
            self.leases.remove(at);
        }
    }

    /// Opens a region that no lease is large enough for.
    fn grow(
        &mut self,
        range: &'a AddressRange,
        region: &mut Arc<PlannedRegion>,
        most: u64,
    ) -> Result<Lease<'a>, ReplayError> {
        let bytes = region.bytes() as u64;
        // The last one used is the one that can most likely grow.
        while self.leases.len() > 1 && self.bytes() - self.leases[0].bytes() as u64 + bytes > most {
            self.leases.pop();
        }
        if let Some(lease) = self.exchange(region, |_| true)? {
            return Ok(lease);
        }
        while !self.leases.is_empty() && self.bytes() + bytes > most {
            self.leases.pop();
        }
        range.lease(region, self.pages)
    }

    /// Opens a region in the first of these leases of which no block is in use. Leases that are too
    /// short go.
    fn exchange(
        &mut self,
        region: &mut Arc<PlannedRegion>,
        is_suitable: impl Fn(&Lease<'_>) -> bool,
    ) -> Result<Option<Lease<'a>>, ReplayError> {
        let mut at = 0;
        while at < self.leases.len() {
            if !is_suitable(&self.leases[at]) {
                at += 1;
                continue;
            }
            match self.leases[at].exchange(region)? {
                Exchange::Done => return Ok(Some(self.leases.remove(at))),
                Exchange::InUse => at += 1,
                Exchange::TooShort => drop(self.leases.remove(at)),
            }
        }
        Ok(None)
    }

    /// Gives back what is more than so many bytes, or more than the largest region needs, but for
    /// what the region that was opened last needs.
    pub(super) fn trim(&mut self, most: u64, largest: u64) {
        while self.leases.len() > 1 && self.bytes() > most {
            self.leases.pop();
        }
        if let [last] = &mut self.leases[..] {
            let most = most.min(largest);
            last.shrink(usize::try_from(most).unwrap_or(usize::MAX));
        }
        if largest == 0 {
            self.leases.clear();
        }
    }
}
