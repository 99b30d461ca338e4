//! Statistics of a heap: counts and bytes in all and class by class, as numbers, text and JSON.
//!
//! The types are plain data, and everything that formats is here: the heap itself never does.

#![forbid(unsafe_code)]

use core::fmt;

use super::class::CLASSES;

/// Counts and bytes of one size class; a part of [`HeapStats`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClassStats {
    /// The size of an object in bytes, to which requests are rounded up.
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

/// Counts and bytes of an [`OrionAlloc`](crate::OrionAlloc) at one moment.
///
/// While other threads allocate, the numbers may disagree with each other by what those threads do
/// meanwhile.
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
    /// Allocations served since the start. Resizing in place does not count, unless the block
    /// changes its size class.
    pub allocations: u64,
    /// Allocations given back since the start.
    pub deallocations: u64,
    /// Allocations refused since the start, for whatever reason.
    pub failures: u64,
    /// Allocations refused because of the limit of memory or of address space; a part of
    /// `failures`.
    pub failures_over_limit: u64,
    /// Allocations refused because a single block may not be so large; a part of `failures`.
    pub failures_too_large: u64,
    /// Bytes that live allocations asked for.
    pub requested_bytes: usize,
    /// Bytes granted to live allocations: requests rounded up to size classes or pages.
    pub live_bytes: usize,
    /// Bytes granted to live allocations of more than 32 KiB; a part of `live_bytes`.
    pub large_bytes: usize,
    /// Bytes of free objects in threads' caches and in transit between threads.
    pub cached_bytes: usize,
    /// Bytes of pages in use, for spans and large blocks.
    pub used_bytes: usize,
    /// The most that `used_bytes` has been.
    pub peak_bytes: usize,
    /// Bytes that may be resident: pages in use, free ones that have not gone back to the system
    /// yet, and `metadata_bytes`.
    pub resident_bytes: usize,
    /// Bytes of the heap's own tables that may be resident; a part of `resident_bytes`. What
    /// describes pages (headers, kinds, bitmaps of free pages) is counted by the pages of the
    /// system that were written; the trees of the buddy allocator, the caches of threads and the
    /// heap's fixed part are counted for the most that they can have.
    pub metadata_bytes: usize,
    /// Bytes of pages that the operating system has made usable so far, and `metadata_bytes`.
    pub committed_bytes: usize,
    /// Bytes of reserved address space, for pages and for tables.
    pub reserved_bytes: usize,
    /// The largest free power-of-two block of pages, in bytes.
    pub largest_free_bytes: usize,
    /// Bytes of pages that can never be used again, because the system refused to make them what
    /// they were after it had half changed them. They are not among the bytes in use.
    pub lost_bytes: usize,
    /// [`OrionHeap`](crate::OrionHeap)s alive. What was allocated from them is part of all other
    /// numbers, except those of the size classes.
    pub heaps: usize,
    /// Bytes of the pages of these heaps; a part of `used_bytes`.
    pub heap_bytes: usize,
    /// The limit of `resident_bytes`, if there is one.
    pub limit_bytes: Option<usize>,
    /// The limit of `reserved_bytes`, if there is one.
    pub reserved_limit_bytes: Option<usize>,
    /// The largest block that is served, if that is limited; see
    /// [`with_largest_block`](crate::OrionAlloc::with_largest_block).
    pub largest_block_bytes: Option<usize>,
    /// Thread caches made so far: the most threads that used the allocator at one time.
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
            failures_over_limit: 0,
            failures_too_large: 0,
            requested_bytes: 0,
            live_bytes: 0,
            large_bytes: 0,
            cached_bytes: 0,
            used_bytes: 0,
            peak_bytes: 0,
            resident_bytes: 0,
            metadata_bytes: 0,
            committed_bytes: 0,
            reserved_bytes: 0,
            largest_free_bytes: 0,
            lost_bytes: 0,
            heaps: 0,
            heap_bytes: 0,
            limit_bytes: None,
            reserved_limit_bytes: None,
            largest_block_bytes: None,
            caches: 0,
            classes: [ClassStats::default(); CLASSES],
        }
    }
}

impl ClassStats {
    /// All fields but the size, by name. (The patterns here name every field, so that none can be
    /// forgotten.)
    fn fields(&self) -> [(&'static str, u64); 5] {
        let Self {
            size: _,
            allocations,
            live,
            cached,
            free,
            span_bytes,
        } = *self;
        [
            ("allocations", allocations),
            ("live", live as u64),
            ("cached", cached as u64),
            ("free", free as u64),
            ("span_bytes", span_bytes as u64),
        ]
    }
}

impl HeapStats {
    /// The share of granted bytes that nobody asked for, from 0 to 1: the cost of rounding up.
    #[must_use]
    pub fn internal_fragmentation(&self) -> f64 {
        share(self.live_bytes - self.requested_bytes, self.live_bytes)
    }

    /// The share of the bytes in use that no live allocation has, from 0 to 1: free objects in
    /// spans and caches.
    #[must_use]
    pub fn external_fragmentation(&self) -> f64 {
        share(
            self.used_bytes.saturating_sub(self.live_bytes),
            self.used_bytes,
        )
    }

    /// The statistics as one JSON object.
    ///
    /// Its members are the fields by their names, `null` where there is no limit; `classes` is an
    /// array with an object for each class that was ever used, whose members are the fields of
    /// [`ClassStats`].
    #[must_use]
    pub fn json(&self) -> impl fmt::Display + '_ {
        Json(self)
    }

    /// All fields but the classes, by name; `None` for a limit that there is not.
    fn fields(&self) -> [(&'static str, Option<u64>); 23] {
        let Self {
            allocations,
            deallocations,
            failures,
            failures_over_limit,
            failures_too_large,
            requested_bytes,
            live_bytes,
            large_bytes,
            cached_bytes,
            used_bytes,
            peak_bytes,
            resident_bytes,
            metadata_bytes,
            committed_bytes,
            reserved_bytes,
            largest_free_bytes,
            lost_bytes,
            heaps,
            heap_bytes,
            limit_bytes,
            reserved_limit_bytes,
            largest_block_bytes,
            caches,
            classes: _,
        } = *self;
        let limit = |bytes: Option<usize>| bytes.map(|bytes| bytes as u64);
        [
            ("allocations", Some(allocations)),
            ("deallocations", Some(deallocations)),
            ("failures", Some(failures)),
            ("failures_over_limit", Some(failures_over_limit)),
            ("failures_too_large", Some(failures_too_large)),
            ("requested_bytes", Some(requested_bytes as u64)),
            ("live_bytes", Some(live_bytes as u64)),
            ("large_bytes", Some(large_bytes as u64)),
            ("cached_bytes", Some(cached_bytes as u64)),
            ("used_bytes", Some(used_bytes as u64)),
            ("peak_bytes", Some(peak_bytes as u64)),
            ("resident_bytes", Some(resident_bytes as u64)),
            ("metadata_bytes", Some(metadata_bytes as u64)),
            ("committed_bytes", Some(committed_bytes as u64)),
            ("reserved_bytes", Some(reserved_bytes as u64)),
            ("largest_free_bytes", Some(largest_free_bytes as u64)),
            ("lost_bytes", Some(lost_bytes as u64)),
            ("limit_bytes", limit(limit_bytes)),
            ("reserved_limit_bytes", limit(reserved_limit_bytes)),
            ("largest_block_bytes", limit(largest_block_bytes)),
            ("heaps", Some(heaps as u64)),
            ("heap_bytes", Some(heap_bytes as u64)),
            ("caches", Some(caches as u64)),
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
            match value {
                Some(value) => write!(f, "\"{name}\":{value},")?,
                None => write!(f, "\"{name}\":null,")?,
            }
        }
        f.write_str("\"classes\":[")?;
        for (index, class) in self.0.used_classes().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{{\"size\":{}", class.size)?;
            for (name, value) in class.fields() {
                write!(f, ",\"{name}\":{value}")?;
            }
            f.write_str("}")?;
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
            "pages in use {} bytes, at most {} so far; resident at most {}, {} of them metadata; \
             committed {}, reserved {}",
            self.used_bytes,
            self.peak_bytes,
            self.resident_bytes,
            self.metadata_bytes,
            self.committed_bytes,
            self.reserved_bytes
        )?;
        writeln!(
            f,
            "{} allocations, {} deallocations, {} refused ({} over a limit, {} too large); {} \
             caches with {} bytes",
            self.allocations,
            self.deallocations,
            self.failures,
            self.failures_over_limit,
            self.failures_too_large,
            self.caches,
            self.cached_bytes
        )?;
        if self.heaps > 0 {
            writeln!(
                f,
                "{} heaps on pages of {} bytes",
                self.heaps, self.heap_bytes
            )?;
        }
        if self.lost_bytes > 0 {
            writeln!(f, "{} bytes lost", self.lost_bytes)?;
        }
        let limits = [
            ("resident", self.limit_bytes),
            ("reserved", self.reserved_limit_bytes),
        ];
        for (what, limit) in limits {
            if let Some(limit) = limit {
                writeln!(f, "at most {limit} bytes may be {what}")?;
            }
        }
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
