//! Giving memory back on request: all free memory in a purge, all memory when the allocator is
//! gone.

use core::{ops::Range, sync::atomic::Ordering::Relaxed};

use super::{
    class::PAGE, heap::Heap, limits::Limits, local, page_tables::TablePlace, zone_map::ZoneMap,
};
#[cfg(feature = "hardened")]
use orionrt_sys::mapping;

impl Heap {
    /// Flushes caches and gives all free pages back to the system; returns how many bytes.
    pub(crate) fn purge(&'static self) -> usize {
        self.flush_all_caches();
        self.purging.acquire();
        let resident = self.pages.with(|pages| pages.reset_decay());
        // SAFETY: acquired above.
        let done = unsafe { self.purge_and_release(resident) * PAGE };
        self.purge_tables();
        done
    }

    /// Flushes this thread's cache and all transfer caches, takes empty spans from owned heaps and
    /// the pages that are kept for samples, and has other threads flush their caches on their next
    /// slow path.
    pub(super) fn flush_all_caches(&'static self) {
        let epoch = self.flush_epoch.fetch_add(1, Relaxed).wrapping_add(1);
        if let Some(cache) = local::cache_of(self) {
            cache.flush_epoch.set(epoch);
            self.flush_cache(cache);
        }
        self.flush_transfer_caches();
        self.trim();
    }

    /// Frees pages that are kept though nothing is in them: those of empty spans of owned heaps,
    /// and those for sampled objects. Returns whether there were any. The caller holds no lock but
    /// that of one depot.
    pub(super) fn trim(&'static self) -> bool {
        let found = self.trim_owned();
        self.free_spare_pages() || found
    }

    /// Frees the pages that are kept for sampled objects; returns whether there were any. There are
    /// no samples.
    #[cfg(not(feature = "profile"))]
    fn free_spare_pages(&self) -> bool {
        false
    }

    /// Gives back what tables have in memory that describes nothing any more. Others get their turn
    /// in between.
    pub(super) fn purge_tables(&'static self) {
        let mut place = TablePlace::START;
        while self.pages.with(|pages| pages.purge_tables(&mut place)) {}
    }

    /// Changes the limits, and gives free memory back that is beyond them.
    pub(crate) fn change_limits(&'static self, change: impl FnOnce(&mut Limits)) {
        self.pages.with(|pages| change(pages.limits_mut()));
        self.keep_to_limit();
    }

    /// Gives all memory back to the system: the allocator in front of the heap is gone, and its
    /// blocks with it. The addresses and the tables stay, because threads may still flush what they
    /// have cached.
    pub(crate) fn retire(&'static self) {
        self.retired.store(true, Relaxed);
        self.purge();
        self.forget_owned();
        self.pages.with(|pages| {
            pages.each_committed(|map, pages| {
                // SAFETY: nobody has blocks any more, and nobody looks into those in caches. If the
                // system refuses, the memory stays.
                unsafe {
                    if open_guards(map, &pages) {
                        let _ = map.zero(pages);
                    }
                }
            });
        });
    }
}

/// Makes the guard pages among these usable, which blocks still had when their allocator went, if
/// giving memory back writes to it; `false` if the system refuses.
///
/// # Safety
/// The pages are committed, and nobody uses them.
#[cfg(feature = "hardened")]
unsafe fn open_guards(map: &ZoneMap, pages: &Range<usize>) -> bool {
    // SAFETY: the caller's duty, passed on.
    !mapping::DISCARD_WRITES || unsafe { map.protect(pages.clone(), true) }.is_ok()
}

/// There are no guard pages.
#[cfg(not(feature = "hardened"))]
unsafe fn open_guards(_: &ZoneMap, _: &Range<usize>) -> bool {
    true
}
