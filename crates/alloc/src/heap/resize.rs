//! Resizing without copying: blocks that are runs of pages grow and shrink where they lie, and move
//! by remapping.
//!
//! A block is a run of pages if it is large, or the only object of its span ([`run_kind`]). It
//! takes the free pages behind it, or gives its tail back, and its entries in the side tables then
//! say what it is. A block that has to move in order to grow goes where there is headroom, so that
//! a growing `Vec` seldom moves twice. It keeps its [colour](super::colour), and a block that moves
//! to grow by being copied has none.
//!
//! Invariant: a block belongs to its owner while this works on it, so nobody else reads or writes
//! its entries.

use core::{alloc::Layout, ptr::NonNull, sync::atomic::Ordering::Relaxed};

use super::{
    class::{Class, LARGEST, PAGE},
    colour::{colour_at, pages_of},
    heap::Heap,
    invalid_free::InvalidFree,
    large::open_large_at,
    page_run::{NewRun, PageRequest, PageRun},
    spans::open_span_at,
    zone_map::KIND_NONE,
};
use orionrt_sys::checker;

/// Whether blocks may be resized in place: those with guard pages may not, and a memory checker
/// finds more where blocks move.
pub(super) const IN_PLACE: bool = !cfg!(feature = "hardened") && !checker::IS_ON;
/// A block that grows gets headroom of so many times its new size, ...
const HEADROOM: usize = 16;
/// ... but at least a mebibyte and at most sixteen, in pages.
const LEAST_HEADROOM: usize = 256;
const MOST_HEADROOM: usize = 4096;
/// A block that grows to this size becomes a run of pages.
const LEAST_GROWING_RUN: usize = 8 << 10;
/// Fewer pages are copied, not remapped: a system call and its aftermath cost as much.
const LEAST_REMAP: usize = 128;
/// After so many remaps, blocks are copied. A remapped run may cost the kernel one of the 65,530
/// mappings that a process may have.
const MOST_REMAPS: u32 = 4096;

/// What a block is that is a run of pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RunKind {
    /// The only object of a span.
    OnlyObject(Class),
    Large,
}

/// What a block of this layout and colour is, and how many pages it has; `None` if it shares its
/// pages, or cannot have this colour.
fn run_kind(layout: Layout, colour: usize) -> Option<(RunKind, usize)> {
    match Class::of(layout) {
        None => Some((RunKind::Large, pages_of(layout.size(), colour))),
        Some(class) if class.span().objects == 1 && class.size() % PAGE == 0 && colour == 0 => {
            Some((RunKind::OnlyObject(class), class.size() / PAGE))
        }
        Some(_) => None,
    }
}

impl Heap {
    /// Resizes a block, whose class changes, without copying: where it lies, or by remapping.
    /// `Ok(None)` if that cannot be: the caller then allocates, copies and frees.
    #[cold]
    pub(crate) fn resize(
        &'static self,
        start: *mut u8,
        old: Layout,
        new: Layout,
    ) -> Result<Option<NonNull<u8>>, InvalidFree> {
        let Some(run) = self.block_run(start, old)?.filter(|_| IN_PLACE) else {
            return Ok(None);
        };
        let colour = colour_at(start);
        let (Some((was, _)), Some((becomes, pages))) =
            (run_kind(old, colour), run_kind(new, colour))
        else {
            return Ok(None);
        };
        if pages > run.pages.len() && !self.extend_pages(&run, pages) {
            return Ok(self.remap(&run, colour, old, new));
        }
        self.clear_entries(&run, was, old.size());
        let kept = PageRun::block(run.map, run.pages.start..run.pages.start + pages);
        let moved = self.write_entries(&kept, becomes, colour, new.size());
        if pages < run.pages.len() {
            self.shrink_pages(&run, pages);
        }
        Ok(Some(moved))
    }

    /// Allocates for a block that grows to `new`: a run of pages with headroom to grow on. `None`
    /// if it shares its pages, or is too small for that.
    #[cold]
    pub(crate) fn allocate_with_headroom(&'static self, new: Layout) -> Option<NonNull<u8>> {
        let is_run = IN_PLACE && new.size() >= LEAST_GROWING_RUN;
        let (becomes, _) = run_kind(new, 0).filter(|_| is_run)?;
        let new_run = self.allocate_run_with_headroom(new, 0)?;
        Some(self.write_entries(&new_run.run, becomes, 0, new.size()))
    }

    pub(super) fn allocate_run_with_headroom(
        &'static self,
        new: Layout,
        colour: usize,
    ) -> Option<NewRun<'static>> {
        let (_, pages) = run_kind(new, colour)?;
        let headroom = pages.saturating_mul(HEADROOM);
        self.allocate_pages(PageRequest {
            headroom: headroom.clamp(LEAST_HEADROOM, MOST_HEADROOM),
            ..PageRequest::block(pages, new.align().max(PAGE))
        })
    }

    /// The pages of a live block; `Ok(None)` if it shares them, or is a sampled object.
    fn block_run(
        &'static self,
        start: *mut u8,
        layout: Layout,
    ) -> Result<Option<PageRun<'static>>, InvalidFree> {
        #[cfg(feature = "profile")]
        if Class::of(layout).is_some() && self.sampled_class(start) == Class::of(layout) {
            return Ok(None);
        }
        match run_kind(layout, 0) {
            Some((RunKind::Large, _)) => self.large_run(start, layout.size()).map(Some),
            Some((RunKind::OnlyObject(class), pages)) => {
                let (map, page) = self.registry.find(start).ok_or(InvalidFree::at(start))?;
                let is_start = map.start(page).as_ptr() == start && map.kind(page) == class.kind();
                is_start
                    .then(|| Some(PageRun::block(map, page..page + pages)))
                    .ok_or(InvalidFree::at(start))
            }
            None => {
                let class = Class::of(layout).ok_or(InvalidFree::at(start))?;
                self.header_of(class, start)
                    .ok_or(InvalidFree::at(start))
                    .map(|_| None)
            }
        }
    }

    /// Clears the side-table entries of a block, and counts it as freed.
    fn clear_entries(&'static self, run: &PageRun<'static>, was: RunKind, bytes: usize) {
        self.requested.fetch_sub(bytes, Relaxed);
        match was {
            RunKind::OnlyObject(class) => {
                run.map.set_kind(run.pages.clone(), KIND_NONE);
                self.depot(class).with(|depot| depot.disown());
            }
            RunKind::Large => {
                let first = run.pages.start;
                run.map.set_kind(first..first + 1, KIND_NONE);
                self.large.note_freed();
                #[cfg(feature = "profile")]
                self.forget_large(run);
            }
        }
    }

    /// Writes the side-table entries of a block, and counts it as allocated.
    fn write_entries(
        &'static self,
        run: &PageRun<'static>,
        becomes: RunKind,
        colour: usize,
        bytes: usize,
    ) -> NonNull<u8> {
        self.requested.fetch_add(bytes, Relaxed);
        match becomes {
            RunKind::OnlyObject(class) => {
                #[cfg(feature = "profile")]
                if let Some(sampled) = self.open_if_drawn(run, class, bytes) {
                    return sampled;
                }
                open_span_at(run, class);
                self.depot(class).with(|depot| depot.adopt());
                run.map.start(run.pages.start)
            }
            RunKind::Large => {
                self.large.note_allocated();
                let start = open_large_at(run, colour);
                #[cfg(feature = "profile")]
                self.sample_large(run, start, bytes);
                start
            }
        }
    }

    /// Moves a large block to a larger run without copying; `None` if the pages of that run are
    /// mostly resident (copying is as good then), or if the block cannot be remapped.
    fn remap(
        &'static self,
        run: &PageRun<'static>,
        colour: usize,
        old: Layout,
        new: Layout,
    ) -> Option<NonNull<u8>> {
        let worth = old.size() > LARGEST && run.pages.len() >= LEAST_REMAP;
        if !worth || self.large.remaps() >= MOST_REMAPS {
            return None;
        }
        let new_run = self.allocate_run_with_headroom(new, colour)?;
        let target = &new_run.run;
        let same_zone = core::ptr::eq(target.map, run.map);
        let is_mostly_missing = new_run.zero_from < run.pages.len() * PAGE / 2;
        if !same_zone || !is_mostly_missing {
            self.pages.with(|pages| pages.free(target));
            return None;
        }
        // SAFETY: both runs are this thread's: the block's owner asked, and the target was
        // allocated just now.
        if let Err(refused) = unsafe { run.map.remap(run.pages.clone(), target.pages.start) } {
            self.pages
                .with(|pages| pages.free_target(target, run.pages.len(), refused));
            if refused.is_target_lost() {
                // The next attempt would lose its target as well: from now on, blocks are copied.
                self.large.set_remaps(MOST_REMAPS);
            }
            return None;
        }
        self.large.note_remapped();
        self.clear_entries(run, RunKind::Large, old.size());
        self.pages.with(|pages| pages.free_clean(run));
        Some(self.write_entries(target, RunKind::Large, colour, new.size()))
    }
}
