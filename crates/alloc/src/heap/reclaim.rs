//! Giving memory back on request: all free memory in a purge, all memory when the allocator is
//! gone.

use core::sync::atomic::Ordering::Relaxed;

use super::{class::PAGE, heap::Heap, local::cache};

impl Heap {
    /// Flushes this thread's cache and all transfer caches, takes empty spans from owned heaps, and
    /// gives all free pages back to the system; returns how many bytes. Other threads flush their
    /// caches on their next slow path.
    pub(crate) fn purge(&'static self) -> usize {
        let epoch = self.flush_epoch.fetch_add(1, Relaxed).wrapping_add(1);
        let cache = cache();
        if cache.serves(self.address()) {
            cache.flush_epoch.set(epoch);
            self.flush_cache(cache);
        }
        self.flush_transfer_caches();
        self.trim_owned();
        self.purging.acquire();
        let resident = self.pages.with(|pages| pages.reset_decay());
        // SAFETY: acquired above.
        unsafe { self.purge_and_release(resident) * PAGE }
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
                let _ = unsafe { map.zero(pages) };
            });
        });
    }
}
