//! A lane: one thread's part in an iteration, with its template and its planned region.
//!
//! A [`Lane`] is used by one thread at a time, its owner in this iteration, and answers one
//! question: which planned bytes, if any, does this request get? [`HelperLanes`] are the lanes of
//! helper threads, which find theirs by their thread numbers.
//!
//! Invariant: only the thread that owns a lane touches its matcher and counts or, while no
//! iteration runs, the owner of the session. Helpers are kept out by the end of a
//! [`ScopedLend`](crate::lend::ScopedLend).

use alloc::{boxed::Box, vec::Vec};
use core::{alloc::Layout, cell::Cell, ptr::NonNull};

use super::{
    address_range::Lease,
    lane_plan::LanePlan,
    matching::{Matcher, Template},
    region_map::RegionMap,
    report::{Outcome, RequestCounts},
    trace::UNNUMBERED,
};
use orionrt_sys::sync::atomic::{AtomicU64, Ordering};

#[derive(Debug)]
pub(super) struct Lane<'r> {
    template: Template,
    matcher: Matcher,
    hits: Cell<u64>,
    hit_bytes: Cell<u64>,
    /// All counts but the hits.
    others: Cell<RequestCounts>,
    lease: Lease<'r>,
}

impl<'r> Lane<'r> {
    pub(super) fn new(template: Template, lease: Lease<'r>) -> Self {
        Self {
            template,
            matcher: Matcher::default(),
            hits: Cell::default(),
            hit_bytes: Cell::default(),
            others: Cell::default(),
            lease,
        }
    }

    #[cfg(feature = "files")]
    pub(super) fn template(&self) -> &Template {
        &self.template
    }

    pub(super) fn map(&self) -> &RegionMap {
        self.lease.region().map()
    }

    /// The plan of the lane, which gives up its region.
    fn into_plan(self, thread: u32) -> LanePlan {
        LanePlan {
            thread,
            map: self.map().unclaimed(),
            template: self.template,
        }
    }

    /// Back to the start of an iteration.
    pub(super) fn rewind(&self) {
        self.matcher.rewind();
    }

    /// The counts since the last call.
    pub(super) fn take_counts(&self) -> RequestCounts {
        let mut counts = self.others.take();
        counts.hits = self.hits.take();
        counts.bytes.hits = self.hit_bytes.take();
        counts
    }

    /// The planned bytes of a request, if it has any and they are free.
    #[inline]
    pub(super) fn serve(&self, layout: Layout) -> Option<NonNull<u8>> {
        let Some(expected) = self.matcher.advance(&self.template, layout) else {
            return self.miss(layout, Outcome::Unmatched);
        };
        let Some(block) = expected.block() else {
            return self.miss(layout, Outcome::Outliving);
        };
        // Here, where the size is at hand: a claim that fails takes it back.
        let (bytes, hit_bytes) = (layout.size() as u64, self.hit_bytes.get());
        self.hit_bytes.set(hit_bytes.wrapping_add(bytes));
        let Some(start) = self.lease.region().claim(block) else {
            self.hit_bytes.set(self.hit_bytes.get().wrapping_sub(bytes));
            return self.miss(layout, Outcome::Occupied);
        };
        self.hits.set(self.hits.get() + 1);
        Some(start)
    }

    /// Counts a planned block that was resized beyond its planned bytes.
    pub(super) fn count_outgrown(&self, layout: Layout) {
        self.miss(layout, Outcome::Outgrown);
    }

    /// Counts bytes by which a planned block grew in place.
    pub(super) fn count_growth_in_place(&self, bytes: u64) {
        self.hit_bytes.set(self.hit_bytes.get().wrapping_add(bytes));
    }

    /// Counts bytes by which a block of the inner allocator grew.
    pub(super) fn count_growth_in_heap(&self, bytes: u64) {
        let mut counts = self.others.get();
        counts.bytes.grown = counts.bytes.grown.saturating_add(bytes);
        self.others.set(counts);
    }

    /// Counts a request that gets no planned bytes.
    #[cold]
    fn miss(&self, layout: Layout, outcome: Outcome) -> Option<NonNull<u8>> {
        let mut counts = self.others.get();
        counts.count(outcome, 1, layout.size() as u64);
        self.others.set(counts);
        None
    }
}

/// The lanes of helper threads.
#[derive(Debug)]
pub(super) struct HelperLanes<'r> {
    lanes: Box<[OwnedLane<'r>]>,
    /// The number of the iteration, from 1 on.
    iteration: u32,
    /// Requests of threads without a lane, and their bytes.
    laneless: AtomicU64,
    laneless_bytes: AtomicU64,
}

/// A lane and its owner. On cache lines of its own.
#[derive(Debug)]
#[repr(align(128))]
struct OwnedLane<'r> {
    /// The thread that owned the lane last and the iteration in which it did, [`packed`] in one
    /// word.
    owner: AtomicU64,
    lane: Lane<'r>,
}

// SAFETY: a lane is touched only by the thread that `owner` names for this iteration (`lane_of`),
// and by the owner of the session while helpers are kept out.
unsafe impl Sync for HelperLanes<'_> {}

impl<'r> HelperLanes<'r> {
    /// Lanes with the threads that owned them when they were recorded.
    pub(super) fn new(lanes: impl IntoIterator<Item = (u32, Lane<'r>)>) -> Self {
        let owned = |(thread, lane)| OwnedLane {
            owner: AtomicU64::new(packed(0, thread)),
            lane,
        };
        let lanes: Vec<_> = lanes.into_iter().map(owned).collect();
        Self {
            lanes: lanes.into_boxed_slice(),
            iteration: 0,
            laneless: AtomicU64::new(0),
            laneless_bytes: AtomicU64::new(0),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lanes.is_empty()
    }

    /// The lanes, in order.
    #[cfg(feature = "files")]
    pub(super) fn lanes(&self) -> impl Iterator<Item = &Lane<'r>> {
        self.lanes.iter().map(|owned| &owned.lane)
    }

    /// The plans of the lane of the session's own thread and of all helpers, which give up their
    /// regions.
    pub(super) fn into_plans(self, own: Lane<'r>) -> Vec<LanePlan> {
        let mut plans = Vec::with_capacity(self.lanes.len() + 1);
        plans.push(own.into_plan(0));
        for owned in self.lanes.into_vec() {
            let thread = owned.owner.into_inner() as u32;
            plans.push(owned.lane.into_plan(thread));
        }
        plans
    }

    /// Begins an iteration; no lane has an owner in it yet.
    pub(super) fn begin(&mut self) {
        self.iteration = self.iteration.wrapping_add(1).max(1);
        self.lanes.iter().for_each(|owned| owned.lane.rewind());
    }

    /// The counts of all helpers since the last call.
    pub(super) fn take_counts(&mut self) -> RequestCounts {
        let mut all = RequestCounts::default();
        let laneless = core::mem::take(self.laneless.get_mut());
        let bytes = core::mem::take(self.laneless_bytes.get_mut());
        all.count(Outcome::Unmatched, laneless, bytes);
        let each = self.lanes.iter().map(|owned| owned.lane.take_counts());
        each.for_each(|more| all += more);
        all
    }

    /// The planned bytes of a request of this thread, if it has any and they are free.
    pub(super) fn serve(&self, thread: u32, layout: Layout) -> Option<NonNull<u8>> {
        match self.lane_of(thread, layout) {
            Some(lane) => lane.serve(layout),
            None => {
                self.laneless.fetch_add(1, Ordering::Relaxed);
                let bytes = layout.size() as u64;
                self.laneless_bytes.fetch_add(bytes, Ordering::Relaxed);
                None
            }
        }
    }

    /// The lane that this thread has in this iteration already.
    pub(super) fn own_lane(&self, thread: u32) -> Option<&Lane<'r>> {
        if thread == UNNUMBERED {
            return None;
        }
        let owner = packed(self.iteration, thread);
        let is_own = |owned: &&OwnedLane<'_>| owned.owner.load(Ordering::Relaxed) == owner;
        self.lanes.iter().find(is_own).map(|owned| &owned.lane)
    }

    /// The lane of this thread in this iteration, or one that it claims now with its first request.
    ///
    /// Thread pools give the same work to another thread each time. So a lane that begins with this
    /// request comes first, best the one that the thread owned before; then any lane that it owned
    /// before; then one whose owner stayed away the last time.
    fn lane_of(&self, thread: u32, layout: Layout) -> Option<&Lane<'r>> {
        if thread == UNNUMBERED {
            return None;
        }
        let owner = |owned: &OwnedLane<'_>| owned.owner.load(Ordering::Relaxed);
        if let Some(lane) = self.own_lane(thread) {
            return Some(lane);
        }
        let was_owner = |owned: &&OwnedLane<'_>| owner(owned) as u32 == thread;
        let is_alike = |owned: &&OwnedLane<'_>| owned.lane.template.begins_with(layout);
        let was_free = |owned: &&OwnedLane<'_>| owner(owned) >> 32 < u64::from(self.iteration) - 1;
        let lanes = || self.lanes.iter();
        let mut candidates = lanes()
            .filter(|owned| was_owner(owned) && is_alike(owned))
            .chain(lanes().filter(is_alike))
            .chain(lanes().filter(was_owner))
            .chain(lanes().filter(was_free));
        let claimed = candidates.find(|owned| self.claim(&owned.owner, thread))?;
        Some(&claimed.lane)
    }

    /// Claims a lane for this iteration, if no thread has.
    fn claim(&self, owner: &AtomicU64, thread: u32) -> bool {
        let last = owner.load(Ordering::Relaxed);
        if last >> 32 == u64::from(self.iteration) {
            return false;
        }
        // The owner in an earlier iteration was kept out before this one began.
        let claimed = packed(self.iteration, thread);
        owner
            .compare_exchange(last, claimed, Ordering::Relaxed, Ordering::Relaxed)
            .is_ok()
    }
}

fn packed(iteration: u32, thread: u32) -> u64 {
    u64::from(iteration) << 32 | u64::from(thread)
}
