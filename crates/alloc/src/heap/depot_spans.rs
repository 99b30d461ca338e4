//! The spans of one class that a depot has: which of them have a free object, and how many objects
//! are out.
//!
//! Invariant: a span is listed exactly when some of its objects are free, but not all; a span whose
//! objects are all free is passed on at once. All of it happens under the depot's lock.

use core::ptr::NonNull;

use super::{
    class::Class,
    invalid_free::InvalidFree,
    span::{SpanHeader, SpanList},
};

/// The spans of a class.
#[derive(Debug)]
pub(super) struct DepotSpans {
    class: Class,
    /// Spans that have a free object.
    partial: SpanList,
    count: usize,
    /// Objects that are not free in their spans.
    outside: usize,
}

impl DepotSpans {
    pub(super) const fn new(class: Class) -> Self {
        Self {
            class,
            partial: SpanList::new(),
            count: 0,
            outside: 0,
        }
    }

    /// The number of spans.
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// The number of objects that are not free in their spans.
    pub(super) fn outside(&self) -> usize {
        self.outside
    }

    /// Passes up to `want` objects of the listed spans to `take`; returns how many.
    pub(super) fn allocate(&mut self, want: usize, mut take: impl FnMut(*mut u8)) -> usize {
        let mut found = 0;
        while found < want {
            let Some(span) = self.partial.first() else {
                break;
            };
            found += self.allocate_from(span, want - found, &mut take);
        }
        found
    }

    /// Adds a new span, all of whose objects are free.
    ///
    /// # Safety
    /// It was opened for this class, and nobody else refers to it.
    pub(super) unsafe fn add(&mut self, span: NonNull<SpanHeader>) {
        // SAFETY: the caller's alone, and in no list yet.
        unsafe {
            span.as_ref().free_all(self.class.span());
            self.partial.push(span);
        }
        self.count += 1;
    }

    /// Counts a span whose only object is in the program's hands.
    pub(super) fn adopt(&mut self) {
        self.count += 1;
        self.outside += 1;
    }

    /// Stops counting a span whose only object is in the program's hands.
    pub(super) fn disown(&mut self) {
        self.count -= 1;
        self.outside -= 1;
    }

    fn allocate_from(
        &mut self,
        span: NonNull<SpanHeader>,
        want: usize,
        take: impl FnMut(*mut u8),
    ) -> usize {
        // SAFETY: a listed span's header is valid, and the caller's (`&mut self`).
        let header = unsafe { span.as_ref() };
        let taken = header.allocate(self.class.span(), want, take);
        if header.free_count() == 0 {
            // SAFETY: it was in the list, because it had a free object.
            unsafe { self.partial.remove(span) };
        }
        self.outside += taken;
        taken
    }

    /// Puts objects back into their spans. Those that come in turn often lie in one span, so a span
    /// is looked up, and listed, once for all that follow each other in it. After an error the
    /// spans are not to be used: counts and lists lack objects that were freed before it.
    ///
    /// # Safety
    /// The caller owns the objects. `header_of` finds the side-table entry of an object's page, or
    /// `None` where that page is not in a span of this class.
    pub(super) unsafe fn free_each(
        &mut self,
        mut objects: impl Iterator<Item = *mut u8>,
        header_of: impl Fn(*mut u8) -> Option<NonNull<SpanHeader>>,
        mut release: impl FnMut(NonNull<SpanHeader>),
    ) -> Result<(), InvalidFree> {
        let mut next = objects.next();
        while let Some(object) = next {
            let entry = header_of(object).ok_or(InvalidFree::at(object))?;
            // SAFETY: the page lies in a span of this class (`header_of`), which is the caller's
            // (`&mut self`).
            let span = unsafe { SpanHeader::of(entry) };
            // SAFETY: as above.
            next = unsafe { self.free_run(span, object, &mut objects, &mut release)? };
        }
        Ok(())
    }

    /// Frees an object of a span, and those that follow it among `rest` and lie in it, too; returns
    /// the first one that does not.
    ///
    /// # Safety
    /// It is one of these spans; the caller owns the objects.
    #[inline]
    unsafe fn free_run(
        &mut self,
        span: NonNull<SpanHeader>,
        mut object: *mut u8,
        rest: &mut impl Iterator<Item = *mut u8>,
        release: &mut impl FnMut(NonNull<SpanHeader>),
    ) -> Result<Option<*mut u8>, InvalidFree> {
        let shape = self.class.span();
        // SAFETY: a span of this list, which is the caller's (`&mut self`).
        let header = unsafe { span.as_ref() };
        let before = header.free_count();
        let next = loop {
            if !header.free(shape, object) {
                return Err(InvalidFree::at(object));
            }
            match rest.next() {
                Some(following) if header.contains(shape, following) => object = following,
                other => break other,
            }
        };
        // SAFETY: as above.
        if unsafe { self.note_freed(span, before) } {
            release(span);
        }
        Ok(next)
    }

    /// Lists a span of which objects were freed, or removes it when all are free; returns whether
    /// they are.
    ///
    /// # Safety
    /// It is one of these spans; some of its objects were marked free, and `before` were free then.
    #[inline]
    unsafe fn note_freed(&mut self, span: NonNull<SpanHeader>, before: usize) -> bool {
        // SAFETY: a span of this list, which is the caller's (`&mut self`).
        let free = unsafe { span.as_ref() }.free_count();
        self.outside -= free - before;
        let are_all_free = free == usize::from(self.class.span().objects);
        if are_all_free {
            if before > 0 {
                // SAFETY: it is in the list, because it had a free object before.
                unsafe { self.partial.remove(span) };
            }
            self.count -= 1;
        } else if before == 0 {
            // SAFETY: it is in no list, because nothing was free before.
            unsafe { self.partial.push(span) };
        }
        are_all_free
    }
}
