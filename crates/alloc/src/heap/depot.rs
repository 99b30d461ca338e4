//! A depot: what the threads share of one size class. A tray of objects in transit, and the spans with free ones.
//!
//! Threads fetch and bring objects in batches. The **tray** is a plain array: objects that one thread frees and another
//! needs pass through it without their spans being looked at. What finds no room there, and what idles there, goes back to
//! its span; a span that is wholly free goes back to the pages.
//!
//! ```text
//! caches ──bring──► tray ──overflow──► spans ──wholly free──► pages
//! caches ◄──fetch── tray ◄──empty───── spans ◄──none left──── pages
//! ```
//!
//! Everything here happens under the depot's lock. Spans are made and given back by the caller: it knows the pages.
//!
//! Invariant: an object is in exactly one place: free in its span, in the tray, in one thread's cache, or in the program's hands.

use core::ptr::NonNull;

use super::{
    class::Class,
    span::{SpanHeader, SpanList},
};

/// The most objects in transit.
const TRAY: usize = 96;
/// And the most bytes.
const TRAY_BYTES: usize = 128 << 10;
/// So often objects are brought without any being fetched before the depot counts as idle.
const PATIENCE: u32 = 4;

/// A class's tray and spans.
#[derive(Debug)]
pub(crate) struct Depot {
    class: Class,
    tray: [*mut u8; TRAY],
    in_tray: usize,
    partial: SpanList,
    spans: usize,
    /// Objects that are not free in their spans.
    out: usize,
    brought_since_fetch: u32,
    fetched_since_sweep: bool,
    /// Objects that went to the program without passing through a cache.
    direct: u64,
}

// SAFETY: objects and headers belong to the heap, not to a thread; the depot is the one to use them (module invariant).
unsafe impl Send for Depot {}

/// Objects came back that are not this class's, or were free already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Misuse;

impl Depot {
    pub(crate) const fn new(class: Class) -> Self {
        Self {
            class,
            tray: [core::ptr::null_mut(); TRAY],
            in_tray: 0,
            partial: SpanList::new(),
            spans: 0,
            out: 0,
            brought_since_fetch: 0,
            fetched_since_sweep: false,
            direct: 0,
        }
    }

    fn tray_room(&self) -> usize {
        TRAY.min(TRAY_BYTES / self.class.size())
    }

    /// Whether nobody has fetched anything since this was last asked.
    pub(crate) fn is_forgotten(&mut self) -> bool {
        !core::mem::take(&mut self.fetched_since_sweep)
    }

    /// Passes up to `want` objects to `take`: from the tray, else from spans, else from what `new_span` makes. Returns how
    /// many; 0 when there is no memory.
    ///
    /// # Safety
    /// `new_span` returns the header of an opened span of this class, which from then on is the depot's.
    pub(crate) unsafe fn fetch(
        &mut self,
        want: usize,
        mut take: impl FnMut(*mut u8),
        new_span: impl FnOnce() -> Option<NonNull<SpanHeader>>,
    ) -> usize {
        self.brought_since_fetch = 0;
        self.fetched_since_sweep = true;
        let from_tray = want.min(self.in_tray);
        for _ in 0..from_tray {
            self.in_tray -= 1;
            take(self.tray[self.in_tray]);
        }
        let mut found = from_tray;
        while found < want
            && let Some(span) = self.partial.first()
        {
            found += self.take_from(span, want - found, &mut take);
        }
        if found == 0
            && let Some(span) = new_span()
        {
            // SAFETY: opened for this depot (caller), in no list yet.
            unsafe {
                span.as_ref().free_all(self.class.span());
                self.partial.push(span);
            }
            self.spans += 1;
            found = self.take_from(span, want, &mut take);
        }
        found
    }

    fn take_from(
        &mut self,
        span: NonNull<SpanHeader>,
        want: usize,
        take: impl FnMut(*mut u8),
    ) -> usize {
        // SAFETY: a listed span's header is valid and this depot's; the depot is locked (`&mut self`).
        let header = unsafe { span.as_ref() };
        let taken = header.take(self.class, want, take);
        if header.free_count() == 0 {
            // SAFETY: it was in the list, having had something free.
            unsafe { self.partial.remove(span) };
        }
        self.out += taken;
        taken
    }

    /// Takes one object, for a thread that has no cache.
    ///
    /// # Safety
    /// As [`fetch`](Self::fetch).
    pub(crate) unsafe fn fetch_one(
        &mut self,
        new_span: impl FnOnce() -> Option<NonNull<SpanHeader>>,
    ) -> Option<NonNull<u8>> {
        let mut object = core::ptr::null_mut();
        // SAFETY: the caller's duty, passed on.
        unsafe { self.fetch(1, |found| object = found, new_span) };
        self.direct += u64::from(!object.is_null());
        NonNull::new(object)
    }

    /// Whether objects only come and nobody fetches any.
    pub(crate) fn is_idle(&self) -> bool {
        self.brought_since_fetch > PATIENCE
    }

    /// Takes objects back: into the tray while it has room and the class is in use, else into their spans. Spans that are wholly free then are
    /// passed to `release`.
    ///
    /// # Safety
    /// The objects are the caller's to give; `header_of` finds the entry of an object's page in the side table, or `None` where
    /// that page is in no span of this class.
    pub(crate) unsafe fn bring(
        &mut self,
        objects: &[*mut u8],
        header_of: impl Fn(*mut u8) -> Option<NonNull<SpanHeader>>,
        mut release: impl FnMut(NonNull<SpanHeader>),
    ) -> Result<(), Misuse> {
        self.brought_since_fetch += 1;
        let room = if self.is_idle() {
            0
        } else {
            self.tray_room() - self.in_tray
        };
        let (to_tray, to_spans) = objects.split_at(room.min(objects.len()));
        self.tray[self.in_tray..][..to_tray.len()].copy_from_slice(to_tray);
        self.in_tray += to_tray.len();
        for &object in to_spans {
            // SAFETY: the caller's duty, passed on.
            unsafe { self.give(object, &header_of, &mut release)? };
        }
        if room == 0 && self.is_idle() {
            // SAFETY: as above; what lies in the tray was brought.
            unsafe { self.empty_tray(header_of, release)? };
        }
        Ok(())
    }

    /// Puts what is in the tray back into its spans.
    ///
    /// # Safety
    /// As [`bring`](Self::bring).
    pub(crate) unsafe fn empty_tray(
        &mut self,
        header_of: impl Fn(*mut u8) -> Option<NonNull<SpanHeader>>,
        mut release: impl FnMut(NonNull<SpanHeader>),
    ) -> Result<(), Misuse> {
        while let Some(last) = self.in_tray.checked_sub(1) {
            self.in_tray = last;
            // SAFETY: the caller's duty, passed on.
            unsafe { self.give(self.tray[last], &header_of, &mut release)? };
        }
        Ok(())
    }

    /// Puts an object back into its span.
    ///
    /// # Safety
    /// As [`bring`](Self::bring).
    unsafe fn give(
        &mut self,
        object: *mut u8,
        header_of: impl Fn(*mut u8) -> Option<NonNull<SpanHeader>>,
        release: impl FnOnce(NonNull<SpanHeader>),
    ) -> Result<(), Misuse> {
        let entry = header_of(object).ok_or(Misuse)?;
        // SAFETY: the page lies in a span of this class (`header_of`), whose depot is locked (`&mut self`).
        let span = unsafe { SpanHeader::of(entry) };
        // SAFETY: as above.
        let header = unsafe { span.as_ref() };
        if !header.give(self.class, object) {
            return Err(Misuse);
        }
        self.out -= 1;
        let (free, all) = (header.free_count(), usize::from(self.class.span().objects));
        if free == all {
            if all > 1 {
                // SAFETY: it had something free before, so it is in the list.
                unsafe { self.partial.remove(span) };
            }
            self.spans -= 1;
            release(span);
        } else if free == 1 {
            // SAFETY: nothing was free before, so it is in no list.
            unsafe { self.partial.push(span) };
        }
        Ok(())
    }

    /// A span whose only object is in the program's hands, made by the caller.
    pub(super) fn adopt(&mut self) {
        self.spans += 1;
        self.out += 1;
        self.direct += 1;
    }

    /// The opposite: its pages become something else.
    pub(super) fn disown(&mut self) {
        self.spans -= 1;
        self.out -= 1;
    }

    /// Numbers for statistics.
    pub(super) fn counts(&self) -> DepotCounts {
        DepotCounts {
            spans: self.spans,
            out: self.out,
            in_tray: self.in_tray,
            direct: self.direct,
        }
    }
}

/// How many objects of a class there are, and where.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct DepotCounts {
    pub(super) spans: usize,
    pub(super) out: usize,
    pub(super) in_tray: usize,
    pub(super) direct: u64,
}
