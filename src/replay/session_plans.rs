//! The plans of a session: made from recordings, renewed, and given memory.
//!
//! ```text
//! recording ─► key plan ─► ready for replay ─► its region is open ─► replay ...
//!                 ▲                                  │      ▲
//!                 └─ what helpers missed: learn ─────┘      └ another key ran: open it again
//! ```
//!
//! Invariant: an iteration is replayed only while the region of its key is open. Where that cannot
//! be opened, the iteration runs plainly.

#![forbid(unsafe_code)]

use alloc::vec::Vec;
use core::mem;

use super::{
    budget::Holding,
    error::ReplayError,
    key_plan::{KeyPlan, PlannedRecording},
    key_state::{Planned, Stage, Wait},
    planning::{ensure_memory_to_plan, recording_of},
    recorded::RecordedBytes,
    report::OtherThreads,
    session::Session,
    trace::{EventLog, Recording},
};
use orionrt_sys::mapping::PAGE;

impl<'a, A, K> Session<'a, A, K> {
    /// Plans what a log has, for the key at `index`.
    pub(super) fn plan_all(
        &mut self,
        index: usize,
        log: EventLog,
        others: OtherThreads,
    ) -> Result<Planned<'a, A>, ReplayError> {
        let recording = self.recording_in(log)?;
        let bytes = RecordedBytes::new(&recording, self.helpers, others);
        self.states[index].add_recording(bytes);
        self.plan_recording(recording)
    }

    /// The recording in a log. What the recorded iteration left in the heap goes before that: to
    /// read and plan the log takes memory, too.
    fn recording_in(&self, log: EventLog) -> Result<Recording, ReplayError> {
        (self.purge)(self.allocator.inner());
        ensure_memory_to_plan(log.written())?;
        Ok(recording_of(&log).with_threshold(self.threshold))
    }

    fn plan_recording(&self, recording: Recording) -> Result<Planned<'a, A>, ReplayError> {
        let plan = KeyPlan::new(&self.planner, recording, self.helpers + 1, self.keeps)?;
        (self.purge)(self.allocator.inner());
        Ok(self.planned_from(plan))
    }

    /// Plans what a log has, for the key at `index`, if that is better than what is planned. If it
    /// is not, or cannot be planned, the plan stays as it is.
    pub(super) fn grow(&mut self, index: usize, log: EventLog, others: OtherThreads) {
        let state = &mut self.states[index];
        let (reason, planned) = (state.end_growth(), state.planned_for());
        let Ok(recording) = self.recording_in(log) else {
            return;
        };
        let recorded = RecordedBytes::new(&recording, self.helpers, others);
        if !reason.prefers(recorded.planned(), planned) {
            (self.purge)(self.allocator.inner());
            return;
        }
        let Ok(planned) = self.plan_recording(recording) else {
            return;
        };
        let bytes = planned.replay.region().bytes() as u64;
        let range = self.allocator.range();
        if range.is_ok_and(|range| range.ensure_fits(bytes).is_ok()) {
            self.drop_plan(index);
            self.states[index].add_recording(recorded);
            self.states[index].enter(Ok(planned));
            // Without memory, it waits.
            let _ = self.open(index, Wait::AsRecorded);
        }
    }

    /// Plans again for the key at `index`, from what its helpers missed. If that cannot be done,
    /// the plan stays as it is.
    pub(super) fn learn(&mut self, index: usize) {
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
        let replanned = KeyPlan::of_team(&self.planner, team, threshold, self.keeps);
        (self.purge)(self.allocator.inner());
        let fitting = replanned.and_then(|(key_plan, plan)| {
            let range = self.allocator.range()?;
            range.ensure_fits(key_plan.plan.map.bytes())?;
            Ok((key_plan, plan))
        });
        let Ok((mut key_plan, plan)) = fitting else {
            return;
        };
        // The old plan goes first: seldom is there memory to waste.
        self.close(index);
        let stage = mem::replace(&mut self.states[index].stage, Stage::New);
        if let Stage::Planned(planned) = stage {
            let source = planned.facts.source;
            key_plan.facts.source = source.map(|source| PlannedRecording { plan, ..source });
        }
        let planned = self.planned_from(key_plan);
        self.states[index].enter(Ok(planned));
        // Without memory, it waits.
        let _ = self.open(index, Wait::AsRecorded);
    }

    /// A plan ready for replay, whose region is closed.
    fn planned_from(&self, plan: KeyPlan) -> Planned<'a, A> {
        let bytes = plan.plan.bytes() as u64;
        let KeyPlan {
            plan,
            threshold,
            facts,
        } = plan;
        Planned {
            replay: (self.allocator).replay_of(plan, self.helpers, self.number, threshold),
            plan: bytes,
            facts,
            quiet: 0,
            wait: None,
            was_open: false,
            is_lost: false,
        }
    }

    /// Takes a plan that was loaded, if the key at `index` has none; returns whether it did.
    pub(super) fn take_loaded(&mut self, index: usize, plan: KeyPlan) -> bool {
        let plan = match self.helpers {
            0 => plan.without_helpers(),
            _ => plan,
        };
        let planned = self.planned_from(plan);
        let is_taken = self.states[index].take(planned);
        self.make_room(index);
        is_taken
    }

    /// Opens the region of the key at `index`, if it has a plan.
    pub(super) fn ensure_open(&mut self, index: usize) -> Result<(), ReplayError> {
        let state = &mut self.states[index];
        let was_in_the_way = state.was_occupied();
        let Stage::Planned(planned) = &mut state.stage else {
            return Ok(());
        };
        if let Some(left) = planned.replay.leave_guests(was_in_the_way) {
            self.regions.close(&left);
        }
        let region = planned.replay.region();
        if self.regions.was_opened_last(region) || region.bytes() == 0 {
            return Ok(());
        }
        state.take_turn()?;
        let wait = match self.is_strict {
            true => Wait::None,
            false => Wait::AsPlain,
        };
        let outcome = self.reopen(index, wait);
        if self.regions.bytes() > self.for_regions {
            self.trim();
        }
        match outcome {
            Err(error) if error.is_passing() => Err(error),
            // A plan that cannot be used here, ever, is gone: the next recording makes another one.
            _ => Ok(()),
        }
    }

    /// Opens the region of the key at `index`, whose plan is new, and for which other keys give up
    /// what is more than the budget. Without memory for that, the plan waits.
    pub(super) fn open(&mut self, index: usize, wait: Wait) -> Result<(), ReplayError> {
        self.make_room(index);
        let outcome = self.reopen(index, wait);
        self.trim();
        outcome
    }

    /// Opens the region of the key at `index` where that of another key was open.
    fn reopen(&mut self, index: usize, wait: Wait) -> Result<(), ReplayError> {
        let state = &mut self.states[index];
        let Stage::Planned(planned) = &mut state.stage else {
            return Ok(());
        };
        let region = planned.replay.region_mut();
        let outcome = match region.bytes() {
            // No request gets any bytes of it.
            0 => Ok(()),
            _ => self
                .allocator
                .range()
                .and_then(|range| self.regions.open(range, region, self.for_regions)),
        };
        match &outcome {
            Ok(()) => state.add_opened(),
            Err(error) => state.add_unopened(error, wait),
        }
        outcome
    }

    /// Has keys lose their plans, if all of them are more than the budget allows.
    fn make_room(&mut self, index: usize) {
        let states = &mut self.states;
        self.holders
            .retain(|&key| key != index && states[key].holding() != Holding::default());
        self.holders.push(index);
        let holding = |&key: &usize| states[key].holding();
        let mut holdings: Vec<Holding> = self.holders.iter().map(holding).collect();
        for key in self.budget.losers(&holdings, holdings.len() - 1) {
            holdings[key] = Holding::default();
            self.close(self.holders[key]);
            self.states[self.holders[key]].give_up_plan();
        }
        self.for_regions = self.budget.for_regions(&holdings);
    }

    /// The plan of the key at `index` goes. Its next iteration is recorded.
    pub(super) fn drop_plan(&mut self, index: usize) {
        self.close(index);
        self.states[index].stage = Stage::New;
        self.trim();
    }

    /// Makes memory free for an iteration of the key at `index` that is to be recorded: that of its
    /// region, but for pages with blocks in use, and what earlier iterations left in the heap.
    pub(super) fn make_room_to_record(&mut self, index: usize) {
        if let Stage::Planned(planned) = &self.states[index].stage {
            self.regions.give_back(planned.replay.region());
        }
        (self.purge)(self.allocator.inner());
    }

    /// Closes the region of the key at `index`, if it is open.
    fn close(&mut self, index: usize) {
        if let Stage::Planned(planned) = &self.states[index].stage {
            self.regions.close(planned.replay.region());
        }
    }

    /// Gives back what regions have beyond the budget, and beyond what the largest needs; notes
    /// which keys have to wait for memory when they are used again because of the budget.
    pub(super) fn trim(&mut self) {
        let states = &mut self.states;
        let needs = self.holders.iter().map(|&key| states[key].holding().region);
        let needed = needs.max().unwrap_or(0).next_multiple_of(PAGE as u64);
        if !self.regions.trim(self.for_regions, needed) {
            return;
        }
        let left = self.regions.longest();
        for &key in &self.holders {
            if states[key].holding().region > left {
                states[key].lose_region();
            }
        }
    }
}
