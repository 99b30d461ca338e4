//! Owned heaps as a whole: made, emptied, closed, and locked for a `fork`.
//!
//! Emptying one takes all of its spans and large blocks at once and gives their pages back, some at
//! a time, so that the page lock is never held for long. No object is looked at.
//!
//! Invariant: a heap is in the list from when it is made until it is closed.

use core::{alloc::Layout, ptr::NonNull, sync::atomic::Ordering::Relaxed};

use super::{
    class::Class,
    heap::Heap,
    owned::{OwnedHeap, OwnedSpans, OwnedTotals},
    page_run::PageRun,
    span::{SpanHeader, SpanList},
    zone_map::{KIND_NONE, KIND_OWNED, KIND_OWNED_LARGE, KIND_OWNED_SAMPLED},
};
use orionrt_sys::checker;

/// How many runs of pages are freed under one lock.
const RUNS_AT_ONCE: usize = 32;

impl Heap {
    /// The memory that [`open_owned_heap`](Self::open_owned_heap) needs.
    pub(crate) const OWNED_HEAP: Layout = Layout::new::<OwnedHeap>();

    /// Makes an owned heap.
    ///
    /// # Safety
    /// `memory` has the layout [`OWNED_HEAP`](Self::OWNED_HEAP), and is the heap's until it is
    /// closed.
    pub(crate) unsafe fn open_owned_heap(&'static self, memory: NonNull<u8>) -> NonNull<OwnedHeap> {
        let heap = memory.cast::<OwnedHeap>();
        // SAFETY: the memory fits and is the heap's (caller), and the heap is in no list yet.
        unsafe {
            heap.write(OwnedHeap::new());
            self.owned.with(|heaps| heaps.add(heap));
        }
        checker::pool_opened(heap.cast());
        heap
    }

    /// Gives everything that was allocated from an owned heap back.
    ///
    /// # Safety
    /// Nobody uses the heap meanwhile, nor any of its blocks afterwards.
    pub(crate) unsafe fn empty_owned_heap(&'static self, heap: &OwnedHeap) {
        checker::pool_closed(heap.address());
        let taken = heap.spans.with(OwnedSpans::take_all);
        self.free_in_batches(taken.filter_map(|span| self.retired_run(span)));
        checker::pool_opened(heap.address());
    }

    /// Frees runs of pages, some under each lock.
    fn free_in_batches(&'static self, mut runs: impl Iterator<Item = PageRun<'static>>) {
        loop {
            let mut batch = [const { None }; RUNS_AT_ONCE];
            for (slot, run) in batch.iter_mut().zip(&mut runs) {
                *slot = Some(run);
            }
            if batch[0].is_none() {
                return;
            }
            self.free_runs(batch.iter().flatten());
        }
    }

    /// Ends an owned heap, and gives everything that was allocated from it back. The memory in
    /// which the heap lies is the caller's again.
    ///
    /// # Safety
    /// `open_owned_heap` of this heap made it. Nobody uses it any more, nor any of its blocks.
    pub(crate) unsafe fn close_owned_heap(&'static self, heap: NonNull<OwnedHeap>) {
        // SAFETY: the caller's duty, passed on; a heap is valid and listed until it is closed.
        unsafe {
            self.empty_owned_heap(heap.as_ref());
            self.owned.with(|heaps| heaps.remove(heap));
        }
        checker::pool_closed(heap.cast());
    }

    /// The pages of a span, large block or sampled object that its heap has given up; they are of
    /// no kind any more.
    pub(super) fn retired_run(
        &'static self,
        span: NonNull<SpanHeader>,
    ) -> Option<PageRun<'static>> {
        // SAFETY: given up by its heap, so nobody writes it; `open` has written it.
        let start = unsafe { span.as_ref() }.start();
        let (map, page) = self.registry.find(start)?;
        debug_assert_eq!(map.header(page), span);
        let kind = map.kind(page);
        if kind == KIND_OWNED_LARGE || kind == KIND_OWNED_SAMPLED {
            // SAFETY: the header of a large block, or of a sampled object.
            let pages = unsafe { SpanHeader::large_pages(span) };
            #[cfg(feature = "profile")]
            self.forget_owned_sample(span);
            map.set_kind(page..page + 1, KIND_NONE);
            let run = PageRun::block(map, page..page + pages);
            #[cfg(feature = "hardened")]
            let run = self.unguard(run);
            return Some(run);
        }
        let class = Class::of_kind(kind & !KIND_OWNED)?;
        let pages = page..page + usize::from(class.span().pages);
        map.set_kind(pages.clone(), KIND_NONE);
        Some(PageRun::block(map, pages))
    }

    /// Gives the pages of all spans of owned heaps back that hold no object; returns whether there
    /// were any. The caller holds no lock but that of one depot.
    pub(super) fn trim_owned(&'static self) -> bool {
        // Refused requests may be many, and so may the heaps.
        if !self.has_empty_owned.swap(false, Relaxed) {
            return false;
        }
        let mut taken = self.take_empty_owned();
        let found = taken.first().is_some();
        self.free_taken(&mut taken);
        found
    }

    /// Notes that an owned heap keeps a span that holds no object. The heap is locked: who takes
    /// the span away must lock it after it has seen this.
    #[inline]
    pub(super) fn note_empty_owned(&self) {
        if !self.has_empty_owned.load(Relaxed) {
            self.has_empty_owned.store(true, Relaxed);
        }
    }

    /// Frees the spans that [`take_empty_owned`](Self::take_empty_owned) has taken out.
    pub(super) fn free_taken(&'static self, taken: &mut SpanList) {
        let spans = core::iter::from_fn(|| taken.pop());
        self.free_in_batches(spans.filter_map(|span| {
            // SAFETY: taken out, so nobody else uses it, and its number of pages is stored.
            let (start, pages) = unsafe { (span.as_ref().start(), SpanHeader::large_pages(span)) };
            let (map, page) = self.registry.find(start)?;
            Some(PageRun::block(map, page..page + pages))
        }));
    }

    /// Takes the spans that hold no object out of all owned heaps. The header of each then says how
    /// many pages it has, because their kind does not any more.
    pub(super) fn take_empty_owned(&'static self) -> SpanList {
        let mut taken = SpanList::new();
        let mut take = |span| {
            let Some(run) = self.retired_run(span) else {
                return;
            };
            // SAFETY: its heap, which is locked, has given it up; it is in no list.
            unsafe {
                SpanHeader::open_large(span, run.pages.len());
                taken.push(span);
            }
        };
        self.owned.with(|heaps| {
            heaps.each(|heap| heap.spans.with(|spans| spans.take_empty(&mut take)));
        });
        taken
    }

    /// Forgets all owned heaps, which nobody can use any more.
    pub(super) fn forget_owned(&self) {
        self.owned.with(|heaps| heaps.forget_all());
    }

    /// Sums over all owned heaps.
    pub(super) fn owned_totals(&self) -> OwnedTotals {
        self.owned.with(|heaps| heaps.totals())
    }

    /// Takes the lock of the list of owned heaps and those of all heaps in it.
    pub(super) fn lock_owned(&self) {
        self.owned.lock();
        // SAFETY: locked in the line above.
        unsafe { self.owned.while_locked() }.each(|heap| heap.spans.lock());
    }

    /// Releases the locks that [`lock_owned`](Self::lock_owned) took.
    ///
    /// # Safety
    /// This thread has taken them.
    pub(super) unsafe fn unlock_owned(&self) {
        // SAFETY: the caller holds all of them.
        unsafe {
            self.owned.while_locked().each(|heap| heap.spans.unlock());
            self.owned.unlock();
        }
    }
}
