//! Requests and releases: `GlobalAlloc` for [`ReplayAlloc`].
//!
//! Outside of iterations only the tests, which are inlined, come before the call of the inner
//! allocator. Everything else is kept out of line.
//!
//! Invariant: on the way nothing is allocated, nothing unwinds, nobody waits, and no lock is taken.
//! Inside and outside of iterations, a planned block goes back to its region and any other to the
//! inner allocator, whoever releases it.

use core::{
    alloc::{GlobalAlloc, Layout},
    ptr,
    ptr::NonNull,
};

use super::{
    allocator::ReplayAlloc,
    iteration::{self, Mode},
    planned_region::{LiveBlock, PlannedRegion},
    report::Outcome,
    request_counters::RequestCounters,
    trace::{EventKind, log_resize},
};
use orionrt_alloc::heap::{InvalidFree, abort_invalid_free};
use orionrt_sys::sync::atomic::Ordering;

impl<A> ReplayAlloc<A> {
    /// Whether a block may be planned; if not, it is the inner allocator's. Whoever has a planned
    /// block has seen both numbers, too: they were stored before it was granted.
    #[inline(always)]
    fn may_be_planned(&self, start: *mut u8) -> bool {
        let first = self.first_planned.load(Ordering::Relaxed);
        start.addr().wrapping_sub(first) < self.planned_bytes.load(Ordering::Relaxed)
    }

    /// The region of a block, if it is planned.
    #[inline]
    fn region_of(&self, start: *mut u8) -> Option<&PlannedRegion> {
        let range = self.existing_range()?;
        // Whoever saw one of the two numbers alone knows too little.
        range.contains(start).then(|| {
            range
                .region_at(start)
                .unwrap_or_else(|| abort_invalid_free(InvalidFree::at(start)))
        })
    }

    /// Whether a request of this thread goes straight to the inner allocator: no iteration
    /// runs, or the request is small. A small one is counted if this thread runs the iteration.
    #[inline(always)]
    fn passes_by(&self, layout: Layout) -> bool {
        let (allocator, size) = (self.identity(), layout.size());
        let own = iteration::with_current(|iteration| {
            let is_small = iteration.is_small(allocator, size);
            if is_small {
                iteration.count_small(size);
            }
            is_small
        });
        own.unwrap_or_else(|| self.passes_others_by(size))
    }

    /// Whether the resize of a block that is not planned goes straight to the inner allocator:
    /// both sizes must be small then.
    #[inline(always)]
    fn resize_passes_by(&self, old: Layout, size: usize) -> bool {
        let (allocator, larger) = (self.identity(), old.size().max(size));
        let own = iteration::with_current(|iteration| {
            let is_small = iteration.is_small(allocator, larger);
            if is_small {
                iteration.count_small_growth(size.saturating_sub(old.size()));
            }
            is_small
        });
        own.unwrap_or_else(|| self.passes_others_by(larger))
    }

    /// Whether nobody logs releases: one load. A thread sees the recordings that it takes part in,
    /// since they were counted before they began.
    #[inline(always)]
    fn no_release_is_logged(&self) -> bool {
        self.recordings.load(Ordering::Relaxed) == 0
    }

    /// Whether no recording needs to know that a block is released which is not planned.
    fn release_is_quiet(&self, layout: Layout) -> bool {
        let (allocator, size) = (self.identity(), layout.size());
        let own = iteration::with_current(|iteration| iteration.is_quiet(allocator, size));
        own.unwrap_or_else(|| {
            !self.helpers.looks_lent() || size < self.helpers_log_from.load(Ordering::Relaxed)
        })
    }

    /// Whether a request of a thread without an iteration goes straight to the inner allocator:
    /// nobody runs one, or it is small and others have helpers.
    #[inline(always)]
    fn passes_others_by(&self, size: usize) -> bool {
        self.others.is_idle()
            || (self.helpers.looks_lent() && size < self.helpers_threshold.load(Ordering::Relaxed))
    }

    /// The size below which requests of this thread pass by; 0 if it takes part in no iteration.
    fn threshold(&self) -> usize {
        let own = iteration::with_current(|iteration| iteration.threshold(self.identity()));
        own.flatten()
            .unwrap_or_else(|| match self.helpers.looks_lent() {
                true => self.helpers_threshold.load(Ordering::Relaxed),
                false => 0,
            })
    }

    /// The planned bytes of a request, if it has any.
    #[inline]
    fn serve(&self, layout: Layout) -> Option<NonNull<u8>> {
        let own = iteration::with_mode(self.identity(), |mode| match mode {
            Mode::Replay(plan) => plan.serve(layout),
            Mode::Record(_) => None,
        });
        own.unwrap_or_else(|| self.serve_other(layout))
    }

    /// The planned bytes of a request of a thread that runs no iteration itself.
    #[cold]
    fn serve_other(&self, layout: Layout) -> Option<NonNull<u8>> {
        if let Some(setting) = self.helpers.borrow() {
            if iteration::may_help(setting.session) {
                return match setting.mode {
                    Mode::Replay(plan) => plan.serve_helper(layout),
                    Mode::Record(_) => None,
                };
            }
        }
        self.others.count(layout.size());
        None
    }

    /// Logs an event, if this thread is being recorded.
    #[cold]
    fn log(&self, kind: EventKind, start: *mut u8, layout: Layout) {
        let own = iteration::with_mode(self.identity(), |mode| {
            if let Mode::Record(log) = mode {
                log.write(kind, start, layout);
            }
        });
        let is_logged = layout.size() >= self.helpers_log_from.load(Ordering::Relaxed);
        if own.is_some() || !is_logged {
            return;
        }
        let Some(setting) = self.helpers.borrow() else {
            return;
        };
        // What another session's thread releases may be a helper's.
        let is_helpers = kind != EventKind::Allocate || iteration::may_help(setting.session);
        if let (Mode::Record(log), true) = (setting.mode, is_helpers) {
            log.write(kind, start, layout);
        }
    }

    /// Calls `count` with the counters of this thread, if it takes part in a replayed iteration.
    fn with_counters(&self, count: impl Fn(&RequestCounters)) {
        let own = iteration::with_mode(self.identity(), |mode| {
            if let Mode::Replay(plan) = mode {
                count(plan.counters());
            }
        });
        if own.is_some() {
            return;
        }
        if let Some(setting) = self.helpers.borrow() {
            if let Mode::Replay(plan) = setting.mode {
                plan.helper_counters().into_iter().for_each(count);
            }
        }
    }

    /// Counts the growth of a block of the inner allocator.
    fn count_growth(&self, old: Layout, size: usize) {
        if size <= old.size() {
            return;
        }
        let bytes = size - old.size();
        let has_part = iteration::with_mode(self.identity(), |_| ()).is_some();
        if has_part || self.helpers.looks_lent() {
            self.with_counters(|counters| counters.growth_in_heap(bytes as u64));
        } else {
            self.others.count(bytes);
        }
    }
}

// SAFETY: a block is the inner allocator's, or bytes of a region that a claim gave to the caller
// alone. Those are at least as large and as strictly aligned as the request that is expected
// (`ReplayPlan`), which is at least as large and as strictly aligned as the one that is made
// (`Lane::find`, `Team::find`; the size and the address are checked for guests, by
// `ReadyPlan::claim_any`). They stay mapped until they are released (`AddressRange`), and no
// two granted blocks share a byte (`PlannedRegion`). The address tells which of the two a block is:
// the range holds regions only. Nothing unwinds: misuse aborts.
unsafe impl<A: GlobalAlloc> GlobalAlloc for ReplayAlloc<A> {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if self.passes_by(layout) {
            // SAFETY: the caller's contract, passed on.
            return unsafe { self.inner.alloc(layout) };
        }
        // SAFETY: as above.
        unsafe { self.alloc_within(layout) }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if self.passes_by(layout) {
            // SAFETY: the caller's contract, passed on.
            return unsafe { self.inner.alloc_zeroed(layout) };
        }
        // SAFETY: as above.
        unsafe { self.alloc_zeroed_within(layout) }
    }

    #[inline]
    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
        if self.may_be_planned(start) || !self.no_release_is_logged() {
            // SAFETY: the caller's contract, passed on.
            unsafe { self.dealloc_uncommon(start, layout) }
        } else {
            // SAFETY: as above; it is not a planned block, so it is the inner allocator's.
            unsafe { self.inner.dealloc(start, layout) }
        }
    }

    #[inline]
    unsafe fn realloc(&self, start: *mut u8, old: Layout, size: usize) -> *mut u8 {
        if self.may_be_planned(start) || !self.resize_passes_by(old, size) {
            // SAFETY: the caller's contract, passed on.
            unsafe { self.realloc_uncommon(start, old, size) }
        } else {
            // SAFETY: as in `dealloc`.
            unsafe { self.inner.realloc(start, old, size) }
        }
    }
}

/// The uncommon cases: kept out of line, so that outside of iterations nothing but the tests is
/// added to the inner allocator.
impl<A: GlobalAlloc> ReplayAlloc<A> {
    /// Allocates inside an iteration.
    ///
    /// # Safety
    /// As for `GlobalAlloc::alloc`.
    #[inline(never)]
    unsafe fn alloc_within(&self, layout: Layout) -> *mut u8 {
        match self.serve(layout) {
            Some(start) => start.as_ptr(),
            // SAFETY: the caller's contract, passed on.
            None => unsafe { self.alloc_unplanned(layout) },
        }
    }

    /// Allocates where the plan has no bytes for the request.
    ///
    /// # Safety
    /// As for `GlobalAlloc::alloc`.
    #[cold]
    #[inline(never)]
    unsafe fn alloc_unplanned(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's contract, passed on.
        let start = unsafe { self.inner.alloc(layout) };
        self.log_allocated(start, layout);
        start
    }

    /// Allocates zeroed bytes inside an iteration.
    ///
    /// # Safety
    /// As for `GlobalAlloc::alloc_zeroed`.
    #[inline(never)]
    unsafe fn alloc_zeroed_within(&self, layout: Layout) -> *mut u8 {
        if let Some(start) = self.serve(layout) {
            // SAFETY: just granted, and at least as large.
            unsafe { start.write_bytes(0, layout.size()) };
            return start.as_ptr();
        }
        // SAFETY: the caller's contract, passed on.
        let start = unsafe { self.inner.alloc_zeroed(layout) };
        self.log_allocated(start, layout);
        start
    }

    /// Releases a planned block, or any block while an iteration is recorded.
    ///
    /// # Safety
    /// As for `GlobalAlloc::dealloc`.
    #[inline(never)]
    unsafe fn dealloc_uncommon(&self, start: *mut u8, layout: Layout) {
        if let Some(region) = self.region_of(start) {
            match region.live_block(start) {
                Some(block) => block.release(),
                None => abort_invalid_free(InvalidFree::at(start)),
            }
        } else {
            // Before it is released: from then on, another thread may be granted this address.
            if !self.release_is_quiet(layout) {
                self.log(EventKind::Free, start, layout);
            }
            // SAFETY: the caller's contract, passed on; it is not a planned block, so it is the
            // inner allocator's.
            unsafe { self.inner.dealloc(start, layout) }
        }
    }

    /// Resizes a planned block, or any block inside an iteration.
    ///
    /// # Safety
    /// As for `GlobalAlloc::realloc`.
    #[inline(never)]
    unsafe fn realloc_uncommon(&self, start: *mut u8, old: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller vouches for the size.
        let new = unsafe { Layout::from_size_align_unchecked(size, old.align()) };
        let is_small = |layout: Layout| layout.size() < self.threshold();
        // SAFETY: the caller's contract, passed on.
        let planned = unsafe { self.realloc_planned(start, old, new, is_small(new)) };
        if let Some(resized) = planned {
            return resized;
        }
        match (is_small(old), is_small(new)) {
            // SAFETY: the caller's contract, passed on; it is not a planned block, so it is the
            // inner allocator's.
            (true, false) => unsafe { self.grow_small(start, old, new) },
            (false, true) => {
                // From now on it is none of the iteration's blocks.
                self.log(EventKind::Free, start, old);
                // SAFETY: as above.
                unsafe { self.inner.realloc(start, old, size) }
            }
            _ => {
                self.count_growth(old, size);
                let log = |kind, start, layout| self.log(kind, start, layout);
                log_resize(log, start, old, size, || {
                    // SAFETY: as above.
                    unsafe { self.inner.realloc(start, old, size) }
                })
            }
        }
    }

    /// Resizes a planned block; `None` if it is not one. A block that gets small leaves its region:
    /// its lifetime ends here in the recording.
    ///
    /// # Safety
    /// As for `GlobalAlloc::realloc`.
    unsafe fn realloc_planned(
        &self,
        start: *mut u8,
        old: Layout,
        new: Layout,
        gets_small: bool,
    ) -> Option<*mut u8> {
        let region = self.region_of(start)?;
        let block = region
            .live_block(start)
            .unwrap_or_else(|| abort_invalid_free(InvalidFree::at(start)));
        let bytes = region.bytes_of(&block);
        let has_room = new.size() <= bytes.len();
        if has_room && !gets_small {
            let grown = new.size().saturating_sub(old.size()) as u64;
            self.with_counters(|counters| counters.hit_bytes(grown));
            // Not `start`, which may be valid for fewer bytes.
            return Some(bytes.cast().as_ptr());
        }
        // SAFETY: the caller's contract, passed on.
        let moved = unsafe { self.move_out(block, start, old, new) };
        if has_room {
            // A block that could not leave stays.
            return Some(NonNull::new(moved).unwrap_or(bytes.cast()).as_ptr());
        }
        if !moved.is_null() {
            let bytes = new.size() as u64;
            self.with_counters(|counters| counters.other(Outcome::Outgrown, bytes));
        }
        Some(moved)
    }

    /// Resizes a small block that is small no longer: a request to the iteration.
    ///
    /// # Safety
    /// As for `GlobalAlloc::realloc`; the block is the inner allocator's.
    unsafe fn grow_small(&self, start: *mut u8, old: Layout, new: Layout) -> *mut u8 {
        let Some(planned) = self.serve(new) else {
            // SAFETY: the caller's contract, passed on.
            let moved = unsafe { self.inner.realloc(start, old, new.size()) };
            self.log_allocated(moved, new);
            return moved;
        };
        // SAFETY: two live blocks do not overlap, and the planned one is larger.
        unsafe { ptr::copy_nonoverlapping(start, planned.as_ptr(), old.size()) };
        // SAFETY: the caller's contract, passed on.
        unsafe { self.inner.dealloc(start, old) };
        planned.as_ptr()
    }

    fn log_allocated(&self, start: *mut u8, layout: Layout) {
        if !start.is_null() {
            self.log(EventKind::Allocate, start, layout);
        }
    }

    /// Moves a planned block into the inner allocator; null, and the block stays, if that has no
    /// memory. (The region may be gone before this returns, so a reference to it must not be an
    /// argument.)
    ///
    /// # Safety
    /// As for `GlobalAlloc::realloc`; `block` is the one at `start`.
    unsafe fn move_out(
        &self,
        block: LiveBlock<'_>,
        start: *mut u8,
        old: Layout,
        new: Layout,
    ) -> *mut u8 {
        // Not logged if this thread is being recorded: no replay will ask for it in `alloc`.
        // SAFETY: the size is not zero, as the caller vouches.
        let moved = unsafe { self.inner.alloc(new) };
        if moved.is_null() {
            return moved;
        }
        // SAFETY: two live blocks do not overlap, and both hold the lesser of the two sizes.
        unsafe { ptr::copy_nonoverlapping(start, moved, old.size().min(new.size())) };
        block.release();
        moved
    }
}
