//! The page heap: all zones together, the pages in use, and which free pages are too many.
//!
//! [`PageHeap`] is the state behind the heap's page lock (the name is tcmalloc's). It decides how
//! many free pages should go back to the system; whoever asked then purges them without the lock.
//!
//! Invariant: a page is in exactly one place: free in its zone, in a span, in a large block, or in
//! the hands of a [`purge`](super::purge).

use core::{ops::Range, time::Duration};

use super::{
    class::PAGE,
    config::Config,
    decay::{BIG_BLOCK, DecayState},
    mapped_vec::MappedVec,
    page_run::{NewRun, PageRequest, PageRun},
    purge::Purgeable,
    zone::{AllocFailure, Allocated, IdlePages, NewZone, Zone},
    zone_map::{KIND_LOST, ZoneMap},
    zone_registry::ZoneRegistry,
};
use crate::arena::HugePages;
use orionrt_sys::mapping::MoveError;

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
}

/// All zones of a heap.
#[derive(Debug)]
pub(super) struct PageHeap<'z> {
    zones: MappedVec<Zone<'z>>,
    /// The size of the next zone in bytes, if the system gives that much.
    next_bytes: usize,
    huge_pages: HugePages,
    decay: DecayState,
    used: usize,
    peak: usize,
    /// Pages that must never be touched again.
    lost: usize,
    /// Free pages that may be resident.
    resident: usize,
    /// Pages in use that several objects share.
    shared: usize,
    /// The most that `shared` has been since thread caches were last to be flushed.
    shared_peak: usize,
}

impl<'z> PageHeap<'z> {
    pub(super) const fn new(config: Config) -> Self {
        Self {
            zones: MappedVec::new(),
            next_bytes: config.first_zone,
            huge_pages: config.huge_pages,
            decay: DecayState::new(config.decay),
            used: 0,
            peak: 0,
            lost: 0,
            resident: 0,
            shared: 0,
            shared_peak: 0,
        }
    }

    /// Allocates pages in the first zone that has them, or in a new one.
    #[inline]
    pub(super) fn allocate(
        &mut self,
        request: PageRequest,
        registry: &'z ZoneRegistry,
    ) -> Option<NewRun<'z>> {
        let (map, allocated) = match self.allocate_in_old_zone(request) {
            Ok(found) => found,
            Err(AllocFailure::NoRoom) => self.allocate_in_new_zone(request, registry)?,
            // Another zone would get no memory either.
            Err(AllocFailure::NoMemory) => return None,
        };
        self.decay.note_allocated(request.pages, request.object);
        let freed_together = if request.in_bulk { BIG_BLOCK } else { 0 };
        let block = request.pages.max(freed_together);
        self.decay.note_refault(block, allocated.missing);
        let run = PageRun {
            map,
            pages: allocated.page..allocated.page + request.pages,
            object: request.object,
        };
        Some(self.note_in_use(run, allocated))
    }

    /// Allocates the pages behind a block as well, up to `pages` in all, if they are free; returns
    /// the new ones.
    pub(super) fn extend(&mut self, run: &PageRun<'z>, pages: usize) -> Option<NewRun<'z>> {
        let zone = self.zone_of(run.map)?;
        let allocated = zone.extend(run.pages.clone(), pages)?;
        self.decay.note_freed(run.pages.len(), run.object);
        self.decay.note_allocated(pages, pages * PAGE);
        self.decay.note_refault(pages, allocated.missing);
        let more = PageRun::block(run.map, run.pages.end..run.pages.start + pages);
        Some(self.note_in_use(more, allocated))
    }

    fn note_in_use(&mut self, run: PageRun<'z>, allocated: Allocated) -> NewRun<'z> {
        self.used += run.pages.len();
        self.peak = self.peak.max(self.used);
        if run.is_shared() {
            self.shared += run.pages.len();
            self.shared_peak = self.shared_peak.max(self.shared);
        }
        self.resident -= allocated.dirty.count;
        self.decay.note_resident(self.resident);
        self.decay.note_in_use(self.used);
        NewRun {
            run,
            zero_from: allocated.dirty.end * PAGE,
        }
    }

    #[inline]
    fn allocate_in_old_zone(
        &mut self,
        request: PageRequest,
    ) -> Result<(&'z ZoneMap, Allocated), AllocFailure> {
        let mut failure = AllocFailure::NoRoom;
        for zone in self.zones.iter_mut() {
            match zone.allocate(request.pages, request.align, request.headroom) {
                Ok(allocated) => return Ok((zone.map(), allocated)),
                Err(AllocFailure::NoRoom) => {}
                Err(AllocFailure::NoMemory) => failure = AllocFailure::NoMemory,
            }
        }
        Err(failure)
    }

    /// Allocates in a new zone with room for the request, a smaller one if the system refuses a
    /// large one. A zone that cannot serve the request is not kept.
    #[cold]
    fn allocate_in_new_zone(
        &mut self,
        request: PageRequest,
        registry: &'z ZoneRegistry,
    ) -> Option<(&'z ZoneMap, Allocated)> {
        let least = request.pages.checked_mul(PAGE)?;
        let least = least.checked_next_power_of_two()?;
        let mut bytes = self.next_bytes.max(least);
        let new_zone = loop {
            match NewZone::reserve(bytes, request.align, self.huge_pages, request.pages) {
                Some(new_zone) => break new_zone,
                None if bytes > least => bytes = (bytes / 2).max(least),
                None => return None,
            }
        };
        if !self.zones.make_room() {
            return None;
        }
        let (map, publish) = new_zone.split();
        // SAFETY: `&mut self` is the state behind the page lock, and no other heap has this
        // registry.
        let zone = self.zones.push(publish(unsafe { registry.add(map) }?))?;
        // A zone that became small because the system refused more does not make the next one
        // small.
        self.next_bytes = self.next_bytes.max(bytes.saturating_mul(2));
        let allocated = zone.allocate(request.pages, request.align, request.headroom);
        Some((zone.map(), allocated.ok()?))
    }

    fn zone_of(&mut self, map: &ZoneMap) -> Option<&mut Zone<'z>> {
        let mut zones = self.zones.iter_mut();
        zones.find(|zone| core::ptr::eq(zone.map(), map))
    }

    /// Frees pages that may hold anything.
    #[inline]
    pub(super) fn free(&mut self, run: &PageRun<'z>) {
        self.decay.note_freed(run.pages.len(), run.object);
        self.free_resident(run);
    }

    /// Frees all of a block's pages but the first `pages`.
    pub(super) fn shrink(&mut self, run: &PageRun<'z>, pages: usize) {
        self.decay.note_freed(run.pages.len(), run.object);
        self.decay.note_allocated(pages, pages * PAGE);
        let tail = run.pages.start + pages..run.pages.end;
        self.free_resident(&PageRun::block(run.map, tail));
    }

    fn free_resident(&mut self, run: &PageRun<'z>) {
        let pages = run.pages.len();
        self.used -= pages;
        if run.is_shared() {
            self.shared -= pages;
        }
        self.resident += pages;
        if let Some(zone) = self.zone_of(run.map) {
            zone.free(run.pages.clone());
        }
    }

    /// Frees pages that are zero and not resident.
    pub(super) fn free_clean(&mut self, run: &PageRun<'z>) {
        self.decay.note_freed(run.pages.len(), run.object);
        self.used -= run.pages.len();
        if let Some(zone) = self.zone_of(run.map) {
            zone.free_clean(run.pages.clone());
        }
    }

    /// Frees pages that were to be the target of a refused move of `moved` pages; those that the
    /// move has lost are never handed out again.
    pub(super) fn free_target(&mut self, run: &PageRun<'z>, moved: usize, refused: MoveError) {
        if !refused.is_target_lost() {
            return self.free(run);
        }
        self.decay.note_freed(run.pages.len(), run.object);
        let rest = run.pages.start + moved..run.pages.end;
        self.lose(run.map, run.pages.start..rest.start);
        if !rest.is_empty() {
            self.free_resident(&PageRun::block(run.map, rest));
        }
    }

    /// Takes pages in use out of circulation for ever: they may not even be mapped.
    pub(super) fn lose(&mut self, map: &'z ZoneMap, pages: Range<usize>) {
        self.used -= pages.len();
        self.lost += pages.len();
        map.set_kind(pages, KIND_LOST);
    }

    /// What there is too much of; asked after every release, with the time if it was worth a look
    /// at the clock.
    #[inline]
    pub(super) fn surplus(&mut self, now: Option<Duration>) -> Surplus {
        let idle = now.map_or(0, |now| self.end_period(now));
        let excess = self.decay.excess(self.resident, self.used);
        Surplus {
            pages: excess.max(idle),
            in_caches: self.has_shrunk(),
        }
    }

    /// If a period has ended at `now`, how many free pages nobody has needed in it.
    pub(super) fn end_period(&mut self, now: Duration) -> usize {
        self.decay.end_period(now, self.resident, self.used)
    }

    /// Notes that the system has refused to take memory back: it is not asked again in this period.
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

    /// Calls `visit` with the committed pages of every zone, but for those that are lost.
    pub(super) fn each_committed(&self, mut visit: impl FnMut(&'z ZoneMap, Range<usize>)) {
        for zone in self.zones.iter() {
            let (map, committed) = (zone.map(), zone.committed());
            let mut start = 0;
            if self.lost > 0 {
                for page in (0..committed).filter(|&page| map.kind(page) == KIND_LOST) {
                    visit(map, start..page);
                    start = page + 1;
                }
            }
            visit(map, start..committed);
        }
    }

    /// Numbers for statistics.
    pub(super) fn counts(&self) -> PageCounts {
        let zones = || self.zones.iter();
        PageCounts {
            reserved: zones().map(|zone| zone.map().pages()).sum(),
            committed: zones().map(Zone::committed).sum(),
            used: self.used,
            peak: self.peak,
            lost: self.lost,
            resident_free: self.resident,
            largest_free_bytes: zones().map(Zone::largest_free).max().unwrap_or(0),
        }
    }
}

/// How many pages there are, and in which state.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct PageCounts {
    pub(super) reserved: usize,
    pub(super) committed: usize,
    pub(super) used: usize,
    pub(super) peak: usize,
    pub(super) lost: usize,
    pub(super) resident_free: usize,
    pub(super) largest_free_bytes: usize,
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
        if !clean {
            self.resident += pages;
        }
    }
}
