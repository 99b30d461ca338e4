//! The page heap: all zones together, and the pages in use.
//!
//! [`PageHeap`] is the state behind the heap's page lock (the name is tcmalloc's). Here pages are
//! allocated and freed; which of the free ones go back to the system is in `surplus.rs`.
//!
//! Invariant: a page is in exactly one place: free in its zone, in a span, in a large block, or in
//! the hands of a [`purge`](super::purge).

use core::ops::Range;

use super::{
    class::PAGE,
    config::Config,
    decay::{BIG_BLOCK, DecayState},
    limits::{Limits, Refused},
    mapped_vec::MappedVec,
    page_run::{NewRun, PageRequest, PageRun},
    zone::{AllocFailure, Allocated, NewZone, Zone},
    zone_map::{KIND_LOST, ZoneMap},
    zone_registry::ZoneRegistry,
};
use crate::arena::HugePages;
use orionrt_sys::mapping::MoveError;

/// More pages than the tables of a new run, or of a new zone, may add to those in memory.
const TABLES_OF_A_RUN: usize = 16;

/// All zones of a heap.
#[derive(Debug)]
pub(super) struct PageHeap<'z> {
    pub(super) zones: MappedVec<Zone<'z>>,
    /// The size of the next zone in bytes, if the system gives that much.
    next_bytes: usize,
    /// Whether zones suit the machine, because the program has not chosen the first one's size.
    suits_machine: bool,
    huge_pages: HugePages,
    pub(super) limits: Limits,
    /// Bytes of tables that belong to no zone.
    other_tables: usize,
    pub(super) decay: DecayState,
    pub(super) used: usize,
    pub(super) peak: usize,
    /// Pages that must never be touched again.
    pub(super) lost: usize,
    /// Free pages that may be resident.
    pub(super) resident: usize,
    /// Pages in use that several objects share.
    pub(super) shared: usize,
    /// The most that `shared` has been since thread caches were last to be flushed.
    pub(super) shared_peak: usize,
    /// So many free pages wake the purger, if it sleeps; [`usize::MAX`] if nobody does.
    pub(super) purger_wakes_at: usize,
}

impl<'z> PageHeap<'z> {
    pub(super) const fn new(config: Config) -> Self {
        Self {
            zones: MappedVec::new(),
            next_bytes: config.first_zone,
            suits_machine: config.first_zone == 0,
            huge_pages: config.huge_pages,
            limits: config.limits,
            other_tables: 0,
            decay: DecayState::new(config.decay),
            used: 0,
            peak: 0,
            lost: 0,
            resident: 0,
            shared: 0,
            shared_peak: 0,
            purger_wakes_at: usize::MAX,
        }
    }

    /// Allocates pages in the first zone that has them, or in a new one.
    #[inline]
    pub(super) fn allocate(
        &mut self,
        request: PageRequest,
        registry: &'z ZoneRegistry,
    ) -> Result<NewRun<'z>, Refused> {
        let admitted = self.admit(request.pages, request.object);
        let budget = self.budget(admitted)?;
        let (map, allocated) = match self.allocate_in_old_zone(request, budget) {
            Ok(found) => found,
            // Another zone would get no memory either.
            Err(AllocFailure::NoMemory) => return Err(Refused::NoMemory),
            Err(_) => {
                admitted?;
                self.allocate_in_new_zone(request, registry)?
            }
        };
        self.decay.note_allocated(request.pages, request.object);
        let run = PageRun {
            map,
            pages: allocated.page..allocated.page + request.pages,
            object: request.object,
        };
        if allocated.missing > 0 {
            self.note_refault(&run, request.in_bulk, allocated.missing);
        }
        Ok(self.note_in_use(run, allocated))
    }

    /// Allocates the pages behind a block as well, up to `pages` in all; returns the new ones, or
    /// `None` if they are not free.
    pub(super) fn extend(
        &mut self,
        run: &PageRun<'z>,
        pages: usize,
    ) -> Result<Option<NewRun<'z>>, Refused> {
        let admitted = self.admit(pages - run.pages.len(), pages.saturating_mul(PAGE));
        let budget = self.budget(admitted)?;
        let zone = self.zone_of(run.map);
        let extended = zone.and_then(|zone| zone.extend(run.pages.clone(), pages, budget));
        let Some(allocated) = extended else {
            return admitted.map(|()| None);
        };
        self.decay.note_freed(run.pages.len(), run.object);
        self.decay.note_allocated(pages, pages * PAGE);
        if allocated.missing > 0 {
            self.decay.note_refault(pages, allocated.missing, self.used);
        }
        let more = PageRun::block(run.map, run.pages.end..run.pages.start + pages);
        Ok(Some(self.note_in_use(more, allocated)))
    }

    /// Notes that `missing` of a new run's pages had been given back before.
    #[cold]
    fn note_refault(&mut self, run: &PageRun<'z>, in_bulk: bool, missing: usize) {
        let block = match run.is_shared() {
            true => 0,
            false if in_bulk => run.pages.len().max(BIG_BLOCK),
            false => run.pages.len(),
        };
        self.decay.note_refault(block, missing, self.used);
    }

    /// How many pages that are not resident a request may take: any number if it was admitted. If
    /// the limit is in the way, it may still be served from free pages that are resident, because
    /// these count already.
    #[inline]
    fn budget(&self, admitted: Result<(), Refused>) -> Result<usize, Refused> {
        match admitted {
            Ok(()) => Ok(usize::MAX),
            Err(refused) => self.budget_within_limit(refused),
        }
    }

    #[cold]
    fn budget_within_limit(&self, refused: Refused) -> Result<usize, Refused> {
        if !matches!(refused, Refused::OverLimit { .. }) {
            return Err(refused);
        }
        let tables = self.table_bytes() + TABLES_OF_A_RUN * PAGE;
        let pages = self.limits.resident.saturating_sub(tables) / PAGE;
        let budget = pages.checked_sub(self.used + self.resident);
        budget.ok_or(refused)
    }

    /// Whether so many pages more, for objects of `object` bytes, are within the limits.
    #[inline]
    pub(super) fn admit(&self, pages: usize, object: usize) -> Result<(), Refused> {
        if self.limits.is_too_large(object) {
            return Err(Refused::TooLarge);
        }
        if self.limits.resident == usize::MAX {
            return Ok(());
        }
        self.admit_with_tables(pages, TABLES_OF_A_RUN * PAGE)
    }

    /// Whether so many pages, and so many bytes of tables more, are within the limit of memory.
    fn admit_with_tables(&self, pages: usize, more: usize) -> Result<(), Refused> {
        let tables = self.table_bytes() + more;
        let pages = (self.used + self.resident).saturating_add(pages);
        let bytes = pages.saturating_mul(PAGE).saturating_add(tables);
        match bytes.saturating_sub(self.limits.resident) {
            0 => Ok(()),
            excess => Err(Refused::OverLimit {
                pages: excess.div_ceil(PAGE),
            }),
        }
    }

    /// The limits, to be changed.
    pub(super) fn limits_mut(&mut self) -> &mut Limits {
        &mut self.limits
    }

    /// Counts bytes of tables that belong to no zone and stay.
    pub(super) fn note_tables(&mut self, bytes: usize) {
        self.other_tables += bytes;
    }

    /// The bytes of all tables that may be resident.
    pub(super) fn table_bytes(&self) -> usize {
        let zones = self.zones.iter().map(Zone::table_bytes);
        self.tables_outside_zones() + zones.sum::<usize>()
    }

    fn tables_outside_zones(&self) -> usize {
        self.other_tables + self.zones.bytes() + ZoneRegistry::chunk_bytes(self.zones.len())
    }

    /// The bytes that a further zone adds to the lists of zones.
    fn lists_growth(&self) -> usize {
        let zones = self.zones.len();
        let chunks = ZoneRegistry::chunk_bytes(zones + 1) - ZoneRegistry::chunk_bytes(zones);
        self.zones.next_growth() + chunks
    }

    /// The bytes of address space that the heap has reserved.
    pub(super) fn reserved_bytes(&self) -> usize {
        let zones = self.zones.iter();
        let zones = zones.map(|zone| NewZone::reserved_bytes(zone.map().pages() * PAGE));
        self.tables_outside_zones() + zones.sum::<usize>()
    }

    /// Reserves a zone of at least `least` bytes, as large as the limit and the system allow.
    fn reserve(&self, least: usize, request: PageRequest) -> Result<(NewZone, usize), Refused> {
        let mut bytes = self.next_bytes.max(least);
        if self.suits_machine {
            // Asked each time: limits of the process change.
            bytes = bytes.max(Limits::zone_of_this_machine());
        }
        let room = match self.limits.reserved {
            usize::MAX => usize::MAX,
            limit => limit.saturating_sub(self.reserved_bytes() + self.lists_growth()),
        };
        loop {
            let refused = if NewZone::reserved_bytes(bytes) > room {
                Refused::OverReserved
            } else {
                let (align, ready) = (request.align, request.pages);
                match NewZone::reserve(bytes, align, self.huge_pages, ready) {
                    Some(new_zone) => return Ok((new_zone, bytes)),
                    None => Refused::NoMemory,
                }
            };
            if bytes <= least {
                return Err(refused);
            }
            bytes = (bytes / 2).max(least);
        }
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
        budget: usize,
    ) -> Result<(&'z ZoneMap, Allocated), AllocFailure> {
        let mut failure = AllocFailure::NoRoom;
        for zone in self.zones.iter_mut() {
            match zone.allocate(request.pages, request.align, request.headroom, budget) {
                Ok(allocated) => return Ok((zone.map(), allocated)),
                Err(AllocFailure::NoMemory) => failure = AllocFailure::NoMemory,
                Err(_) => {}
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
    ) -> Result<(&'z ZoneMap, Allocated), Refused> {
        let least = request.pages.checked_mul(PAGE);
        let least = least.and_then(usize::checked_next_power_of_two);
        if self.limits.resident != usize::MAX {
            let tables = TABLES_OF_A_RUN * PAGE + self.lists_growth();
            self.admit_with_tables(request.pages, tables)?;
        }
        let (new_zone, bytes) = self.reserve(least.ok_or(Refused::TooLarge)?, request)?;
        let zone = self.add(new_zone, registry).ok_or(Refused::NoMemory)?;
        let PageRequest {
            pages,
            align,
            headroom,
            ..
        } = request;
        let allocated = zone.allocate(pages, align, headroom, usize::MAX);
        let found = (zone.map(), allocated.map_err(|_| Refused::NoMemory)?);
        // A zone that became small because the system refused more does not make the next one
        // small.
        self.next_bytes = self.next_bytes.max(bytes.saturating_mul(2));
        Ok(found)
    }

    /// Adds a zone; `None` if there is no memory for its place in the lists.
    fn add(&mut self, new_zone: NewZone, registry: &'z ZoneRegistry) -> Option<&mut Zone<'z>> {
        if !self.zones.make_room() {
            return None;
        }
        let (map, publish) = new_zone.split();
        // SAFETY: `&mut self` is the state behind the page lock, and no other heap has this
        // registry.
        let map = unsafe { registry.add(map) }?;
        self.zones.push(publish(map))
    }

    pub(super) fn zone_of(&mut self, map: &ZoneMap) -> Option<&mut Zone<'z>> {
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
        if let Some(zone) = self.zone_of(run.map) {
            zone.note_border(tail.start);
        }
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
        if let Some(zone) = self.zone_of(map) {
            zone.note_kinds(&pages);
        }
        map.set_kind(pages, KIND_LOST);
    }
}
