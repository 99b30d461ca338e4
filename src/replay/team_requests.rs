//! What all threads asked for when an iteration was recorded, and what was learnt since.
//!
//! The lifetimes of [`TeamRequests`] are those of one iteration, in which the threads ran side by
//! side in one way of many. What tasks ask for lies in [pools](super::task_pools), which fit every
//! way. Where that does not suffice, iterations show which requests can be alive together: their
//! lifetimes are extended until they meet, and pools get one block more. So the plan comes to fit
//! all ways that occur.
//!
//! Threads may run side by side in so many ways that this takes long. Then [lanes are kept
//! apart](super::lanes_apart), if the region does not get much larger by that.
//!
//! ```text
//! recorded   ├─ a ─┤                 replayed   ├─── a ───────┤
//!                     ├─ b ─┤                      ├─ b ─┤      b finds its bytes in use by a
//! learnt     ├─ a ────┤
//!                     ├─ b ─┤
//! ```
//!
//! Invariant: requests are in order of their first steps, and lifetimes only ever get longer.

#![forbid(unsafe_code)]

use alloc::{
    borrow::Cow,
    boxed::Box,
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

use super::{
    conflicts::Conflict,
    error::ReplayError,
    lanes_apart::{plan_apart, pool_what_is_alike},
    planning::plan_quickly,
    region_map::RegionMap,
    replay_plan::ReplayPlan,
    task_pools::{Pool, Sections, TaskRequest, pools},
    tasks::of_repeated_tasks,
    team_rows::TeamRows,
    team_template::{Follow, MOST, TeamTemplate},
    template::Template,
    trace::{Recording, Request},
};
use orionrt_plan::lifetimes::{Lifetimes, LifetimesError};
use orionrt_plan::{plan::Plan, planner::Planner};

/// A plan that has learnt this often, and still does not fit, is to keep lanes apart.
const PATIENCE: u32 = 8;
/// The region may be so many times as large for that as it was at first.
const MOST_GROWTH: u64 = 2;
/// One task's block that is in the way of others may be so many times as large as theirs.
const MOST_BLOCKS: usize = 8;

/// What all threads asked for, and what was learnt of it.
#[derive(Clone, Debug)]
pub(super) struct TeamRequests {
    all: Vec<TaskRequest>,
    /// How often something was learnt.
    learnt: u32,
    /// The peak of the first plan, in bytes.
    first_peak: Option<u64>,
    /// Whether only requests of one lane share bytes.
    are_lanes_apart: bool,
}

impl TeamRequests {
    /// The bytes that a request takes here.
    pub(super) const BYTES_EACH: usize = size_of::<TaskRequest>();

    /// The requests of the first `lanes` lanes of a recording; `None` if there are too many to
    /// number with a `u32`.
    pub(super) fn new(recording: &Recording, lanes: usize) -> Option<Self> {
        let lanes = 0..recording.lanes().min(lanes);
        let of_lane = |lane| {
            let requests = recording.requests(lane).iter();
            requests.map(move |request| (lane as u32, *request))
        };
        let mut all: Vec<(u32, Request)> = lanes.flat_map(of_lane).collect();
        u32::try_from(all.len()).ok().filter(|&len| len <= MOST)?;
        // Steps differ: each is one event of one thread.
        all.sort_unstable_by_key(|(_, request)| request.lower);
        let is_of_task = of_repeated_tasks(&all);
        let requests = all.into_iter().zip(is_of_task);
        let requests = requests.map(|((lane, request), is_of_task)| TaskRequest {
            request,
            until: 0,
            lane,
            more: 0,
            is_of_task,
        });
        Some(Self {
            all: requests.collect(),
            learnt: 0,
            first_peak: None,
            are_lanes_apart: false,
        })
    }

    /// Whether only requests of one lane share bytes: more than their lifetimes tell.
    pub(super) fn are_lanes_apart(&self) -> bool {
        self.are_lanes_apart
    }

    /// The number of requests.
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// Plans the requests. Where they have learnt too often in vain, lanes are kept apart from now
    /// on, if that takes no more bytes, or not too many.
    pub(super) fn plan(&mut self, planner: &Planner) -> Result<Plan, ReplayError> {
        if self.are_lanes_apart {
            if let Some(plan) = plan_apart(planner, &self.rows().by_lane()) {
                return Ok(plan);
            }
        }
        let plan = plan_quickly(planner, &self.lifetimes()?)?;
        let first_peak = *self.first_peak.get_or_insert(plan.peak());
        let most = plan.peak().max(first_peak.saturating_mul(MOST_GROWTH));
        let is_time = self.learnt > PATIENCE;
        let apart = is_time.then(|| self.kept_apart(planner, most)).flatten();
        let Some((team, apart)) = apart else {
            return Ok(plan);
        };
        *self = team;
        Ok(apart)
    }

    /// These requests with their lanes apart, and their plan, if it takes so many bytes at most.
    fn kept_apart(&self, planner: &Planner, most: u64) -> Option<(Self, Plan)> {
        let mut team = self.clone();
        team.are_lanes_apart = true;
        pool_what_is_alike(&mut team.all);
        let plan = plan_apart(planner, &team.rows().by_lane())?;
        (plan.peak() <= most).then_some((team, plan))
    }

    fn lifetimes(&self) -> Result<Lifetimes, LifetimesError> {
        Lifetimes::from_rows(self.rows().lifetimes)
    }

    fn rows(&self) -> TeamRows {
        TeamRows::new(&self.all, &self.pools())
    }

    fn pools(&self) -> Vec<Pool> {
        let sections = match self.are_lanes_apart {
            true => Sections::One,
            false => Sections::Recorded,
        };
        pools(&self.all, sections)
    }

    /// The positions of requests by the numbers of their blocks: this thread's, then helpers'.
    fn blocks(&self) -> Vec<usize> {
        let planned = (0..self.len()).filter(|&i| self.all[i].request.is_planned());
        let (own, of_helpers): (Vec<_>, Vec<_>) = planned.partition(|&i| self.all[i].lane == 0);
        [own, of_helpers].concat()
    }

    /// What follows each request of a helper.
    fn follow(&self) -> Vec<Follow> {
        let pool_of = pool_of(&self.pools());
        let (mut follow, mut last) = (Vec::new(), BTreeMap::new());
        let of_helpers = self.all.iter().enumerate().filter(|(_, of)| of.lane > 0);
        for (position, of) in of_helpers {
            let (place, pool) = (follow.len(), pool_of.get(&position));
            follow.push(pool.map_or(Follow::Nothing, |&pool| Follow::Pool(pool)));
            if pool.is_none() {
                if let Some(before) = last.insert(of.lane, place) {
                    follow[before] = Follow::Next(place as u32);
                }
            }
        }
        follow
    }

    /// The rows of a [`plan`](Self::plan) that have the blocks, in order of their
    /// numbers.
    pub(super) fn rows_of_blocks(&self) -> Box<[u32]> {
        let rows = self.rows().of_requests;
        let blocks = self.blocks();
        // Every planned request has a row.
        let rows = blocks.iter().filter_map(|&position| rows[position]);
        rows.map(|row| row as u32).collect()
    }

    /// The plan in the form that replay needs, with this map of the blocks.
    pub(super) fn planned(&self, map: RegionMap) -> ReplayPlan {
        let (own, of_helpers): (Vec<&TaskRequest>, Vec<&TaskRequest>) =
            self.all.iter().partition(|of| of.lane == 0);
        let own: Vec<Request> = own.into_iter().map(|of| of.request).collect();
        let first = own.iter().filter(|request| request.is_planned()).count() as u32;
        let helpers: Vec<Request> = of_helpers.iter().map(|of| of.request).collect();
        let follow = self.follow();
        ReplayPlan {
            own: Template::new(&own, 0),
            helpers: Some(TeamTemplate::new(Template::new(&helpers, first), &follow)),
            map,
        }
    }

    /// Learns from what kept planned bytes from requests; returns whether that changed anything.
    pub(super) fn learn(&mut self, conflicts: &[Conflict]) -> bool {
        let (blocks, pools) = (self.blocks(), self.pools());
        let pool_of = pool_of(&pools);
        let request_of = |block: u32| blocks.get(block as usize).copied();
        let sizes: Vec<usize> = self.all.iter().map(|of| of.request.largest).collect();
        let size = |request: usize| sizes[request];
        let (mut lacking, mut repeated) = (BTreeSet::new(), BTreeSet::new());
        let mut has_learnt = false;
        for &conflict in conflicts {
            let (block, holder) = match conflict {
                Conflict::Occupied { block, holder } => (block, Some(holder)),
                Conflict::Exhausted(block) => (block, None),
            };
            let pool = |request: usize| pool_of.get(&request).copied();
            match (request_of(block), holder.map(request_of)) {
                (Some(a), None) => match pool(a) {
                    Some(pool) => _ = lacking.insert(pool),
                    None => _ = repeated.insert(a),
                },
                (Some(a), Some(Some(b))) => match (pool(a), pool(b)) {
                    // Of its own pool, or of one whose section has other tasks: one block more will
                    // do, where a lifetime across sections would keep many bytes. A holder that is
                    // much larger may have the bytes of more blocks than can be learnt.
                    (Some(pool), Some(_)) if size(b) / MOST_BLOCKS <= size(a) => {
                        lacking.insert(pool);
                    }
                    _ => {
                        let span = |request: usize| match pool(request) {
                            Some(pool) => Span::of_pool(&pools[pool as usize]),
                            None => Span::of_request(&self.all, request),
                        };
                        let (a, b) = (span(a), span(b));
                        has_learnt |= self.extend(a, b);
                    }
                },
                (None, _) | (_, Some(None)) => {}
            }
        }
        // What is made more often than was recorded is a task from now on, with a pool of its own.
        for &position in &repeated {
            self.all[position].is_of_task = true;
            self.all[position].more += 1;
        }
        for &pool in &lacking {
            let Pool {
                members, blocks, ..
            } = &pools[pool as usize];
            for &member in members {
                self.all[member].more += 1;
            }
            // Each block needs a request that can have it.
            if *blocks == members.len() {
                repeated.extend(members.last());
            }
        }
        self.repeat(&repeated);
        let has_learnt = has_learnt || !lacking.is_empty() || !repeated.is_empty();
        self.learnt += u32::from(has_learnt);
        has_learnt
    }

    /// Extends the earlier one of two lifetimes until they meet: those of all requests of a pool
    /// together. One that is to reach into a section of tasks reaches to its end, which is the end
    /// of something else already: a new one would cut that section in two.
    fn extend(&mut self, a: Span<'_>, b: Span<'_>) -> bool {
        let (first, second) = if a.lower <= b.lower { (a, b) } else { (b, a) };
        let until = match second.is_pool {
            true => second.upper,
            false => second.lower + 1,
        };
        let mut has_changed = false;
        for &request in first.requests.iter() {
            let of = &mut self.all[request];
            has_changed |= of.upper() < Some(until);
            of.until = until.max(of.until);
        }
        has_changed
    }

    /// Adds one more of each of these requests, behind it.
    fn repeat(&mut self, positions: &BTreeSet<usize>) {
        if self.len() + positions.len() > MOST as usize {
            return;
        }
        let old = core::mem::take(&mut self.all);
        self.all.reserve(old.len() + positions.len());
        for (position, of) in old.into_iter().enumerate() {
            let times = 1 + usize::from(positions.contains(&position));
            self.all.extend(core::iter::repeat_n(of, times));
        }
    }
}

/// The lifetime of a request, or of a pool and all of its requests.
struct Span<'p> {
    requests: Cow<'p, [usize]>,
    lower: u64,
    upper: u64,
    is_pool: bool,
}

impl<'p> Span<'p> {
    fn of_pool(pool: &'p Pool) -> Self {
        Self {
            requests: Cow::Borrowed(&pool.members),
            lower: pool.lower,
            upper: pool.upper,
            is_pool: true,
        }
    }

    fn of_request(all: &[TaskRequest], position: usize) -> Self {
        let of = &all[position];
        Self {
            requests: Cow::Owned(alloc::vec![position]),
            lower: of.request.lower,
            upper: of.upper().unwrap_or(of.request.lower),
            is_pool: false,
        }
    }
}

/// The numbers of the pools of requests.
fn pool_of(pools: &[Pool]) -> BTreeMap<usize, u32> {
    let numbered = (0..).zip(pools);
    let members =
        numbered.flat_map(|(number, pool)| pool.members.iter().map(move |&m| (m, number)));
    members.collect()
}

#[cfg(test)]
mod programs;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod learning_tests;
