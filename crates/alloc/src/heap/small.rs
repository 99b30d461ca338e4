//! Small objects where the thread's cache alone could not serve: the slow path of allocation and
//! release.
//!
//! It refills an empty bin from the depot of its class and flushes half of a full one. A thread
//! that has no cache of this heap works on the depots directly. On its way, the slow path does what
//! has to be done now and then: it follows requests to flush caches, sweeps one class, and looks at
//! the clock.

use core::{ptr::NonNull, sync::atomic::Ordering::Relaxed};

#[cfg(not(feature = "profile"))]
use super::bin_word::MOST_POPS;
use super::{
    cache::Cache,
    class::{CLASSES, Class},
    depot::Depot,
    heap::Heap,
    invalid_free::InvalidFree,
    local,
    thread_cache::hidden_cache,
    zone_map::ZoneMap,
};

/// Slow paths of a thread between two looks at the clock.
const SLOW_PATHS_PER_TICK: u32 = 64;

impl Heap {
    /// Allocates an object where the thread's cache could not.
    #[cold]
    pub(crate) fn allocate_small(&'static self, class: Class, bytes: usize) -> Option<NonNull<u8>> {
        let found = match self.own_cache() {
            // An observed thread comes here with a full cache, too.
            Some(cache) => self
                .is_observed
                .then(|| cache.pop(class, bytes))
                .flatten()
                .or_else(|| self.allocate_slowly(cache, class, bytes)),
            None => self.allocate_direct(class, bytes),
        };
        if found.is_none() {
            self.note_failure();
        }
        found
    }

    /// Allocates an object where the bin of the thread's cache is empty, or does not give the next
    /// one because that is due for a sample.
    #[inline(always)]
    fn allocate_slowly(
        &'static self,
        cache: &Cache,
        class: Class,
        bytes: usize,
    ) -> Option<NonNull<u8>> {
        self.slow_path(cache);
        let bin = cache.bin(class);
        if bin.is_due() {
            let sampled = self.allocate_due(cache, class, bytes);
            if sampled.is_some() {
                return sampled;
            }
        }
        if bin.len() == 0 {
            self.refill(cache, class);
        }
        cache.pop(class, bytes)
    }

    /// Has the bin count on: there are no samples.
    #[cfg(not(feature = "profile"))]
    fn allocate_due(&self, cache: &Cache, class: Class, _: usize) -> Option<NonNull<u8>> {
        cache.bin(class).arm(MOST_POPS);
        None
    }

    /// This thread's cache of this heap, bound now if the thread has none.
    fn own_cache(&'static self) -> Option<&'static Cache> {
        local::cache_of(self).or_else(|| local::bind(self))
    }

    /// The cache of this thread where calls are observed, which the fast path does not find.
    #[inline(always)]
    pub(crate) fn hidden_cache(&self) -> Option<&'static Cache> {
        // Where they are not, there is none.
        let cache = hidden_cache();
        cache.serves(self.address()).then_some(cache)
    }

    fn allocate_direct(&'static self, class: Class, bytes: usize) -> Option<NonNull<u8>> {
        #[cfg(feature = "profile")]
        if let Some(sampled) = self.allocate_drawn(class, bytes) {
            return Some(sampled);
        }
        // SAFETY: `open_span` opens spans of this class for this depot.
        let found = self
            .depot(class)
            .with(|depot| unsafe { depot.remove_one(|| self.open_span(class)) });
        if found.is_some() {
            self.requested.fetch_add(bytes, Relaxed);
        }
        found
    }

    /// Fills an empty bin from the depot, to half of its limit.
    fn refill(&'static self, cache: &Cache, class: Class) {
        let bin = cache.bin(class);
        let want = bin.refill_size();
        bin.refill(want, |cells| {
            // SAFETY: `open_span` opens spans of this class for this depot.
            self.depot(class)
                .with(|depot| unsafe { depot.remove_range(cells, || self.open_span(class)) })
        });
    }

    /// Releases an object where the thread's cache could not.
    #[cold]
    pub(crate) fn release_small(
        &'static self,
        class: Class,
        object: *mut u8,
        bytes: usize,
    ) -> Result<(), InvalidFree> {
        let (map, page) = self.registry.find(object).ok_or(InvalidFree::at(object))?;
        if map.kind(page) != class.kind() {
            self.release_elsewhere(class, (map, page), object)?;
            self.note_resized(bytes, 0);
            return Ok(());
        }
        let Some(cache) = self.own_cache() else {
            self.requested.fetch_sub(bytes, Relaxed);
            self.flush(class, &[object]);
            return Ok(());
        };
        let bin = cache.bin(class);
        cache.count_requested(bytes.wrapping_neg());
        if !bin.push(object) {
            self.slow_path(cache);
            self.flush_half(cache, class);
            if !bin.push(object) {
                self.flush(class, &[object]);
            }
        }
        Ok(())
    }

    /// Releases an object that lies in no span of its class: a sampled one.
    #[cfg(not(feature = "profile"))]
    fn release_elsewhere(
        &self,
        _: Class,
        _: (&ZoneMap, usize),
        object: *mut u8,
    ) -> Result<(), InvalidFree> {
        Err(InvalidFree::at(object))
    }

    /// Releases an object that lies in no span of its class: a sampled one.
    #[cfg(feature = "profile")]
    fn release_elsewhere(
        &'static self,
        class: Class,
        page: (&'static ZoneMap, usize),
        object: *mut u8,
    ) -> Result<(), InvalidFree> {
        self.release_sampled(class, page, object)
    }

    /// Flushes the older half of a full bin, and adapts its limit.
    fn flush_half(&'static self, cache: &Cache, class: Class) {
        let bin = cache.bin(class);
        let mut is_idle = false;
        bin.drain_oldest(bin.limit() / 2, |objects| {
            is_idle = self.flush(class, objects);
        });
        if is_idle {
            bin.settle_limit();
        } else {
            bin.double_limit();
        }
    }

    /// Done whenever a cache needs its depot: follows a request to flush caches, sweeps one class,
    /// and looks at the clock now and then.
    fn slow_path(&'static self, cache: &Cache) {
        let count = cache.slow_paths.get().wrapping_add(1);
        cache.slow_paths.set(count);
        if count % SLOW_PATHS_PER_TICK == 0 {
            self.tick();
        }
        let epoch = self.flush_epoch.load(Relaxed);
        if cache.flush_epoch.replace(epoch) != epoch {
            self.flush_cache(cache);
            self.flush_transfer_caches();
        }
        #[cfg(feature = "profile")]
        {
            cache.follow(&self.sampler);
            self.profile_hook.call_if_due();
        }
        self.sweep(cache, Class::numbered(count as usize % CLASSES));
    }

    /// Flushes the bin and the transfer cache of a class if neither was asked for an object since
    /// the last sweep: a few objects may keep many pages in use. Each slow path sweeps one class,
    /// so that all have their turn.
    fn sweep(&'static self, cache: &Cache, class: Class) {
        let bin = cache.bin(class);
        if bin.is_unused_since_sweep() && bin.len() > 0 {
            bin.drain_oldest(0, |objects| {
                self.flush(class, objects);
            });
            if self.depot(class).with(Depot::is_unused_since_sweep) {
                self.flush_transfer_cache(class);
            }
        }
    }

    /// Counts that a block stays where it is, in its class, but has another size.
    pub(crate) fn note_resized(&self, old: usize, new: usize) {
        let more = new.wrapping_sub(old);
        match local::cache_of(self) {
            Some(cache) => cache.count_requested(more),
            None => {
                self.requested.fetch_add(more, Relaxed);
            }
        }
    }
}
