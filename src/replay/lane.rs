//! A lane: one thread's part in an iteration, its track and its region.
//!
//! A [`Lane`] is used by one thread at a time, the one whose it is for this iteration, and answers one question: which planned bytes, if any, does
//! this request get? [`Lanes`] are those of helper threads, who find theirs by their number.
//!
//! Invariant: cursor and counts of a lane are touched by nobody but the thread that has it, or, while no iteration runs, by the owner of the
//! session. For helpers that is [`Shared`](crate::shared::Shared)'s gate.

use alloc::{boxed::Box, vec::Vec};
use core::{alloc::Layout, cell::Cell, ptr::NonNull};

use super::{
    matching::{Cursor, Track},
    range::Lease,
    report::Counts,
};
use crate::sync::atomic::{AtomicU64, Ordering};

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
        counts.heap_bytes += layout.size() as u64;
        self.others.set(counts);
        None
    }
}

/// The lanes of helper threads.
#[derive(Debug)]
pub(super) struct Lanes<'r> {
    lanes: Box<[(Tenure, Lane<'r>)]>,
    /// The iteration, from 1 on.
    run: u32,
}

/// Who has a lane: a thread, since an iteration; packed into one word.
#[derive(Debug, Default)]
struct Tenure(AtomicU64);

// SAFETY: a lane is touched only by the thread that its tenure names for this iteration (`of`), and by the owner of the session while
// helpers are shut out.
unsafe impl Sync for Lanes<'_> {}

impl<'r> Lanes<'r> {
    /// Lanes with the threads that had them when they were recorded.
    pub(super) fn new(lanes: impl IntoIterator<Item = (u32, Lane<'r>)>) -> Self {
        let tenure = |thread| Tenure(AtomicU64::new(packed(0, thread)));
        let lanes = lanes.into_iter();
        let lanes: Vec<_> = lanes.map(|(thread, lane)| (tenure(thread), lane)).collect();
        Self {
            lanes: lanes.into_boxed_slice(),
            run: 0,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lanes.is_empty()
    }

    /// Begins an iteration; nobody has a lane in it yet.
    pub(super) fn begin(&mut self) {
        self.run = self.run.wrapping_add(1).max(1);
        self.lanes.iter().for_each(|(_, lane)| lane.rewind());
    }

    /// What all lanes counted since the last time.
    pub(super) fn take_counts(&mut self) -> impl Iterator<Item = Counts> {
        self.lanes.iter().map(|(_, lane)| lane.take_counts())
    }

    /// The lane of this thread in this iteration: the one that it had before, or else one that nobody has.
    pub(super) fn of(&self, thread: u32) -> Option<&Lane<'r>> {
        let own = |tenure: &Tenure| tenure.0.load(Ordering::Relaxed) as u32 == thread;
        let had = self.lanes.iter().find(|(tenure, _)| own(tenure));
        if let Some((tenure, lane)) = had
            && self.take(tenure, thread)
        {
            return Some(lane);
        }
        let mut others = self.lanes.iter();
        let free = others.find(|(tenure, _)| self.take(tenure, thread));
        free.map(|(_, lane)| lane)
    }

    /// Takes a lane for this iteration, if it is this thread's already or nobody has it.
    fn take(&self, tenure: &Tenure, thread: u32) -> bool {
        let held = tenure.0.load(Ordering::Relaxed);
        if held >> 32 == u64::from(self.run) {
            return held as u32 == thread;
        }
        // Whoever had it in an earlier iteration was shut out before this one began.
        let taken = packed(self.run, thread);
        tenure
            .0
            .compare_exchange(held, taken, Ordering::Relaxed, Ordering::Relaxed)
            .is_ok()
    }
}

fn packed(run: u32, thread: u32) -> u64 {
    u64::from(run) << 32 | u64::from(thread)
}
