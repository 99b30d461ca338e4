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
//! Stands on leases of the address range. Invariant: leases are in the order in which they were
//! last used, and the first one has the region that was opened last.

#![forbid(unsafe_code)]

use alloc::{sync::Arc, vec::Vec};

use super::{
    address_range::AddressRange,
    error::ReplayError,
    lease::{Exchange, Lease, PagePolicy},
    planned_region::PlannedRegion,
};

/// Leases that nothing kept apart at so many switches in a row become one.
const SWITCHES: u32 = 16;

#[derive(Debug, Default)]
pub(super) struct SessionRegions<'a> {
    /// The last one used comes first.
    leases: Vec<Lease<'a>>,
    pub(super) pages: PagePolicy,
    /// The number of switches in a row at which one lease would have sufficed.
    needless: u32,
}

impl<'a> SessionRegions<'a> {
    /// Whether this region was opened last.
    #[inline]
    pub(super) fn was_opened_last(&self, region: &Arc<PlannedRegion>) -> bool {
        self.leases.first().is_some_and(|lease| lease.has(region))
    }

    /// Whether no block of this region is in use.
    pub(super) fn is_free(&self, region: &Arc<PlannedRegion>) -> bool {
        let lease = self.leases.iter().find(|lease| lease.has(region));
        // If it is open elsewhere, its lease has ended while blocks were in use.
        lease.map_or_else(|| Arc::strong_count(region) == 1, Lease::is_free)
    }

    /// The bytes that are resident.
    pub(super) fn bytes(&self) -> u64 {
        self.leases.iter().map(|lease| lease.bytes() as u64).sum()
    }

    /// The bytes of the longest lease.
    pub(super) fn longest(&self) -> u64 {
        let bytes = self.leases.iter().map(|lease| lease.bytes() as u64);
        bytes.max().unwrap_or(0)
    }

    /// Opens a region, if it is not open already. The region and the leases that stay beside it
    /// have no more than `most` bytes, if the region itself has no more.
    pub(super) fn open(
        &mut self,
        range: &'a AddressRange,
        region: &mut Arc<PlannedRegion>,
        most: u64,
    ) -> Result<(), ReplayError> {
        // Before any lease ends for it.
        range.ensure_fits(region.map().bytes())?;
        let bytes = region.bytes() as u64;
        let lease = match self.leases.iter().position(|lease| lease.has(region)) {
            Some(at) => self.leases.remove(at),
            None => match self.exchange(region, |lease| lease.bytes() as u64 >= bytes)? {
                Some(lease) => lease,
                None => self.grow(range, region, most)?,
            },
        };
        self.leases.insert(0, lease);
        self.join();
        Ok(())
    }

    /// Ends all leases but one, if blocks in use have kept none of them apart for a while. (At
    /// every other switch a block may be in use; leases that come and go would cost page faults.)
    fn join(&mut self) {
        let others = self.leases.get(1..).unwrap_or_default();
        self.needless = match others.iter().all(Lease::is_free) {
            true => self.needless + 1,
            false => 0,
        };
        if self.needless >= SWITCHES {
            self.needless = 0;
            self.leases.truncate(1);
        }
    }

    /// Closes a region that is not needed any more. If bytes of it are in use, its lease ends.
    pub(super) fn close(&mut self, region: &Arc<PlannedRegion>) {
        if let Some(at) = self.leases.iter().position(|lease| lease.has(region)) {
            if !self.leases[at].vacate() {
                self.leases.remove(at);
            }
        }
    }

    /// Closes a region and gives its memory back, but for pages with bytes in use. If there are
    /// any, its lease ends.
    pub(super) fn give_back(&mut self, region: &Arc<PlannedRegion>) {
        if let Some(at) = self.leases.iter().position(|lease| lease.has(region)) {
            match self.leases[at].vacate() {
                true => self.leases[at].shrink(0),
                false => drop(self.leases.remove(at)),
            }
        }
    }

    /// Opens a region that no lease is long enough for.
    fn grow(
        &mut self,
        range: &'a AddressRange,
        region: &mut Arc<PlannedRegion>,
        most: u64,
    ) -> Result<Lease<'a>, ReplayError> {
        range.reclaim();
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

    /// Opens a region in the first suitable lease of which no block is in use. Suitable leases that
    /// cannot be made long enough end.
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

    /// Gives memory back until all leases together have at most `most` bytes, and each at most
    /// `needed`, what the largest region of all keys needs. Open regions keep theirs, but leases
    /// may end, all but the last one used. Returns whether `most` took what `needed` would have
    /// left.
    pub(super) fn trim(&mut self, most: u64, needed: u64) -> bool {
        if needed == 0 {
            self.leases.clear();
        }
        for lease in &mut self.leases {
            lease.shrink(usize::try_from(needed).unwrap_or(usize::MAX));
        }
        let before = self.bytes();
        while self.leases.len() > 1 && self.bytes() > most {
            self.leases.pop();
        }
        if let [last] = &mut self.leases[..] {
            last.shrink(usize::try_from(most).unwrap_or(usize::MAX));
        }
        self.bytes() < before
    }
}
