//! The pages of a heap: all zones together, what is in use, and when free pages go back to the system.
//!
//! [`Pages`] is the state behind the heap's page lock.
//!
//! Invariant: a page is in exactly one place: free in its zone, in a span, in a large block, or in the hands of a [`purge`](super::purge).

use core::{ops::Range, time::Duration};

use super::{
    Config,
    class::PAGE,
    ground::{Ground, MOST_ZONES, Territory},
    purge::Purgeable,
    retention::Retention,
    zone::{Idle, Lack, Prospect, Taken, Zone},
};
use crate::arena::HugePages;

/// Pages of one ground.
#[derive(Clone, Debug)]
pub(super) struct Run<'g> {
    pub(super) ground: &'g Ground,
    pub(super) pages: Range<usize>,
    /// The bytes of one object of those cut from them.
    pub(super) object: usize,
}

impl<'g> Run<'g> {
    /// Pages that are one object.
    pub(super) fn block(ground: &'g Ground, pages: Range<usize>) -> Self {
        let object = pages.len() * PAGE;
        Self {
            ground,
            pages,
            object,
        }
    }

    /// Whether several objects share them.
    fn is_shared(&self) -> bool {
        self.object < self.pages.len() * PAGE
    }
}

/// Pages just taken, and what is known of their contents.
#[derive(Debug)]
pub(super) struct Fresh<'g> {
    pub(super) run: Run<'g>,
    /// From this byte on they are zero.
    pub(super) zero_from: usize,
}

/// What a request for pages asks for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wish {
    pub(super) pages: usize,
    /// In bytes, a power of two.
    pub(super) align: usize,
    /// Pages that should be free from the start on, to grow into; a wish only.
    pub(super) room: usize,
    /// The bytes of one object of those cut from them.
    pub(super) object: usize,
}

impl Wish {
    /// For one object.
    pub(super) fn block(pages: usize, align: usize) -> Self {
        Self {
            pages,
            align,
            room: 0,
            object: pages.saturating_mul(PAGE),
        }
    }
}

/// What there is too much of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Surplus {
    /// Free pages that should go back to the system.
    pub(super) pages: usize,
    /// So many fewer pages are shared by objects that caches should be emptied: a few objects may hold many pages.
    pub(super) in_caches: bool,
}

/// All zones.
#[derive(Debug)]
pub(super) struct Pages<'g> {
    zones: [Option<Zone<'g>>; MOST_ZONES],
    len: usize,
    next_bytes: usize,
    huge_pages: HugePages,
    retention: Retention,
    used: usize,
    peak: usize,
    resident: usize,
    /// Pages in use that several objects share.
    shared: usize,
    /// When `shared` falls to three quarters of this, caches are worth emptying; see [`Surplus::in_caches`].
    mark: usize,
}

/// Heaps below this do not shrink worth speaking of, in pages.
const SMALL: usize = 256;

impl<'g> Pages<'g> {
    pub(super) const fn new(config: Config) -> Self {
        Self {
            zones: [const { None }; MOST_ZONES],
            len: 0,
            next_bytes: config.first_zone,
            huge_pages: config.huge_pages,
            retention: Retention::new(config.decay),
            used: 0,
            peak: 0,
            resident: 0,
            shared: 0,
            mark: 0,
        }
    }

    /// Takes pages in the first zone that has them, or in a new one.
    pub(super) fn take(&mut self, wish: Wish, territory: &'g Territory) -> Option<Fresh<'g>> {
        let (ground, taken) = match self.take_in_old_zone(wish) {
            Ok(found) => found,
            Err(Lack::Room) => self.take_in_new_zone(wish, territory)?,
            // Another zone would get no memory either.
            Err(Lack::Memory) => return None,
        };
        self.retention.placed(wish.pages, wish.object);
        self.retention.refaulted(wish.pages, taken.missing);
        let run = Run {
            ground,
            pages: taken.page..taken.page + wish.pages,
            object: wish.object,
        };
        Some(self.note_taken(run, taken))
    }

    /// Takes the pages behind a block as well, up to `pages` in all, if they are free; what is returned are the new ones.
    pub(super) fn extend(&mut self, run: &Run<'g>, pages: usize) -> Option<Fresh<'g>> {
        let zone = self.zone_of(run.ground)?;
        let taken = zone.extend(run.pages.clone(), pages)?;
        self.retention.removed(run.pages.len(), run.object);
        self.retention.placed(pages, pages * PAGE);
        self.retention.refaulted(pages, taken.missing);
        let more = Run::block(run.ground, run.pages.end..run.pages.start + pages);
        Some(self.note_taken(more, taken))
    }

    fn note_taken(&mut self, run: Run<'g>, taken: Taken) -> Fresh<'g> {
        self.used += run.pages.len();
        self.peak = self.peak.max(self.used);
        if run.is_shared() {
            self.shared += run.pages.len();
            self.mark = self.mark.max(self.shared);
        }
        self.resident -= taken.dirty.count;
        self.retention.left(self.resident);
        self.retention.in_use(self.used);
        Fresh {
            run,
            zero_from: taken.dirty.end * PAGE,
        }
    }

    fn take_in_old_zone(&mut self, wish: Wish) -> Result<(&'g Ground, Taken), Lack> {
        let mut lack = Lack::Room;
        for zone in self.zones[..self.len].iter_mut().flatten() {
            match zone.take(wish.pages, wish.align, wish.room) {
                Ok(taken) => return Ok((zone.ground(), taken)),
                Err(Lack::Room) => {}
                Err(Lack::Memory) => lack = Lack::Memory,
            }
        }
        Err(lack)
    }

    /// Maps a zone with room for the wish, a smaller one where the system refuses a large one. A zone that cannot serve the
    /// wish is not kept.
    #[cold]
    fn take_in_new_zone(
        &mut self,
        wish: Wish,
        territory: &'g Territory,
    ) -> Option<(&'g Ground, Taken)> {
        let least = wish.pages.checked_mul(PAGE)?.max(wish.align);
        let least = least.checked_next_power_of_two()?;
        let slot = self.zones.get_mut(self.len)?;
        let mut bytes = self.next_bytes.max(least);
        let prospect = loop {
            match Prospect::explore(bytes, self.huge_pages, wish.pages) {
                Some(prospect) => break prospect,
                None if bytes > least => bytes = (bytes / 2).max(least),
                None => return None,
            }
        };
        let (ground, settle) = prospect.split();
        // SAFETY: `&mut self` is the state behind the lock of the pages, and no other heap has this territory.
        let zone = slot.insert(settle(unsafe { territory.add(ground) }?));
        self.len += 1;
        self.next_bytes = bytes.saturating_mul(2);
        let taken = zone.take(wish.pages, wish.align, wish.room).ok()?;
        Some((zone.ground(), taken))
    }

    fn zone_of(&mut self, ground: &Ground) -> Option<&mut Zone<'g>> {
        let mut zones = self.zones[..self.len].iter_mut().flatten();
        zones.find(|zone| core::ptr::eq(zone.ground(), ground))
    }

    /// Gives pages back, as they are.
    pub(super) fn give(&mut self, run: &Run<'g>) {
        self.retention.removed(run.pages.len(), run.object);
        self.give_resident(run);
    }

    /// Gives all of a block's pages back but the first `pages`.
    pub(super) fn shrink(&mut self, run: &Run<'g>, pages: usize) {
        self.retention.removed(run.pages.len(), run.object);
        self.retention.placed(pages, pages * PAGE);
        self.give_resident(&Run::block(
            run.ground,
            run.pages.start + pages..run.pages.end,
        ));
    }

    fn give_resident(&mut self, run: &Run<'g>) {
        let pages = run.pages.len();
        self.used -= pages;
        if run.is_shared() {
            self.shared -= pages;
        }
        self.resident += pages;
        if let Some(zone) = self.zone_of(run.ground) {
            zone.give(run.pages.clone());
        }
    }

    /// Gives back pages that are zero and not resident.
    pub(super) fn give_clean(&mut self, run: &Run<'g>) {
        self.retention.removed(run.pages.len(), run.object);
        self.used -= run.pages.len();
        if let Some(zone) = self.zone_of(run.ground) {
            zone.give_clean(run.pages.clone());
        }
    }

    /// What there is too much of now; to be asked after every release, with the time where it is worth a look at the clock.
    #[inline]
    pub(super) fn surplus(&mut self, now: Option<Duration>) -> Surplus {
        let idle = now.map_or(0, |now| self.idle(now));
        let excess = self.retention.excess(self.resident, self.used);
        Surplus {
            pages: excess.max(idle),
            in_caches: self.has_shrunk(),
        }
    }

    /// The system has refused to take memory back: no use to try again in this period.
    pub(super) fn refused(&mut self) {
        self.retention.refused();
    }

    /// At the end of a period, how many free pages nobody has needed in it; see [`Retention::idle`].
    pub(super) fn idle(&mut self, now: Duration) -> usize {
        self.retention.idle(now, self.resident, self.used)
    }

    /// Forgets which pages should stay, and says how many there are.
    pub(super) fn forget(&mut self) -> usize {
        self.retention.forget();
        self.resident
    }

    /// Whether `shared` has fallen to three quarters since this was last true.
    fn has_shrunk(&mut self) -> bool {
        let shrunk = self.mark >= SMALL && self.shared < self.mark - self.mark / 4;
        if shrunk {
            self.mark = self.shared;
        }
        shrunk
    }

    /// Visits the committed pages of every ground.
    pub(super) fn each_committed(&self, mut visit: impl FnMut(&'g Ground, Range<usize>)) {
        for zone in self.zones[..self.len].iter().flatten() {
            visit(zone.ground(), 0..zone.committed());
        }
    }

    /// Numbers for statistics.
    pub(super) fn counts(&self) -> PageCounts {
        let zones = || self.zones[..self.len].iter().flatten();
        PageCounts {
            reserved: zones().map(|zone| zone.ground().pages()).sum(),
            committed: zones().map(Zone::committed).sum(),
            used: self.used,
            peak: self.peak,
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
    pub(super) resident_free: usize,
    pub(super) largest_free_bytes: usize,
}

impl<'g> Purgeable for Pages<'g> {
    type Part = (&'g Ground, Idle);

    fn take_out(&mut self, most: usize) -> Option<(Self::Part, usize)> {
        let mut zones = self.zones[..self.len].iter_mut().rev().flatten();
        let (ground, idle) = zones.find_map(|zone| Some((zone.ground(), zone.take_idle(most)?)))?;
        let pages = idle.pages.len();
        self.resident -= pages;
        self.retention.left(self.resident);
        Some(((ground, idle), pages))
    }

    fn put_back(&mut self, (ground, idle): Self::Part, clean: bool) {
        let pages = idle.pages.len();
        let Some(zone) = self.zone_of(ground) else {
            return;
        };
        zone.put_back(idle, clean);
        if !clean {
            self.resident += pages;
        }
    }
}
