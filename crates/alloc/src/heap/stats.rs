//! What a heap says of itself: counts and bytes, in all and class by class, as numbers, text and JSON.

use core::fmt;

use super::{
    Heap,
    class::{CLASSES, Class, PAGE},
};

/// Counts and bytes of one size class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClassStats {
    /// The size of an object in bytes: requests are rounded up to it.
    pub size: usize,
    /// Objects allocated since the start.
    pub allocations: u64,
    /// Objects that the program holds.
    pub live: usize,
    /// Free objects in threads' caches and in transit between threads.
    pub cached: usize,
    /// Free objects in spans.
    pub free: usize,
    /// Bytes of the class's spans.
    pub span_bytes: usize,
}

/// Counts and bytes of [`OrionAlloc`](crate::OrionAlloc) at one moment; all sizes in bytes.
///
/// While other threads allocate, numbers may be apart by what they do meanwhile.
///
/// ```
/// use std::alloc::{GlobalAlloc, Layout};
/// static ALLOC: orionrt_alloc::OrionAlloc = orionrt_alloc::OrionAlloc::new();
/// let layout = Layout::new::<[u64; 12]>();
/// // SAFETY: one block, given back with the layout that it was asked for with.
/// let stats = unsafe {
///     let block = ALLOC.alloc(layout);
///     let stats = ALLOC.stats();
///     ALLOC.dealloc(block, layout);
///     stats
/// };
/// assert_eq!((stats.allocations, stats.live_bytes), (1, 96));
/// println!("{stats}");          // for people
/// println!("{}", stats.json()); // for programs
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct HeapStats {
    /// Allocations served since the start. Resizing in place counts as none, unless the block changes its size class.
    pub allocations: u64,
    /// Allocations given back since the start.
    pub deallocations: u64,
    /// Allocations refused since the start.
    pub failures: u64,
    /// Bytes that live allocations asked for.
    pub requested_bytes: usize,
    /// Bytes granted to live allocations: requests rounded up to size classes or pages.
    pub live_bytes: usize,
    /// Bytes of live allocations of more than 32 KiB, a part of `live_bytes`.
    pub large_bytes: usize,
    /// Bytes of free objects in threads' caches and in transit between threads.
    pub cached_bytes: usize,
    /// Bytes of pages in use, for spans and large blocks.
    pub used_bytes: usize,
    /// The most that `used_bytes` has been.
    pub peak_bytes: usize,
    /// Bytes of pages that may be resident: those in use, and free ones that have not gone back yet.
    pub resident_bytes: usize,
    /// Bytes made usable by the operating system so far.
    pub committed_bytes: usize,
    /// Bytes of address space.
    pub reserved_bytes: usize,
    /// The largest free power-of-two block of pages.
    pub largest_free_bytes: usize,
    /// Caches made so far: the most threads that used the allocator at one time.
    pub caches: usize,
    /// Each size class, smallest first.
    pub classes: [ClassStats; CLASSES],
}

impl Default for HeapStats {
    fn default() -> Self {
        Self {
            allocations: 0,
            deallocations: 0,
            failures: 0,
            requested_bytes: 0,
            live_bytes: 0,
            large_bytes: 0,
            cached_bytes: 0,
            used_bytes: 0,
            peak_bytes: 0,
            resident_bytes: 0,
            committed_bytes: 0,
            reserved_bytes: 0,
            largest_free_bytes: 0,
            caches: 0,
            classes: [ClassStats::default(); CLASSES],
        }
    }
}

impl Heap {
    /// Counts and bytes now.
    pub(crate) fn stats(&'static self) -> HeapStats {
        let mut stats = HeapStats::default();
        let mut requested = self.requested.load(core::sync::atomic::Ordering::Relaxed);
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
        let mut small_used = 0;
        for class in Class::all() {
            let of = &mut stats.classes[class.index()];
            self.add_depot(class, of);
            stats.allocations += of.allocations;
            stats.deallocations += of.allocations.saturating_sub(of.live as u64);
            stats.live_bytes += of.live * of.size;
            stats.cached_bytes += of.cached * of.size;
            small_used += of.span_bytes;
        }
        self.add_pages(&mut stats, small_used);
        stats.requested_bytes = requested.min(stats.live_bytes);
        stats
    }

    fn add_depot(&self, class: Class, of: &mut ClassStats) {
        let counts = self.depot(class).with(|depot| depot.counts());
        let shape = class.span();
        of.size = class.size();
        of.allocations += counts.direct;
        of.cached += counts.in_tray;
        of.live = counts.out.saturating_sub(of.cached);
        of.free = counts.spans * usize::from(shape.objects) - counts.out;
        of.span_bytes = counts.spans * usize::from(shape.pages) * PAGE;
    }

    fn add_pages(&self, stats: &mut HeapStats, small_used: usize) {
        let pages = self.pages.with(|pages| pages.counts());
        stats.used_bytes = pages.used * PAGE;
        stats.peak_bytes = pages.peak * PAGE;
        stats.resident_bytes = (pages.used + pages.resident_free) * PAGE;
        stats.committed_bytes = pages.committed * PAGE;
        stats.reserved_bytes = pages.reserved * PAGE;
        stats.largest_free_bytes = pages.largest_free_bytes;
        stats.large_bytes = stats.used_bytes.saturating_sub(small_used);
        stats.live_bytes += stats.large_bytes;
        stats.allocations += self.large.allocations();
        stats.deallocations += self.large.deallocations();
        stats.failures = self.failures.load(core::sync::atomic::Ordering::Relaxed);
    }
}

impl HeapStats {
    /// The share of granted bytes that nobody asked for, 0 to 1: the cost of rounding up.
    #[must_use]
    pub fn internal_fragmentation(&self) -> f64 {
        share(self.live_bytes - self.requested_bytes, self.live_bytes)
    }

    /// The share of the bytes in use that no live allocation has, 0 to 1: free objects in spans and caches.
    #[must_use]
    pub fn external_fragmentation(&self) -> f64 {
        share(
            self.used_bytes.saturating_sub(self.live_bytes),
            self.used_bytes,
        )
    }

    /// One JSON object: the fields by their names, and `classes`, an array of objects with those of [`ClassStats`], of the classes that
    /// have been used.
    #[must_use]
    pub fn json(&self) -> impl fmt::Display + '_ {
        Json(self)
    }

    fn fields(&self) -> [(&'static str, u64); 14] {
        [
            ("allocations", self.allocations),
            ("deallocations", self.deallocations),
            ("failures", self.failures),
            ("requested_bytes", self.requested_bytes as u64),
            ("live_bytes", self.live_bytes as u64),
            ("large_bytes", self.large_bytes as u64),
            ("cached_bytes", self.cached_bytes as u64),
            ("used_bytes", self.used_bytes as u64),
            ("peak_bytes", self.peak_bytes as u64),
            ("resident_bytes", self.resident_bytes as u64),
            ("committed_bytes", self.committed_bytes as u64),
            ("reserved_bytes", self.reserved_bytes as u64),
            ("largest_free_bytes", self.largest_free_bytes as u64),
            ("caches", self.caches as u64),
        ]
    }

    fn used_classes(&self) -> impl Iterator<Item = &ClassStats> {
        self.classes
            .iter()
            .filter(|class| class.allocations > 0 || class.span_bytes > 0)
    }
}

struct Json<'s>(&'s HeapStats);

impl fmt::Display for Json<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{")?;
        for (name, value) in self.0.fields() {
            write!(f, "\"{name}\":{value},")?;
        }
        f.write_str("\"classes\":[")?;
        for (index, class) in self.0.used_classes().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(
                f,
                "{comma}{{\"size\":{},\"allocations\":{},\"live\":{},\"cached\":{},\"free\":{},\"span_bytes\":{}}}",
                class.size,
                class.allocations,
                class.live,
                class.cached,
                class.free,
                class.span_bytes
            )?;
        }
        f.write_str("]}")
    }
}

impl fmt::Display for HeapStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "live {} bytes, {} of them large; asked for {} ({:.1} % lost to rounding)",
            self.live_bytes,
            self.large_bytes,
            self.requested_bytes,
            100.0 * self.internal_fragmentation()
        )?;
        writeln!(
            f,
            "pages in use {} bytes, at most {} so far; resident at most {}, committed {}, reserved {}",
            self.used_bytes,
            self.peak_bytes,
            self.resident_bytes,
            self.committed_bytes,
            self.reserved_bytes
        )?;
        writeln!(
            f,
            "{} allocations, {} deallocations, {} refused; {} caches with {} bytes",
            self.allocations, self.deallocations, self.failures, self.caches, self.cached_bytes
        )?;
        write!(
            f,
            "{:>8} {:>12} {:>10} {:>8} {:>8} {:>12} {:>6}",
            "class", "allocations", "live", "cached", "free", "span bytes", "in use"
        )?;
        for class in self.used_classes() {
            write!(
                f,
                "\n{:>8} {:>12} {:>10} {:>8} {:>8} {:>12} {:>4.0} %",
                class.size,
                class.allocations,
                class.live,
                class.cached,
                class.free,
                class.span_bytes,
                100.0 * share(class.live * class.size, class.span_bytes)
            )?;
        }
        Ok(())
    }
}

fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64
    }
}
