//! A plan made ready for replay: what is expected of each thread, and the region for all of them,
//! which whoever runs iterations opens before the first.
//!
//! ```text
//! this thread's request ─► lane ─► expected block ──┐
//! a helper's request ─► its member ─► search ─► block ─► claim in the region ─► bytes
//!                                                             └ in use ─► conflict log
//! ```
//!
//! Invariants: a request gets bytes by a claim alone, of the block of an expected request. A block
//! is at least as large and as strictly aligned as its expected request ([`ReplayPlan`]), and that
//! as the request that is made ([`Lane::find`], [`Team::find`]). The lane is used by the thread
//! that runs the iteration alone; helpers use what is atomic, and are kept out while no iteration
//! runs.

use alloc::{boxed::Box, sync::Arc, vec::Vec};
use core::{alloc::Layout, mem, ptr::NonNull};

#[cfg(feature = "files")]
use super::team_template::TeamTemplate;
use super::{
    conflicts::{Conflict, ConflictLog},
    factors::{Factors, Fit},
    guests::Guests,
    lane::Lane,
    planned_region::{LiveBlock, PlannedRegion},
    region_map::RegionMap,
    replay_plan::ReplayPlan,
    report::{Outcome, RequestCounts},
    request_counters::RequestCounters,
    team::Team,
    team_matching::Match,
    template::{Expected, Template},
};

/// So many of the blocks that hold a request's bytes are logged.
const HOLDERS: usize = 4;
/// With so many moves behind it, a plan has no guests any more.
const MOVES_FOR_GUESTS: u32 = 2;
/// A plan moves so often at most.
const MOST_MOVES: u32 = 4;

#[derive(Debug)]
pub(super) struct ReadyPlan {
    lane: RunnersLane,
    helpers: Option<Box<Helpers>>,
    region: Arc<PlannedRegion>,
    /// Which of what is expected a request may be.
    fit: Fit,
    /// How often the blocks have moved away from what stayed in their region.
    moved: u32,
}

/// The lane of the thread that runs the iteration, which alone uses it.
#[derive(Debug)]
struct RunnersLane(Lane);

// SAFETY: helpers have a shared reference to the plan as well, but call `serve_helper` and
// `helper_counters` only, which leave the lane alone. Whoever calls anything else is the thread
// that runs the iteration or, while none runs, the owner of the plan.
unsafe impl Sync for RunnersLane {}

#[derive(Debug)]
struct Helpers {
    team: Team,
    conflicts: ConflictLog,
}

impl ReadyPlan {
    /// A plan with its region, which is closed, for so many helpers at most.
    pub(super) fn new(plan: ReplayPlan, helpers: usize) -> Self {
        let team = plan.helpers.map(|template| Helpers {
            team: Team::new(template, helpers),
            conflicts: ConflictLog::new(),
        });
        Self {
            lane: RunnersLane(Lane::new(plan.own)),
            helpers: team.map(Box::new),
            region: Arc::new(PlannedRegion::new(plan.map)),
            fit: Fit::Exact,
            moved: 0,
        }
    }

    /// The region, in which the plan's blocks lie.
    #[inline]
    pub(super) fn region(&self) -> &Arc<PlannedRegion> {
        &self.region
    }

    /// The region, for whoever opens it.
    pub(super) fn region_mut(&mut self) -> &mut Arc<PlannedRegion> {
        &mut self.region
    }

    /// Has the blocks lie where another map of them says, in another region, which is closed; what
    /// is in use of the old one stays valid. Returns `false`, and changes nothing, if a request
    /// does not fit its block there.
    pub(super) fn move_blocks(&mut self, map: RegionMap) -> bool {
        let fits = self.expected().all(|expected| {
            let Some(block) = expected.block() else {
                return true;
            };
            let (size, alignment) = expected.layout();
            let bytes = map.bytes_of(block);
            bytes.is_some_and(|bytes| {
                bytes.end - bytes.start >= size as u64 && bytes.start % alignment.max(1) as u64 == 0
            })
        });
        if fits {
            self.region = Arc::new(PlannedRegion::new(map));
        }
        fits
    }

    /// Has the blocks lie in another region, which is closed, if guests of the last iteration have
    /// stayed in this one, or anything that was in the way; returns the region that they left. What
    /// is in use of it stays valid.
    pub(super) fn leave_guests(&mut self, was_in_the_way: bool) -> Option<Arc<PlannedRegion>> {
        let Fit::AtMost(_, guests) = &self.fit else {
            return None;
        };
        let have_stayed = guests.blocks().any(|block| self.region.is_granted(block));
        let have_stayed = have_stayed || (was_in_the_way && self.region.is_any_granted());
        (have_stayed && self.moved < MOST_MOVES).then(|| {
            self.moved += 1;
            self.fit = Fit::Exact;
            let other = Arc::new(PlannedRegion::new(self.region.map().unclaimed()));
            mem::replace(&mut self.region, other)
        })
    }

    /// What is expected of all threads.
    fn expected(&self) -> impl Iterator<Item = &Expected> {
        let helpers = self.helpers.as_ref();
        let of_helpers = helpers.map(|helpers| helpers.team.template().template());
        let templates = [Some(&self.lane.0.template), of_helpers];
        templates.into_iter().flatten().flat_map(Template::expected)
    }

    /// What the planned requests ask for, in bytes, before they grow.
    pub(super) fn asked_bytes(&self) -> u64 {
        let planned = self
            .expected()
            .filter(|expected| expected.block().is_some());
        let sizes = planned.map(|expected| expected.size() as u64);
        sizes.fold(0, u64::saturating_add)
    }

    /// Whether helpers take part.
    pub(super) fn has_helpers(&self) -> bool {
        self.helpers.is_some()
    }

    /// Back to the start of an iteration, whose requests may be smaller than they were recorded if
    /// it `is_at_most` as large.
    pub(super) fn begin(&mut self, is_at_most: bool) {
        self.fit = match is_at_most {
            true => Fit::AtMost(
                Factors::default(),
                Guests::new(self.moved < MOVES_FOR_GUESTS),
            ),
            false => Fit::Exact,
        };
        self.lane.0.matcher.rewind();
        if let Some(helpers) = &mut self.helpers {
            helpers.team.begin();
        }
    }

    /// The counts of all threads since the last call.
    pub(super) fn take_counts(&mut self) -> RequestCounts {
        let mut counts = self.lane.0.counters.take();
        if let Some(helpers) = &mut self.helpers {
            counts += helpers.team.take_counts();
        }
        counts
    }

    /// Whether something kept planned bytes from requests.
    pub(super) fn has_conflicts(&self) -> bool {
        let helpers = self.helpers.as_ref();
        helpers.is_some_and(|helpers| !helpers.conflicts.is_empty())
    }

    /// What kept planned bytes from requests since the last call, where helpers take part.
    pub(super) fn take_conflicts(&mut self) -> Vec<Conflict> {
        let helpers = self.helpers.as_mut();
        helpers.map_or_else(Vec::new, |helpers| helpers.conflicts.take())
    }

    /// What is expected of this thread and of helpers, and where the blocks lie.
    #[cfg(feature = "files")]
    pub(super) fn parts(&self) -> (&Template, Option<&TeamTemplate>, &RegionMap) {
        let helpers = self.helpers.as_ref();
        let helpers = helpers.map(|helpers| helpers.team.template());
        (&self.lane.0.template, helpers, self.region.map())
    }

    /// The counters of the thread that runs the iteration.
    pub(super) fn counters(&self) -> &RequestCounters {
        &self.lane.0.counters
    }

    /// The counters of a helper: of this thread, if it takes part.
    pub(super) fn helper_counters(&self) -> Option<&RequestCounters> {
        let member = self.helpers.as_ref()?.team.existing_member()?;
        Some(&member.counters)
    }

    /// The planned bytes of a request of the thread that runs the iteration, if it has any and they
    /// are free.
    #[inline]
    pub(super) fn serve(&self, layout: Layout) -> Option<NonNull<u8>> {
        let (lane, bytes) = (&self.lane.0, layout.size() as u64);
        let Some(expected) = lane.find(layout, &self.fit) else {
            return self.serve_smaller(Outcome::Unmatched, layout);
        };
        let Some(block) = expected.block() else {
            return self.miss(Outcome::Outliving, bytes);
        };
        // Here, where the size is at hand: a claim that fails takes it back.
        lane.counters.hit_bytes(bytes);
        let Some(start) = self.region.claim(block) else {
            lane.counters.take_back(bytes);
            self.log_holders(block);
            return self.serve_smaller(Outcome::Occupied, layout);
        };
        lane.counters.hit();
        Some(start)
    }

    /// The bytes of a request that has none of its own. Where requests may be smaller than they
    /// were recorded, there may be room for it nearby.
    #[cold]
    fn serve_smaller(&self, outcome: Outcome, layout: Layout) -> Option<NonNull<u8>> {
        let (lane, bytes) = (&self.lane.0, layout.size() as u64);
        let nearby = self.claim_any(lane.around(), layout);
        match nearby {
            Some(_) => {
                lane.counters.hit_bytes(bytes);
                lane.counters.hit();
            }
            None => lane.counters.other(outcome, bytes),
        }
        nearby
    }

    /// Claims the block of any of these requests that is large enough, if its bytes are aligned as
    /// this request asks. In exact matching there are no such guests.
    fn claim_any<'e>(
        &self,
        expected: impl Iterator<Item = &'e Expected>,
        layout: Layout,
    ) -> Option<NonNull<u8>> {
        let Fit::AtMost(_, guests) = &self.fit else {
            return None;
        };
        let size = layout.size();
        let fits = |expected: &&Expected| {
            size <= expected.size() && guests.may_come(size, expected.size())
        };
        let blocks = expected.filter(fits).filter_map(Expected::block);
        let mut blocks = blocks.filter(|&block| {
            let map = self.region.map();
            map.offsets(map.block(block)).start % layout.align() as u64 == 0
        });
        blocks.find_map(|block| {
            let start = self.region.claim(block)?;
            let is_aligned = start.addr().get() % layout.align() == 0;
            if !is_aligned {
                // The region itself is not that strictly aligned.
                self.region
                    .live_block(start.as_ptr())
                    .into_iter()
                    .for_each(LiveBlock::release);
            }
            is_aligned.then(|| {
                guests.note(block);
                start
            })
        })
    }

    #[cold]
    fn miss(&self, outcome: Outcome, bytes: u64) -> Option<NonNull<u8>> {
        self.lane.0.counters.other(outcome, bytes);
        None
    }

    /// The planned bytes of a request of a helper, if it has any and they are free.
    pub(super) fn serve_helper(&self, layout: Layout) -> Option<NonNull<u8>> {
        let Helpers { team, conflicts } = &**self.helpers.as_ref()?;
        let Some(member) = team.member() else {
            team.refuse(layout);
            return None;
        };
        let region = &*self.region;
        let (counters, bytes) = (&member.counters, layout.size() as u64);
        let found = team.find(member, layout, &self.fit, |block| region.claim(block));
        let nearby = || self.claim_any(team.around(member), layout);
        let claimed = match found {
            Match::Claimed(start) => Some(start),
            Match::Outliving => None,
            Match::Occupied(_) | Match::Exhausted(_) | Match::Unmatched => nearby(),
        };
        if claimed.is_some() {
            counters.hit();
            counters.hit_bytes(bytes);
            return claimed;
        }
        let outcome = match found {
            Match::Claimed(_) | Match::Outliving => Outcome::Outliving,
            Match::Unmatched => Outcome::Unmatched,
            Match::Exhausted(block) => {
                conflicts.add(Conflict::Exhausted(block));
                Outcome::Unmatched
            }
            Match::Occupied(block) => {
                self.log_holders(block);
                Outcome::Occupied
            }
        };
        counters.other(outcome, bytes);
        None
    }

    /// Logs which blocks have the bytes of this one.
    #[cold]
    fn log_holders(&self, block: u32) {
        let conflicts = self.helpers.as_ref().map(|helpers| &helpers.conflicts);
        let Some(conflicts) = conflicts.filter(|conflicts| !conflicts.is_full()) else {
            return;
        };
        // What has the block of this request itself was kept from an earlier iteration.
        let holders = self.region.holders(block);
        for holder in holders.filter(|&holder| holder != block).take(HOLDERS) {
            conflicts.add(Conflict::Occupied { block, holder });
        }
    }
}
