//! The shared parts of the heap as loom sees them: the real depot over one span, and the real purge over a row of cells.
//!
//! Thread caches and zones stand on thread-locals and on the operating system, and are left out: a cache is one thread's, and
//! zones are used under a lock that is modelled here too.

#![allow(dead_code)] // The rest of the heap uses what is not used here.

mod class;
mod depot;
mod purge;
mod span;

use core::{cell::UnsafeCell, ptr::NonNull};

use class::{Class, PAGE};
use depot::Depot;
use purge::Purgeable;
use span::SpanHeader;

use orionrt_sys::locked::Locked;

/// A depot with one span of 2-KiB objects: two of them.
#[derive(Debug)]
pub struct OneSpan {
    depot: Locked<(Depot, bool)>,
    header: Box<UnsafeCell<SpanHeader>>,
    memory: Box<UnsafeCell<[u8; PAGE]>>,
}

// SAFETY: header and memory are used under the depot's lock alone.
unsafe impl Sync for OneSpan {}
// SAFETY: as above.
unsafe impl Send for OneSpan {}

impl Default for OneSpan {
    fn default() -> Self {
        Self::new()
    }
}

impl OneSpan {
    /// How many objects there are.
    pub const OBJECTS: usize = 2;

    fn class() -> Class {
        Class::all()
            .find(|class| class.size() == PAGE / Self::OBJECTS)
            .expect("a power of two")
    }

    /// Nothing handed out yet, and the span not made.
    #[must_use]
    pub fn new() -> Self {
        Self {
            depot: Locked::new((Depot::new(Self::class()), false)),
            // SAFETY: all zero is a valid header.
            header: Box::new(UnsafeCell::new(unsafe { core::mem::zeroed() })),
            memory: Box::new(UnsafeCell::new([0; PAGE])),
        }
    }

    /// Fetches up to `want` objects, by number; the first call makes the span.
    #[must_use]
    pub fn fetch(&self, want: usize) -> Vec<usize> {
        let start = self.memory.get().cast::<u8>();
        let mut objects = Vec::new();
        self.depot.with(|(depot, is_open)| {
            let open = || {
                let header = NonNull::new(self.header.get()).filter(|_| !*is_open)?;
                *is_open = true;
                // SAFETY: the span's page and header belong to this model, used under the lock.
                unsafe { SpanHeader::open(header, NonNull::new(start)?, 1) };
                Some(header)
            };
            let take = |object: *mut u8| {
                objects.push((object.addr() - start.addr()) / (PAGE / Self::OBJECTS));
            };
            // SAFETY: `open` opens a span of this class.
            unsafe { depot.fetch(want, take, open) };
        });
        objects
    }

    /// Brings objects back, which the caller has fetched. A span that is wholly free then is closed.
    pub fn bring(&self, objects: &[usize]) {
        let start = self.memory.get().cast::<u8>();
        let size = PAGE / Self::OBJECTS;
        let objects: Vec<_> = objects
            .iter()
            .map(|&object| start.wrapping_add(object * size))
            .collect();
        self.depot.with(|(depot, is_open)| {
            // SAFETY: fetched before, and in no other place (caller).
            let brought = unsafe {
                depot.bring(
                    &objects,
                    |_| NonNull::new(self.header.get()),
                    |_| *is_open = false,
                )
            };
            assert!(brought.is_ok());
        });
    }

    /// Puts what is in transit back into the span.
    pub fn empty_tray(&self) {
        self.depot.with(|(depot, is_open)| {
            // SAFETY: as in `bring`.
            let done = unsafe {
                depot.empty_tray(|_| NonNull::new(self.header.get()), |_| *is_open = false)
            };
            assert!(done.is_ok());
        });
    }
}

/// Pages by number, free ones in a list: taken one by one, and purged.
#[derive(Debug)]
pub struct FreePages(Locked<Vec<usize>>);

impl Purgeable for Vec<usize> {
    type Part = usize;

    fn take_out(&mut self, _: usize) -> Option<(usize, usize)> {
        self.pop().map(|page| (page, 1))
    }

    fn put_back(&mut self, page: usize, _: bool) {
        self.push(page);
    }
}

impl FreePages {
    /// Pages `0..count`, all of them free.
    #[must_use]
    pub fn new(count: usize) -> Self {
        Self(Locked::new((0..count).collect()))
    }

    /// Takes a free page.
    #[must_use]
    pub fn take(&self) -> Option<usize> {
        self.0.with(Vec::pop)
    }

    /// Gives it back.
    pub fn give(&self, page: usize) {
        self.0.with(|free| free.push(page));
    }

    /// Has `discard` clean up to `most` free pages.
    pub fn purge(&self, most: usize, mut discard: impl FnMut(usize)) -> usize {
        purge::purge(&self.0, most, |&page| {
            discard(page);
            true
        })
    }
}
