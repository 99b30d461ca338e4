//! `OrionAlloc`: regions behind a lock that never allocates, as the program's global allocator.
//!
//! It stands on [`Region`] and [`Locked`]. The first region is mapped on first use; when none has room, a larger
//! one is mapped, so it grows until the system refuses. Nothing here allocates, panics, formats, or takes a
//! lock that might; misuse ends the process with a fixed message, since unwinding out of a global
//! allocator is undefined behaviour.
//!
//! Invariants: regions are added and never removed, and their ranges do not overlap, so a pointer belongs to
//! one region for ever. Sizes of zero never come here (`GlobalAlloc`'s contract).

use core::{
    alloc::{GlobalAlloc, Layout},
    ptr::{self, NonNull},
};

use crate::{
    arena::{
        Stats, is_aligned,
        region::{Granted, Region},
        zero,
    },
    locked::Locked,
};

/// Each region is twice as large as the one before unless the system refuses: 48 of them exceed any address space.
const MOST_REGIONS: usize = 48;
const FIRST_REGION: usize = if usize::BITS >= 64 { 4 << 30 } else { 64 << 20 };
const GRAIN: usize = 64;

/// A global allocator over buddy regions; const-constructed, and nothing happens before its first use.
///
/// ```
/// #[global_allocator]
/// static ALLOC: orionrt::OrionAlloc = orionrt::OrionAlloc::new();
///
/// let v = vec![1u8; 1000];
/// assert!(ALLOC.stats().live_bytes >= 1000);
/// # drop(v);
/// ```
///
/// It may be used from any thread at any time, thread start and exit included. Allocating inside a signal handler is
/// not supported, as with any allocator that locks.
#[derive(Debug)]
pub struct OrionAlloc {
    regions: Locked<Regions>,
}

impl OrionAlloc {
    /// An allocator that reserves 4 GiB of address space on first use (64 MiB where addresses have 32 bits), and more when that is full. Address
    /// space is not memory: pages come when they are touched.
    #[must_use]
    pub const fn new() -> Self {
        Self::with_first_region(FIRST_REGION)
    }

    /// Like [`new`](Self::new), with another size of the first region, in bytes.
    #[must_use]
    pub const fn with_first_region(bytes: usize) -> Self {
        Self {
            regions: Locked::new(Regions::new(bytes)),
        }
    }

    /// Counts and bytes of all regions together. `peak_bytes` sums the regions' peaks, which may lie at different times;
    /// `largest_free_bytes` is the largest of all.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.regions.with(|regions| regions.stats())
    }

    /// Gives the memory of free whole pages back to the operating system; returns how many bytes.
    pub fn purge(&self) -> usize {
        self.regions.with(Regions::purge)
    }

    fn grant(&self, layout: Layout) -> Option<Granted> {
        self.regions.with(|regions| regions.allocate(layout))
    }
}

impl Default for OrionAlloc {
    fn default() -> Self {
        Self::new()
    }
}

// SAFETY: every block comes from a region, which is never unmapped while the allocator lives (regions are only added, and as
// `#[global_allocator]` it is a static and lives for ever), and whose buddy allocator grants a block to one caller at a
// time, aligned as asked; the lock serialises them. Nothing unwinds: misuse aborts.
unsafe impl GlobalAlloc for OrionAlloc {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let granted = self.grant(layout);
        granted.map_or(ptr::null_mut(), |granted| granted.start.as_ptr())
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        let Some(granted) = self.grant(layout) else {
            return ptr::null_mut();
        };
        // SAFETY: just granted, `layout.size()` bytes long.
        unsafe { zero(&granted, 0, layout.size()) };
        granted.start.as_ptr()
    }

    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
        let freed = self.regions.with(|regions| {
            let start = NonNull::new(start)?;
            // SAFETY: the caller's duty (`GlobalAlloc`), passed on.
            unsafe { regions.of(start)?.free(start, layout) }.ok()
        });
        freed.unwrap_or_else(|| die(FOREIGN));
    }

    unsafe fn realloc(&self, start: *mut u8, old: Layout, size: usize) -> *mut u8 {
        let resized = self.regions.with(|regions| {
            let start = NonNull::new(start)?;
            if !is_aligned(start, old.align()) {
                return None;
            }
            // SAFETY: the caller's duty (`GlobalAlloc`), passed on.
            unsafe { regions.of(start)?.resize(start, old.size(), size) }.ok()
        });
        match resized {
            None => return die(FOREIGN),
            Some(Some(granted)) => return granted.start.as_ptr(),
            Some(None) => {}
        }
        // SAFETY: the caller vouches that `size` rounded up to `old.align()` does not overflow.
        let new = unsafe { Layout::from_size_align_unchecked(size, old.align()) };
        // SAFETY: `new` has the caller's size, which is not zero.
        let moved = unsafe { self.alloc(new) };
        if !moved.is_null() {
            // SAFETY: two live allocations do not overlap, and both hold the lesser of the two sizes.
            unsafe { ptr::copy_nonoverlapping(start, moved, old.size().min(size)) };
            // SAFETY: allocated with `old` (trait contract), and copied.
            unsafe { self.dealloc(start, old) };
        }
        moved
    }
}

#[derive(Debug)]
struct Regions {
    regions: [Option<Region>; MOST_REGIONS],
    len: usize,
    next_bytes: usize,
}

impl Regions {
    const fn new(first_bytes: usize) -> Self {
        Self {
            regions: [const { None }; MOST_REGIONS],
            len: 0,
            next_bytes: first_bytes,
        }
    }

    fn iter_mut(&mut self) -> impl Iterator<Item = &mut Region> {
        self.regions[..self.len].iter_mut().flatten()
    }

    fn allocate(&mut self, layout: Layout) -> Option<Granted> {
        let found = self.iter_mut().find_map(|region| region.allocate(layout));
        let granted = found.or_else(|| self.allocate_in_new_region(layout));
        if granted.is_none() {
            self.iter_mut().take(1).for_each(Region::note_failure);
        }
        granted
    }

    /// The region of a pointer.
    fn of(&mut self, start: NonNull<u8>) -> Option<&mut Region> {
        self.iter_mut().find(|region| region.contains(start))
    }

    /// Maps a region with room for `layout`, a smaller one where the system refuses a large one. A region whose first
    /// allocation fails is not kept.
    #[cold]
    fn allocate_in_new_region(&mut self, layout: Layout) -> Option<Granted> {
        // A run of the layout's order and alignment fits into any region of that power of two.
        let least = layout.size().max(layout.align()).max(GRAIN);
        let least = least.checked_next_power_of_two()?;
        let mut bytes = self.next_bytes.max(least);
        let slot = self.regions.get_mut(self.len)?;
        loop {
            if let Ok(mut region) = Region::map(bytes, GRAIN, layout.align()) {
                let granted = region.allocate(layout)?;
                *slot = Some(region);
                self.len += 1;
                self.next_bytes = bytes.saturating_mul(2);
                return Some(granted);
            }
            if bytes == least {
                return None;
            }
            bytes = (bytes / 2).max(least);
        }
    }

    fn stats(&mut self) -> Stats {
        let each = self.iter_mut().map(|region| region.stats());
        each.fold(Stats::default(), Stats::plus)
    }

    fn purge(&mut self) -> usize {
        self.iter_mut()
            .filter_map(|region| region.purge().ok())
            .sum()
    }
}

const FOREIGN: &str = "orionrt: memory was given back that this allocator has not allocated (freed twice, or with another layout)\n";

/// Says why on stderr and ends the process, without allocating or unwinding.
#[cold]
fn die<T>(message: &'static str) -> T {
    let _ = rustix::io::write(rustix::stdio::stderr(), message.as_bytes());
    std::process::abort()
}
