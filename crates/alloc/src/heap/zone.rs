//! A zone: which pages of its address range are free, and which of the free ones may be resident.
//!
//! It stands on the buddy allocator, with pages as blocks, and on the zone's [map](ZoneMap).
//! Everything here happens under the lock of the page heap.
//!
//! Invariants:
//! - pages below `committed` may be used, and so may their entries in the side tables; an allocated
//!   page is below it;
//! - a page in `resident` is free, or held by a purge; a free page that is not in it is zero.

#![forbid(unsafe_code)]

use core::{alloc::Layout, ops::Range};

use super::{
    class::PAGE,
    decay::BIG_BLOCK,
    page_set::{PageSet, Removed},
    table_pages::{HEADERS, Table, TablePages},
    zone_map::ZoneMap,
};
use crate::arena::{HugePages, bitmap_words::BitmapWords, commit::commit_ahead};
use orionrt_buddy::Buddy;
use orionrt_sys::mapping;

/// How many free runs are looked at to place a big block.
const MOST_LOOKED_AT: usize = 64;

/// The least and the most pages that one commit asks for.
const COMMIT_STEPS: Range<usize> = 256..16384;

/// The pages of a zone.
#[derive(Debug)]
pub(super) struct Zone<'z> {
    map: &'z ZoneMap,
    buddy: Buddy<BitmapWords>,
    /// Free pages that may be resident.
    resident: PageSet,
    tables: TablePages,
    /// The number of committed pages; see the invariants.
    committed: usize,
    /// No page at or above this one was ever allocated.
    touched: usize,
    /// The run that was freed last. It is the best place for a big block of the same size, because
    /// it is still in the processor's caches.
    last_freed: Range<usize>,
}

/// A zone that is not in the registry yet. All system calls for it that can fail have succeeded.
#[derive(Debug)]
pub(super) struct NewZone {
    map: ZoneMap,
    buddy: Buddy<BitmapWords>,
    resident: PageSet,
    tables: TablePages,
    committed: usize,
}

impl NewZone {
    /// The bytes of address space that a zone of `bytes` takes with its tables.
    pub(super) fn reserved_bytes(bytes: usize) -> usize {
        let pages = bytes / PAGE;
        let words = [
            Buddy::<BitmapWords>::words_for(bytes, PAGE),
            PageSet::words_for(pages),
            TablePages::words_for(pages),
        ];
        words
            .iter()
            .map(|words| (words * 8).next_multiple_of(mapping::PAGE))
            .fold(ZoneMap::reserved_bytes(pages), usize::saturating_add)
    }

    /// Reserves a zone of `bytes` that has room for a block of that alignment, with all pages free
    /// and at least the first `ready` of them committed.
    pub(super) fn reserve(
        bytes: usize,
        align: usize,
        huge_pages: HugePages,
        ready: usize,
    ) -> Option<Self> {
        let map = ZoneMap::reserve(bytes, align, huge_pages).ok()?;
        let words = BitmapWords::mapped(Buddy::<BitmapWords>::words_for(bytes, PAGE)).ok()?;
        let buddy = Buddy::in_zeroed_words(words, PAGE, 0..bytes).ok()?;
        let words = BitmapWords::mapped(PageSet::words_for(map.pages())).ok()?;
        let resident = PageSet::new(words, map.pages());
        let words = BitmapWords::mapped(TablePages::words_for(map.pages())).ok()?;
        let tables = TablePages::new(words, map.pages());
        let committed = ready.max(COMMIT_STEPS.start).min(map.pages());
        map.commit(0..committed).then_some(Self {
            map,
            buddy,
            resident,
            tables,
            committed,
        })
    }

    /// The map, to be put where it stays, and a function that makes the zone from its reference.
    pub(super) fn split<'z>(self) -> (ZoneMap, impl FnOnce(&'z ZoneMap) -> Zone<'z>) {
        let Self {
            map,
            buddy,
            resident,
            tables,
            committed,
        } = self;
        let publish = move |map| Zone {
            map,
            buddy,
            resident,
            tables,
            committed,
            touched: 0,
            last_freed: 0..0,
        };
        (map, publish)
    }
}

/// Why pages could not be allocated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AllocFailure {
    /// No run of free pages fits.
    NoRoom,
    /// One fits, but the system grants no memory for it.
    NoMemory,
    /// One was found, but more of its pages are not resident than may be added.
    OverBudget,
}

/// Pages just allocated in a zone.
#[derive(Clone, Copy, Debug)]
pub(super) struct Allocated {
    /// The first one.
    pub(super) page: usize,
    /// How many had been given back to the system since they were last used.
    pub(super) missing: usize,
    /// Those that may hold anything; from `dirty.end` on the pages are zero.
    pub(super) dirty: Removed,
}

/// Entries of a table that fill a page of the system.
#[derive(Clone, Debug)]
pub(super) struct Entries {
    /// Which page of which table it is.
    pub(super) table: Table,
    pub(super) number: usize,
    /// The pages of the zone that they are of.
    pub(super) pages: Range<usize>,
    /// Whether all of these were free. If so, they are out of circulation.
    pub(super) taken: bool,
}

/// Free pages that a purge holds.
#[derive(Clone, Debug)]
pub(super) struct IdlePages {
    /// The pages that were resident.
    pub(super) pages: Range<usize>,
    /// The pages whose memory is to go back: `pages`, and free ones next to them.
    pub(super) whole: Range<usize>,
    /// The pages whose header entries are to go back: `whole`, and free ones next to them.
    pub(super) held: Range<usize>,
}

impl<'z> Zone<'z> {
    pub(super) fn map(&self) -> &'z ZoneMap {
        self.map
    }

    /// The number of committed pages.
    pub(super) fn committed(&self) -> usize {
        self.committed
    }

    /// The largest free power-of-two block, in bytes.
    pub(super) fn largest_free(&self) -> usize {
        self.buddy.largest_free()
    }

    /// Allocates `pages` pages, aligned to `align` bytes, of which at most `budget` are not
    /// resident; if possible where `headroom` pages are free.
    pub(super) fn allocate(
        &mut self,
        pages: usize,
        align: usize,
        headroom: usize,
        budget: usize,
    ) -> Result<Allocated, AllocFailure> {
        // From here on, aligned offsets are aligned addresses.
        if !self.map.is_aligned_to(align) {
            return Err(AllocFailure::NoRoom);
        }
        let roomy = (headroom > pages)
            .then(|| self.take_block(headroom, align))
            .flatten();
        let page = match roomy {
            Some(page) => {
                let (old, new) = (headroom * PAGE, pages * PAGE);
                let cut = self.buddy.resize(page * PAGE, old, new);
                debug_assert_eq!(cut, Ok(true));
                page
            }
            None => self
                .take_last_freed(pages, align)
                .or_else(|| self.take_best_fit(pages, align))
                .or_else(|| self.take_block(pages, align))
                .ok_or(AllocFailure::NoRoom)?,
        };
        self.make_usable(page..page + pages, budget)
    }

    /// Takes the run that was freed last for a big block of its size, if it is still free.
    fn take_last_freed(&mut self, pages: usize, align: usize) -> Option<usize> {
        let last = core::mem::take(&mut self.last_freed);
        let fits = pages >= BIG_BLOCK && last.len() == pages && (last.start * PAGE) % align == 0;
        (fits && self.take_exactly(last.clone())).then_some(last.start)
    }

    /// Takes a place for a big block among pages that were used before: in the free run that it
    /// fills best. The buddy allocator's own choice would be aligned to the block's order, and
    /// leave gaps between big blocks; pages never used before would have to be faulted in one by
    /// one.
    fn take_best_fit(&mut self, pages: usize, align: usize) -> Option<usize> {
        if pages < BIG_BLOCK {
            return None;
        }
        let (mut best, mut best_rest, mut left) = (None, usize::MAX, MOST_LOOKED_AT);
        let touched = self.touched * PAGE;
        self.buddy.free_runs(|run| {
            let end = run.start.next_multiple_of(align) + pages * PAGE;
            let touched_end = run.end.min(touched);
            if end <= touched_end && touched_end - end < best_rest {
                (best, best_rest) = (Some(end / PAGE - pages), touched_end - end);
            }
            left -= 1;
            left > 0 && best_rest > 0 && run.end < touched
        });
        best.filter(|&start| self.take_exactly(start..start + pages))
    }

    /// Takes the place that the buddy allocator chooses; for an alignment beyond the zone's size
    /// that is the start of the zone, if it is free.
    fn take_block(&mut self, pages: usize, align: usize) -> Option<usize> {
        if align / PAGE > self.map.pages() {
            return self.take_exactly(0..pages).then_some(0);
        }
        let layout = Layout::from_size_align(pages.checked_mul(PAGE)?, align).ok()?;
        Some(self.buddy.allocate(layout)? / PAGE)
    }

    /// Allocates the pages behind a run as well, up to `pages` in all, if they are free and at most
    /// `budget` of them are not resident.
    pub(super) fn extend(
        &mut self,
        run: Range<usize>,
        pages: usize,
        budget: usize,
    ) -> Option<Allocated> {
        let bytes = pages.checked_mul(PAGE)?;
        let grown = self.buddy.resize(run.start * PAGE, run.len() * PAGE, bytes);
        if grown != Ok(true) {
            return None;
        }
        self.make_usable(run.end..run.start + pages, budget).ok()
    }

    /// Commits pages just taken from the buddy allocator, or returns them to it.
    #[inline(always)]
    fn make_usable(&mut self, run: Range<usize>, budget: usize) -> Result<Allocated, AllocFailure> {
        self.tables.note(&run);
        if budget < run.len() && run.len() - self.resident.count_in(run.clone()) > budget {
            self.release(run);
            return Err(AllocFailure::OverBudget);
        }
        if run.end > self.committed && !self.commit_to(run.end) {
            self.release(run);
            return Err(AllocFailure::NoMemory);
        }
        let dirty = self.resident.remove(run.clone());
        let used_before = run.end.min(self.touched).saturating_sub(run.start);
        self.touched = self.touched.max(run.end);
        Ok(Allocated {
            page: run.start,
            missing: used_before - dirty.count,
            dirty,
        })
    }

    /// Frees pages that may hold anything.
    #[inline]
    pub(super) fn free(&mut self, run: Range<usize>) {
        self.last_freed = run.clone();
        self.resident.insert(run.clone());
        self.release(run);
    }

    /// Notes that a run of pages has been cut before this page.
    pub(super) fn note_border(&mut self, page: usize) {
        self.tables.note_border(page);
    }

    /// Notes that the kinds of these pages are about to be written.
    pub(super) fn note_kinds(&mut self, pages: &Range<usize>) {
        self.tables.note_kinds(pages);
    }

    /// Frees pages that are zero and not resident.
    pub(super) fn free_clean(&mut self, run: Range<usize>) {
        self.release(run);
    }

    fn release(&mut self, run: Range<usize>) {
        // The layout is that of the run: pages may be released in other runs than they were taken
        // in.
        if let Ok(layout) = Layout::from_size_align(run.len() * PAGE, PAGE) {
            let freed = self.buddy.free(run.start * PAGE, layout);
            debug_assert_eq!(freed, Ok(()));
        }
    }

    /// Takes the highest free resident pages out of circulation, at most `most` in one run, so that
    /// their memory can be given back; and with them the free pages next to them with which they
    /// fill pages of the system, and those whose header entries share a page of the system, so that
    /// those entries can go back too.
    pub(super) fn take_idle(&mut self, most: usize) -> Option<IdlePages> {
        let pages = self.resident.highest(most)?;
        let taken = self.take_exactly(pages.clone());
        debug_assert!(taken);
        let whole = self.take_beside(&pages, mapping::page_size() / PAGE);
        let held = self.take_beside(&whole, HEADERS);
        for run in [&held, &whole, &pages] {
            self.tables.note_border(run.start);
            self.tables.note_border(run.end);
        }
        self.resident.remove(pages.clone());
        Some(IdlePages { pages, whole, held })
    }

    /// Takes the pages next to a run out of circulation, down and up to a multiple of `unit`, on
    /// each side if all of them there are free; returns the run with them.
    fn take_beside(&mut self, run: &Range<usize>, unit: usize) -> Range<usize> {
        let mut with = run.clone();
        let start = run.start - run.start % unit;
        if start < run.start && self.take_exactly(start..run.start) {
            with.start = start;
        }
        let end = run.end.next_multiple_of(unit).min(self.committed);
        if end > run.end && self.take_exactly(run.end..end) {
            with.end = end;
        }
        with
    }

    fn take_exactly(&mut self, run: Range<usize>) -> bool {
        run.end <= self.map.pages() && self.buddy.take_run(run.start * PAGE, run.len() * PAGE)
    }

    /// Puts idle pages back: zero and not resident if `clean`, else as they were.
    pub(super) fn put_back(&mut self, idle: IdlePages, clean: bool) {
        if clean {
            self.tables.forget_headers(&idle.held);
        } else {
            self.resident.insert(idle.pages);
        }
        self.release(idle.held);
    }

    /// The bytes of the zone's tables that may be resident.
    pub(super) fn table_bytes(&self) -> usize {
        let tree = (self.buddy.words().as_ref().len() * 8).next_multiple_of(mapping::PAGE);
        self.tables.resident_bytes(tree) + self.resident.resident_bytes()
    }

    /// The next page of a table, from page number `from` of it on, that may be resident. If it has
    /// entries of free pages only, these are taken out of circulation.
    pub(super) fn take_entries(&mut self, table: Table, from: usize) -> Option<Entries> {
        let number = self.tables.next(table, from)?;
        let start = number * table.entries();
        let pages = start..(start + table.entries()).min(self.map.pages());
        let taken = pages.end <= self.committed && self.take_exactly(pages.clone());
        Some(Entries {
            table,
            number,
            pages,
            taken,
        })
    }

    /// Puts the pages of entries back that were taken; `gone` if the entries are not resident now.
    pub(super) fn put_back_entries(&mut self, entries: Entries, gone: bool) {
        if gone {
            self.tables.forget_headers(&entries.pages);
            if entries.table == Table::Kinds {
                self.tables.forget_kinds(entries.number);
            }
        }
        self.release(entries.pages);
    }

    /// Gives the next part of a bitmap that is zero back to the system, from part number `from` on;
    /// returns the number of the one behind it, or `None` once there is none.
    pub(super) fn discard_bitmap(&mut self, from: usize) -> Option<usize> {
        self.resident.discard_zeros(from)
    }

    fn commit_to(&mut self, end: usize) -> bool {
        let (committed, limit) = (self.committed, self.map.pages());
        commit_ahead(committed, end, COMMIT_STEPS, limit, |end| self.commit(end))
    }

    fn commit(&mut self, end: usize) -> bool {
        let done = self.map.commit(self.committed..end);
        if done {
            self.committed = end;
        }
        done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A zone of 1 MiB, of which all pages are free and committed.
    fn zone() -> Zone<'static> {
        let new = NewZone::reserve(1 << 20, PAGE, HugePages::Off, 256).expect("there is memory");
        let (map, publish) = new.split();
        publish(Box::leak(Box::new(map)))
    }

    /// Pages of the system that have four of the heap's, as with 16 KiB: of all ways in which the
    /// pages around a run may be in use.
    #[test]
    fn pages_beside_a_run_are_taken_where_they_fill_a_page_of_the_system() {
        let mut zone = zone();
        for run in [5..7, 4..7, 6..8, 4..8, 3..9] {
            for in_use in 0..1_u32 << 12 {
                let is_free = |page: usize| in_use >> page & 1 == 0;
                if !run.clone().all(is_free) {
                    continue;
                }
                let others = (0..12).filter(|&page| !is_free(page));
                let taken = others.chain(run.clone());
                assert!(taken.clone().all(|page| zone.take_exactly(page..page + 1)));
                let with = zone.take_beside(&run, 4);
                let (below, above) = (run.start / 4 * 4, run.end.div_ceil(4) * 4);
                let start = if (below..run.start).all(is_free) {
                    below
                } else {
                    run.start
                };
                let end = if (run.end..above).all(is_free) {
                    above
                } else {
                    run.end
                };
                assert_eq!(with, start..end, "{run:?}, in use: {in_use:012b}");
                // They are nobody else's now.
                assert!(with.clone().all(|page| !zone.take_exactly(page..page + 1)));
                let beside = (start..run.start).chain(run.end..end);
                taken
                    .chain(beside)
                    .for_each(|page| zone.release(page..page + 1));
            }
        }
        assert_eq!(zone.largest_free(), 1 << 20);
    }
}
