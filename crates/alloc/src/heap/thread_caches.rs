//! The heap's caches: handed to threads, flushed, and taken back when threads end.
//!
//! Invariant: a cache that is in the list of idle ones is empty.

#![forbid(unsafe_code)]

use core::sync::atomic::Ordering::Relaxed;

use super::{cache::Cache, class::Class, heap::Heap};

impl Heap {
    /// A cache for a thread; `None` if there is no memory, or no zone yet: the first allocation of
    /// a heap goes to a depot.
    pub(super) fn take_cache(&'static self) -> Option<&'static Cache> {
        let first_zone = self.registry.iter().next()?;
        let heap = self.address();
        let (cache, is_new) = self.caches.with(|caches| caches.take(heap, first_zone))?;
        if is_new {
            self.pages.with(|pages| pages.note_tables(Cache::BYTES));
        }
        cache.flush_epoch.set(self.flush_epoch.load(Relaxed));
        // A thread may go on for ever without a slow path.
        #[cfg(feature = "profile")]
        cache.follow(&self.sampler);
        Some(cache)
    }

    /// Takes the cache of a thread that ends, and flushes it for the others.
    pub(super) fn put_back_cache(&'static self, cache: &'static Cache) {
        self.flush_cache(cache);
        self.caches.with(|caches| caches.put_back(cache));
    }

    /// Returns all objects of a cache to the depots.
    pub(super) fn flush_cache(&'static self, cache: &Cache) {
        for class in Class::all() {
            let bin = cache.bin(class);
            bin.drain_oldest(0, |objects| {
                if !objects.is_empty() {
                    self.flush(class, objects);
                }
            });
            bin.reset_limit();
        }
    }

    /// Returns the objects in transit of all classes to their spans.
    pub(super) fn flush_transfer_caches(&'static self) {
        for class in Class::all() {
            self.flush_transfer_cache(class);
        }
    }
}
