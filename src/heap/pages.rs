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
    zone::{Idle, Taken, Zone},
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
    /// So much less is in use that caches should be emptied: a few objects may hold many pages.
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
    /// When less than three quarters of this is in use, caches are worth emptying; see [`Surplus::in_caches`].
    mark: usize,
}

/// Heaps below this do not shrink worth speaking of, in pages.
const SMALL: usize = 64;

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
            mark: 0,
        }
    }

    /// Takes pages in the first zone that has them, or in a new one.
    pub(super) fn take(&mut self, wish: Wish, territory: &'g Territory) -> Option<Fresh<'g>> {
        let mut old = self.zones[..self.len].iter_mut().flatten();
        let found = old.find_map(|zone| {
            let taken = zone.take(wish.pages, wish.align, wish.room)?;
            Some((zone.ground(), taken))
        });
        let (ground, taken) = found.or_else(|| self.take_in_new_zone(wish, territory))?;
        self.retention.placed(wish.pages, wish.object);
        self.retention
            .refaulted(wish.pages, taken.missing, self.peak);
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
        self.retention.refaulted(pages, taken.missing, self.peak);
        let more = Run::block(run.ground, run.pages.end..run.pages.start + pages);
        Some(self.note_taken(more, taken))
    }

    fn note_taken(&mut self, run: Run<'g>, taken: Taken) -> Fresh<'g> {
        self.used += run.pages.len();
        self.peak = self.peak.max(self.used);
        self.resident -= taken.dirty.count;
        self.retention.left(self.resident);
        Fresh {
            run,
            zero_from: taken.dirty.end * PAGE,
        }
    }

    /// Maps a zone with room for the wish, a smaller one where the system refuses a large one.
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
        let ground = loop {
            match Ground::reserve(bytes, self.huge_pages) {
                Ok(ground) => break ground,
                Err(_) if bytes > least => bytes = (bytes / 2).max(least),
                Err(_) => return None,
            }
        };
        // SAFETY: `&mut self` is the state behind the lock of the pages, and no other heap has this territory.
        let ground = unsafe { territory.add(ground) }?;
        let mut zone = Zone::new(ground)?;
        let taken = zone.take(wish.pages, wish.align, wish.room);
        *slot = Some(zone);
        self.len += 1;
        self.next_bytes = bytes.saturating_mul(2);
        Some((ground, taken?))
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

    /// What there is too much of now; to be asked after every release.
    #[inline]
    pub(super) fn surplus(&mut self) -> Surplus {
        Surplus {
            pages: self.retention.excess(self.resident, self.used),
            in_caches: self.has_shrunk(),
        }
    }

    /// At the end of a period, how many free pages nobody has needed in it; see [`Retention::idle`].
    pub(super) fn idle(&mut self, now: Duration) -> usize {
        self.retention.idle(now, self.resident)
    }

    /// Forgets which pages should stay, and says how many there are.
    pub(super) fn forget(&mut self) -> usize {
        self.retention.forget();
        self.resident
    }

    /// Whether what is in use has fallen to three quarters since this was last true.
    fn has_shrunk(&mut self) -> bool {
        let used = self.retention.steady(self.used);
        self.mark = self.mark.max(used);
        let shrunk = self.mark >= SMALL && used < self.mark - self.mark / 4;
        if shrunk {
            self.mark = used;
        }
        shrunk
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
