//! Statistics of an arena: counts and bytes at one moment.

#![forbid(unsafe_code)]

use core::fmt;

/// Counts and bytes of an arena at one moment; all sizes in bytes.
///
/// ```
/// let arena = orionrt_alloc::Arena::builder().capacity(1 << 20).build()?;
/// let v = allocator_api2::vec::Vec::<u8, _>::with_capacity_in(100, &arena);
/// let s = arena.stats();
/// assert_eq!((s.allocations, s.requested_bytes, s.live_bytes), (1, 100, 128));
/// assert_eq!(s.internal_bytes(), 28);
/// assert!((s.internal_fragmentation() - 28.0 / 128.0).abs() < 1e-9);
/// drop(v);
/// assert_eq!(arena.stats().live_bytes, 0);
/// # Ok::<(), orionrt_alloc::arena::ArenaError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Allocations served since the start. Growing or shrinking in place does not count.
    pub allocations: u64,
    /// Allocations given back since the start.
    pub deallocations: u64,
    /// Allocations refused since the start.
    pub failures: u64,
    /// Bytes that the live allocations requested.
    pub requested_bytes: usize,
    /// Bytes granted to live allocations: requests rounded up to whole blocks.
    pub live_bytes: usize,
    /// The largest value that `live_bytes` has had.
    pub peak_bytes: usize,
    /// Bytes managed.
    pub capacity_bytes: usize,
    /// Bytes that are not granted to any allocation.
    pub free_bytes: usize,
    /// The largest free power-of-two block.
    pub largest_free_bytes: usize,
    /// Bytes that the operating system has made usable so far; all of them over memory of the
    /// caller.
    pub committed_bytes: usize,
}

impl Stats {
    /// The share of the capacity that is granted, from 0 to 1.
    #[must_use]
    pub fn utilisation(&self) -> f64 {
        ratio(self.live_bytes, self.capacity_bytes)
    }

    /// Granted bytes beyond those requested: the cost of rounding up to blocks.
    #[must_use]
    pub fn internal_bytes(&self) -> usize {
        self.live_bytes.saturating_sub(self.requested_bytes)
    }

    /// The share of granted bytes that were not requested, from 0 to 1.
    #[must_use]
    pub fn internal_fragmentation(&self) -> f64 {
        ratio(self.internal_bytes(), self.live_bytes)
    }

    /// How far the largest free power-of-two block falls short of the largest one that the free
    /// bytes could form, from 0 to 1; 0 when nothing is free.
    ///
    /// 100 free bytes could form a block of 64 at best. If the largest free block has 64 bytes, the
    /// result is 0; if it has 16, it is 0.75.
    #[must_use]
    pub fn external_fragmentation(&self) -> f64 {
        match self.free_bytes.checked_ilog2() {
            Some(log) => 1.0 - ratio(self.largest_free_bytes, 1 << log),
            None => 0.0,
        }
    }
}

fn ratio(part: usize, whole: usize) -> f64 {
    if whole == 0 {
        return 0.0;
    }
    part as f64 / whole as f64
}

impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "live {} of {} bytes ({:.1} %), peak {}, committed {}",
            self.live_bytes,
            self.capacity_bytes,
            100.0 * self.utilisation(),
            self.peak_bytes,
            self.committed_bytes
        )?;
        writeln!(
            f,
            "free {} bytes, largest block {}; fragmentation {:.1} % internal, {:.1} % external",
            self.free_bytes,
            self.largest_free_bytes,
            100.0 * self.internal_fragmentation(),
            100.0 * self.external_fragmentation()
        )?;
        write!(
            f,
            "{} allocations, {} deallocations, {} refused",
            self.allocations, self.deallocations, self.failures
        )
    }
}
