//! [`OwnedSpans`]: the spans and large blocks of an owned heap, and what they hold.
//!
//! Everything here happens under the heap's lock. The caller takes pages and gives them back.
//!
//! An object is free in its span or in the program's hands, nowhere else. So an address that is no
//! object is noticed when it is freed, and so is an object that is free.
//!
//! Invariant: every span, every large block and every sampled object of the heap is in exactly one
//! list. A span with a free object is in that of its class, all else is in the last one.

use core::ptr::{self, NonNull};

use super::heap_stats::OrionHeapStats;
#[cfg(feature = "profile")]
use crate::heap::sampling::Sampler;
use crate::heap::{
    class::{CLASSES, Class, PAGE},
    invalid_free::InvalidFree,
    span::{SpanHeader, SpanList},
};

/// The index of the list of spans without a free object, of large blocks and of sampled objects.
const FULL: usize = CLASSES;

/// The spans and large blocks of a heap.
#[derive(Debug)]
pub(crate) struct OwnedSpans {
    /// For each class, the spans that have a free object; behind these, all else.
    lists: Lists,
    stats: OrionHeapStats,
    /// The bytes of objects before the next one that a profile samples.
    #[cfg(feature = "profile")]
    until_sample: u64,
    /// The change of sampling that this heap has followed.
    #[cfg(feature = "profile")]
    sampling_epoch: u32,
}

type Lists = [SpanList; CLASSES + 1];
const NO_SPANS: Lists = [const { SpanList::new() }; CLASSES + 1];

// SAFETY: headers belong to the heap, not to a thread; this alone uses those in its lists.
unsafe impl Send for OwnedSpans {}

impl OwnedSpans {
    pub(super) fn new() -> Self {
        Self {
            lists: NO_SPANS,
            stats: OrionHeapStats::default(),
            #[cfg(feature = "profile")]
            until_sample: u64::MAX,
            #[cfg(feature = "profile")]
            sampling_epoch: 0,
        }
    }

    /// Counts and bytes now.
    pub(crate) fn stats(&self) -> OrionHeapStats {
        self.stats
    }

    /// Allocates an object for a request of `bytes` bytes; `None` if no span has one free, or if it
    /// is to be a sampled one.
    #[inline]
    pub(crate) fn allocate(&mut self, class: Class, bytes: usize) -> Option<NonNull<u8>> {
        #[cfg(feature = "profile")]
        {
            let until_sample = self.until_sample.checked_sub(class.size() as u64)?;
            let object = self.allocate_unsampled(class, bytes)?;
            self.until_sample = until_sample;
            Some(object)
        }
        #[cfg(not(feature = "profile"))]
        self.allocate_unsampled(class, bytes)
    }

    /// Allocates an object for a request of `bytes` bytes, which a profile does not sample; `None`
    /// if no span has one free.
    #[inline]
    pub(crate) fn allocate_unsampled(&mut self, class: Class, bytes: usize) -> Option<NonNull<u8>> {
        let span = self.lists[class.index()].first()?;
        // SAFETY: a listed span's header is valid and this heap's, which is locked (`&mut self`).
        let header = unsafe { span.as_ref() };
        let mut object = ptr::null_mut();
        header.allocate(class.span(), 1, |found| object = found);
        if header.free_count() == 0 {
            // SAFETY: it was in the list of its class, because it had a free object.
            unsafe {
                self.lists[class.index()].remove(span);
                self.lists[FULL].push(span);
            }
        }
        self.stats.note_allocated(bytes, class.size());
        NonNull::new(object)
    }

    /// Follows a change of sampling, and counts an object of this class. If it is the one that is
    /// due for a sample, returns the mean.
    #[cfg(feature = "profile")]
    pub(crate) fn take_due(&mut self, class: Class, sampler: &Sampler) -> Option<u64> {
        let epoch = sampler.epoch();
        let mean = sampler.mean();
        if core::mem::replace(&mut self.sampling_epoch, epoch) != epoch {
            self.until_sample = sampler.bytes(mean);
        }
        if let Some(until_sample) = self.until_sample.checked_sub(class.size() as u64) {
            self.until_sample = until_sample;
            return None;
        }
        self.until_sample = sampler.bytes(mean);
        (mean != 0).then_some(mean)
    }

    /// Adds a sampled object of this class, for a request of `bytes` bytes.
    ///
    /// # Safety
    /// It was opened for this heap, and is in no list.
    #[cfg(feature = "profile")]
    pub(crate) unsafe fn add_sampled(
        &mut self,
        class: Class,
        object: NonNull<SpanHeader>,
        bytes: usize,
    ) {
        // SAFETY: the caller's duty, passed on.
        unsafe { self.lists[FULL].push(object) };
        self.stats.note_allocated(bytes, class.size());
        self.stats.used_bytes += class.sampled_pages() * PAGE;
    }

    /// Removes a sampled object.
    ///
    /// # Safety
    /// It is one of this heap and class.
    #[cfg(feature = "profile")]
    pub(crate) unsafe fn remove_sampled(
        &mut self,
        class: Class,
        object: NonNull<SpanHeader>,
        bytes: usize,
    ) {
        // SAFETY: sampled objects are in that list.
        unsafe { self.lists[FULL].remove(object) };
        self.stats.note_freed(bytes, class.size());
        self.stats.used_bytes -= class.sampled_pages() * PAGE;
    }

    /// Adds a new span, whose objects are all free.
    ///
    /// # Safety
    /// It was opened for this heap and class, and is in no list.
    pub(crate) unsafe fn add_span(&mut self, class: Class, span: NonNull<SpanHeader>) {
        // SAFETY: opened for this heap (caller), and nobody else refers to its header.
        unsafe {
            span.as_ref().free_all(class.span());
            self.lists[class.index()].push(span);
        }
        self.stats.spans += 1;
        self.stats.used_bytes += span_bytes(class);
    }

    /// Frees an object of a span of this heap, and says what becomes of the span.
    ///
    /// # Safety
    /// `span` is the header of a span of this heap and class.
    #[inline]
    pub(crate) unsafe fn free(
        &mut self,
        class: Class,
        span: NonNull<SpanHeader>,
        object: *mut u8,
        bytes: usize,
    ) -> Result<Freed, InvalidFree> {
        // SAFETY: a header of this heap (caller), which is locked (`&mut self`).
        let header = unsafe { span.as_ref() };
        if !header.free(class.span(), object) {
            return Err(InvalidFree::at(object));
        }
        self.stats.note_freed(bytes, class.size());
        let (free, all) = (header.free_count(), usize::from(class.span().objects));
        if free == 1 {
            // SAFETY: without a free object it was in the last list, from where it moves.
            unsafe {
                self.lists[FULL].remove(span);
                self.lists[class.index()].push(span);
            }
        }
        if free < all {
            return Ok(Freed::InUse);
        }
        if all > 1 && self.lists[class.index()].is_only(span) {
            return Ok(Freed::Kept);
        }
        // SAFETY: it has free objects, so it is in the list of its class.
        unsafe { self.remove_span(class, span) };
        Ok(Freed::Closed(span))
    }

    /// Removes a span from the list of its class.
    ///
    /// # Safety
    /// It is in that list.
    unsafe fn remove_span(&mut self, class: Class, span: NonNull<SpanHeader>) {
        // SAFETY: the caller's duty, passed on.
        unsafe { self.lists[class.index()].remove(span) };
        self.stats.spans -= 1;
        self.stats.used_bytes -= span_bytes(class);
    }

    /// Takes out all spans whose objects are all free, and passes each to `take`.
    pub(crate) fn take_empty(&mut self, mut take: impl FnMut(NonNull<SpanHeader>)) {
        for class in Class::all() {
            let all = usize::from(class.span().objects);
            let mut next = self.lists[class.index()].first();
            while let Some(span) = next {
                // SAFETY: a listed header is valid and this heap's, which is locked.
                let header = unsafe { span.as_ref() };
                next = NonNull::new(header.next.get());
                if header.free_count() == all {
                    // SAFETY: found in this list.
                    unsafe { self.remove_span(class, span) };
                    take(span);
                }
            }
        }
    }

    /// Adds a large block of `pages` pages, for a request of `bytes` bytes.
    ///
    /// # Safety
    /// It was opened for this heap, and is in no list.
    pub(crate) unsafe fn add_large(
        &mut self,
        block: NonNull<SpanHeader>,
        pages: usize,
        bytes: usize,
    ) {
        // SAFETY: the caller's duty, passed on.
        unsafe { self.lists[FULL].push(block) };
        self.stats.note_allocated(bytes, pages * PAGE);
        self.stats.large_blocks += 1;
        self.note_large_pages(0, pages);
    }

    /// Removes a large block.
    ///
    /// # Safety
    /// It is one of this heap.
    pub(crate) unsafe fn remove_large(
        &mut self,
        block: NonNull<SpanHeader>,
        pages: usize,
        bytes: usize,
    ) {
        // SAFETY: large blocks are in that list.
        unsafe { self.lists[FULL].remove(block) };
        self.stats.note_freed(bytes, pages * PAGE);
        self.stats.large_blocks -= 1;
        self.note_large_pages(pages, 0);
    }

    /// Counts that a block stays where it is, with as many bytes granted.
    pub(crate) fn note_resized(&mut self, old: usize, new: usize) {
        self.stats.note_resized(old, new);
    }

    /// Counts that a large block has another number of pages.
    pub(crate) fn note_large_resized(&mut self, old: usize, new: usize) {
        self.stats.live_bytes = self.stats.live_bytes - old * PAGE + new * PAGE;
        self.note_large_pages(old, new);
    }

    fn note_large_pages(&mut self, old: usize, new: usize) {
        self.stats.large_bytes = self.stats.large_bytes - old * PAGE + new * PAGE;
        self.stats.used_bytes = self.stats.used_bytes - old * PAGE + new * PAGE;
    }

    /// Takes everything, whether it is in use or not; leaves a heap that has nothing.
    pub(crate) fn take_all(&mut self) -> TakenSpans {
        self.stats = self.stats.after_reset();
        TakenSpans {
            lists: core::mem::replace(&mut self.lists, NO_SPANS),
            index: 0,
        }
    }
}

/// What becomes of a span once one of its objects is free.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Freed {
    /// It has objects in use.
    InUse,
    /// It holds no object, and stays for the next one: it is the only one of its class that has
    /// free objects.
    Kept,
    /// It holds no object, and is to be given back.
    Closed(NonNull<SpanHeader>),
}

/// All spans and large blocks that a heap had.
#[derive(Debug)]
pub(crate) struct TakenSpans {
    lists: Lists,
    /// Lists before this one are empty.
    index: usize,
}

impl Iterator for TakenSpans {
    type Item = NonNull<SpanHeader>;

    fn next(&mut self) -> Option<Self::Item> {
        while let Some(list) = self.lists.get_mut(self.index) {
            let span = list.pop();
            if span.is_some() {
                return span;
            }
            self.index += 1;
        }
        None
    }
}

fn span_bytes(class: Class) -> usize {
    usize::from(class.span().pages) * PAGE
}
