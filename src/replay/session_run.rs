//! A session's iterations: recorded when a key is first used or its plan no longer fits, and
//! replayed otherwise.
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

use alloc::format;
use core::{fmt::Debug, hash::Hash};

use super::{
    allocator::Helpers,
    error::{NotRun, ReplayError},
    iteration::{self, Mode, Setting},
    key_state::{KeyState, Remedy, Stage, Wait},
    planning::event_log,
    session::Session,
};

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
        self.run_as(key, false, iteration)
    }

    /// Runs an iteration of a key that stands for shapes up to a largest one, such as all sequence
    /// lengths up to 512: one plan, that of the largest iteration so far, serves every smaller one.
    ///
    /// Run the largest shape first, as engines are warmed up anyway. It is recorded and planned. In
    /// the iterations that follow, each request may be smaller than it was recorded, and gets the
    /// bytes that are planned for the largest shape. Requests that such an iteration does not make,
    /// such as those that fall below the [threshold](Self::threshold), are passed over.
    ///
    /// A larger iteration is served as far as it fits, and the next one is recorded. If that one
    /// asks for more than the planned one, its plan replaces the other; if not, nothing changes.
    /// After the *k*-th such recording, 2*ᵏ* iterations are replayed before the next one, so that a
    /// shape that grows by a step each time costs log *n* recordings in *n* iterations. For the
    /// same reasons as with [`run`](Self::run), a key may be recorded again after an iteration of
    /// the planned shape; of what is recorded then, at least three quarters of the planned bytes
    /// must be there for it to replace the plan.
    ///
    /// Whether a key stands for one shape or for many is said by each call, and is no part of the
    /// plan: one that was made by `run` serves smaller shapes here, also if it comes from a file.
    ///
    /// ```
    /// use std::alloc::System;
    /// use orionrt::{Planner, ReplayAlloc};
    ///
    /// #[global_allocator]
    /// static ALLOC: ReplayAlloc<System> = ReplayAlloc::new(System);
    ///
    /// fn infer(length: usize) -> f32 {
    ///     let embedded = vec![1.0; 64 * length];
    ///     let scores: Vec<f32> = (0..length * length).map(|i| embedded[i % length]).collect();
    ///     scores.iter().sum()
    /// }
    ///
    /// let mut session = ALLOC.session(Planner::new());
    /// for length in [512, 17, 300, 511, 64] {
    ///     let sum = session.run_at_most("up to 512", || infer(length))?;
    ///     assert_eq!(sum, (length * length) as f32);
    /// }
    /// let key = &session.report().keys[0];
    /// assert_eq!((key.recorded, key.replayed), (1, 4));
    /// assert_eq!((key.counts.hits, key.counts.misses.total()), (8, 0));
    /// # Ok::<(), orionrt::ReplayError>(())
    /// ```
    ///
    /// # Errors
    /// As for [`run`](Self::run).
    pub fn run_at_most<R>(
        &mut self,
        key: K,
        iteration: impl FnOnce() -> R,
    ) -> Result<R, ReplayError> {
        self.run_as(key, true, iteration)
    }

    fn run_as<R>(
        &mut self,
        key: K,
        is_at_most: bool,
        iteration: impl FnOnce() -> R,
    ) -> Result<R, ReplayError> {
        let index = self.index_of(key);
        self.clock += 1;
        self.states[index].begin(self.clock, is_at_most);
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
        if self.states[index].is_growing() {
            self.make_room_to_record(index);
            return self.record(index, iteration);
        }
        if let Err(error) = self.ensure_open(index) {
            return Err(NotRun::new(error, iteration));
        }
        let state = &mut self.states[index];
        let is_at_most = state.is_at_most();
        match &mut state.stage {
            Stage::Planned(planned) => {
                let helpers = helpers(self.helpers, self.needs_helpers && self.is_strict);
                let (output, counts) = planned.replay.try_run(helpers, is_at_most, iteration)?;
                let may_have_more = self.helpers > 0 && !planned.replay.has_helpers();
                match state.add_replayed(counts, may_have_more) {
                    Remedy::None => {}
                    Remedy::Learn => self.learn(index),
                    Remedy::Record => self.drop_plan(index),
                }
                Ok(output)
            }
            Stage::Refused(refusal) => match refusal.take_turn() {
                Some(error) => Err(NotRun::new(error, iteration)),
                None => self.record(index, iteration),
            },
            Stage::New => self.record(index, iteration),
        }
    }

    /// Drops the recording and the plan of a key; its next iteration is recorded. The report keeps
    /// its counts, and the sizes of its last plan. With the last plan, the regions' memory goes.
    pub fn forget(&mut self, key: &K) {
        match self.keys.get(key) {
            Some(&index) => {
                self.drop_plan(index);
                self.states[index].forget();
            }
            None => drop(self.loaded.remove(&format!("{key:?}"))),
        }
    }

    fn index_of(&mut self, key: K) -> usize {
        if let Some(&index) = self.keys.get(&key) {
            return index;
        }
        let (state, index) = (
            KeyState::new(format!("{key:?}"), self.events),
            self.states.len(),
        );
        let loaded = self.loaded.remove(&state.key);
        self.states.push(state);
        self.keys.insert(key, index);
        if let Some(plan) = loaded {
            self.take_loaded(index, plan);
        }
        index
    }

    fn record<R, F: FnOnce() -> R>(&mut self, index: usize, iteration: F) -> Result<R, NotRun<F>> {
        let asked = self.states[index].events;
        let (log, events) = match event_log(asked) {
            Ok(log) => log,
            Err(_) if self.states[index].is_growing() => {
                // The plan that there is will do.
                self.states[index].end_growth();
                return self.try_run(index, iteration);
            }
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
        } else if state.is_growing() {
            state.add_recorded();
            self.grow(index, log, counts.other_threads);
        } else {
            state.add_recorded();
            let planned = self.plan_all(index, log, counts.other_threads);
            let is_planned = planned.is_ok();
            self.states[index].enter(planned);
            if is_planned {
                // Without memory, it waits.
                let _ = self.open(index, Wait::AsRecorded);
            }
        }
        Ok(output)
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
