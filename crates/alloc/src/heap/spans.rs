//! Spans between depots and pages: opened when a depot has no free object left, closed when all
//! objects of a span are free; and objects on their way back to the depots.
//!
//! Invariant: the pages of an open span have the kind of its class, and those of a closed one have
//! none.

use core::ptr::{self, NonNull};

use super::{
    class::{Class, PAGE},
    heap::Heap,
    invalid_free::{InvalidFree, abort_invalid_free},
    page_run::{PageRequest, PageRun},
    span::SpanHeader,
    zone_map::KIND_NONE,
};

impl Heap {
    /// The side-table entry of an object's page, if that page is in a span of this class.
    pub(super) fn header_of(&self, class: Class, object: *mut u8) -> Option<NonNull<SpanHeader>> {
        let (map, page) = self.registry.find(object)?;
        (map.kind(page) == class.kind()).then(|| map.header(page))
    }

    pub(super) fn open_span(&'static self, class: Class) -> Option<NonNull<SpanHeader>> {
        let pages = usize::from(class.span().pages);
        let request = PageRequest {
            object: class.size(),
            ..PageRequest::block(pages, PAGE)
        };
        let run = self.allocate_pages(request)?.run;
        Some(open_span_at(&run, class))
    }

    /// Returns objects to their depot; returns whether the depot is idle. Ends the process if one
    /// of them is not an object of this class, or is free already.
    pub(super) fn flush(&'static self, class: Class, objects: &[*mut u8]) -> bool {
        let mut closed = ClosedSpans::new();
        // SAFETY: objects in a cache, or just released, are in no other place; `header_of` compares
        // the kind of their page.
        let outcome = self.depot(class).with(|depot| unsafe {
            let outcome = depot.insert_range(
                objects,
                |object| self.header_of(class, object),
                |span| closed.push(span),
            );
            outcome.map(|()| depot.is_idle())
        });
        self.close_spans(class, closed);
        outcome.unwrap_or_else(abort_invalid_free)
    }

    /// Returns the objects in transit to their spans.
    pub(super) fn flush_transfer_cache(&'static self, class: Class) {
        let mut closed = ClosedSpans::new();
        // SAFETY: as in `flush`.
        let outcome: Result<(), InvalidFree> = self.depot(class).with(|depot| unsafe {
            depot.flush_transfer_cache(
                |object| self.header_of(class, object),
                |span| closed.push(span),
            )
        });
        self.close_spans(class, closed);
        outcome.unwrap_or_else(abort_invalid_free);
    }

    /// Frees the pages of spans whose objects are all free.
    fn close_spans(&'static self, class: Class, mut closed: ClosedSpans) {
        while let Some((span, start)) = closed.pop() {
            let Some((map, page)) = self.registry.find(start) else {
                continue;
            };
            debug_assert_eq!(map.header(page), span);
            let pages = page..page + usize::from(class.span().pages);
            map.set_kind(pages.clone(), KIND_NONE);
            let object = class.size();
            self.free_pages(&PageRun { map, pages, object });
        }
    }
}

/// Makes pages that the caller has allocated a span.
pub(super) fn open_span_at(run: &PageRun<'static>, class: Class) -> NonNull<SpanHeader> {
    let entry = run.map.header(run.pages.start);
    let start = run.map.start(run.pages.start);
    // SAFETY: the pages are the caller's, and so are their entries, which were committed with them.
    unsafe { SpanHeader::open(entry, start, class.span().pages) };
    run.map.set_kind(run.pages.clone(), class.kind());
    entry
}

/// Spans on their way back to the pages, linked through headers that nobody else uses any more.
struct ClosedSpans {
    first: *mut SpanHeader,
}

impl ClosedSpans {
    fn new() -> Self {
        Self {
            first: ptr::null_mut(),
        }
    }

    fn push(&mut self, span: NonNull<SpanHeader>) {
        // SAFETY: a depot has just given this span up: it is in no list, and nobody else refers to
        // its header.
        unsafe { span.as_ref() }.next.set(self.first);
        self.first = span.as_ptr();
    }

    /// Takes a span; returns its header and its first address.
    fn pop(&mut self) -> Option<(NonNull<SpanHeader>, *mut u8)> {
        let span = NonNull::new(self.first)?;
        // SAFETY: added by `push`, and still nobody else's.
        let header = unsafe { span.as_ref() };
        self.first = header.next.get();
        Some((span, header.start()))
    }
}
