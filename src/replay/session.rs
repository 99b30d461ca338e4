//! A session: plans kept by key, made when a key is first used, and renewed when they no longer
//! fit.
//!
//! ```text
//! key is new ─► record ─► plan ─► replay ─► replay ─► ...
//!                 ▲         └ no memory, no plan: run plainly, and count it
//!                 └──── the log was too short, or too few hits ────────┘   RECORDINGS at most
//! ```
//!
//! Invariant: an iteration runs once in every call that returns `Ok`, and in no other. Only a
//! strict session returns errors.

#![forbid(unsafe_code)]

use alloc::{boxed::Box, format, string::String, vec::Vec};
use core::{fmt, fmt::Debug, hash::Hash, mem};
use std::collections::HashMap;

use super::{
    address_range::{Lease, PagePolicy},
    allocator::{Helpers, ReplayAlloc},
    budget::{Budget, Holding},
    error::{NotRun, ReplayError},
    iteration::{self, Mode, Setting},
    key_plan::{KeyPlan, PlannedRecording},
    key_state::{KeyState, Planned, Remedy, Stage},
    planning::{ensure_memory_to_plan, event_log, recording_of},
    purge::purge_known,
    ready_plan::ReadyPlan,
    report::{OtherThreads, Report},
    team::MOST_HELPERS,
    trace::{EventLog, Recording},
};
use orionrt_alloc::arena::HugePages;
use orionrt_plan::plan::Plan;
use orionrt_plan::planner::Planner;

/// Smaller requests pass by: heaps serve them from a cache of the thread, glibc up to 1,032 bytes,
/// in fewer instructions than a plan takes, and few bytes are theirs.
const THRESHOLD: usize = 1024;

/// Runs iterations: records and plans the first of each key, and replays the others. Made by
/// [`ReplayAlloc::session`].
///
/// A key stands for everything that decides what an iteration allocates: the batch size, the
/// shapes, the model. Each key has a region of its own, resident until the session is dropped, the
/// key is [forgotten](Self::forget), or other keys need its share of the [budget](Self::budget).
///
/// A key is recorded again, three times at most, after an iteration that got less than 95 % of its
/// planned bytes served: perhaps the recorded one returned early. It is recorded again
/// once if perhaps the first one filled caches: after an iteration in which more than ten requests,
/// and more than 5 %, were known to outlive it, or in which 1 % of the bytes were of requests that
/// it did not make; and if other threads begin to ask for much.
///
/// The plan of a key takes 64 bytes for each planned request at most, and 72 for one of a helper;
/// its recording goes when that is made. While a plan learns how helpers run side by side, each
/// request takes 64 bytes more.
pub struct Session<'a, A, K> {
    allocator: &'a ReplayAlloc<A>,
    /// What tells it from other sessions.
    number: u64,
    planner: Planner,
    pages: PagePolicy,
    helpers: usize,
    /// Whether an iteration without its helpers is refused.
    needs_helpers: bool,
    events: usize,
    pub(super) threshold: usize,
    is_strict: bool,
    keeps_recordings: bool,
    purge: fn(&A),
    budget: Budget,
    /// Plans from a file of keys that have not been used yet, by name.
    pub(super) loaded: HashMap<String, KeyPlan>,
    /// The number of calls of `run`.
    clock: u64,
    /// The keys that may hold a region or a plan.
    holders: Vec<usize>,
    keys: HashMap<K, usize>,
    pub(super) states: Vec<KeyState<'a, A>>,
}

impl<A: 'static> ReplayAlloc<A> {
    /// A session: runs iterations, records the first of each key, plans it with `planner`, and
    /// replays the others. Blocks are aligned as asked for, or as the planner says if that is more.
    ///
    /// A planner that was given neither a time limit nor a number of nodes searches for 10 ms in
    /// all, and for 5 µs more for each request beyond 2,048: the first call of a key waits for the
    /// search. Where a second may pass, longer ones find better plans of some recordings.
    ///
    /// ```
    /// # use std::{alloc::System, time::Duration};
    /// # use orionrt::{Planner, ReplayAlloc};
    /// # static ALLOC: ReplayAlloc<System> = ReplayAlloc::new(System);
    /// let thorough = Planner::new().time_limit(Duration::from_secs(1));
    /// let session = ALLOC.session::<u32>(thorough);
    /// # drop(session);
    /// ```
    #[must_use]
    pub fn session<K>(&self, planner: Planner) -> Session<'_, A, K> {
        Session {
            allocator: self,
            number: iteration::session_number(),
            planner,
            pages: PagePolicy::default(),
            helpers: MOST_HELPERS,
            needs_helpers: false,
            events: EventLog::DEFAULT_CAPACITY,
            threshold: THRESHOLD,
            is_strict: false,
            keeps_recordings: false,
            purge: purge_known,
            budget: Budget::default(),
            loaded: HashMap::new(),
            clock: 0,
            holders: Vec::new(),
            keys: HashMap::new(),
            states: Vec::new(),
        }
    }
}

impl<A, K> Session<'_, A, K> {
    /// Whether planned regions are backed by huge pages of 2 MiB: fewer TLB misses, but a region
    /// takes whole huge pages. One below 2 MiB takes small pages.
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

    /// Lets at most so many helper threads take part: by default 64, and with 0, none.
    ///
    /// Threads that allocate while an iteration runs are its helpers, unless they have run
    /// iterations of another session. They are recorded with it, and where they ask for a part of
    /// the memory that counts, one region is planned for all. Which of them does which part of the
    /// work may differ from iteration to iteration, as it does in pools whose threads steal tasks.
    /// Where the plan does not fit a way in which they run side by side, it learns that way, 16
    /// times at most.
    ///
    /// Helpers take part in one iteration at a time. Where two run at once, the second one runs
    /// without: what its helpers ask for may be served from the plan of the first one, and
    /// otherwise comes from the inner allocator. A [strict](Self::strict) session for which this
    /// was called returns an error instead.
    #[must_use]
    pub fn lanes(mut self, most: usize) -> Self {
        self.helpers = most.min(MOST_HELPERS);
        self.needs_helpers = most > 0;
        self
    }

    /// The number of events that the event log has room for, 40 bytes each; an allocation and its
    /// release are two. An iteration with more events is recorded again with a longer log.
    #[must_use]
    pub fn events(mut self, most: usize) -> Self {
        self.events = most.max(1);
        self
    }

    /// Requests of fewer bytes than this pass by: they are neither recorded nor planned, and go
    /// straight to the inner allocator. 1,024 by default; with 0, everything is planned.
    ///
    /// A block that grows to the threshold or beyond it is a request from then on, and one that
    /// shrinks below it ends there.
    #[must_use]
    pub fn threshold(mut self, bytes: usize) -> Self {
        self.threshold = bytes;
        self
    }

    /// Whether [`run`](Self::run) returns an error, and does not run the iteration, where an
    /// iteration can be neither recorded nor replayed. By default it runs plainly then.
    #[must_use]
    pub fn strict(mut self, is_strict: bool) -> Self {
        self.is_strict = is_strict;
        self
    }

    /// Whether the recording and the plans of each key are kept, for [`recording`](Self::recording)
    /// and [`plan`](Self::plan). They take some 300 bytes for each request; without them, a plan
    /// takes 64 bytes for each planned request at most. `false` by default.
    #[must_use]
    pub fn keep_recordings(mut self, keeps: bool) -> Self {
        self.keeps_recordings = keeps;
        self
    }

    /// What gives the free memory of the inner allocator back to the system. It is called when an
    /// iteration was recorded and planned, before its region is made resident: what both left in
    /// the heap is not needed again.
    ///
    /// By default that is [`OrionAlloc::purge`](crate::OrionAlloc::purge) for an `OrionAlloc`,
    /// `malloc_trim` for `System` with glibc, and nothing for any other allocator.
    ///
    /// ```
    /// # use std::alloc::System;
    /// # use orionrt::{Planner, ReplayAlloc};
    /// # static ALLOC: ReplayAlloc<System> = ReplayAlloc::new(System);
    /// let session = ALLOC.session::<u32>(Planner::new()).purge_with(|_system| {});
    /// # drop(session);
    /// ```
    #[must_use]
    pub fn purge_with(mut self, purge: fn(&A)) -> Self {
        self.purge = purge;
        self
    }

    /// The most bytes that all keys together may hold: regions, and recordings with their plans.
    /// Where a key needs more, the keys that were used least recently give up their regions, which
    /// they lease again when they are used again; and their plans as well, if all plans take more
    /// than a quarter of the budget, so that they are recorded again. The key that runs always has
    /// what it needs. Plans that were loaded from a file do not count before their keys are used.
    ///
    /// Blocks that are in use stay valid. Their pages follow at the first
    /// [`ReplayAlloc::reclaim`] after the last block of their region was released; whenever a key
    /// gets a region or gives one up, that is called, too.
    ///
    /// By default 256 MiB, or five times the largest key's region if that is more.
    #[must_use]
    pub fn budget(mut self, bytes: usize) -> Self {
        self.budget = Budget::new(bytes as u64);
        self
    }

    /// What became of all iterations so far.
    #[must_use]
    pub fn report(&self) -> Report {
        let holdings: Vec<_> = self.states.iter().map(KeyState::holding).collect();
        Report {
            keys: self.states.iter().map(KeyState::report).collect(),
            region_bytes: holdings.iter().map(|key| key.region).sum(),
            plan_bytes: holdings.iter().map(|key| key.plan).sum(),
            budget: self.budget.bytes(&holdings),
        }
    }
}

impl<A, K: Eq + Hash + Debug> Session<'_, A, K> {
    /// Runs an iteration: the first of a key is recorded and planned, others are replayed.
    ///
    /// An iteration for which that is not possible runs plainly, every request served by the inner
    /// allocator, and the [report](Self::report) says why: there is no memory for the event log or
    /// the region, the iteration recorded for this key has no plan, or this thread is already
    /// inside an iteration, which then has this one as a part. After a lack of memory the key is
    /// recorded again, at first after one plain iteration, then after twice as many each time.
    /// While another iteration has helpers, this one goes without: see [`lanes`](Self::lanes).
    ///
    /// # Errors
    /// Only if the session is [strict](Self::strict): those reasons are errors then, and the
    /// iteration has not run. So is having to go without helpers, if `lanes` was called. A plan is
    /// made after the iteration that it comes from has run, so the next call returns the error of
    /// making it.
    pub fn run<R>(&mut self, key: K, iteration: impl FnOnce() -> R) -> Result<R, ReplayError> {
        let index = self.index_of(key);
        self.clock += 1;
        self.states[index].last_used = self.clock;
        match self.try_run(index, iteration) {
            Ok(output) => Ok(output),
            Err(not_run) if self.is_strict => Err(not_run.error),
            Err(NotRun { error, iteration }) => {
                self.states[index].add_plain(error);
                Ok(iteration())
            }
        }
    }

    fn try_run<R, F: FnOnce() -> R>(&mut self, index: usize, iteration: F) -> Result<R, NotRun<F>> {
        // Before anything is leased, or taken from other keys, for an iteration that cannot begin.
        if !iteration::is_idle() {
            return Err(NotRun::new(ReplayError::Nested, iteration));
        }
        if let Err(error) = self.unpark(index) {
            return Err(NotRun::new(error, iteration));
        }
        let state = &mut self.states[index];
        match &mut state.stage {
            Stage::Planned(planned) => {
                let helpers = helpers(self.helpers, self.needs_helpers && self.is_strict);
                let (output, counts) = planned.replay.try_run(helpers, iteration)?;
                let may_have_more = self.helpers > 0 && !planned.replay.has_helpers();
                match state.add_replayed(counts, may_have_more) {
                    Remedy::None => {}
                    Remedy::Learn => self.learn(index),
                    Remedy::Record => state.stage = Stage::New,
                }
                Ok(output)
            }
            Stage::Refused(refusal) => match refusal.take_turn() {
                Some(error) => Err(NotRun::new(error, iteration)),
                None => self.record(index, iteration),
            },
            Stage::New | Stage::Parked(..) => self.record(index, iteration),
        }
    }

    /// Drops the recording, the plan and the region of a key; its next iteration is recorded. The
    /// report keeps its counts, and the sizes of its last plan.
    pub fn forget(&mut self, key: &K) {
        match self.keys.get(key) {
            Some(&index) => self.states[index].forget(),
            None => drop(self.loaded.remove(&format!("{key:?}"))),
        }
    }

    /// The recording of a key, once it is planned, if the session
    /// [keeps recordings](Self::keep_recordings).
    #[must_use]
    pub fn recording(&self, key: &K) -> Option<&Recording> {
        self.planned(key).map(|planned| &planned.recording)
    }

    /// The plan of a key, once there is one, if the session
    /// [keeps recordings](Self::keep_recordings): of the requests of the first lane or, where
    /// helpers take part, of all threads. That one has tensors for the blocks of pools, which
    /// several requests share, so it is no plan for [`ReplayAlloc::replay`].
    #[must_use]
    pub fn plan(&self, key: &K) -> Option<&Plan> {
        Some(&self.planned(key)?.plan)
    }

    fn planned(&self, key: &K) -> Option<&PlannedRecording> {
        self.states[*self.keys.get(key)?].planned_recording()
    }

    fn index_of(&mut self, key: K) -> usize {
        if let Some(&index) = self.keys.get(&key) {
            return index;
        }
        let mut state = KeyState::new(format!("{key:?}"), self.events);
        if let Some(plan) = self.loaded.remove(&state.key) {
            state.park(plan);
        }
        self.states.push(state);
        self.keys.insert(key, self.states.len() - 1);
        self.states.len() - 1
    }

    fn record<R, F: FnOnce() -> R>(&mut self, index: usize, iteration: F) -> Result<R, NotRun<F>> {
        let asked = self.states[index].events;
        let (log, events) = match event_log(asked) {
            Ok(log) => log,
            Err(error) => {
                let error = ReplayError::from(error);
                if !self.is_strict {
                    self.states[index].add_unrecorded(&error);
                }
                return Err(NotRun::new(error, iteration));
            }
        };
        let helpers = helpers(self.helpers, self.needs_helpers && self.is_strict);
        let setting = Setting {
            session: self.number,
            mode: Mode::Record(&log),
            threshold: self.threshold,
        };
        let (output, counts) = self.allocator.run_helped(helpers, setting, iteration)?;
        let lost = usize::try_from(log.lost()).unwrap_or(usize::MAX);
        let state = &mut self.states[index];
        // A log that is shorter than was asked for is as long as it can be.
        if lost > 0 && events == asked && !state.is_last_try() {
            state.events = events.saturating_add(lost).saturating_mul(2);
            state.add_recorded();
        } else {
            state.add_recorded();
            let planned = self.plan_all(index, log, counts.other_threads);
            self.states[index].enter(planned);
        }
        Ok(output)
    }
}

impl<'a, A, K> Session<'a, A, K> {
    /// Plans what a log has, for the key at `index`.
    fn plan_all(
        &mut self,
        index: usize,
        log: EventLog,
        others: OtherThreads,
    ) -> Result<Planned<'a, A>, ReplayError> {
        ensure_memory_to_plan(log.written())?;
        let recording = recording_of(&log).with_threshold(self.threshold);
        drop(log);
        self.states[index].add_recording(&recording, self.helpers, others);
        let (lanes, keeps) = (self.helpers + 1, self.keeps_recordings);
        let plan = KeyPlan::new(&self.planner, recording, lanes, keeps)?;
        (self.purge)(self.allocator.inner());
        let lease = self.lease(index, &plan)?;
        Ok(self.planned_in(plan, lease))
    }

    /// Plans again for the key at `index`, from what its helpers missed. If that cannot be done,
    /// the plan stays as it is.
    fn learn(&mut self, index: usize) {
        let state = &mut self.states[index];
        let Stage::Planned(planned) = &mut state.stage else {
            return;
        };
        state.learnt += 1;
        let conflicts = planned.replay.take_conflicts();
        let threshold = planned.replay.threshold();
        let learnt = planned.facts.team.clone().and_then(|mut team| {
            let is_new = team.learn(&conflicts);
            is_new.then_some(team)
        });
        let Some(team) = learnt else {
            return;
        };
        let replanned = KeyPlan::of_team(&self.planner, team, threshold);
        (self.purge)(self.allocator.inner());
        let range = self.allocator.range();
        let fitting = replanned.and_then(|(key_plan, plan)| {
            range?.ensure_fits(key_plan.plan.map.bytes())?;
            Ok((key_plan, plan))
        });
        let Ok((mut key_plan, plan)) = fitting else {
            return;
        };
        // The old region goes first: seldom is there memory to waste.
        if let Stage::Planned(planned) = mem::replace(&mut state.stage, Stage::New) {
            let source = planned.facts.source;
            key_plan.facts.source = source.map(|source| PlannedRecording { plan, ..source });
        }
        // Without memory, it waits.
        let _ = self.enter(index, Box::new(key_plan));
    }

    /// Leases a region for the key at `index`, for which other keys give up theirs if need be.
    fn lease(&mut self, index: usize, plan: &KeyPlan) -> Result<Lease<'a>, ReplayError> {
        // Before other keys give up anything for it.
        self.allocator.range()?.ensure_fits(plan.plan.map.bytes())?;
        self.make_room(index, plan);
        self.allocator.lease(&plan.plan, self.pages)
    }

    fn planned_in(&self, plan: KeyPlan, lease: Lease<'a>) -> Planned<'a, A> {
        let (region, bytes) = (plan.region_bytes(), plan.plan.bytes() as u64);
        let KeyPlan {
            plan,
            threshold,
            facts,
        } = plan;
        let ready = ReadyPlan::new(plan, self.helpers, lease);
        Planned {
            replay: (self.allocator).replay_of(ready, self.number, threshold),
            region,
            plan: bytes,
            facts,
            quiet: 0,
        }
    }

    /// Has the key at `index` use a plan that needs a region; without memory for that, the plan
    /// waits.
    fn enter(&mut self, index: usize, plan: Box<KeyPlan>) -> Result<(), ReplayError> {
        match self.lease(index, &plan) {
            Ok(lease) => {
                let planned = self.planned_in(*plan, lease);
                self.states[index].enter(Ok(planned));
                Ok(())
            }
            Err(error) => {
                if error.is_passing() {
                    self.states[index].park_again(plan, &error, !self.is_strict);
                }
                Err(error)
            }
        }
    }

    fn make_room(&mut self, index: usize, plan: &KeyPlan) {
        let states = &mut self.states;
        self.holders
            .retain(|&key| key != index && states[key].holding() != Holding::default());
        self.holders.push(index);
        let holding = |&key: &usize| states[key].holding();
        let mut holdings: Vec<Holding> = self.holders.iter().map(holding).collect();
        let current = holdings.len() - 1;
        holdings[current] = Holding {
            last_used: self.clock,
            region: plan.region_bytes(),
            plan: plan.bytes(),
        };
        for (key, loss) in self.budget.losses(&holdings, current) {
            states[self.holders[key]].give_up(loss);
        }
    }

    /// Leases regions again for the key at `index`, if it is parked. Without memory it waits, like
    /// a recording does; if no try can succeed, the key is new again.
    fn unpark(&mut self, index: usize) -> Result<(), ReplayError> {
        let Some(plan) = self.states[index].take_parked()? else {
            return Ok(());
        };
        match self.enter(index, plan) {
            Err(error) if error.is_passing() => Err(error),
            // A plan that cannot be used here, ever, is gone: the next recording makes another one.
            _ => Ok(()),
        }
    }
}

/// Whether helpers take part, of whom there are so many at most.
fn helpers(most: usize, are_required: bool) -> Helpers {
    match (most, are_required) {
        (0, _) => Helpers::None,
        (_, false) => Helpers::IfFree,
        (_, true) => Helpers::Required,
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
