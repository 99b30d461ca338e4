//! A depot: what all threads share of one size class, namely a transfer cache and the spans that
//! have free objects.
//!
//! Thread caches refill from it and flush to it in batches. What finds no room in the [transfer
//! cache](TransferCache), and what idles there, goes back to its span; a span whose objects are all
//! free goes back to the pages. (Bonwick and Adams call the layer between threads and slabs the
//! depot, 2001; tcmalloc has a transfer cache before a central free list.)
//!
//! ```text
//! thread  ──insert──► transfer ──overflow──► spans ──all free───► pages
//! caches  ◄──remove── cache    ◄──if empty── spans ◄──none left── pages
//! ```
//!
//! Everything here happens under the depot's lock. The caller makes spans and gives them back,
//! because it knows the pages.
//!
//! Invariant: an object is in exactly one place: free in its span, in the transfer cache, in one
//! thread's cache, or in the program's hands.

use core::{
    cell::Cell,
    iter, mem,
    ptr::{self, NonNull},
    slice,
};

use super::{
    class::Class, depot_spans::DepotSpans, invalid_free::InvalidFree, span::SpanHeader,
    transfer_cache::TransferCache,
};
use orionrt_sys::checker::hidden;

/// A depot counts as idle after more than so many insertions, without a removal, for which the
/// transfer cache has no room.
const IDLE_AFTER: u32 = 4;

/// The transfer cache and the spans of a class.
#[derive(Debug)]
pub(crate) struct Depot {
    class: Class,
    transfer: TransferCache,
    spans: DepotSpans,
    overflows_since_remove: u32,
    removed_since_sweep: bool,
    /// Objects that went to the program without passing through a thread's cache.
    direct: u64,
}

// SAFETY: objects and headers belong to the heap, not to a thread; the depot alone uses those that
// it has (module invariant).
unsafe impl Send for Depot {}

impl Depot {
    pub(crate) const fn new(class: Class) -> Self {
        Self {
            class,
            transfer: TransferCache::new(),
            spans: DepotSpans::new(class),
            overflows_since_remove: 0,
            removed_since_sweep: false,
            direct: 0,
        }
    }

    /// Whether no object was removed since the last call.
    pub(crate) fn is_unused_since_sweep(&mut self) -> bool {
        !mem::take(&mut self.removed_since_sweep)
    }

    /// Whether objects only come back, more than may be in transit, and nobody asks for any.
    pub(crate) fn is_idle(&self) -> bool {
        self.overflows_since_remove > IDLE_AFTER
    }

    /// Moves objects to the first of these cells, in the form in which bins have them ([`hidden`]):
    /// from the transfer cache, else from spans, else from the span that `new_span` makes. Returns
    /// how many; 0 when there is no memory.
    ///
    /// # Safety
    /// `new_span` returns the header of an opened span of this class, which belongs to the depot
    /// from then on.
    pub(crate) unsafe fn remove_range(
        &mut self,
        cells: &[Cell<*mut u8>],
        new_span: impl FnOnce() -> Option<NonNull<SpanHeader>>,
    ) -> usize {
        self.overflows_since_remove = 0;
        self.removed_since_sweep = true;
        let in_transit = self.transfer.pop_into(cells);
        let found = in_transit + self.remove_from_spans(&cells[in_transit..]);
        if found > 0 {
            return found;
        }
        let Some(span) = new_span() else {
            return 0;
        };
        // SAFETY: opened for this depot (caller), and in no list yet.
        unsafe { self.spans.add(span) };
        self.remove_from_spans(cells)
    }

    fn remove_from_spans(&mut self, cells: &[Cell<*mut u8>]) -> usize {
        let mut empty = cells.iter();
        self.spans.allocate(cells.len(), |object| {
            if let Some(cell) = empty.next() {
                cell.set(hidden(object));
            }
        })
    }

    /// Removes one object, for a thread that has no cache.
    ///
    /// # Safety
    /// That of [`remove_range`](Self::remove_range).
    pub(crate) unsafe fn remove_one(
        &mut self,
        new_span: impl FnOnce() -> Option<NonNull<SpanHeader>>,
    ) -> Option<NonNull<u8>> {
        let cell = Cell::new(ptr::null_mut());
        // SAFETY: the caller's duty, passed on.
        unsafe { self.remove_range(slice::from_ref(&cell), new_span) };
        let object = NonNull::new(hidden(cell.get()));
        self.direct += u64::from(object.is_some());
        object
    }

    /// Takes objects back: into the transfer cache while that has room and the class is in use,
    /// else into their spans. Spans whose objects are all free then are passed to `release`.
    ///
    /// # Safety
    /// The caller owns the objects. `header_of` finds the side-table entry of an object's page, or
    /// `None` where that page is not in a span of this class.
    pub(crate) unsafe fn insert_range(
        &mut self,
        objects: &[*mut u8],
        header_of: impl Fn(*mut u8) -> Option<NonNull<SpanHeader>>,
        mut release: impl FnMut(NonNull<SpanHeader>),
    ) -> Result<(), InvalidFree> {
        let mut room = self.transfer.room(self.class);
        if room < objects.len() || self.is_idle() {
            self.overflows_since_remove += 1;
        }
        if self.is_idle() {
            room = 0;
        }
        let (in_transit, to_spans) = objects.split_at(room.min(objects.len()));
        self.transfer.push_all(in_transit);
        let to_spans = to_spans.iter().copied();
        // SAFETY: the caller's duty, passed on.
        unsafe { self.spans.free_each(to_spans, &header_of, &mut release)? };
        if room == 0 && self.is_idle() {
            // SAFETY: as above; what is in transit was inserted here.
            unsafe { self.flush_transfer_cache(header_of, release)? };
        }
        Ok(())
    }

    /// Puts the objects in transit back into their spans.
    ///
    /// # Safety
    /// That of [`insert_range`](Self::insert_range).
    pub(crate) unsafe fn flush_transfer_cache(
        &mut self,
        header_of: impl Fn(*mut u8) -> Option<NonNull<SpanHeader>>,
        release: impl FnMut(NonNull<SpanHeader>),
    ) -> Result<(), InvalidFree> {
        let objects = iter::from_fn(|| self.transfer.pop());
        // SAFETY: the caller's duty, passed on.
        unsafe { self.spans.free_each(objects, header_of, release) }
    }

    /// Adds a span that the caller has made, whose only object is in the program's hands.
    pub(super) fn adopt(&mut self) {
        self.spans.adopt();
        self.direct += 1;
    }

    /// Removes a span whose only object is in the program's hands: its pages become something else.
    pub(super) fn disown(&mut self) {
        self.spans.disown();
    }

    /// Counts an object that goes to the program from elsewhere than a bin or a span.
    #[cfg(feature = "profile")]
    pub(super) fn note_direct(&mut self) {
        self.direct += 1;
    }

    /// Numbers for statistics.
    pub(super) fn counts(&self) -> DepotCounts {
        DepotCounts {
            spans: self.spans.count(),
            outside: self.spans.outside(),
            in_transit: self.transfer.len(),
            direct: self.direct,
        }
    }
}

/// How many objects of a class there are, and where.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct DepotCounts {
    pub(super) spans: usize,
    /// Objects that are not free in their spans.
    pub(super) outside: usize,
    pub(super) in_transit: usize,
    /// Objects that went to the program without passing through a thread's cache.
    pub(super) direct: u64,
}
