//! A session: plans kept by key, with what it was told about them.
//!
//! Running iterations is in `session_run`, and what becomes of plans in `session_plans`. Invariant:
//! the settings do not change once iterations run.

#![forbid(unsafe_code)]

use alloc::{string::String, vec::Vec};
use core::{fmt, fmt::Debug, hash::Hash};
use std::collections::HashMap;

use super::{
    allocator::ReplayAlloc,
    budget::Budget,
    iteration,
    key_plan::{Kept, KeyPlan, PlannedRecording},
    key_state::KeyState,
    purge::purge_known,
    report::Report,
    session_regions::SessionRegions,
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
/// shapes, the model. Or it stands for all shapes up to a largest one: see
/// [`run_at_most`](Self::run_at_most).
///
/// All keys take turns in one region, which has the size of the largest (less where a small
/// [budget](Self::budget) and a smaller key leave less). It is resident until the session is
/// dropped or all keys are [forgotten](Self::forget). A key whose blocks are still in use when
/// another one runs has a region of its own meanwhile.
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
    pub(super) allocator: &'a ReplayAlloc<A>,
    /// What tells it from other sessions.
    pub(super) number: u64,
    pub(super) planner: Planner,
    pub(super) regions: SessionRegions<'a>,
    pub(super) helpers: usize,
    /// Whether an iteration without its helpers is refused.
    pub(super) needs_helpers: bool,
    pub(super) events: usize,
    pub(super) threshold: usize,
    pub(super) is_strict: bool,
    /// What is kept beside a plan.
    pub(super) keeps: Kept,
    pub(super) purge: fn(&A),
    pub(super) budget: Budget,
    /// Plans from a file of keys that have not been used yet, by name.
    pub(super) loaded: HashMap<String, KeyPlan>,
    /// The number of calls of `run`.
    pub(super) clock: u64,
    /// The keys that may hold a plan.
    pub(super) holders: Vec<usize>,
    /// The bytes that regions may have.
    pub(super) for_regions: u64,
    pub(super) keys: HashMap<K, usize>,
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
            regions: SessionRegions::default(),
            helpers: MOST_HELPERS,
            needs_helpers: false,
            events: EventLog::DEFAULT_CAPACITY,
            threshold: THRESHOLD,
            is_strict: false,
            keeps: Kept::default(),
            purge: purge_known,
            budget: Budget::default(),
            loaded: HashMap::new(),
            clock: 0,
            holders: Vec::new(),
            for_regions: 0,
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
        self.regions.pages.huge_pages = policy;
        self
    }

    /// Whether planned regions are page-locked: never swapped out.
    #[must_use]
    pub fn pinned(mut self, is_pinned: bool) -> Self {
        self.regions.pages.is_pinned = is_pinned;
        self
    }

    /// Lets at most so many helper threads take part: by default 64, and with 0, none.
    ///
    /// Threads that allocate while an iteration runs are its helpers, unless they have run
    /// iterations of another session. They are recorded with it, and where they ask for a part of
    /// the memory that counts, one region is planned for all. Which of them does which part of the
    /// work may differ from iteration to iteration, as it does in pools whose threads steal tasks.
    /// Where the plan does not fit a way in which they run side by side, it learns that way, 16
    /// times at most. After eight times each thread's requests get bytes of their own, unless the
    /// region is then more than twice as large as at first.
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
        self.keeps.recording = keeps;
        self
    }

    /// Whether what [`improve`](Self::improve) needs is kept for plans above their lower bounds: 40
    /// bytes for each planned request, 44 where helpers take part. Plans that keep the bytes of
    /// different threads apart are not improved. `false` by default.
    #[must_use]
    pub fn improvable(mut self, is_improvable: bool) -> Self {
        self.keeps.unfinished = is_improvable;
        self
    }

    /// What gives the free memory of the inner allocator back to the system. It is called when an
    /// iteration was recorded, and again when it was planned, before its region is made resident:
    /// what either left in the heap is not needed again.
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

    /// The most bytes that all keys together may hold: the memory of their regions, and recordings
    /// with their plans. Plans may take a quarter of it: beyond that, the keys used least recently
    /// lose theirs, and are recorded again when they are used again. What regions have beyond the
    /// rest goes when a key runs that needs less. The key that runs always has what it needs. Plans
    /// that were loaded from a file do not count before their keys are used.
    ///
    /// Blocks that are in use stay valid. Their pages follow at the first
    /// [`ReplayAlloc::reclaim`] after the last block of their region was released; whenever a key
    /// needs more memory, that is called, too.
    ///
    /// By default 256 MiB, or twice the largest key's region if that is more.
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
            region_bytes: self.regions.bytes(),
            plan_bytes: holdings.iter().map(|key| key.plan).sum(),
            budget: self.budget.bytes(&holdings),
        }
    }
}

impl<A, K: Eq + Hash + Debug> Session<'_, A, K> {
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
