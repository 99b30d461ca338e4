//! A session: plans kept by key, made when a key is first used, and renewed when they no longer fit.
//!
//! ```text
//! key is new ─► record ─► plan ─► replay ─► replay ─► ...
//!                 ▲         └ refused: the next run says why        │
//!                 └──── the tape was too short, or too few hits ────┘   at most RECORDINGS times in all
//! ```
//!
//! Invariant: an iteration runs once in every call that returns `Ok`, and in no other. Plans are made after the iteration that
//! they are made of, so what is wrong with one is said by the next call, before its iteration runs.

#![forbid(unsafe_code)]

use alloc::{format, string::String, vec::Vec};
use core::{fmt, fmt::Debug, hash::Hash};
use std::collections::HashMap;

use super::{
    Counts, KeyReport, Replay, ReplayAlloc, ReplayError, Report, allocator::EVENTS, range::Backing,
};
use crate::replay::trace::{OverflowPolicy, Recording, Tape};
use orionrt_alloc::arena::HugePages;
use orionrt_plan::plan::Plan;
use orionrt_plan::planner::Planner;

/// An iteration that serves fewer of its requests from the plan was another one than was recorded.
const FEWEST_HITS: f64 = 0.95;
/// More outliving ones may be those of caches that the recorded iteration filled: in number, and of all requests.
const MOST_OUTLIVING: (u64, f64) = (10, 0.05);
/// How often a key is recorded at most.
const RECORDINGS: u64 = 4;

/// Runs iterations: records and plans the first of each key, and replays the others. Made by [`ReplayAlloc::session`].
///
/// A key stands for everything that decides what an iteration allocates: the batch size, the shapes, the model. Each has a region of its own, resident until
/// the session is dropped or the key is [forgotten](Self::forget).
///
/// When an iteration gets less than 95 % of its planned requests served, as when the first one returned early, the next one is recorded anew, three times at
/// most; and once when more than ten, and more than 5 %, are known to outlive it, as when the first one filled caches.
///
/// A recording is kept with its plan: about 50 bytes for each event.
pub struct Session<'a, A, K> {
    allocator: &'a ReplayAlloc<A>,
    planner: Planner,
    backing: Backing,
    helpers: usize,
    events: usize,
    keys: HashMap<K, usize>,
    entries: Vec<Entry<'a, A>>,
}

/// A key's iterations.
struct Entry<'a, A> {
    key: String,
    stage: Stage<'a, A>,
    recorded: u64,
    /// Recordings since the key was new, or forgotten.
    tries: u64,
    replayed: u64,
    counts: Counts,
    last: Counts,
    events: usize,
    sizes: Sizes,
}

/// Bytes of the last plans.
#[derive(Clone, Copy, Debug, Default)]
struct Sizes {
    planned: u64,
    lower_bound: u64,
    total: u64,
}

enum Stage<'a, A> {
    /// The next iteration is to be recorded.
    New,
    Planned(Planned<'a, A>),
    /// There is no plan, and why.
    Refused(ReplayError),
}

struct Planned<'a, A> {
    recording: Recording,
    plans: Vec<Plan>,
    replay: Replay<'a, A>,
}

impl<'a, A, K> Session<'a, A, K> {
    pub(super) fn new(allocator: &'a ReplayAlloc<A>, planner: Planner) -> Self {
        Self {
            allocator,
            planner,
            backing: Backing::default(),
            helpers: 0,
            events: EVENTS,
            keys: HashMap::new(),
            entries: Vec::new(),
        }
    }

    /// Whether planned regions have huge pages of 2 MiB: fewer TLB misses; a region takes whole ones then.
    #[must_use]
    pub fn huge_pages(mut self, policy: HugePages) -> Self {
        self.backing.huge_pages = policy;
        self
    }

    /// Whether planned regions are page-locked: never swapped out.
    #[must_use]
    pub fn pinned(mut self, is_pinned: bool) -> Self {
        self.backing.is_pinned = is_pinned;
        self
    }

    /// Has up to `most` helper threads take part: what other threads of the process allocate while an iteration runs is recorded, and replayed, each
    /// thread as a lane of its own with a region of its own. Only one such session can run at a time.
    ///
    /// In an iteration, a thread gets the lane that begins with its first request, best the one that it had before; or else a lane that is left over.
    #[must_use]
    pub fn lanes(mut self, most: usize) -> Self {
        self.helpers = most;
        self
    }

    /// How many events a tape has room for (at 40 bytes each, as they are written): two for each allocation. An iteration with more
    /// is recorded anew on a longer one.
    #[must_use]
    pub fn events(mut self, most: usize) -> Self {
        self.events = most.max(1);
        self
    }

    /// What became of all iterations.
    #[must_use]
    pub fn report(&self) -> Report {
        Report {
            keys: self.entries.iter().map(Entry::report).collect(),
        }
    }
}

impl<A, K: Eq + Hash + Debug> Session<'_, A, K> {
    /// Runs an iteration: the first of a key is recorded and planned, others are replayed.
    ///
    /// # Errors
    /// When this thread runs an iteration already, another session with lanes is running, there is no memory for the tape, or the iteration that was
    /// recorded for this key could not be planned. The iteration has not run then.
    pub fn run<R>(&mut self, key: K, iteration: impl FnOnce() -> R) -> Result<R, ReplayError> {
        let index = self.index_of(key);
        let entry = &mut self.entries[index];
        match &mut entry.stage {
            Stage::Refused(error) => Err(error.clone()),
            Stage::Planned(planned) => {
                let (output, counts) = planned.replay.run(iteration)?;
                entry.note(counts);
                Ok(output)
            }
            Stage::New => self.record(index, iteration),
        }
    }

    /// Drops what is kept for a key; its next iteration is recorded anew. Its counts stay, and so does what it last planned in the report.
    pub fn forget(&mut self, key: &K) {
        if let Some(&index) = self.keys.get(key) {
            self.entries[index].stage = Stage::New;
            self.entries[index].tries = 0;
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
        match &self.entries[*self.keys.get(key)?].stage {
            Stage::Planned(planned) => Some(planned),
            _ => None,
        }
    }

    fn index_of(&mut self, key: K) -> usize {
        if let Some(&index) = self.keys.get(&key) {
            return index;
        }
        self.entries
            .push(Entry::new(format!("{key:?}"), self.events));
        self.keys.insert(key, self.entries.len() - 1);
        self.entries.len() - 1
    }

    fn record<R>(&mut self, index: usize, iteration: impl FnOnce() -> R) -> Result<R, ReplayError> {
        let tape = self.tape(index)?;
        let with_helpers = self.helpers > 0;
        let (output, recording) = self.allocator.record_on(tape, with_helpers, iteration)?;
        let entry = &self.entries[index];
        let (is_last, events) = (entry.tries + 1 >= RECORDINGS, entry.events);
        if recording.lost() > 0 && !is_last {
            let missing = usize::try_from(recording.lost()).unwrap_or(usize::MAX);
            self.entries[index].events = events.saturating_add(missing).saturating_mul(2);
        } else {
            let stage = match self.plan_all(recording) {
                Ok(planned) => Stage::Planned(planned),
                Err(error) => Stage::Refused(error),
            };
            self.entries[index].enter(stage);
        }
        self.entries[index].recorded += 1;
        self.entries[index].tries += 1;
        Ok(output)
    }

    /// A tape as long as the last recording asked for; or, where there is no memory for that, one as long as the first, which will do.
    fn tape(&mut self, index: usize) -> Result<Tape, ReplayError> {
        let entry = &mut self.entries[index];
        let tape = Tape::new(entry.events, OverflowPolicy::Oldest);
        Ok(tape.or_else(|error| {
            if entry.events <= self.events {
                return Err(error);
            }
            entry.events = self.events;
            entry.tries = RECORDINGS;
            Tape::new(entry.events, OverflowPolicy::Oldest)
        })?)
    }
}

impl<'a, A, K> Session<'a, A, K> {
    fn plan_all(&self, recording: Recording) -> Result<Planned<'a, A>, ReplayError> {
        let lanes = 0..recording.lanes().min(self.helpers + 1);
        let plan = |lane| Ok(self.planner.plan(&recording.lane_lifetimes(lane)?)?);
        let plans = lanes
            .map(plan)
            .collect::<Result<Vec<Plan>, ReplayError>>()?;
        let replay = self
            .allocator
            .replay_lanes(&recording, &plans, self.backing)?;
        Ok(Planned {
            recording,
            plans,
            replay,
        })
    }
}

impl<'a, A> Entry<'a, A> {
    fn new(key: String, events: usize) -> Self {
        Self {
            key,
            stage: Stage::New,
            recorded: 0,
            tries: 0,
            replayed: 0,
            counts: Counts::default(),
            last: Counts::default(),
            events,
            sizes: Sizes::default(),
        }
    }

    fn enter(&mut self, stage: Stage<'a, A>) {
        if let Stage::Planned(Planned { plans, .. }) = &stage {
            self.sizes = Sizes {
                planned: plans.iter().map(Plan::peak).sum(),
                lower_bound: plans.iter().map(Plan::lower_bound).sum(),
                total: plans
                    .iter()
                    .map(|plan| plan.lifetimes().total_bytes())
                    .sum(),
            };
        }
        self.stage = stage;
    }

    /// Takes note of what a replayed iteration counted.
    fn note(&mut self, counts: Counts) {
        self.replayed += 1;
        self.counts += counts;
        self.last = counts;
        let (most, share) = MOST_OUTLIVING;
        let filled_caches =
            counts.outliving > most && counts.outliving as f64 > share * counts.requests() as f64;
        let is_other = counts.hit_rate() < FEWEST_HITS;
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
