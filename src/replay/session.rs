//! A session: plans kept by key, made when a key is first used, and renewed when they no longer
//! fit.
//!
//! ```text
//! key is new ─► record ─► plan ─► replay ─► replay ─► ...
//!                 ▲         └ refused: the next run returns the error  │
//!                 └──── the log was too short, or too few hits ────────┘   RECORDINGS at most
//! ```
//!
//! Invariant: an iteration runs once in every call that returns `Ok`, and in no other. A plan is
//! made after the iteration that it comes from has run, so an error in making it is returned by the
//! next call, before its iteration runs.

#![forbid(unsafe_code)]

use alloc::{format, string::String, vec::Vec};
use core::{fmt, fmt::Debug, hash::Hash};
use std::collections::HashMap;

use super::{
    address_range::PagePolicy,
    allocator::ReplayAlloc,
    error::ReplayError,
    prepared::Replay,
    report::{KeyReport, Report, RequestCounts},
    trace::{EventLog, OverflowPolicy, Recording},
};
use orionrt_alloc::arena::HugePages;
use orionrt_plan::plan::Plan;
use orionrt_plan::planner::Planner;

/// With a lower hit rate, an iteration was another one than was recorded.
const MIN_HIT_RATE: f64 = 0.95;
/// With more outliving requests than this number, and than this share of all, the recorded
/// iteration probably filled caches.
const MAX_OUTLIVING: (u64, f64) = (10, 0.05);
/// A key is recorded this often at most.
const RECORDINGS: u64 = 4;

/// Runs iterations: records and plans the first of each key, and replays the others. Made by
/// [`ReplayAlloc::session`].
///
/// A key stands for everything that decides what an iteration allocates: the batch size, the
/// shapes, the model. Each key has a region of its own, resident until the session is dropped or
/// the key is [forgotten](Self::forget).
///
/// A key is recorded again, three times at most, after an iteration that got less than 95 % of its
/// planned requests served: perhaps the recorded one returned early. It is recorded again once
/// after an iteration in which more than ten requests, and more than 5 %, were known to outlive it:
/// perhaps the recorded one filled caches.
///
/// A recording is kept with its plan and takes about 50 bytes for each event.
pub struct Session<'a, A, K> {
    allocator: &'a ReplayAlloc<A>,
    planner: Planner,
    pages: PagePolicy,
    helpers: usize,
    events: usize,
    keys: HashMap<K, usize>,
    states: Vec<KeyState<'a, A>>,
}

/// A key's iterations.
struct KeyState<'a, A> {
    key: String,
    stage: Stage<'a, A>,
    recorded: u64,
    /// Recordings since the key was new, or forgotten.
    tries: u64,
    replayed: u64,
    counts: RequestCounts,
    last: RequestCounts,
    /// The capacity of the event log for the next recording.
    events: usize,
    sizes: PlanSizes,
}

/// Bytes of the last plans.
#[derive(Clone, Copy, Debug, Default)]
struct PlanSizes {
    planned: u64,
    lower_bound: u64,
    total: u64,
}

enum Stage<'a, A> {
    /// The next iteration is to be recorded.
    New,
    Planned(Planned<'a, A>),
    /// The recording could not be planned.
    Refused(ReplayError),
}

struct Planned<'a, A> {
    recording: Recording,
    plans: Vec<Plan>,
    replay: Replay<'a, A>,
}

impl<A> ReplayAlloc<A> {
    /// A session: runs iterations, records the first of each key, plans it with `planner`, and
    /// replays the others. Blocks are aligned as asked for, or as the planner says if that is more.
    #[must_use]
    pub fn session<K>(&self, planner: Planner) -> Session<'_, A, K> {
        Session {
            allocator: self,
            planner,
            pages: PagePolicy::default(),
            helpers: 0,
            events: EventLog::DEFAULT_CAPACITY,
            keys: HashMap::new(),
            states: Vec::new(),
        }
    }
}

impl<A, K> Session<'_, A, K> {
    /// Whether planned regions are backed by huge pages of 2 MiB: fewer TLB misses, but a region
    /// takes whole huge pages.
    #[must_use]
    pub fn huge_pages(mut self, policy: HugePages) -> Self {
        self.pages.huge_pages = policy;
        self
    }

    /// Whether planned regions are page-locked: never swapped out.
    #[must_use]
    pub fn pinned(mut self, is_pinned: bool) -> Self {
        self.pages.is_pinned = is_pinned;
        self
    }

    /// Lets up to `most` helper threads take part: what other threads of the process allocate while
    /// an iteration runs is recorded and replayed, each thread as a lane of its own with a region
    /// of its own. Only one such session can run at a time.
    ///
    /// In an iteration, a thread gets the lane that begins with its first request, preferably one
    /// that it had before; otherwise a lane that is left over.
    #[must_use]
    pub fn lanes(mut self, most: usize) -> Self {
        self.helpers = most;
        self
    }

    /// The number of events that the event log has room for, 40 bytes each; an allocation and its
    /// release are two. An iteration with more events is recorded again with a longer log.
    #[must_use]
    pub fn events(mut self, most: usize) -> Self {
        self.events = most.max(1);
        self
    }

    /// What became of all iterations so far.
    #[must_use]
    pub fn report(&self) -> Report {
        Report {
            keys: self.states.iter().map(KeyState::report).collect(),
        }
    }
}

impl<A, K: Eq + Hash + Debug> Session<'_, A, K> {
    /// Runs an iteration: the first of a key is recorded and planned, others are replayed.
    ///
    /// # Errors
    /// If this thread is already inside an iteration, another session with lanes is running, there
    /// is no memory for the event log, or the iteration recorded for this key could not be planned.
    /// The iteration has not run then.
    pub fn run<R>(&mut self, key: K, iteration: impl FnOnce() -> R) -> Result<R, ReplayError> {
        let index = self.index_of(key);
        let state = &mut self.states[index];
        match &mut state.stage {
            Stage::Refused(error) => Err(error.clone()),
            Stage::Planned(planned) => {
                let (output, counts) = planned.replay.run(iteration)?;
                state.add_replayed(counts);
                Ok(output)
            }
            Stage::New => self.record(index, iteration),
        }
    }

    /// Drops the recording, the plan and the region of a key; its next iteration is recorded. The
    /// report keeps its counts, and the sizes of its last plan.
    pub fn forget(&mut self, key: &K) {
        if let Some(&index) = self.keys.get(key) {
            self.states[index].stage = Stage::New;
            self.states[index].tries = 0;
        }
    }

    /// The recording of a key, once it is planned.
    #[must_use]
    pub fn recording(&self, key: &K) -> Option<&Recording> {
        self.planned(key).map(|planned| &planned.recording)
    }

    /// The plan of a key's first lane, once there is one.
    #[must_use]
    pub fn plan(&self, key: &K) -> Option<&Plan> {
        self.planned(key)?.plans.first()
    }

    fn planned(&self, key: &K) -> Option<&Planned<'_, A>> {
        match &self.states[*self.keys.get(key)?].stage {
            Stage::Planned(planned) => Some(planned),
            _ => None,
        }
    }

    fn index_of(&mut self, key: K) -> usize {
        if let Some(&index) = self.keys.get(&key) {
            return index;
        }
        self.states
            .push(KeyState::new(format!("{key:?}"), self.events));
        self.keys.insert(key, self.states.len() - 1);
        self.states.len() - 1
    }

    fn record<R>(&mut self, index: usize, iteration: impl FnOnce() -> R) -> Result<R, ReplayError> {
        let log = self.event_log(index)?;
        let with_helpers = self.helpers > 0;
        let (output, recording) = self.allocator.record_to(log, with_helpers, iteration)?;
        let state = &self.states[index];
        let (is_last, events) = (state.tries + 1 >= RECORDINGS, state.events);
        if recording.lost() > 0 && !is_last {
            let missing = usize::try_from(recording.lost()).unwrap_or(usize::MAX);
            self.states[index].events = events.saturating_add(missing).saturating_mul(2);
        } else {
            let stage = match self.plan_all(recording) {
                Ok(planned) => Stage::Planned(planned),
                Err(error) => Stage::Refused(error),
            };
            self.states[index].enter(stage);
        }
        self.states[index].recorded += 1;
        self.states[index].tries += 1;
        Ok(output)
    }

    /// A log as long as the last recording asked for. If there is no memory for that, one as long
    /// as the first, whose recording will then be planned as it is.
    fn event_log(&mut self, index: usize) -> Result<EventLog, ReplayError> {
        let state = &mut self.states[index];
        let log = EventLog::new(state.events, OverflowPolicy::Oldest);
        Ok(log.or_else(|error| {
            if state.events <= self.events {
                return Err(error);
            }
            state.events = self.events;
            state.tries = RECORDINGS;
            EventLog::new(state.events, OverflowPolicy::Oldest)
        })?)
    }
}

impl<'a, A, K> Session<'a, A, K> {
    fn plan_all(&self, recording: Recording) -> Result<Planned<'a, A>, ReplayError> {
        let lanes = 0..recording.lanes().min(self.helpers + 1);
        let plan = |lane| Ok(self.planner.plan(&recording.lifetimes(lane)?)?);
        let plans = lanes
            .map(plan)
            .collect::<Result<Vec<Plan>, ReplayError>>()?;
        let replay = self
            .allocator
            .replay_lanes(&recording, &plans, self.pages)?;
        Ok(Planned {
            recording,
            plans,
            replay,
        })
    }
}

impl<'a, A> KeyState<'a, A> {
    fn new(key: String, events: usize) -> Self {
        Self {
            key,
            stage: Stage::New,
            recorded: 0,
            tries: 0,
            replayed: 0,
            counts: RequestCounts::default(),
            last: RequestCounts::default(),
            events,
            sizes: PlanSizes::default(),
        }
    }

    fn enter(&mut self, stage: Stage<'a, A>) {
        if let Stage::Planned(Planned { plans, .. }) = &stage {
            let total = |plan: &Plan| plan.lifetimes().total_bytes();
            self.sizes = PlanSizes {
                planned: plans.iter().map(Plan::peak).sum(),
                lower_bound: plans.iter().map(Plan::lower_bound).sum(),
                total: plans.iter().map(total).sum(),
            };
        }
        self.stage = stage;
    }

    /// Adds the counts of a replayed iteration, and decides whether the next one is to be recorded.
    fn add_replayed(&mut self, counts: RequestCounts) {
        self.replayed += 1;
        self.counts += counts;
        self.last = counts;
        let (most, share) = MAX_OUTLIVING;
        let filled_caches =
            counts.outliving > most && counts.outliving as f64 > share * counts.requests() as f64;
        let is_other = counts.hit_rate() < MIN_HIT_RATE;
        if (is_other && self.tries < RECORDINGS) || (filled_caches && self.tries < 2) {
            self.stage = Stage::New;
        }
    }

    fn report(&self) -> KeyReport {
        KeyReport {
            key: self.key.clone(),
            recorded: self.recorded,
            replayed: self.replayed,
            counts: self.counts,
            last: self.last,
            planned_bytes: self.sizes.planned,
            lower_bound: self.sizes.lower_bound,
            total_bytes: self.sizes.total,
        }
    }
}

impl<A, K: Debug> fmt::Debug for Session<'_, A, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("planner", &self.planner)
            .field("helpers", &self.helpers)
            .field("keys", &self.keys)
            .finish_non_exhaustive()
    }
}
