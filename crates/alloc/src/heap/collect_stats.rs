//! Where the numbers of [`HeapStats`] come from: caches, depots and pages, one lock at a time.
//!
//! Thread caches count only what was popped, depots what is outside of their spans, and the samples
//! of a profile the objects that lie in no span; all else follows from these.

#![forbid(unsafe_code)]

use core::sync::atomic::Ordering::Relaxed;

use super::{
    class::{CLASSES, Class, PAGE},
    heap::Heap,
    owned::OwnedTotals,
    stats::{ClassStats, HeapStats},
};

impl Heap {
    /// Counts and bytes now.
    pub(crate) fn stats(&'static self) -> HeapStats {
        let mut stats = HeapStats::default();
        let mut requested = self.requested.load(Relaxed);
        self.caches.with(|caches| {
            caches.each(|cache| {
                stats.caches += 1;
                requested = requested.wrapping_add(cache.requested());
                for class in Class::all() {
                    let (of, bin) = (&mut stats.classes[class.index()], cache.bin(class));
                    of.allocations += bin.popped();
                    of.cached += bin.len();
                }
            });
        });
        let (sampled, mut small_used) = self.sampled_objects();
        for (class, sampled) in Class::all().zip(sampled) {
            let of = &mut stats.classes[class.index()];
            self.add_depot(class, sampled, of);
            stats.allocations += of.allocations;
            stats.deallocations += of.allocations.saturating_sub(of.live as u64);
            stats.live_bytes += of.live * of.size;
            stats.cached_bytes += of.cached * of.size;
            small_used += of.span_bytes;
        }
        small_used += self.add_owned(&mut stats, &mut requested);
        self.add_pages(&mut stats, small_used);
        stats.requested_bytes = requested.min(stats.live_bytes);
        stats
    }

    /// The sampled objects of each class, and the bytes of pages that are kept for more.
    #[cfg(feature = "profile")]
    fn sampled_objects(&self) -> ([usize; CLASSES], usize) {
        self.samples
            .with(|samples| (samples.objects(), samples.spare_pages.pages() * PAGE))
    }

    /// The sampled objects of each class, and the bytes of pages that are kept for more: there are
    /// no samples.
    #[cfg(not(feature = "profile"))]
    fn sampled_objects(&self) -> ([usize; CLASSES], usize) {
        ([0; CLASSES], 0)
    }

    fn add_depot(&self, class: Class, sampled: usize, of: &mut ClassStats) {
        let counts = self.depot(class).with(|depot| depot.counts());
        let shape = class.span();
        of.size = class.size();
        of.allocations += counts.direct;
        of.cached += counts.in_transit;
        of.live = counts.outside.saturating_sub(of.cached) + sampled;
        of.free = counts.spans * usize::from(shape.objects) - counts.outside;
        let sampled_bytes = sampled * class.size().next_multiple_of(PAGE);
        of.span_bytes = counts.spans * usize::from(shape.pages) * PAGE + sampled_bytes;
    }

    /// Adds what owned heaps count, but for large blocks, which pages tell; returns the bytes of
    /// their spans.
    fn add_owned(&self, stats: &mut HeapStats, requested: &mut usize) -> usize {
        let OwnedTotals { heaps, sum } = self.owned_totals();
        stats.heaps = heaps;
        stats.heap_bytes = sum.used_bytes;
        stats.allocations += sum.allocations;
        stats.deallocations += sum.deallocations;
        stats.live_bytes += sum.live_bytes - sum.large_bytes;
        *requested = requested.wrapping_add(sum.requested_bytes);
        sum.used_bytes - sum.large_bytes
    }

    fn add_pages(&self, stats: &mut HeapStats, small_used: usize) {
        let pages = self.pages.with(|pages| pages.counts());
        stats.used_bytes = pages.used * PAGE;
        stats.peak_bytes = pages.peak * PAGE;
        stats.metadata_bytes = pages.table_bytes;
        stats.resident_bytes = (pages.used + pages.resident_free) * PAGE + pages.table_bytes;
        stats.committed_bytes = pages.committed * PAGE + pages.table_bytes;
        stats.reserved_bytes = pages.reserved_bytes;
        stats.lost_bytes = pages.lost * PAGE;
        stats.largest_free_bytes = pages.largest_free_bytes;
        stats.large_bytes = stats.used_bytes.saturating_sub(small_used);
        stats.live_bytes += stats.large_bytes;
        stats.allocations += self.large.allocations();
        stats.deallocations += self.large.deallocations();
        stats.failures = self.failures.load(Relaxed);
        stats.failures_over_limit = self.over_limit.load(Relaxed);
        stats.failures_too_large = self.too_large.load(Relaxed);
        let limit = |bytes| (bytes < usize::MAX).then_some(bytes);
        stats.limit_bytes = limit(pages.limits.resident);
        stats.reserved_limit_bytes = limit(pages.limits.reserved);
        stats.largest_block_bytes = limit(pages.limits.block);
    }
}
