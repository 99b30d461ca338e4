//! A lane: one thread's part in an iteration, its track and its region.
//!
//! A [`Lane`] is used by one thread at a time, the one whose it is for this iteration, and answers one question: which planned bytes, if any, does
//! this request get? [`Lanes`] are those of helper threads, who find theirs by their number.
//!
//! Invariant: cursor and counts of a lane are touched by nobody but the thread that has it, or, while no iteration runs, by the owner of the
//! session. For helpers that is [`Shared`](crate::replay::lend::Shared)'s gate.

use alloc::{boxed::Box, vec::Vec};
use core::{alloc::Layout, cell::Cell, ptr::NonNull};

use super::{
    matching::{Cursor, Track},
    range::Lease,
    report::Counts,
};
use crate::replay::trace::NAMELESS;
use orionrt_sys::sync::atomic::{AtomicU64, Ordering};

#[derive(Debug)]
pub(super) struct Lane<'r> {
    track: Track,
    cursor: Cursor,
    hits: Cell<u64>,
    /// All counts but the hits.
    others: Cell<Counts>,
    lease: Lease<'r>,
}

impl<'r> Lane<'r> {
    pub(super) fn new(track: Track, lease: Lease<'r>) -> Self {
        Self {
            track,
            cursor: Cursor::default(),
            hits: Cell::default(),
            others: Cell::default(),
            lease,
        }
    }

    /// Back to the start of an iteration.
    pub(super) fn rewind(&self) {
        self.cursor.rewind();
    }

    /// What was counted since the last time.
    pub(super) fn take_counts(&self) -> Counts {
        Counts {
            hits: self.hits.take(),
            ..self.others.take()
        }
    }

    /// The planned bytes of this request, if it has any and nobody else has them.
    #[inline]
    pub(super) fn serve(&self, layout: Layout) -> Option<NonNull<u8>> {
        let Some(expected) = self.cursor.advance(&self.track, layout) else {
            return self.miss(layout, |counts| &mut counts.misses.unmatched);
        };
        let Some(place) = expected.place else {
            return self.miss(layout, |counts| &mut counts.outliving);
        };
        let Some(start) = self.lease.region().claim(place) else {
            return self.miss(layout, |counts| &mut counts.misses.occupied);
        };
        self.hits.set(self.hits.get() + 1);
        Some(start)
    }

    /// Notes that a planned block was resized beyond its place.
    pub(super) fn note_outgrown(&self, layout: Layout) {
        self.miss(layout, |counts| &mut counts.misses.outgrown);
    }

    /// Counts a request that gets no planned bytes.
    #[cold]
    fn miss(
        &self,
        layout: Layout,
        of: impl FnOnce(&mut Counts) -> &mut u64,
    ) -> Option<NonNull<u8>> {
        let mut counts = self.others.get();
        *of(&mut counts) += 1;
        counts.heap_bytes = counts.heap_bytes.saturating_add(layout.size() as u64);
        self.others.set(counts);
        None
    }
}

/// The lanes of helper threads.
#[derive(Debug)]
pub(super) struct Lanes<'r> {
    seats: Box<[Seat<'r>]>,
    /// The iteration, from 1 on.
    run: u32,
    /// Requests of threads without a lane, and their bytes.
    laneless: AtomicU64,
    laneless_bytes: AtomicU64,
}

/// A lane and whose it is: a thread's, since an iteration. On cache lines of its own.
#[derive(Debug)]
#[repr(align(128))]
struct Seat<'r> {
    /// The iteration and the thread, in one word.
    tenure: AtomicU64,
    lane: Lane<'r>,
}

// SAFETY: a lane is touched only by the thread that its tenure names for this iteration (`of`), and by the owner of the session while
// helpers are shut out.
unsafe impl Sync for Lanes<'_> {}

impl<'r> Lanes<'r> {
    /// Lanes with the threads that had them when they were recorded.
    pub(super) fn new(lanes: impl IntoIterator<Item = (u32, Lane<'r>)>) -> Self {
        let seat = |(thread, lane)| Seat {
            tenure: AtomicU64::new(packed(0, thread)),
            lane,
        };
        let seats: Vec<_> = lanes.into_iter().map(seat).collect();
        Self {
            seats: seats.into_boxed_slice(),
            run: 0,
            laneless: AtomicU64::new(0),
            laneless_bytes: AtomicU64::new(0),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.seats.is_empty()
    }

    /// Begins an iteration; nobody has a lane in it yet.
    pub(super) fn begin(&mut self) {
        self.run = self.run.wrapping_add(1).max(1);
        self.seats.iter().for_each(|seat| seat.lane.rewind());
    }

    /// What all helpers counted since the last time.
    pub(super) fn take_counts(&mut self) -> Counts {
        let mut all = Counts {
            heap_bytes: core::mem::take(self.laneless_bytes.get_mut()),
            ..Counts::default()
        };
        all.misses.unmatched = core::mem::take(self.laneless.get_mut());
        let each = self.seats.iter().map(|seat| seat.lane.take_counts());
        each.for_each(|more| all += more);
        all
    }

    /// The planned bytes of a request of this thread's, if it has any and nobody else has them.
    pub(super) fn serve(&self, thread: u32, layout: Layout) -> Option<NonNull<u8>> {
        match self.of(thread, layout) {
            Some(lane) => lane.serve(layout),
            None => {
                self.laneless.fetch_add(1, Ordering::Relaxed);
                let bytes = layout.size() as u64;
                self.laneless_bytes.fetch_add(bytes, Ordering::Relaxed);
                None
            }
        }
    }

    /// Notes that a planned block of this thread's was resized beyond its place.
    pub(super) fn note_outgrown(&self, thread: u32, layout: Layout) {
        let has = packed(self.run, thread);
        let is_own = |seat: &&Seat<'_>| seat.tenure.load(Ordering::Relaxed) == has;
        if let Some(seat) = self.seats.iter().find(is_own)
            && thread != NAMELESS
        {
            seat.lane.note_outgrown(layout);
        }
    }

    /// The lane of this thread in this iteration, or one that it takes now with its first request. Pools give the same work to another thread each time, so
    /// what counts first is that a lane begins with this request, then that the thread had it before. Failing both, it may have one whose thread stayed
    /// away the last time.
    fn of(&self, thread: u32, layout: Layout) -> Option<&Lane<'r>> {
        if thread == NAMELESS {
            return None;
        }
        let tenant = |seat: &Seat<'_>| seat.tenure.load(Ordering::Relaxed);
        let has = packed(self.run, thread);
        if let Some(seat) = self.seats.iter().find(|seat| tenant(seat) == has) {
            return Some(&seat.lane);
        }
        let had = |seat: &&Seat<'_>| tenant(seat) as u32 == thread;
        let is_alike = |seat: &&Seat<'_>| seat.lane.track.begins_with(layout);
        let was_away = |seat: &&Seat<'_>| tenant(seat) >> 32 < u64::from(self.run) - 1;
        let seats = || self.seats.iter();
        let mut candidates = seats()
            .filter(|seat| had(seat) && is_alike(seat))
            .chain(seats().filter(is_alike))
            .chain(seats().filter(had))
            .chain(seats().filter(was_away));
        let seat = candidates.find(|seat| self.take(&seat.tenure, thread))?;
        Some(&seat.lane)
    }

    /// Takes a lane for this iteration, if nobody has it.
    fn take(&self, tenure: &AtomicU64, thread: u32) -> bool {
        let held = tenure.load(Ordering::Relaxed);
        if held >> 32 == u64::from(self.run) {
            return false;
        }
        // Whoever had it in an earlier iteration was shut out before this one began.
        let taken = packed(self.run, thread);
        tenure
            .compare_exchange(held, taken, Ordering::Relaxed, Ordering::Relaxed)
            .is_ok()
    }
}

fn packed(run: u32, thread: u32) -> u64 {
    u64::from(run) << 32 | u64::from(thread)
}
