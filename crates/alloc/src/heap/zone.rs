//! A zone: which pages of a [`Ground`] are free, and which of the free ones may still be resident.
//!
//! It stands on the buddy allocator, with pages as blocks. Everything here happens under the lock of the pages.
//!
//! Invariants:
//! - pages below `committed` may be used, and so may their header entries; a page handed out is below it;
//! - a bit of `resident` belongs to a page that is free, or held by a purge; a free page whose bit is clear is zero.

use core::{alloc::Layout, ops::Range};

use super::{
    bits::{Bits, Cleared},
    class::PAGE,
    ground::Ground,
    retention::BIG,
    span::SpanHeader,
};
use crate::arena::{HugePages, words::Words};
use orionrt_buddy::Buddy;
use orionrt_sys::mapping;

/// The pages of a ground.
#[derive(Debug)]
pub(super) struct Zone<'g> {
    ground: &'g Ground,
    buddy: Buddy<Words>,
    resident: Bits,
    /// In pages; see the invariants.
    committed: usize,
    /// No page at or above has ever been handed out.
    touched: usize,
    /// The run that came back last: for a big block of the same size it is the best place, being in the processor's caches still.
    last: Range<usize>,
}

/// A zone of which nobody knows yet: whatever the system could refuse, it has granted.
#[derive(Debug)]
pub(super) struct Prospect {
    ground: Ground,
    buddy: Buddy<Words>,
    resident: Bits,
    committed: usize,
}

impl Prospect {
    /// All pages free, and the first `ready` of them usable.
    pub(super) fn explore(bytes: usize, huge_pages: HugePages, ready: usize) -> Option<Self> {
        let ground = Ground::reserve(bytes, huge_pages).ok()?;
        let words = Words::mapped(Buddy::<Words>::words_for(bytes, PAGE)).ok()?;
        let buddy = Buddy::in_zeroed_words(words, PAGE, 0..bytes).ok()?;
        let resident = Bits::new(Words::mapped(ground.pages().div_ceil(64)).ok()?);
        let committed = ready.max(COMMIT_STEP.start).min(ground.pages());
        ground.commit(0..committed).then_some(Self {
            ground,
            buddy,
            resident,
            committed,
        })
    }

    /// The zone, and its ground, which is to be put where it stays.
    pub(super) fn split<'g>(self) -> (Ground, impl FnOnce(&'g Ground) -> Zone<'g>) {
        let Self {
            ground,
            buddy,
            resident,
            committed,
        } = self;
        let settle = move |ground| Zone {
            ground,
            buddy,
            resident,
            committed,
            touched: 0,
            last: 0..0,
        };
        (ground, settle)
    }
}

/// Why there are no pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lack {
    /// There is no room here.
    Room,
    /// There is, but the system grants no memory for it.
    Memory,
}

/// Pages just taken.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taken {
    pub(super) page: usize,
    /// How many had been given back to the system since they were last used.
    pub(super) missing: usize,
    /// Which may hold anything; from `dirty.end` on the pages are zero.
    pub(super) dirty: Cleared,
}

/// Free pages that a purge holds: the memory of `pages` is to go, and of the header entries of `held`.
#[derive(Clone, Debug)]
pub(super) struct Idle {
    pub(super) pages: Range<usize>,
    pub(super) held: Range<usize>,
}

/// How many free runs are looked at to place a big block.
const MOST_LOOKED_AT: usize = 64;

/// Header entries in a page of the system's.
const HEADERS: usize = mapping::PAGE / size_of::<SpanHeader>();

/// The least and the most pages that one commit asks for.
const COMMIT_STEP: Range<usize> = 256..16384;

impl<'g> Zone<'g> {
    pub(super) fn ground(&self) -> &'g Ground {
        self.ground
    }

    /// How many pages are committed.
    pub(super) fn committed(&self) -> usize {
        self.committed
    }

    /// The largest free power-of-two block, in bytes.
    pub(super) fn largest_free(&self) -> usize {
        self.buddy.largest_free()
    }

    /// Takes `pages` pages, aligned to `align` bytes; where `room` pages are free, if there is such a place.
    pub(super) fn take(&mut self, pages: usize, align: usize, room: usize) -> Result<Taken, Lack> {
        let roomy = (room > pages).then(|| self.place(room, align)).flatten();
        let page = match roomy {
            Some(page) => {
                let cut = self.buddy.resize(page * PAGE, room * PAGE, pages * PAGE);
                debug_assert_eq!(cut, Ok(true));
                page
            }
            None => self
                .place_last(pages, align)
                .or_else(|| self.place_known(pages, align))
                .or_else(|| self.place(pages, align))
                .ok_or(Lack::Room)?,
        };
        self.settle(page..page + pages).ok_or(Lack::Memory)
    }

    /// For a big block: where one of the same size was that has just come back, if that is still free.
    fn place_last(&mut self, pages: usize, align: usize) -> Option<usize> {
        let last = core::mem::take(&mut self.last);
        let fits = pages >= BIG && last.len() == pages && (last.start * PAGE).is_multiple_of(align);
        (fits && self.take_exactly(last.clone())).then_some(last.start)
    }

    /// A place for a big block among pages that have been used before: the free run that it fills best. A buddy allocator's runs are aligned
    /// to their order and leave gaps between big blocks; new pages would have to be faulted in one by one.
    fn place_known(&mut self, pages: usize, align: usize) -> Option<usize> {
        if pages < BIG {
            return None;
        }
        let (mut best, mut best_rest, mut left) = (None, usize::MAX, MOST_LOOKED_AT);
        let touched = self.touched * PAGE;
        self.buddy.free_runs(|run| {
            let end = run.start.next_multiple_of(align) + pages * PAGE;
            let known = run.end.min(touched);
            if end <= known && known - end < best_rest {
                (best, best_rest) = (Some(end / PAGE - pages), known - end);
            }
            left -= 1;
            left > 0 && best_rest > 0 && run.end < touched
        });
        best.filter(|&start| self.take_exactly(start..start + pages))
    }

    fn place(&mut self, pages: usize, align: usize) -> Option<usize> {
        let layout = Layout::from_size_align(pages.checked_mul(PAGE)?, align).ok()?;
        Some(self.buddy.allocate(layout)? / PAGE)
    }

    /// Takes the pages behind a run as well, up to `pages` in all, if they are free.
    pub(super) fn extend(&mut self, run: Range<usize>, pages: usize) -> Option<Taken> {
        let bytes = pages.checked_mul(PAGE)?;
        let grown = self.buddy.resize(run.start * PAGE, run.len() * PAGE, bytes);
        if grown != Ok(true) {
            return None;
        }
        self.settle(run.end..run.start + pages)
    }

    /// Commits pages just taken from the buddy allocator, or gives them back there.
    fn settle(&mut self, run: Range<usize>) -> Option<Taken> {
        if run.end > self.committed && !self.commit_to(run.end) {
            self.release(run);
            return None;
        }
        let dirty = self.resident.clear(run.clone());
        let known = run.end.min(self.touched).saturating_sub(run.start);
        self.touched = self.touched.max(run.end);
        Some(Taken {
            page: run.start,
            missing: known - dirty.count,
            dirty,
        })
    }

    /// Gives pages back, as they are.
    pub(super) fn give(&mut self, run: Range<usize>) {
        self.last = run.clone();
        self.resident.set(run.clone());
        self.release(run);
    }

    /// Gives back pages that are zero and not resident.
    pub(super) fn give_clean(&mut self, run: Range<usize>) {
        self.release(run);
    }

    fn release(&mut self, run: Range<usize>) {
        // Pages have been taken in runs; the layout is that of the run, which need not be one that was taken together.
        if let Ok(layout) = Layout::from_size_align(run.len() * PAGE, PAGE) {
            let freed = self.buddy.free(run.start * PAGE, layout);
            debug_assert_eq!(freed, Ok(()));
        }
    }

    /// Takes the highest free resident pages out of circulation, at most `most` in one run, for their memory to be given back; and with
    /// them the free pages around whose header entries share a page of the system's, so that those can go too.
    pub(super) fn take_idle(&mut self, most: usize) -> Option<Idle> {
        let pages = self.resident.highest(most)?;
        let mut held = pages.clone();
        let start = pages.start - pages.start % HEADERS;
        if start < pages.start && self.take_exactly(start..pages.start) {
            held.start = start;
        }
        let end = pages.end.next_multiple_of(HEADERS).min(self.committed);
        if end > pages.end && self.take_exactly(pages.end..end) {
            held.end = end;
        }
        let taken = self.take_exactly(pages.clone());
        debug_assert!(taken);
        self.resident.clear(pages.clone());
        Some(Idle { pages, held })
    }

    fn take_exactly(&mut self, run: Range<usize>) -> bool {
        self.buddy.take_run(run.start * PAGE, run.len() * PAGE)
    }

    /// Puts idle pages back: zero and not resident if `clean`, else as they were.
    pub(super) fn put_back(&mut self, idle: Idle, clean: bool) {
        if !clean {
            self.resident.set(idle.pages);
        }
        self.release(idle.held);
    }

    fn commit_to(&mut self, end: usize) -> bool {
        let step = self.committed.clamp(COMMIT_STEP.start, COMMIT_STEP.end);
        let ahead = (self.committed + step).clamp(end, self.ground.pages());
        // A refused step may still leave room for what is needed now.
        self.commit(ahead) || self.commit(end)
    }

    fn commit(&mut self, end: usize) -> bool {
        let done = self.ground.commit(self.committed..end);
        if done {
            self.committed = end;
        }
        done
    }
}
