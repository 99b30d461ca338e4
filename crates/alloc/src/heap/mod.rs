//! The heap beneath [`OrionAlloc`](crate::OrionAlloc): size classes in spans, thread caches, and large blocks of pages.
//!
//! ```text
//!   small, up to 32 KiB                               large
//!   thread cache ── no lock, 5 ns                       │
//!     │ batches                                         │
//!   depot of the class ── a lock a class                │
//!     │ spans                                           │
//!   pages ── one lock: buddy allocator over 4 KiB pages ┘
//!     │
//!   mapping ── reserve, commit, discard, move
//! ```
//!
//! Rust passes the layout to `dealloc`, so a block's class is known without looking at it. The page's *kind*, a byte in a side table, is compared
//! with it at every release: a foreign pointer or a wrong size is caught there. All tables lie outside of the memory
//! that is handed out.
//!
//! A `Heap` is made on first use and stays for ever: threads may hold caches of it longer than its allocator lives.
//!
//! Order of locks: caches, depots by class, the turn to purge, pages. Nobody holds two depots, except for `fork`.
//!
//! Nothing here allocates, panics in release builds, or formats (statistics are formatted by their reader).

mod bits;
mod cache;
mod class;
mod depot;
mod fork;
mod ground;
#[cfg(feature = "hardened")]
mod hardened;
mod large;
mod local;
mod misuse;
mod pages;
mod purge;
mod resize;
mod retention;
mod span;
mod stats;
#[cfg(test)]
mod tests;
mod zone;

use core::{
    ptr::NonNull,
    sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering},
};

use cache::Caches;
use class::{CLASSES, PAGE};
use depot::Depot;
use ground::{FREE, Territory, kind_of};
use pages::{Pages, Run, Surplus, Wish};
use span::SpanHeader;

pub(crate) use cache::Cache;
pub(crate) use class::Class;
pub(crate) use fork::one_by_one;
pub(crate) use local::cache;
#[doc(hidden)]
pub use misuse::{Foreign, die};
pub use retention::Decay;
pub use stats::{ClassStats, HeapStats};

use crate::arena::HugePages;
use orionrt_sys::clock;
use orionrt_sys::locked::Locked;
use orionrt_sys::mapping::Mapping;
use orionrt_sys::sync::RawLock;

/// What a heap is told when it is made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Config {
    /// Bytes of address space of the first zone.
    pub(crate) first_zone: usize,
    pub(crate) decay: Decay,
    pub(crate) huge_pages: HugePages,
}

/// A heap; see the module.
pub(crate) struct Heap {
    territory: Territory,
    caches: Locked<Caches>,
    depots: [Locked<Depot>; CLASSES],
    pages: Locked<Pages<'static>>,
    /// Held by the thread that gives memory back.
    purging: RawLock,
    /// How often everyone was asked to empty their caches.
    drains: AtomicU32,
    retired: AtomicBool,
    /// Of large blocks, and of threads without a cache; wraps below zero, as a cache's may.
    requested: AtomicUsize,
    large: large::Counts,
    failures: AtomicU64,
    /// Guard pages that there are.
    #[cfg(feature = "hardened")]
    guards: AtomicUsize,
    /// The next heap in the list of all; see [`fork`].
    next: AtomicPtr<Self>,
}

/// Visits to depots between two looks at the clock.
const VISITS_PER_TICK: u32 = 64;

impl Heap {
    /// Makes a heap that stays for ever; `None` where there is no memory. Within [`one_by_one`].
    #[cold]
    pub(crate) fn create(config: Config) -> Option<&'static Self> {
        let mapping = Mapping::reserve(size_of::<Self>(), align_of::<Self>()).ok()?;
        mapping.commit(0..mapping.len()).ok()?;
        let place = mapping.base().cast::<Self>();
        core::mem::forget(mapping);
        // SAFETY: new memory of the right size and alignment, kept for ever.
        let heap = unsafe {
            Self::write_to(place.as_ptr(), config);
            place.as_ref()
        };
        fork::register(heap);
        Some(heap)
    }

    /// Writes a new heap, part by part: threads with small stacks have no room for a whole one.
    ///
    /// # Safety
    /// `place` is valid for writes, and its bytes are zero.
    unsafe fn write_to(place: *mut Self, config: Config) {
        // SAFETY: fields of `place`.
        unsafe {
            let depots = (&raw mut (*place).depots).cast::<Locked<Depot>>();
            for class in Class::all() {
                depots
                    .add(class.index())
                    .write(Locked::new(Depot::new(class)));
            }
            (&raw mut (*place).territory).write(Territory::new());
            (&raw mut (*place).caches).write(Locked::new(Caches::new()));
            (&raw mut (*place).pages).write(Locked::new(Pages::new(config)));
            (&raw mut (*place).purging).write(RawLock::new());
            (&raw mut (*place).large).write(large::Counts::new());
            // What is left are integers, flags and a null pointer: zeros.
        }
    }

    /// Whether the allocator in front of the heap is gone.
    pub(crate) fn is_retired(&self) -> bool {
        self.retired.load(Ordering::Relaxed)
    }

    fn depot(&self, class: Class) -> &Locked<Depot> {
        &self.depots[class.index()]
    }

    // ---- small objects

    /// Allocates where the thread's cache could not.
    #[cold]
    pub(crate) fn allocate_small(&'static self, class: Class, bytes: usize) -> Option<NonNull<u8>> {
        let found = match self.own_cache() {
            Some(cache) => {
                self.refill(cache, class);
                cache.pop(class, bytes)
            }
            None => self.allocate_direct(class, bytes),
        };
        if found.is_none() {
            self.note_failure();
        }
        found
    }

    fn note_failure(&self) {
        self.failures.fetch_add(1, Ordering::Relaxed);
    }

    fn own_cache(&'static self) -> Option<&'static Cache> {
        let cache = cache();
        if cache.serves(self) {
            Some(cache)
        } else {
            local::bind(self)
        }
    }

    fn allocate_direct(&'static self, class: Class, bytes: usize) -> Option<NonNull<u8>> {
        // SAFETY: `open_span` opens spans of this class for this depot.
        let found = self
            .depot(class)
            .with(|depot| unsafe { depot.fetch_one(|| self.open_span(class)) });
        if found.is_some() {
            self.requested.fetch_add(bytes, Ordering::Relaxed);
        }
        found
    }

    fn refill(&'static self, cache: &Cache, class: Class) {
        self.visit(cache);
        let bin = cache.bin(class);
        let want = bin.demand();
        // SAFETY: `open_span` opens spans of this class for this depot.
        self.depot(class).with(|depot| unsafe {
            depot.fetch(want, |object| bin.append(object), || self.open_span(class))
        });
        bin.reverse();
    }

    /// Releases an object where the thread's cache could not.
    #[cold]
    pub(crate) fn release_small(
        &'static self,
        class: Class,
        object: *mut u8,
        bytes: usize,
    ) -> Result<(), Foreign> {
        if self.header_of(class, object).is_none() {
            return Err(Foreign);
        }
        let Some(cache) = self.own_cache() else {
            self.requested.fetch_sub(bytes, Ordering::Relaxed);
            self.bring(class, &[object]);
            return Ok(());
        };
        let bin = cache.bin(class);
        cache.count_requested(bytes.wrapping_neg());
        if !bin.push(object) {
            self.visit(cache);
            self.relieve(cache, class);
            if !bin.push(object) {
                self.bring(class, &[object]);
            }
        }
        Ok(())
    }

    /// Brings the older half of an array to the depot.
    fn relieve(&'static self, cache: &Cache, class: Class) {
        let bin = cache.bin(class);
        let mut is_idle = false;
        bin.take_oldest(bin.limit() / 2, |objects| {
            is_idle = self.bring(class, objects);
        });
        if is_idle {
            bin.narrow();
        } else {
            bin.widen();
        }
    }

    /// Brings objects to their depot; returns whether that is idle. Ends the process if one of them is none, or is free already.
    fn bring(&'static self, class: Class, objects: &[*mut u8]) -> bool {
        let mut empty = Spans::new();
        // SAFETY: objects in a cache, or just released, are in no other place; `header_of` looks at the kind.
        let outcome = self.depot(class).with(|depot| unsafe {
            let outcome = depot.bring(
                objects,
                |object| self.header_of(class, object),
                |span| empty.push(span),
            );
            outcome.map(|()| depot.is_idle())
        });
        self.close_spans(class, empty);
        outcome.unwrap_or_else(|misuse| die(misuse.into()))
    }

    fn empty_tray(&'static self, class: Class) {
        let mut empty = Spans::new();
        // SAFETY: as in `bring`.
        let outcome = self.depot(class).with(|depot| unsafe {
            depot.empty_tray(
                |object| self.header_of(class, object),
                |span| empty.push(span),
            )
        });
        self.close_spans(class, empty);
        outcome.unwrap_or_else(|misuse| die(misuse.into()));
    }

    /// The side table's entry of an object's page, if that page is in a span of this class.
    fn header_of(&self, class: Class, object: *mut u8) -> Option<NonNull<SpanHeader>> {
        let (ground, page) = self.territory.find(object)?;
        (ground.kind(page) == kind_of(class)).then(|| ground.header(page))
    }

    fn open_span(&'static self, class: Class) -> Option<NonNull<SpanHeader>> {
        let pages = usize::from(class.span().pages);
        let wish = Wish {
            object: class.size(),
            ..Wish::block(pages, PAGE)
        };
        let run = self.take_pages(wish)?.run;
        Some(open_span_at(&run, class))
    }

    /// Gives the pages of spans back that are wholly free.
    fn close_spans(&'static self, class: Class, mut spans: Spans) {
        while let Some((span, start)) = spans.pop() {
            let Some((ground, page)) = self.territory.find(start) else {
                continue;
            };
            debug_assert_eq!(ground.header(page), span);
            let pages = page..page + usize::from(class.span().pages);
            ground.mark(pages.clone(), FREE);
            self.give_pages(&Run {
                ground,
                pages,
                object: class.size(),
            });
        }
    }

    /// A block stays where it is, in its class, but has another size.
    pub(crate) fn note_resized(&self, old: usize, new: usize) {
        let (cache, more) = (cache(), new.wrapping_sub(old));
        if cache.serves(self) {
            cache.count_requested(more);
        } else {
            self.requested.fetch_add(more, Ordering::Relaxed);
        }
    }

    // ---- caches

    /// Whether an address is one that this heap has reserved.
    #[inline]
    pub(crate) fn contains(&self, address: *const u8) -> bool {
        self.territory.find(address).is_some()
    }

    /// Every visit to a depot: follows a call to empty caches, and looks at the clock now and then.
    fn visit(&'static self, cache: &Cache) {
        let visits = cache.visits.get().wrapping_add(1);
        cache.visits.set(visits);
        if visits.is_multiple_of(VISITS_PER_TICK) {
            self.tick();
        }
        let drains = self.drains.load(Ordering::Relaxed);
        if cache.drains.replace(drains) != drains {
            self.empty_cache(cache);
            self.empty_trays();
        }
        self.sweep(cache, Class::numbered(visits as usize % CLASSES));
    }

    /// Gives up what the cache and the depot of a class hold if neither has been asked for any since the last sweep: a few objects may hold
    /// many pages. Each visit sweeps one class, so that all are swept now and then.
    fn sweep(&'static self, cache: &Cache, class: Class) {
        let bin = cache.bin(class);
        if bin.is_idle() && bin.len() > 0 {
            bin.take_oldest(0, |objects| {
                self.bring(class, objects);
            });
            if self.depot(class).with(Depot::is_forgotten) {
                self.empty_tray(class);
            }
        }
    }

    fn empty_cache(&'static self, cache: &Cache) {
        for class in Class::all() {
            let bin = cache.bin(class);
            bin.take_oldest(0, |objects| {
                if !objects.is_empty() {
                    self.bring(class, objects);
                }
            });
            bin.reset_limit();
        }
    }

    pub(super) fn take_cache(&'static self) -> Option<&'static Cache> {
        // A home is needed to make a cache of: the first allocation goes to a depot.
        let home = self.territory.iter().next()?;
        let cache = self.caches.with(|caches| caches.take(self, home))?;
        cache.drains.set(self.drains.load(Ordering::Relaxed));
        Some(cache)
    }

    /// Takes the cache of a thread that ends: its objects are everyone's.
    pub(super) fn give_cache(&'static self, cache: &'static Cache) {
        self.empty_cache(cache);
        self.caches.with(|caches| caches.give(cache));
    }

    // ---- pages

    fn take_pages(&'static self, wish: Wish) -> Option<pages::Fresh<'static>> {
        let take = || self.pages.with(|pages| pages.take(wish, &self.territory));
        take().or_else(|| {
            // What a purge holds now may be what is missing.
            self.wait_for_purge();
            take()
        })
    }

    fn give_pages(&'static self, run: &Run<'static>) {
        // Next to so many pages, a look at the clock costs nothing.
        let now = (run.pages.len() >= retention::BIG).then(clock::coarse);
        let surplus = self.pages.with(|pages| {
            pages.give(run);
            pages.surplus(now)
        });
        self.reduce(surplus);
    }

    /// Gives back all of a block's pages but the first `pages`.
    fn shrink_pages(&'static self, run: &Run<'static>, pages: usize) {
        let surplus = self.pages.with(|all| {
            all.shrink(run, pages);
            all.surplus(None)
        });
        self.reduce(surplus);
    }

    fn reduce(&'static self, surplus: Surplus) {
        if surplus.in_caches {
            self.drains.fetch_add(1, Ordering::Relaxed);
        }
        if surplus.pages > 0 {
            self.purge_pages(surplus.pages);
        }
    }

    /// Gives back what nobody has needed for a period, if one has ended.
    pub(crate) fn tick(&'static self) {
        let now = clock::coarse();
        let idle = self.pages.with(|pages| pages.idle(now));
        if idle > 0 {
            self.purge_pages(idle);
        }
    }

    /// Gives up to `most` free pages back to the system, unless someone else does so already; returns how many.
    fn purge_pages(&'static self, most: usize) -> usize {
        if !self.purging.try_acquire() {
            return 0;
        }
        self.purge_in_turn(most)
    }

    /// The same for the one who has the turn, which is given up then.
    fn purge_in_turn(&'static self, most: usize) -> usize {
        let done = purge::purge(&self.pages, most, |(ground, idle)| {
            // SAFETY: the pages are out of circulation while this is called.
            unsafe { ground.discard(idle.pages.clone(), idle.held.clone()) }.is_ok()
        });
        if done == 0 && most > 0 {
            self.pages.with(Pages::refused);
        }
        // SAFETY: the caller has acquired it.
        unsafe { self.purging.release() };
        done
    }

    fn wait_for_purge(&self) {
        self.purging.acquire();
        // SAFETY: acquired in the line above.
        unsafe { self.purging.release() };
    }

    /// Empties the thread's cache and the depots, and gives all free pages back; returns the bytes. Other threads follow at their next visit to a depot.
    pub(crate) fn purge(&'static self) -> usize {
        let drains = self.drains.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        let cache = cache();
        if cache.serves(self) {
            cache.drains.set(drains);
            self.empty_cache(cache);
        }
        self.empty_trays();
        self.purging.acquire();
        let resident = self.pages.with(|pages| pages.forget());
        self.purge_in_turn(resident) * PAGE
    }

    fn empty_trays(&'static self) {
        for class in Class::all() {
            self.empty_tray(class);
        }
    }

    /// The allocator in front of the heap is gone, and all of its blocks with it: their memory goes back to the
    /// system. The addresses stay, and the tables: threads may still bring back what they have cached.
    pub(crate) fn retire(&'static self) {
        self.retired.store(true, Ordering::Relaxed);
        self.purge();
        self.pages.with(|pages| {
            pages.each_committed(|ground, pages| {
                // SAFETY: nobody has blocks any more, and those in caches are not looked into. A refusal leaves the memory where it is.
                let _ = unsafe { ground.zero(pages) };
            });
        });
    }
}

/// Makes pages that the caller has taken a span.
fn open_span_at(run: &Run<'static>, class: Class) -> NonNull<SpanHeader> {
    let entry = run.ground.header(run.pages.start);
    // SAFETY: the pages are the caller's, hence their entries, which were committed with them.
    unsafe { SpanHeader::open(entry, run.ground.start(run.pages.start), class.span().pages) };
    run.ground.mark(run.pages.clone(), kind_of(class));
    entry
}

/// Spans on the way back to the pages, linked through headers that nobody else uses any more.
struct Spans {
    first: *mut SpanHeader,
}

impl Spans {
    fn new() -> Self {
        Self {
            first: core::ptr::null_mut(),
        }
    }

    fn push(&mut self, span: NonNull<SpanHeader>) {
        // SAFETY: a depot has just let go of this span: it is in no list, and nobody else refers to its header.
        unsafe { span.as_ref() }.next.set(self.first);
        self.first = span.as_ptr();
    }

    /// A span and its start.
    fn pop(&mut self) -> Option<(NonNull<SpanHeader>, *mut u8)> {
        let span = NonNull::new(self.first)?;
        // SAFETY: pushed above, and still nobody else's.
        let header = unsafe { span.as_ref() };
        self.first = header.next.get();
        Some((span, header.start()))
    }
}
