//! What becomes of every request and every release.
//!
//! Outside of iterations the inner allocator is called after nothing but the tests, which are inlined. All else is kept out of line.
//!
//! Invariant: on the way nothing is allocated, nothing unwinds, nobody waits, and no lock is taken. Within an iteration as well as outside, a planned
//! block goes back to its region and any other to the inner allocator, whoever gives it back.

use core::{
    alloc::{GlobalAlloc, Layout},
    ptr,
    ptr::NonNull,
};

use super::{
    allocator::{Helpers, ReplayAlloc},
    range::SHIFT,
    region::{Region, Tenancy},
    scope::{self, Role},
};
use crate::replay::trace::{EventKind, note_resize, thread_number};
use orionrt_alloc::heap::{InvalidFree, abort_invalid_free};
use orionrt_sys::sync::atomic::Ordering;

impl<A> ReplayAlloc<A> {
    /// Whether a block may be planned; if not, it is the inner allocator's. Who has a planned block has seen the bits, too: they were stored before it
    /// was granted.
    #[inline(always)]
    fn may_be_planned(&self, start: *mut u8) -> bool {
        start.addr() >> SHIFT == self.planned_bits.load(Ordering::Relaxed)
    }

    /// The region of a block, if it is planned.
    #[inline]
    fn region_of(&self, start: *mut u8) -> Option<&Region> {
        let range = self.existing_range()?;
        // The range is smaller than its bits say where the system has refused more.
        range.contains(start).then(|| {
            range
                .region_at(start)
                .unwrap_or_else(|| abort_invalid_free(InvalidFree))
        })
    }

    /// Whether requests of this thread are none of our business.
    #[inline(always)]
    fn is_idle(&self) -> bool {
        scope::is_idle() && !self.helpers.looks_open()
    }

    /// The planned bytes of a request, if it has any.
    #[inline(never)]
    fn serve(&self, layout: Layout) -> Option<NonNull<u8>> {
        let own = scope::with(self.identity(), |role| match role {
            Role::Replay(lane) => lane.serve(layout),
            Role::Record(_) => None,
        });
        own.unwrap_or_else(|| self.serve_helper(layout))
    }

    #[cold]
    fn serve_helper(&self, layout: Layout) -> Option<NonNull<u8>> {
        let visit = self.helpers.enter()?;
        match visit.target() {
            Helpers::Replay(lanes) => lanes.serve(thread_number(), layout),
            Helpers::Record(_) => None,
        }
    }

    /// Writes an event down, if this thread is being recorded.
    #[cold]
    fn note(&self, kind: EventKind, start: *mut u8, layout: Layout) {
        let own = scope::with(self.identity(), |role| {
            if let Role::Record(tape) = role {
                tape.write(kind, start, layout);
            }
        });
        if own.is_none()
            && self.helpers_are_recorded.load(Ordering::Relaxed)
            && let Some(visit) = self.helpers.enter()
            && let Helpers::Record(tape) = visit.target()
        {
            tape.write(kind, start, layout);
        }
    }

    /// Notes that a planned block was resized beyond its place.
    fn note_outgrown(&self, layout: Layout) {
        let own = scope::with(self.identity(), |role| {
            if let Role::Replay(lane) = role {
                lane.note_outgrown(layout);
            }
        });
        if own.is_none()
            && let Some(visit) = self.helpers.enter()
            && let Helpers::Replay(lanes) = visit.target()
        {
            lanes.note_outgrown(thread_number(), layout);
        }
    }
}

// SAFETY: a block is the inner allocator's, or bytes of a region that a claim gave to the caller alone. Those are as large and as
// strictly aligned as their request (`check`, `Track`), are mapped until they are given back (`Range`), and no two granted places
// share one (`Region`). Which of the two a block is, its address tells: the range is mapped for regions alone. Nothing unwinds: misuse aborts.
unsafe impl<A: GlobalAlloc> GlobalAlloc for ReplayAlloc<A> {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if self.is_idle() {
            // SAFETY: the caller's duty, passed on.
            return unsafe { self.inner.alloc(layout) };
        }
        match self.serve(layout) {
            Some(start) => start.as_ptr(),
            // SAFETY: as above.
            None => unsafe { self.alloc_unplanned(layout) },
        }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if self.is_idle() {
            // SAFETY: the caller's duty, passed on.
            return unsafe { self.inner.alloc_zeroed(layout) };
        }
        // SAFETY: as above.
        unsafe { self.alloc_zeroed_within(layout) }
    }

    #[inline]
    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
        if self.may_be_planned(start) || !self.is_idle() {
            // SAFETY: the caller's duty, passed on.
            unsafe { self.dealloc_uncommon(start, layout) }
        } else {
            // SAFETY: as above; it is no planned block, so it is the inner allocator's.
            unsafe { self.inner.dealloc(start, layout) }
        }
    }

    #[inline]
    unsafe fn realloc(&self, start: *mut u8, old: Layout, size: usize) -> *mut u8 {
        if self.may_be_planned(start) || !self.is_idle() {
            // SAFETY: the caller's duty, passed on.
            unsafe { self.realloc_uncommon(start, old, size) }
        } else {
            // SAFETY: as in `dealloc`.
            unsafe { self.inner.realloc(start, old, size) }
        }
    }
}

/// What is not common: kept out of line, so that outside of iterations nothing but the tests is added to the inner allocator.
impl<A: GlobalAlloc> ReplayAlloc<A> {
    /// Allocates what the plan has no bytes for.
    ///
    /// # Safety
    /// As `GlobalAlloc::alloc`.
    #[cold]
    #[inline(never)]
    unsafe fn alloc_unplanned(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's duty, passed on.
        let start = unsafe { self.inner.alloc(layout) };
        self.note_allocated(start, layout);
        start
    }

    /// # Safety
    /// As `GlobalAlloc::alloc_zeroed`.
    #[inline(never)]
    unsafe fn alloc_zeroed_within(&self, layout: Layout) -> *mut u8 {
        if let Some(start) = self.serve(layout) {
            // SAFETY: just granted, and at least as large.
            unsafe { start.write_bytes(0, layout.size()) };
            return start.as_ptr();
        }
        // SAFETY: the caller's duty, passed on.
        let start = unsafe { self.inner.alloc_zeroed(layout) };
        self.note_allocated(start, layout);
        start
    }

    /// Gives back a planned block, or any within an iteration.
    ///
    /// # Safety
    /// As `GlobalAlloc::dealloc`.
    #[inline(never)]
    unsafe fn dealloc_uncommon(&self, start: *mut u8, layout: Layout) {
        if let Some(region) = self.region_of(start) {
            match region.tenancy(start) {
                Some(tenancy) => tenancy.end(),
                None => abort_invalid_free(InvalidFree),
            }
        } else {
            // Before it is given back: from then on, another thread may be granted this address.
            self.note(EventKind::Free, start, layout);
            // SAFETY: the caller's duty, passed on; it is no planned block, so it is the inner allocator's.
            unsafe { self.inner.dealloc(start, layout) }
        }
    }

    /// Resizes a planned block, or any within an iteration.
    ///
    /// # Safety
    /// As `GlobalAlloc::realloc`.
    #[inline(never)]
    unsafe fn realloc_uncommon(&self, start: *mut u8, old: Layout, size: usize) -> *mut u8 {
        if let Some(region) = self.region_of(start) {
            let tenancy = region
                .tenancy(start)
                .unwrap_or_else(|| abort_invalid_free(InvalidFree));
            let bytes = region.bytes_of(&tenancy);
            if size <= bytes.len() {
                // Not `start`, which may be good for fewer bytes.
                return bytes.cast().as_ptr();
            }
            // SAFETY: the caller's duty, passed on; the tenancy is the block's, which is too small.
            return unsafe { self.move_out(tenancy, start, old, size) };
        }
        let note = |kind, start, layout| self.note(kind, start, layout);
        note_resize(note, start, old, size, || {
            // SAFETY: the caller's duty, passed on.
            unsafe { self.inner.realloc(start, old, size) }
        })
    }

    fn note_allocated(&self, start: *mut u8, layout: Layout) {
        if !start.is_null() {
            self.note(EventKind::Allocate, start, layout);
        }
    }

    /// Moves a planned block into the inner allocator. (It is told of the tenancy alone: the region may be gone before this returns, and a reference
    /// to it must not be an argument here.)
    ///
    /// # Safety
    /// As `GlobalAlloc::realloc`; the tenancy is the block's, and the size is larger than its place.
    unsafe fn move_out(
        &self,
        tenancy: Tenancy<'_>,
        start: *mut u8,
        old: Layout,
        size: usize,
    ) -> *mut u8 {
        // SAFETY: the caller vouches for the size.
        let new = unsafe { Layout::from_size_align_unchecked(size, old.align()) };
        // Not noted, if this thread is being recorded: no replay will ask for it in `alloc`.
        // SAFETY: the size is not zero: it is larger than the place.
        let moved = unsafe { self.inner.alloc(new) };
        if moved.is_null() {
            return moved;
        }
        self.note_outgrown(new);
        // SAFETY: two live blocks do not overlap, and both hold the lesser of the two sizes.
        unsafe { ptr::copy_nonoverlapping(start, moved, old.size().min(size)) };
        tenancy.end();
        moved
    }
}
