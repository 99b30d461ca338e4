//! Resizing without copying: blocks that are runs of pages grow and shrink where they lie, and move by remapping.
//!
//! A block is a run of pages if it is large, or the only object of its span ([`paged`]). Such a run takes the free
//! pages behind it, or gives its tail back, and its entries in the side tables say what it is now. A block
//! that has to move and grows is put where there is room to grow on, so that a growing `Vec` seldom moves twice.
//!
//! Invariant: a block belongs to its owner while this works on it, so nobody else reads or writes its entries.

use core::{alloc::Layout, ptr::NonNull, sync::atomic::Ordering};

use super::{
    Class, Foreign, Heap,
    class::{LARGEST, PAGE},
    ground::{FREE, kind_of},
    large::{open_large_at, pages_of},
    open_span_at,
    pages::{Fresh, Run, Wish},
};

/// Blocks with guards stay as they are.
const IN_PLACE: bool = !cfg!(feature = "hardened");
/// What grows gets a place with room for so many times its new size, ...
const ROOM: usize = 16;
/// ... but for at least a mebibyte, and at most sixteen, in pages.
const LEAST_ROOM: usize = 256;
const MOST_ROOM: usize = 4096;
/// From this size on, what grows becomes a run of pages.
const GROWS_IN_PAGES: usize = 8 << 10;
/// Fewer pages are copied rather than remapped: a system call and its aftermath cost as much.
const LEAST_REMAP: usize = 128;
/// A remapped run may cost the kernel one of the 65,530 mappings that a process may have: after so many, copying will do.
const MOST_REMAPS: u32 = 4096;

/// What a run of pages is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Paged {
    /// The only object of a span.
    Small(Class),
    Large,
}

/// What a block of this layout is, and how many pages it takes; `None` when it shares its pages.
fn paged(layout: Layout) -> Option<(Paged, usize)> {
    match Class::of(layout) {
        None => Some((Paged::Large, pages_of(layout.size()))),
        Some(class) if class.span().objects == 1 && class.size() % PAGE == 0 => {
            Some((Paged::Small(class), class.size() / PAGE))
        }
        Some(_) => None,
    }
}

impl Heap {
    /// Resizes a block, whose class changes, without copying if that can be: where it lies, or by remapping. `Ok(None)` when it cannot: the caller then
    /// allocates, copies and releases.
    #[cold]
    pub(crate) fn resize(
        &'static self,
        start: *mut u8,
        old: Layout,
        new: Layout,
    ) -> Result<Option<NonNull<u8>>, Foreign> {
        let Some(run) = self.block_run(start, old)?.filter(|_| IN_PLACE) else {
            return Ok(None);
        };
        let (Some((was, _)), Some((becomes, pages))) = (paged(old), paged(new)) else {
            return Ok(None);
        };
        if pages > run.pages.len() && self.pages.with(|all| all.extend(&run, pages)).is_none() {
            return Ok(self.remap(&run, old, new));
        }
        self.forget_block(&run, was, old.size());
        let kept = Run::block(run.ground, run.pages.start..run.pages.start + pages);
        let moved = self.note_block(&kept, becomes, new.size());
        if pages < run.pages.len() {
            self.shrink_pages(&run, pages);
        }
        Ok(Some(moved))
    }

    /// Allocates for a block that grows to `new`, as a run of pages with room to grow on; `None` where it shares its pages, or is too small for that.
    #[cold]
    pub(crate) fn allocate_roomy(&'static self, new: Layout) -> Option<NonNull<u8>> {
        let (becomes, _) = paged(new).filter(|_| IN_PLACE && new.size() >= GROWS_IN_PAGES)?;
        let fresh = self.take_roomy(new)?;
        Some(self.note_block(&fresh.run, becomes, new.size()))
    }

    fn take_roomy(&'static self, new: Layout) -> Option<Fresh<'static>> {
        let (_, pages) = paged(new)?;
        let room = pages.saturating_mul(ROOM).clamp(LEAST_ROOM, MOST_ROOM);
        self.take_pages(Wish {
            room,
            ..Wish::block(pages, new.align().max(PAGE))
        })
    }

    /// The pages of a live block; `Ok(None)` when it shares them.
    fn block_run(
        &'static self,
        start: *mut u8,
        layout: Layout,
    ) -> Result<Option<Run<'static>>, Foreign> {
        match paged(layout) {
            Some((Paged::Large, _)) => self.large_run(start, layout.size()).map(Some),
            Some((Paged::Small(class), pages)) => {
                let (ground, page) = self.territory.find(start).ok_or(Foreign)?;
                let is_start =
                    ground.start(page).as_ptr() == start && ground.kind(page) == kind_of(class);
                is_start
                    .then(|| Some(Run::block(ground, page..page + pages)))
                    .ok_or(Foreign)
            }
            None => {
                let class = Class::of(layout).ok_or(Foreign)?;
                self.header_of(class, start).ok_or(Foreign).map(|_| None)
            }
        }
    }

    /// The entries of a block's pages no longer say that it is there.
    fn forget_block(&self, run: &Run<'static>, was: Paged, bytes: usize) {
        self.requested.fetch_sub(bytes, Ordering::Relaxed);
        match was {
            Paged::Small(class) => {
                run.ground.mark(run.pages.clone(), FREE);
                self.depot(class).with(|depot| depot.disown());
            }
            Paged::Large => {
                let first = run.pages.start;
                run.ground.mark(first..first + 1, FREE);
                self.large.note_released();
            }
        }
    }

    /// They say that a block is there.
    fn note_block(&self, run: &Run<'static>, becomes: Paged, bytes: usize) -> NonNull<u8> {
        self.requested.fetch_add(bytes, Ordering::Relaxed);
        match becomes {
            Paged::Small(class) => {
                open_span_at(run, class);
                self.depot(class).with(|depot| depot.adopt());
            }
            Paged::Large => {
                open_large_at(run);
                self.large.note_allocated();
            }
        }
        run.ground.start(run.pages.start)
    }

    /// Moves a large block to a larger place without copying, where its new pages are not resident anyway.
    fn remap(&'static self, run: &Run<'static>, old: Layout, new: Layout) -> Option<NonNull<u8>> {
        let worth = old.size() > LARGEST && run.pages.len() >= LEAST_REMAP;
        if !worth || self.large.remaps() >= MOST_REMAPS {
            return None;
        }
        let fresh = self.take_roomy(new)?;
        let target = &fresh.run;
        let same_ground = core::ptr::eq(target.ground, run.ground);
        let is_cold = fresh.zero_from < run.pages.len() * PAGE / 2;
        // SAFETY: both runs are this thread's: the block's owner asked, and the target has just been taken.
        let moved = same_ground
            && is_cold
            && unsafe { run.ground.remap(run.pages.clone(), target.pages.start) }.is_ok();
        if !moved {
            self.pages.with(|pages| pages.give(target));
            return None;
        }
        self.large.note_remapped();
        self.forget_block(run, Paged::Large, old.size());
        self.pages.with(|pages| pages.give_clean(run));
        Some(self.note_block(target, Paged::Large, new.size()))
    }
}
