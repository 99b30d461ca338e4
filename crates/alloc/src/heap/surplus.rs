//! The surplus: which free pages of the page heap should go back to the system, and when the purger
//! is woken for them.
//!
//! Stands on the page heap and its decay. Whoever asks what is too much then purges that without
//! the page lock.
//!
//! Invariant: while the purger sleeps, fewer pages are free than wake it, or it has been rung for.

use core::time::Duration;

use super::{page_heap::PageHeap, purge::Purgeable, zone::IdlePages, zone_map::ZoneMap};

/// Fewer free pages than this are not worth waking the purger.
const LEAST_WATCHED: usize = 64;

/// With fewer shared pages than this, thread caches are not worth flushing.
const LEAST_SHARED: usize = 256;

/// What there is too much of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Surplus {
    /// Free pages that should go back to the system.
    pub(super) pages: usize,
    /// Whether to flush thread caches too. Spans have lost enough pages that the few objects in
    /// caches may keep many of the others from being free.
    pub(super) in_caches: bool,
    /// Whether to wake the purger, which sleeps.
    pub(super) wakes_purger: bool,
}

/// What a purger sees when it looks after the pages.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    /// Free pages that should go back to the system.
    pub(super) pages: usize,
    /// Whether nothing has happened for long: the purger may sleep.
    pub(super) is_silent: bool,
    /// When to look again.
    pub(super) next_in: Duration,
}

impl PageHeap<'_> {
    /// What there is too much of; asked after every release, with the time if it was worth a look
    /// at the clock.
    #[inline]
    pub(super) fn surplus(&mut self, now: Option<Duration>) -> Surplus {
        let idle = now.map_or(0, |now| self.end_window(now));
        let excess = self.decay.excess(self.resident, self.used);
        Surplus {
            pages: excess.max(idle),
            in_caches: self.has_shrunk(),
            wakes_purger: self.resident >= self.purger_wakes_at && self.wake_purger(),
        }
    }

    /// Notes that the purger, which sleeps, is to be rung for.
    #[cold]
    fn wake_purger(&mut self) -> bool {
        self.purger_wakes_at = usize::MAX;
        true
    }

    /// Looks after the pages for a purger; `None` if nothing ever goes back by itself.
    pub(super) fn look(&mut self, now: Duration) -> Option<Look> {
        let next_in = self.decay.period()?;
        if self.decay.has_fallen_silent(now, self.resident) {
            return Some(Look {
                pages: self.resident,
                is_silent: true,
                next_in,
            });
        }
        let idle = self.end_window(now);
        Some(Look {
            pages: idle.max(self.decay.excess(self.resident, self.used)),
            is_silent: false,
            next_in,
        })
    }

    /// Notes that the purger sleeps until a release wakes it, if hardly a page is free, or the
    /// system takes none of them back: then twice as many must be free. Returns whether it does.
    pub(super) fn let_purger_sleep(&mut self, is_stuck: bool) -> bool {
        let in_vain = if is_stuck { 2 * self.resident } else { 0 };
        let wakes_at = in_vain.max(LEAST_WATCHED);
        let sleeps = self.resident < wakes_at;
        if sleeps {
            self.purger_wakes_at = wakes_at;
        }
        sleeps
    }

    /// Notes that nobody sleeps any more.
    pub(super) fn forget_purger(&mut self) {
        self.purger_wakes_at = usize::MAX;
    }

    /// If a window of decay has ended at `now`, how many free pages nobody has needed in it.
    pub(super) fn end_window(&mut self, now: Duration) -> usize {
        self.decay.end_window(now, self.resident, self.used)
    }

    /// Notes that the system has refused to take memory back: pages above the limit stay for a
    /// while.
    pub(super) fn note_purge_failed(&mut self) {
        self.decay.note_purge_failed();
    }

    /// Forgets what decay has learned; returns how many free pages may be resident.
    pub(super) fn reset_decay(&mut self) -> usize {
        self.decay.reset();
        self.resident
    }

    /// Whether `shared` has fallen below three quarters of its peak since this was last true.
    fn has_shrunk(&mut self) -> bool {
        let least = self.shared_peak - self.shared_peak / 4;
        let shrunk = self.shared_peak >= LEAST_SHARED && self.shared < least;
        if shrunk {
            self.shared_peak = self.shared;
        }
        shrunk
    }
}

impl<'z> Purgeable for PageHeap<'z> {
    type Run = (&'z ZoneMap, IdlePages);

    fn take_out(&mut self, most: usize) -> Option<(Self::Run, usize)> {
        let mut zones = self.zones.iter_mut().rev();
        let (map, idle) = zones.find_map(|zone| Some((zone.map(), zone.take_idle(most)?)))?;
        let pages = idle.pages.len();
        self.resident -= pages;
        self.decay.note_resident(self.resident);
        Some(((map, idle), pages))
    }

    fn put_back(&mut self, (map, idle): Self::Run, clean: bool) {
        let pages = idle.pages.len();
        let Some(zone) = self.zone_of(map) else {
            return;
        };
        zone.put_back(idle, clean);
        if clean {
            self.decay.note_purged();
        } else {
            self.resident += pages;
        }
    }
}

#[cfg(all(test, target_pointer_width = "64"))]
mod tests {
    use super::*;
    use crate::{
        arena::HugePages,
        heap::{
            class::PAGE,
            config::Config,
            decay::Decay,
            limits::Limits,
            page_run::{PageRequest, PageRun},
            zone_registry::ZoneRegistry,
        },
    };

    fn block<'z>(heap: &mut PageHeap<'z>, registry: &'z ZoneRegistry, pages: usize) -> PageRun<'z> {
        let new = heap.allocate(PageRequest::block(pages, PAGE), registry);
        new.expect("there is room").run
    }

    /// Frees a block; returns whether that wakes the purger.
    fn wakes<'z>(heap: &mut PageHeap<'z>, run: &PageRun<'z>) -> bool {
        heap.free(run);
        heap.surplus(None).wakes_purger
    }

    #[test]
    fn a_purge_in_vain_does_not_have_every_later_release_wake_the_purger() {
        let registry = ZoneRegistry::new();
        let mut heap = PageHeap::new(Config {
            first_zone: 64 << 20,
            decay: Decay::DEFAULT,
            huge_pages: HugePages::Off,
            limits: Limits::NONE,
            is_observed: false,
            #[cfg(feature = "profile")]
            sampling: None,
        });
        let (first, held) = (
            block(&mut heap, &registry, 100),
            block(&mut heap, &registry, 150),
        );
        heap.free(&first);
        assert!(!heap.let_purger_sleep(false));
        assert!(heap.let_purger_sleep(true));
        for _ in 0..1000 {
            let again = block(&mut heap, &registry, 100);
            assert!(!wakes(&mut heap, &again));
        }
        assert!(wakes(&mut heap, &held));
        assert!(heap.let_purger_sleep(true));
        let again = block(&mut heap, &registry, 250);
        assert!(!wakes(&mut heap, &again));
    }
}
