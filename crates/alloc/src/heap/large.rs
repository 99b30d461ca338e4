//! Large blocks: more than 32 KiB, or aligned to more than a page. They are runs of pages, taken
//! and freed under the page lock.
//!
//! A block takes its size rounded up to pages, not to a power of two.
//!
//! Invariant: the first page of a live block has kind `KIND_LARGE`, and its header entry holds the
//! number of its pages; both are written before the block is handed out, and not again until its
//! owner gives it up.

use core::{alloc::Layout, ptr::NonNull, sync::atomic::Ordering::Relaxed};

use super::{
    class::PAGE,
    heap::Heap,
    invalid_free::InvalidFree,
    page_run::{PageRequest, PageRun},
    span::SpanHeader,
    zone_map::{KIND_LARGE, KIND_NONE},
};
use orionrt_sys::checker;

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

pub(super) fn pages_of(bytes: usize) -> usize {
    bytes.div_ceil(PAGE)
}

/// The pages of a large block, with its guard page in a hardened build.
pub(super) fn pages_with_guard(bytes: usize) -> usize {
    pages_of(bytes) + usize::from(cfg!(feature = "hardened"))
}

impl Heap {
    /// Allocates a large block.
    #[cold]
    pub(crate) fn allocate_large(&'static self, layout: Layout) -> Option<LargeBlock> {
        let align = layout.align().max(PAGE);
        let request = PageRequest::block(pages_with_guard(layout.size()), align);
        let Some(new) = self.allocate_pages(request) else {
            self.note_failure();
            return None;
        };
        self.large.note_allocated();
        self.requested.fetch_add(layout.size(), Relaxed);
        open_large_at(&new.run);
        #[cfg(feature = "hardened")]
        self.guard(&new.run);
        let start = new.run.map.start(new.run.pages.start);
        checker::allocated(start, layout.size());
        Some(LargeBlock {
            start,
            zero_from: new.zero_from,
        })
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
            if dirty < LEAST_DISCARD || !self.discard(start, pages_of(dirty)) {
                start.write_bytes(0, dirty);
            }
        }
    }

    /// Makes pages of a block read as zeros by giving their memory back; `false` if the system
    /// refuses.
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
            return Err(InvalidFree);
        }
        checker::freed(run.map.start(run.pages.start), layout.size());
        self.requested.fetch_sub(layout.size(), Relaxed);
        let before = self.large.note_freed();
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
        let (map, page) = self.registry.find(start).ok_or(InvalidFree)?;
        let pages = pages_with_guard(bytes);
        let is_start = map.start(page).as_ptr() == start && map.kind(page) == KIND_LARGE;
        // SAFETY: the entry of a page of this kind holds its block's number of pages (module
        // invariant).
        if !is_start || unsafe { SpanHeader::large_pages(map.header(page)) } != pages {
            return Err(InvalidFree);
        }
        Ok(PageRun::block(map, page..page + pages))
    }
}

/// Makes pages that the caller has allocated a large block.
pub(super) fn open_large_at(run: &PageRun<'_>) {
    let first = run.pages.start;
    // SAFETY: the pages are the caller's, and so are their entries, which were committed with them.
    unsafe { SpanHeader::open_large(run.map.header(first), run.pages.len()) };
    run.map.set_kind(first..first + 1, KIND_LARGE);
}
