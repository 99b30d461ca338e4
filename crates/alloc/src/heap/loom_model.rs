//! The shared parts of the heap as loom sees them: the real depot over one span, the real purge
//! over a row of cells, and how a purger falls asleep and is woken, with the real state.
//!
//! Thread caches and zones are left out, because they stand on thread-locals and on the operating
//! system: a cache belongs to one thread, and zones are used under a lock that is modelled here
//! too.

use core::{
    cell::{Cell, UnsafeCell},
    ptr::{self, NonNull},
};

use super::{
    class::{Class, PAGE},
    depot::Depot,
    purge::{self, Purgeable},
    purger_state::PurgerState,
    span::SpanHeader,
};
use orionrt_sys::locked::Locked;

/// A depot with one span of 2-KiB objects: two of them.
#[derive(Debug)]
pub struct OneSpan {
    depot: Locked<(Depot, bool)>,
    header: Box<UnsafeCell<SpanHeader>>,
    memory: Box<UnsafeCell<[u8; PAGE]>>,
}

// SAFETY: header and memory are used only under the depot's lock.
unsafe impl Sync for OneSpan {}
// SAFETY: as above.
unsafe impl Send for OneSpan {}

impl Default for OneSpan {
    fn default() -> Self {
        Self::new()
    }
}

impl OneSpan {
    /// The number of objects.
    pub const OBJECTS: usize = 2;

    fn class() -> Class {
        Class::all()
            .find(|class| class.size() == PAGE / Self::OBJECTS)
            .expect("a power of two")
    }

    /// A depot without objects; its span is made when the first object is removed.
    #[must_use]
    pub fn new() -> Self {
        Self {
            depot: Locked::new((Depot::new(Self::class()), false)),
            // SAFETY: all zero is a valid header.
            header: Box::new(UnsafeCell::new(unsafe { core::mem::zeroed() })),
            memory: Box::new(UnsafeCell::new([0; PAGE])),
        }
    }

    /// Removes up to `want` objects; returns their numbers.
    #[must_use]
    pub fn remove_range(&self, want: usize) -> Vec<usize> {
        let start = self.memory.get().cast::<u8>();
        let cells = vec![Cell::new(ptr::null_mut()); want];
        let found = self.depot.with(|(depot, is_open)| {
            let open = || {
                let header = NonNull::new(self.header.get()).filter(|_| !*is_open)?;
                *is_open = true;
                // SAFETY: the span's page and header belong to this model, used under the lock.
                unsafe { SpanHeader::open(header, NonNull::new(start)?, 1) };
                Some(header)
            };
            // SAFETY: `open` opens a span of this class.
            unsafe { depot.remove_range(&cells, open) }
        });
        let number =
            |cell: &Cell<*mut u8>| (cell.get().addr() - start.addr()) / (PAGE / Self::OBJECTS);
        cells[..found].iter().map(number).collect()
    }

    /// Inserts objects that the caller has removed. The span is closed when all objects are free
    /// then.
    pub fn insert_range(&self, objects: &[usize]) {
        let start = self.memory.get().cast::<u8>();
        let size = PAGE / Self::OBJECTS;
        let objects: Vec<_> = objects
            .iter()
            .map(|&object| start.wrapping_add(object * size))
            .collect();
        self.depot.with(|(depot, is_open)| {
            // SAFETY: removed before, and in no other place (caller).
            let inserted = unsafe {
                depot.insert_range(
                    &objects,
                    |_| NonNull::new(self.header.get()),
                    |_| *is_open = false,
                )
            };
            assert!(inserted.is_ok());
        });
    }

    /// Puts the objects in transit back into the span.
    pub fn flush_transfer_cache(&self) {
        self.depot.with(|(depot, is_open)| {
            // SAFETY: as in `insert_range`.
            let done = unsafe {
                depot
                    .flush_transfer_cache(|_| NonNull::new(self.header.get()), |_| *is_open = false)
            };
            assert!(done.is_ok());
        });
    }
}

/// A list of free pages, by number, that are taken one by one, and purged.
#[derive(Debug)]
pub struct FreePages(Locked<Vec<usize>>);

impl Purgeable for Vec<usize> {
    type Run = usize;

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

    /// Frees a page that the caller has taken.
    pub fn give(&self, page: usize) {
        self.0.with(|free| free.push(page));
    }

    /// Lets `discard` clean up to `most` free pages; returns how many it cleaned.
    pub fn purge(&self, most: usize, mut discard: impl FnMut(usize)) -> usize {
        purge::purge(&self.0, most, |&page| {
            discard(page);
            true
        })
    }
}

/// The number of free pages, and a purger that sleeps while there are none: what `PageHeap` keeps
/// for it behind its lock, with the state beside the pages.
#[derive(Debug)]
pub struct WatchedPages {
    pages: Locked<Watched>,
    purger: PurgerState,
}

#[derive(Debug, Default)]
struct Watched {
    free: usize,
    purger_sleeps: bool,
}

impl Default for WatchedPages {
    fn default() -> Self {
        Self {
            pages: Locked::new(Watched::default()),
            purger: PurgerState::default(),
        }
    }
}

impl WatchedPages {
    /// Frees a page, and wakes the purger if it sleeps.
    pub fn free(&self) {
        let wakes = self.pages.with(|pages| {
            pages.free += 1;
            core::mem::take(&mut pages.purger_sleeps)
        });
        if wakes {
            self.purger.ring();
        }
    }

    /// The purger's look: takes what is free, and sleeps until it is rung for if that is nothing.
    /// Only a ring ends the sleep here, so that a lost one is noticed.
    fn look(&self) -> usize {
        let taken = self.pages.with(|pages| {
            let taken = core::mem::take(&mut pages.free);
            pages.purger_sleeps = taken == 0;
            taken
        });
        while taken == 0 && !self.purger.wait(None) {}
        taken
    }

    /// The purger's work, until it has taken so many pages.
    pub fn watch(&self, mut count: usize) {
        while count > 0 {
            count -= self.look();
        }
    }

    /// The purger's work, until it is asked to end; returns how many pages it has taken.
    #[must_use]
    pub fn watch_until_asked(&self) -> usize {
        let mut taken = 0;
        while !self.purger.is_to_end() {
            taken += self.look();
        }
        taken
    }

    /// Asks the purger to end.
    pub fn stop(&self) {
        self.purger.ask_to_end();
    }

    /// How many pages are free.
    #[must_use]
    pub fn count(&self) -> usize {
        self.pages.with(|pages| pages.free)
    }
}
