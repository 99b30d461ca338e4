//! Large blocks, of more than 32 KiB or aligned to more than a page: runs of pages, taken and given back under the page lock.
//!
//! A block takes its size rounded up to pages, whatever its order.
//!
//! Invariant: the first page of a live block has kind `LARGE`, and its header entry holds the number of its pages;
//! both are written before the block is handed out, and not again until its owner gives it up.

use core::{
    alloc::Layout,
    ptr::NonNull,
    sync::atomic::{AtomicU32, AtomicU64, Ordering},
};

use super::{
    Foreign, Heap,
    class::PAGE,
    ground::{FREE, LARGE},
    pages::{Run, Wish},
    span::SpanHeader,
};

/// From so many bytes on, new zeros from the system are better than written ones: who asks for so much may not touch all of it.
const LEAST_DISCARD: usize = 32 << 20;

/// Releases between two looks at the clock.
const RELEASES_PER_TICK: u64 = 32;

/// Counts of large blocks.
#[derive(Debug)]
pub(super) struct Counts {
    allocations: AtomicU64,
    deallocations: AtomicU64,
    remaps: AtomicU32,
}

impl Counts {
    pub(super) const fn new() -> Self {
        Self {
            allocations: AtomicU64::new(0),
            deallocations: AtomicU64::new(0),
            remaps: AtomicU32::new(0),
        }
    }

    pub(super) fn note_allocated(&self) {
        self.allocations.fetch_add(1, Ordering::Relaxed);
    }

    /// Returns how many have been released before.
    pub(super) fn note_released(&self) -> u64 {
        self.deallocations.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn note_remapped(&self) {
        self.remaps.fetch_add(1, Ordering::Relaxed);
    }

    /// How many blocks have been moved by remapping.
    pub(super) fn remaps(&self) -> u32 {
        self.remaps.load(Ordering::Relaxed)
    }

    pub(super) fn allocations(&self) -> u64 {
        self.allocations.load(Ordering::Relaxed)
    }

    pub(super) fn deallocations(&self) -> u64 {
        self.deallocations.load(Ordering::Relaxed)
    }
}

/// A block just allocated; from `zero_from` on its bytes are zero.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LargeBlock {
    pub(crate) start: NonNull<u8>,
    pub(crate) zero_from: usize,
}

pub(super) fn pages_of(bytes: usize) -> usize {
    bytes.div_ceil(PAGE)
}

/// With a page behind the block that nobody may touch.
fn pages_with_guard(bytes: usize) -> usize {
    pages_of(bytes) + usize::from(cfg!(feature = "hardened"))
}

impl Heap {
    /// Allocates a large block.
    #[cold]
    pub(crate) fn allocate_large(&'static self, layout: Layout) -> Option<LargeBlock> {
        let align = layout.align().max(PAGE);
        let wish = Wish::block(pages_with_guard(layout.size()), align);
        let Some(fresh) = self.take_pages(wish) else {
            self.note_failure();
            return None;
        };
        self.large.note_allocated();
        self.requested.fetch_add(layout.size(), Ordering::Relaxed);
        open_large_at(&fresh.run);
        #[cfg(feature = "hardened")]
        self.guard(&fresh.run);
        Some(LargeBlock {
            start: fresh.run.ground.start(fresh.run.pages.start),
            zero_from: fresh.zero_from,
        })
    }

    /// Allocates a large block that reads as zeros.
    #[cold]
    pub(crate) fn allocate_large_zeroed(&'static self, layout: Layout) -> Option<NonNull<u8>> {
        let LargeBlock { start, zero_from } = self.allocate_large(layout)?;
        let dirty = zero_from.min(layout.size());
        // SAFETY: within the block, which is nobody else's yet.
        unsafe {
            if dirty < LEAST_DISCARD || !self.discard(start, pages_of(dirty)) {
                start.write_bytes(0, dirty);
            }
        }
        Some(start)
    }

    /// Has pages of a block read as zeros by giving their memory back; whether that was done.
    ///
    /// # Safety
    /// They are the caller's.
    unsafe fn discard(&'static self, start: NonNull<u8>, pages: usize) -> bool {
        let place = self.territory.find(start.as_ptr());
        place.is_some_and(|(ground, first)| {
            // SAFETY: the caller's duty, passed on.
            unsafe { ground.zero(first..first + pages) }.is_ok()
        })
    }

    /// Releases a large block.
    #[cold]
    pub(crate) fn release_large(
        &'static self,
        start: *mut u8,
        layout: Layout,
    ) -> Result<(), Foreign> {
        let run = self.large_run(start, layout.size())?;
        // Of two threads that release one block, the second finds the kind changed.
        if !run.ground.replace_kind(run.pages.start, LARGE, FREE) {
            return Err(Foreign);
        }
        self.requested.fetch_sub(layout.size(), Ordering::Relaxed);
        let before = self.large.note_released();
        #[cfg(feature = "hardened")]
        let run = self.unguard(run);
        self.give_pages(&run);
        if before.is_multiple_of(RELEASES_PER_TICK) {
            self.tick();
        }
        Ok(())
    }

    /// The pages of a live large block of `bytes` at `start`.
    pub(super) fn large_run(
        &'static self,
        start: *mut u8,
        bytes: usize,
    ) -> Result<Run<'static>, Foreign> {
        let (ground, page) = self.territory.find(start).ok_or(Foreign)?;
        let pages = pages_with_guard(bytes);
        let is_start = ground.start(page).as_ptr() == start && ground.kind(page) == LARGE;
        // SAFETY: the entry of a page of this kind holds its block's number of pages (module invariant).
        if !is_start || unsafe { SpanHeader::large_pages(ground.header(page)) } != pages {
            return Err(Foreign);
        }
        Ok(Run::block(ground, page..page + pages))
    }
}

/// Makes pages that the caller has taken a large block.
pub(super) fn open_large_at(run: &Run<'_>) {
    let first = run.pages.start;
    // SAFETY: the pages are the caller's, hence their entries, which were committed with them.
    unsafe { SpanHeader::open_large(run.ground.header(first), run.pages.len()) };
    run.ground.mark(first..first + 1, LARGE);
}
