//! Blocks of owned heaps: allocated, released and resized under the lock of their heap alone.
//!
//! A block is found as those of the allocator itself are: by the kind of its page, which for an
//! owned heap is another one, and by the header of its span or large block, which knows its heap.
//! So a block that is freed to another heap, or to the allocator, ends the process.
//!
//! Invariant: the kind of a block's pages, and the owner in its header, stay as they are from
//! before it is handed out until its holder gives it up. What is given back loses its kind under
//! the lock of its heap. So while the heap is locked, a block of such a kind is in one of its
//! lists.

use core::{alloc::Layout, ptr::NonNull};

use super::{
    class::{Class, PAGE},
    heap::Heap,
    invalid_free::InvalidFree,
    large::{LargeBlock, pages_with_guard},
    owned::{Freed, OwnedHeap},
    page_run::{NewRun, PageRequest, PageRun},
    resize::IN_PLACE,
    span::SpanHeader,
    zone_map::{KIND_NONE, KIND_OWNED, KIND_OWNED_LARGE},
};
use orionrt_sys::checker;

impl Heap {
    /// Allocates a block of an owned heap.
    #[inline]
    pub(crate) fn allocate_owned(
        &'static self,
        owner: &OwnedHeap,
        layout: Layout,
    ) -> Option<NonNull<u8>> {
        let found = match Class::of(layout) {
            Some(class) => self.allocate_owned_small(owner, class, layout.size()),
            None => self
                .allocate_owned_large(owner, layout, false)
                .map(|block| block.start),
        };
        if found.is_none() {
            self.note_failure();
        }
        found
    }

    /// Allocates a block of an owned heap that reads as zeros.
    pub(crate) fn allocate_owned_zeroed(
        &'static self,
        owner: &OwnedHeap,
        layout: Layout,
    ) -> Option<NonNull<u8>> {
        if Class::of(layout).is_some() {
            let start = self.allocate_owned(owner, layout)?;
            // SAFETY: just allocated, of this size.
            unsafe { start.write_bytes(0, layout.size()) };
            return Some(start);
        }
        let Some(block) = self.allocate_owned_large(owner, layout, false) else {
            self.note_failure();
            return None;
        };
        // SAFETY: within the block, which is nobody else's yet.
        unsafe { self.zero_block(block.start, block.zero_from.min(layout.size())) };
        checker::defined(block.start, layout.size());
        Some(block.start)
    }

    /// Allocates for a block of an owned heap that grows to `new`: where there is room to grow on,
    /// if it is a large one.
    pub(crate) fn allocate_owned_growing(
        &'static self,
        owner: &OwnedHeap,
        new: Layout,
    ) -> Option<NonNull<u8>> {
        if IN_PLACE && Class::of(new).is_none() {
            let grown = self.allocate_owned_large(owner, new, true);
            if let Some(block) = grown {
                return Some(block.start);
            }
        }
        self.allocate_owned(owner, new)
    }

    #[inline]
    fn allocate_owned_small(
        &'static self,
        owner: &OwnedHeap,
        class: Class,
        bytes: usize,
    ) -> Option<NonNull<u8>> {
        let object = owner.spans.with(|spans| spans.allocate(class, bytes));
        let object = object.or_else(|| self.allocate_owned_slowly(owner, class, bytes))?;
        #[cfg(feature = "hardened")]
        // SAFETY: allocated just now, and not yet in use.
        unsafe {
            super::hardened::fill(object, class, super::hardened::ALLOCATED);
        }
        checker::pool_allocated(owner.address(), object, bytes);
        Some(object)
    }

    /// Allocates a small block where no span has one free, or where it is due for a sample.
    #[cold]
    #[cfg(feature = "profile")]
    fn allocate_owned_slowly(
        &'static self,
        owner: &OwnedHeap,
        class: Class,
        bytes: usize,
    ) -> Option<NonNull<u8>> {
        if let Some(sampled) = self.allocate_owned_due(owner, class, bytes) {
            return Some(sampled);
        }
        let object = owner
            .spans
            .with(|spans| spans.allocate_unsampled(class, bytes));
        object.or_else(|| self.allocate_in_new_span(owner, class, bytes))
    }

    /// Releases a small block that lies in no span: there are no sampled ones.
    #[cfg(not(feature = "profile"))]
    fn release_owned_sampled(
        &self,
        _: &OwnedHeap,
        _: Class,
        block: NonNull<u8>,
        _: usize,
    ) -> Result<Option<PageRun<'static>>, InvalidFree> {
        Err(InvalidFree::at(block.as_ptr()))
    }

    /// Notes another size of a small block that lies in no span: there are no sampled ones.
    #[cfg(not(feature = "profile"))]
    fn resize_owned_sampled(&self, _: &OwnedHeap, _: Class, _: *mut u8, _: Option<usize>) -> bool {
        false
    }

    /// Allocates a small block where no span has one free.
    #[cold]
    #[cfg(not(feature = "profile"))]
    fn allocate_owned_slowly(
        &'static self,
        owner: &OwnedHeap,
        class: Class,
        bytes: usize,
    ) -> Option<NonNull<u8>> {
        self.allocate_in_new_span(owner, class, bytes)
    }

    /// Allocates a small block from a new span. Pages are taken without the lock of the heap: at
    /// the limit of memory, all heaps are asked for empty spans.
    #[cold]
    fn allocate_in_new_span(
        &'static self,
        owner: &OwnedHeap,
        class: Class,
        bytes: usize,
    ) -> Option<NonNull<u8>> {
        let pages = class.span().pages;
        let NewRun { run, .. } = self.allocate_pages(PageRequest {
            in_bulk: true,
            ..PageRequest::block(pages.into(), PAGE)
        })?;
        let span = open_owned(&run, pages, owner.id());
        owner.spans.with(|spans| {
            // SAFETY: opened just now, for this heap.
            unsafe { spans.add_span(class, span) };
            run.map.set_kind(run.pages, class.kind() | KIND_OWNED);
            spans.allocate_unsampled(class, bytes)
        })
    }

    #[cold]
    fn allocate_owned_large(
        &'static self,
        owner: &OwnedHeap,
        layout: Layout,
        headroom: bool,
    ) -> Option<LargeBlock> {
        let NewRun { run, zero_from } = if headroom {
            self.allocate_run_with_headroom(layout, 0)?
        } else {
            let align = layout.align().max(PAGE);
            let pages = pages_with_guard(layout.size(), 0);
            self.allocate_pages(PageRequest::block(pages, align))?
        };
        let (first, pages) = (run.pages.start, run.pages.len());
        let entry = open_owned(&run, 1, owner.id());
        // SAFETY: the block's own entry, which nobody else refers to yet.
        unsafe { SpanHeader::open_large(entry, pages) };
        #[cfg(feature = "hardened")]
        self.guard(&run);
        #[cfg(feature = "profile")]
        self.sample_owned_large(entry, run.map.start(first), layout.size());
        owner.spans.with(|spans| {
            // SAFETY: opened just now, for this heap.
            unsafe { spans.add_large(entry, pages, layout.size()) };
            run.map.set_kind(first..first + 1, KIND_OWNED_LARGE);
        });
        let start = run.map.start(first);
        checker::pool_allocated(owner.address(), start, layout.size());
        Some(LargeBlock { start, zero_from })
    }

    /// Releases a block of an owned heap.
    ///
    /// # Safety
    /// The program gives up the block at this address, if there is one.
    #[inline]
    pub(crate) unsafe fn release_owned(
        &'static self,
        owner: &OwnedHeap,
        start: NonNull<u8>,
        layout: Layout,
    ) -> Result<(), InvalidFree> {
        let (block, start, bytes) = (start, start.as_ptr(), layout.size());
        let Some(class) = Class::of(layout) else {
            return self.release_owned_large(owner, block, bytes);
        };
        let closed: Result<_, InvalidFree> = owner.spans.with(|spans| {
            let span = self.owned_span(owner, class, start)?;
            // SAFETY: `owned_span` found it to be one of this heap and class, which it stays while
            // the heap is locked.
            let freed = unsafe { spans.free(class, span, start, bytes)? };
            #[cfg(feature = "hardened")]
            // SAFETY: an object that the program held until now, and that is free, while the heap
            // is locked.
            unsafe {
                super::hardened::fill(block, class, super::hardened::FREED);
            }
            checker::pool_freed(owner.address(), block, bytes);
            Ok(match freed {
                Freed::InUse => None,
                Freed::Kept => {
                    self.note_empty_owned();
                    None
                }
                Freed::Closed(span) => self.retired_run(span),
            })
        });
        let closed = match closed {
            Ok(closed) => closed,
            Err(_) => self.release_owned_sampled(owner, class, block, bytes)?,
        };
        if let Some(run) = closed {
            self.free_closed_span(&run);
        }
        Ok(())
    }

    #[cold]
    fn free_closed_span(&'static self, run: &PageRun<'static>) {
        self.free_runs([run].into_iter());
    }

    #[cold]
    fn release_owned_large(
        &'static self,
        owner: &OwnedHeap,
        start: NonNull<u8>,
        bytes: usize,
    ) -> Result<(), InvalidFree> {
        let run = owner.spans.with(|spans| {
            // If two threads free one block, the second finds the kind changed.
            let run = self.owned_large(owner, start.as_ptr(), bytes)?;
            checker::pool_freed(owner.address(), start, bytes);
            let (first, pages) = (run.pages.start, run.pages.len());
            run.map.set_kind(first..first + 1, KIND_NONE);
            #[cfg(feature = "profile")]
            self.forget_owned_sample(run.map.header(first));
            // SAFETY: `owned_large` found it to be one of this heap.
            unsafe { spans.remove_large(run.map.header(first), pages, bytes) };
            Ok(run)
        })?;
        #[cfg(feature = "hardened")]
        let run = self.unguard(run);
        self.free_runs([run].iter());
        Ok(())
    }

    /// Resizes a block of an owned heap where it lies; `false` if that cannot be.
    pub(crate) fn resize_owned(
        &'static self,
        owner: &OwnedHeap,
        start: NonNull<u8>,
        old: Layout,
        new: Layout,
    ) -> Result<bool, InvalidFree> {
        let (block, start) = (start, start.as_ptr());
        let resized = match (Class::of(old), Class::of(new)) {
            (Some(was), is) => {
                let stays = is == Some(was);
                let becomes = stays.then_some(new.size());
                owner.spans.with(|spans| {
                    let span = self.owned_span(owner, was, start);
                    if span.is_err() && !self.resize_owned_sampled(owner, was, start, becomes) {
                        return Err(InvalidFree::at(start));
                    }
                    if stays {
                        spans.note_resized(old.size(), new.size());
                    }
                    Ok(stays)
                })
            }
            (None, Some(_)) => self.owned_large(owner, start, old.size()).map(|_| false),
            (None, None) => self.resize_owned_large(owner, start, old, new),
        }?;
        if resized {
            checker::pool_resized(owner.address(), block, old.size(), new.size());
        }
        Ok(resized)
    }

    #[cold]
    fn resize_owned_large(
        &'static self,
        owner: &OwnedHeap,
        start: *mut u8,
        old: Layout,
        new: Layout,
    ) -> Result<bool, InvalidFree> {
        let run = self.owned_large(owner, start, old.size())?;
        let (had, pages) = (run.pages.len(), pages_with_guard(new.size(), 0));
        let is_aligned = start.addr() % new.align() == 0;
        if !is_aligned || pages != had && !IN_PLACE {
            return Ok(false);
        }
        if pages > had && !self.extend_pages(&run, pages) {
            return Ok(false);
        }
        owner.spans.with(|spans| {
            // SAFETY: the block's own entry. It is written under the lock of its heap, because
            // others read its links.
            unsafe { SpanHeader::open_large(run.map.header(run.pages.start), pages) };
            spans.note_resized(old.size(), new.size());
            spans.note_large_resized(had, pages);
        });
        #[cfg(feature = "profile")]
        self.sample_owned_again(run.map.header(run.pages.start), start, new.size());
        if pages < had {
            self.shrink_pages(&run, pages);
        }
        Ok(true)
    }

    /// The header of an object's span, if that is one of this heap and class.
    #[inline]
    fn owned_span(
        &'static self,
        owner: &OwnedHeap,
        class: Class,
        object: *mut u8,
    ) -> Result<NonNull<SpanHeader>, InvalidFree> {
        let (map, page) = self.registry.find(object).ok_or(InvalidFree::at(object))?;
        if map.kind(page) != class.kind() | KIND_OWNED {
            return Err(InvalidFree::at(object));
        }
        // SAFETY: a page of such a kind is in a span, which stays one while an object of it lives.
        let span = unsafe { SpanHeader::of(map.header(page)) };
        // SAFETY: as above; the owner is not written meanwhile (module invariant).
        let is_own = unsafe { (*span.as_ptr()).owner() } == owner.id();
        is_own.then_some(span).ok_or(InvalidFree::at(object))
    }

    /// The pages of a live large block of `bytes` at `start`, if it is one of this heap.
    fn owned_large(
        &'static self,
        owner: &OwnedHeap,
        start: *mut u8,
        bytes: usize,
    ) -> Result<PageRun<'static>, InvalidFree> {
        let (map, page) = self.registry.find(start).ok_or(InvalidFree::at(start))?;
        if map.start(page).as_ptr() != start || map.kind(page) != KIND_OWNED_LARGE {
            return Err(InvalidFree::at(start));
        }
        let (entry, pages) = (map.header(page), pages_with_guard(bytes, 0));
        // SAFETY: the entry of a page of this kind is the header of a large block, and is not
        // written while its owner gives it up or resizes it (module invariant).
        let fits = unsafe {
            entry.as_ref().owner() == owner.id() && SpanHeader::large_pages(entry) == pages
        };
        fits.then(|| PageRun::block(map, page..page + pages))
            .ok_or(InvalidFree::at(start))
    }
}

/// Writes the header of pages that the caller has allocated for an owned heap, and the entries of
/// the `entries - 1` pages behind the first.
pub(super) fn open_owned(run: &PageRun<'static>, entries: u8, owner: u32) -> NonNull<SpanHeader> {
    let first = run.pages.start;
    let entry = run.map.header(first);
    // SAFETY: the pages are the caller's, and so are their entries, which were committed with them.
    unsafe {
        SpanHeader::open(entry, run.map.start(first), entries);
        SpanHeader::set_owner(entry, owner);
    }
    entry
}
