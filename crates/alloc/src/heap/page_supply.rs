//! The heap's way to pages and back: allocation from the page heap, and purging what is too much.
//!
//! Whoever frees pages also gives the surplus back to the system, after the page lock is released.
//! One thread purges at a time; others go on, and only a request that finds no pages waits for it.
//!
//! Invariant: `purging` is held whenever pages are in the hands of a [`purge`](super::purge).

use core::sync::atomic::Ordering::Relaxed;

use super::{
    class::PAGE,
    decay::BIG_BLOCK,
    heap::Heap,
    limits::Refused,
    page_heap::PageHeap,
    page_run::{NewRun, PageRequest, PageRun},
    purge,
    surplus::Surplus,
};
use orionrt_sys::{checker, clock};

/// So often free pages are given back for one request, in case others allocate meanwhile.
const MOST_ATTEMPTS: usize = 8;

impl Heap {
    /// Allocates pages; at the limit of memory, once free pages have gone back to the system, and
    /// then those that are kept though nothing is in them. The caller holds no lock but that of one
    /// depot.
    pub(super) fn allocate_pages(&'static self, request: PageRequest) -> Option<NewRun<'static>> {
        let first = self
            .pages
            .with(|pages| pages.allocate(request, &self.registry));
        match first {
            Ok(new) => {
                tell_free(&new.run);
                Some(new)
            }
            Err(refused) => self.allocate_after(refused, request),
        }
    }

    /// Allocates pages after a first attempt was refused.
    #[cold]
    #[inline(never)]
    fn allocate_after(
        &'static self,
        refused: Refused,
        request: PageRequest,
    ) -> Option<NewRun<'static>> {
        let attempt = |pages: &mut PageHeap<'static>| pages.allocate(request, &self.registry);
        let mut allocated = self.after_refusal(refused, attempt);
        // A request with headroom is made again without it.
        let is_final = request.headroom == 0;
        let is_over_limit = matches!(allocated, Err(Refused::OverLimit { .. }));
        if is_over_limit && is_final && self.trim() {
            allocated = self.with_room(attempt);
        }
        allocated
            .inspect(|new| tell_free(&new.run))
            .map_err(|refused| self.note_refused(refused, is_final))
            .ok()
    }

    /// Allocates the pages behind a block as well, up to `pages` in all, if they are free; returns
    /// whether they are the block's now.
    pub(super) fn extend_pages(&'static self, run: &PageRun<'static>, pages: usize) -> bool {
        match self.pages.with(|all| all.extend(run, pages)) {
            Ok(more) => more.is_some(),
            Err(refused) => self.extend_after(refused, run, pages),
        }
    }

    /// Allocates the pages behind a block after a first attempt was refused.
    #[cold]
    fn extend_after(&'static self, refused: Refused, run: &PageRun<'static>, pages: usize) -> bool {
        let attempt = |all: &mut PageHeap<'static>| all.extend(run, pages);
        let mut extended = self.after_refusal(refused, attempt);
        if matches!(extended, Err(Refused::OverLimit { .. })) && self.trim() {
            extended = self.with_room(attempt);
        }
        extended.is_ok_and(|more| more.is_some())
    }

    /// Gives free pages back to the system for as long as there are more than the limit allows.
    pub(super) fn keep_to_limit(&'static self) {
        let _ = self.with_room(|pages| pages.admit(0, 0));
    }

    /// Makes an attempt to get pages. If it is refused, makes another one after a purge under way,
    /// which may hold just the pages that are missing; and where the limit is in the way, after
    /// free pages have gone back to the system.
    #[inline]
    fn with_room<T>(
        &'static self,
        mut attempt: impl FnMut(&mut PageHeap<'static>) -> Result<T, Refused>,
    ) -> Result<T, Refused> {
        match self.pages.with(&mut attempt) {
            Err(refused) => self.after_refusal(refused, attempt),
            outcome => outcome,
        }
    }

    #[cold]
    fn after_refusal<T>(
        &'static self,
        refused: Refused,
        mut attempt: impl FnMut(&mut PageHeap<'static>) -> Result<T, Refused>,
    ) -> Result<T, Refused> {
        if refused == Refused::TooLarge {
            return Err(refused);
        }
        self.purging.acquire();
        let mut outcome = self.pages.with(&mut attempt);
        for _ in 0..MOST_ATTEMPTS {
            let Err(Refused::OverLimit { pages }) = outcome else {
                break;
            };
            // SAFETY: acquired above.
            if unsafe { self.purge_acquired(pages) } == 0 {
                break;
            }
            outcome = self.pages.with(&mut attempt);
        }
        // SAFETY: acquired above.
        unsafe { self.purging.release() };
        outcome
    }

    /// Counts a refusal if it is a final one, and has threads flush their caches where the limit
    /// was in the way.
    #[cold]
    fn note_refused(&self, refused: Refused, is_final: bool) {
        let is_over_limit = match refused {
            Refused::NoMemory => return,
            Refused::TooLarge => false,
            Refused::OverLimit { .. } | Refused::OverReserved => true,
        };
        if is_over_limit {
            self.flush_epoch.fetch_add(1, Relaxed);
        }
        if is_final {
            let counter = match is_over_limit {
                true => &self.over_limit,
                false => &self.too_large,
            };
            counter.fetch_add(1, Relaxed);
        }
    }

    pub(super) fn free_pages(&'static self, run: &PageRun<'static>) {
        tell_free(run);
        // Beside the work on so many pages, a look at the clock costs nothing.
        let now = (run.pages.len() >= BIG_BLOCK).then(clock::coarse);
        let surplus = self.pages.with(|pages| {
            pages.free(run);
            pages.surplus(now)
        });
        self.reduce(surplus);
    }

    /// Frees several runs of pages under one lock.
    pub(super) fn free_runs<'r>(&'static self, runs: impl Iterator<Item = &'r PageRun<'static>>) {
        let now = Some(clock::coarse());
        let surplus = self.pages.with(|pages| {
            runs.for_each(|run| {
                tell_free(run);
                pages.free(run);
            });
            pages.surplus(now)
        });
        self.reduce(surplus);
    }

    /// Frees all of a block's pages but the first `pages`.
    pub(super) fn shrink_pages(&'static self, run: &PageRun<'static>, pages: usize) {
        let surplus = self.pages.with(|all| {
            all.shrink(run, pages);
            all.surplus(None)
        });
        self.reduce(surplus);
    }

    fn reduce(&'static self, surplus: Surplus) {
        if surplus.in_caches {
            self.flush_epoch.fetch_add(1, Relaxed);
        }
        if surplus.pages > 0 {
            self.purge_pages(surplus.pages);
        }
        if surplus.wakes_purger {
            self.purger.ring();
        }
    }

    /// Looks at the clock, and gives back the pages that nobody has needed for a period if one has
    /// ended.
    pub(super) fn tick(&'static self) {
        let now = clock::coarse();
        #[cfg(feature = "profile")]
        self.profile_hook.look_at(now);
        let idle = self.pages.with(|pages| pages.end_window(now));
        if idle > 0 {
            self.purge_pages(idle);
        }
    }

    /// Gives up to `most` free pages back to the system, unless another thread is purging.
    fn purge_pages(&'static self, most: usize) {
        if self.purging.try_acquire() {
            // SAFETY: acquired just now.
            unsafe { self.purge_and_release(most) };
        }
    }

    /// Gives up to `most` free pages back to the system, and lets the next thread purge; returns
    /// how many pages went.
    ///
    /// # Safety
    /// The caller has acquired `purging`.
    pub(super) unsafe fn purge_and_release(&'static self, most: usize) -> usize {
        // SAFETY: the caller has acquired it.
        let done = unsafe { self.purge_acquired(most) };
        // SAFETY: as above.
        unsafe { self.purging.release() };
        done
    }

    /// Gives up to `most` free pages back to the system; returns how many went.
    ///
    /// # Safety
    /// The caller has acquired `purging`.
    unsafe fn purge_acquired(&'static self, most: usize) -> usize {
        let mut is_refused = false;
        let done = purge::purge(&self.pages, most, |(map, idle)| {
            // SAFETY: the pages are out of circulation while this is called.
            let discarded = unsafe { map.discard(idle.whole.clone(), idle.held.clone()) };
            is_refused = discarded.is_err();
            !is_refused
        });
        if done == 0 && is_refused {
            self.pages.with(|pages| pages.note_purge_failed());
        }
        done
    }
}

/// Tells memory checkers that none of these pages is a block of the program.
#[inline(always)]
pub(super) fn tell_free(run: &PageRun<'_>) {
    if checker::IS_ON {
        checker::no_access(run.map.start(run.pages.start), run.pages.len() * PAGE);
    }
}
