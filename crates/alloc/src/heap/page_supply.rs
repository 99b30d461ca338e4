//! The heap's way to pages and back: allocation from the page heap, and purging what is too much.
//!
//! Whoever frees pages also gives the surplus back to the system, after the page lock is released.
//! One thread purges at a time; others go on, and only a request that finds no pages waits for it.
//!
//! Invariant: `purging` is held whenever pages are in the hands of a [`purge`](super::purge).

use core::sync::atomic::Ordering::Relaxed;

use super::{
    decay::BIG_BLOCK,
    heap::Heap,
    page_heap::Surplus,
    page_run::{NewRun, PageRequest, PageRun},
    purge,
};
use orionrt_sys::clock;

impl Heap {
    pub(super) fn allocate_pages(&'static self, request: PageRequest) -> Option<NewRun<'static>> {
        let allocate = || {
            let registry = &self.registry;
            self.pages.with(|pages| pages.allocate(request, registry))
        };
        allocate().or_else(|| {
            // A purge may hold just the pages that are missing.
            self.wait_for_purge();
            allocate()
        })
    }

    pub(super) fn free_pages(&'static self, run: &PageRun<'static>) {
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
            runs.for_each(|run| pages.free(run));
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
    }

    /// Looks at the clock, and gives back the pages that nobody has needed for a period if one has
    /// ended.
    pub(super) fn tick(&'static self) {
        let now = clock::coarse();
        let idle = self.pages.with(|pages| pages.end_period(now));
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
        let done = purge::purge(&self.pages, most, |(map, idle)| {
            // SAFETY: the pages are out of circulation while this is called.
            unsafe { map.discard(idle.pages.clone(), idle.held.clone()) }.is_ok()
        });
        if done == 0 && most > 0 {
            self.pages.with(|pages| pages.note_purge_failed());
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
}
