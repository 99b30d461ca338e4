//! Large blocks: more than 32 KiB, or aligned to more than a page. They are runs of pages, taken
//! and freed under the page lock.
//!
//! A block takes its size rounded up to pages, not to a power of two. Where its last page has room,
//! it begins at its [colour](super::colour) within the first one.
//!
//! Invariant: the first page of a live block has kind `KIND_LARGE`, and its header entry holds the
//! number of its pages and its colour; all are written before the block is handed out, and not
//! again until its owner gives it up.

use core::{alloc::Layout, ptr::NonNull, sync::atomic::Ordering::Relaxed};

use super::{
    class::PAGE,
    colour::{colour, colour_at, pages_of},
    heap::Heap,
    invalid_free::InvalidFree,
    page_run::{PageRequest, PageRun},
    span::SpanHeader,
    zone_map::{KIND_LARGE, KIND_NONE},
};
use orionrt_sys::{checker, mapping};

/// From so many bytes on, zeros come from the system instead of being written: a program that asks
/// for so much may not touch all of it.
const LEAST_DISCARD: usize = 32 << 20;

/// Releases of large blocks between two looks at the clock.
const RELEASES_PER_TICK: u64 = 32;

/// A large block just allocated.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LargeBlock {
    pub(crate) start: NonNull<u8>,
    /// From this byte on it is zero.
    pub(crate) zero_from: usize,
}

/// The guard pages of a large block: one in a hardened build.
pub(super) const GUARD_PAGES: usize = cfg!(feature = "hardened") as usize;

/// The pages of a large block of this colour, with its guard page in a hardened build.
pub(super) fn pages_with_guard(bytes: usize, colour: usize) -> usize {
    pages_of(bytes, colour) + GUARD_PAGES
}

impl Heap {
    /// Allocates a large block.
    #[cold]
    pub(crate) fn allocate_large(&'static self, layout: Layout) -> Option<LargeBlock> {
        #[cfg(feature = "profile")]
        self.profile_hook.call_if_due();
        let pages = pages_with_guard(layout.size(), 0);
        let request = PageRequest::block(pages, layout.align().max(PAGE));
        let Some(new) = self.allocate_pages(request) else {
            self.note_failure();
            return None;
        };
        self.large.note_allocated();
        self.requested.fetch_add(layout.size(), Relaxed);
        let colour = colour(layout, new.run.pages.start);
        let start = open_large_at(&new.run, colour);
        #[cfg(feature = "profile")]
        self.sample_large(&new.run, start, layout.size());
        #[cfg(feature = "hardened")]
        self.guard(&new.run);
        checker::allocated(start, layout.size());
        Some(LargeBlock {
            start,
            zero_from: new.zero_from.saturating_sub(colour),
        })
    }

    /// Allocates a large block whose bytes may have any values.
    pub(crate) fn allocate_large_uninit(&'static self, layout: Layout) -> Option<NonNull<u8>> {
        Some(self.allocate_large(layout)?.start)
    }

    /// Allocates a large block that reads as zeros.
    #[cold]
    pub(crate) fn allocate_large_zeroed(&'static self, layout: Layout) -> Option<NonNull<u8>> {
        let LargeBlock { start, zero_from } = self.allocate_large(layout)?;
        // SAFETY: within the block, which is nobody else's yet.
        unsafe { self.zero_block(start, zero_from.min(layout.size())) };
        checker::defined(start, layout.size());
        Some(start)
    }

    /// Makes the first `dirty` bytes of a block zero.
    ///
    /// # Safety
    /// They are the caller's, who gives up their contents.
    pub(super) unsafe fn zero_block(&'static self, start: NonNull<u8>, dirty: usize) {
        // SAFETY: the caller's duty, passed on.
        unsafe {
            let pages = pages_of(dirty, colour_at(start.as_ptr()));
            let is_dear = dirty < LEAST_DISCARD || mapping::DISCARD_WRITES;
            if is_dear || !self.discard(start, pages) {
                start.write_bytes(0, dirty);
            }
        }
    }

    /// Makes the first pages of a block read as zeros by giving their memory back; `false` if the
    /// system refuses.
    ///
    /// # Safety
    /// The pages are the caller's, who gives up their contents.
    unsafe fn discard(&'static self, start: NonNull<u8>, pages: usize) -> bool {
        let found = self.registry.find(start.as_ptr());
        found.is_some_and(|(map, first)| {
            // SAFETY: the caller's duty, passed on.
            unsafe { map.zero(first..first + pages) }.is_ok()
        })
    }

    /// Releases a large block.
    #[cold]
    pub(crate) fn release_large(
        &'static self,
        start: *mut u8,
        layout: Layout,
    ) -> Result<(), InvalidFree> {
        let run = self.large_run(start, layout.size())?;
        // If two threads free one block, the second finds the kind changed.
        if !run.map.replace_kind(run.pages.start, KIND_LARGE, KIND_NONE) {
            return Err(InvalidFree::at(start));
        }
        if let Some(start) = NonNull::new(start) {
            checker::freed(start, layout.size());
        }
        self.requested.fetch_sub(layout.size(), Relaxed);
        let before = self.large.note_freed();
        #[cfg(feature = "profile")]
        self.forget_large(&run);
        #[cfg(feature = "hardened")]
        let run = self.unguard(run);
        self.free_pages(&run);
        if before % RELEASES_PER_TICK == 0 {
            self.tick();
        }
        Ok(())
    }

    /// The pages of a live large block of `bytes` at `start`.
    pub(super) fn large_run(
        &'static self,
        start: *mut u8,
        bytes: usize,
    ) -> Result<PageRun<'static>, InvalidFree> {
        let (map, page) = self.registry.find(start).ok_or(InvalidFree::at(start))?;
        if map.kind(page) != KIND_LARGE {
            return Err(InvalidFree::at(start));
        }
        let (entry, colour) = (map.header(page), colour_at(start));
        let pages = pages_with_guard(bytes, colour);
        // SAFETY: the entry of a page of this kind holds its block's number of pages and its colour
        // (module invariant).
        let fits = unsafe {
            SpanHeader::large_pages(entry) == pages && SpanHeader::colour(entry) == colour
        };
        fits.then(|| PageRun::block(map, page..page + pages))
            .ok_or(InvalidFree::at(start))
    }
}

/// Makes pages that the caller has allocated a large block of this colour; returns its start.
pub(super) fn open_large_at(run: &PageRun<'_>, colour: usize) -> NonNull<u8> {
    let first = run.pages.start;
    let entry = run.map.header(first);
    // SAFETY: the pages are the caller's, and so are their entries, which were committed with them.
    unsafe {
        SpanHeader::open_large(entry, run.pages.len());
        SpanHeader::set_colour(entry, colour);
        #[cfg(feature = "profile")]
        SpanHeader::set_sample(entry, 0);
    }
    run.map.set_kind(first..first + 1, KIND_LARGE);
    // SAFETY: a colour is less than a page, and the block has at least one.
    unsafe { run.map.start(first).add(colour) }
}
