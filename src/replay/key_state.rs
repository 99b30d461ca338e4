//! One key of a session: its stage, its counts, and when it is to be recorded again.
//!
//! ```text
//! New ─► Planned ─► (misfit, or the recording filled caches) ─► New    RECORDINGS at most
//!  │        ▲ ├───► (over budget) ─► New
//!  │        └─┴───► (at most: larger than the plan) ─► recorded, and planned again if larger
//!  └───► Refused ─► (for lack of memory: after some plain iterations) ─► New
//! ```
//!
//! Stands on [`Replay`], recordings and reports. Invariant: the counts of a key cover all of its
//! iterations since the session began, whatever its stages were.

#![forbid(unsafe_code)]

use alloc::{boxed::Box, string::String};

use super::{
    budget::Holding,
    error::ReplayError,
    growth::{Growth, Verdict},
    key_plan::{PlanFacts, PlanSizes, PlannedRecording},
    prepared::Replay,
    recorded::RecordedBytes,
    report::{PlainCounts, RequestCounts},
};

/// With a lower hit rate, by bytes, an iteration was another one than was recorded. By requests,
/// the few that a thread pool makes now and then for itself would count for too much.
const MIN_HIT_RATE: f64 = 0.95;
/// With a larger share of unknown bytes, the first recording was not like what follows: engines
/// prepare much in their first iterations.
const MOST_UNKNOWN: f64 = 0.01;
/// With more outliving requests than this number, and than this share of all, the recorded
/// iteration probably filled caches.
const MAX_OUTLIVING: (u64, f64) = (10, 0.05);
/// More bytes than one part in so many that are in use by others are much.
const MUCH_OCCUPIED: u64 = 50;
/// With more bytes than one part in so many that are not served, the plan learns at once; with
/// fewer, after some iterations.
const MANY_MISSES: u64 = 200;
const ITERATIONS_WITH_FEW_MISSES: u64 = 8;
/// A plan learns so often at most, and nothing more after so many iterations without.
const MOST_LEARNT: u32 = 16;
const MOST_QUIET: u64 = 64;
/// Threads that ask for much in so many iterations in a row are helpers.
const NEW_HELPERS: u64 = 3;
/// A plan that was loaded is replaced after so many iterations in which helpers missed much.
const MOST_UNLEARNT: u64 = 3;
/// A key is recorded this often at most.
pub(super) const RECORDINGS: u64 = 4;
/// Iterations that run plainly until there may be memory again: at most 2 to this power.
const MAX_PATIENCE: u32 = 12;

/// A key's iterations.
pub(super) struct KeyState<'a, A> {
    pub(super) key: String,
    pub(super) stage: Stage<'a, A>,
    pub(super) recorded: u64,
    /// Recordings since the key was new, or forgotten.
    tries: u64,
    /// How often its plan has learnt since then.
    pub(super) learnt: u32,
    pub(super) replayed: u64,
    pub(super) counts: RequestCounts,
    pub(super) last: RequestCounts,
    /// Replayed iterations that were others than was recorded.
    pub(super) misfits: u64,
    /// Whether it stands for shapes up to a largest one, as it was used last.
    pub(super) is_at_most: bool,
    pub(super) growth: Growth,
    /// What the iteration that is planned asks for, in bytes, and what the last recording did that
    /// was planned; `None` if the plan is from elsewhere.
    pub(super) planned_for: u64,
    recorded_bytes: Option<u64>,
    /// Iterations in a row in which threads asked for much that take no part.
    helped: u64,
    /// Iterations in which helpers missed much of a plan that came from elsewhere, and so does not
    /// learn.
    unlearnt: u64,
    /// Of the first recording and the last one.
    pub(super) first_recording: Option<RecordedBytes>,
    pub(super) recording: RecordedBytes,
    pub(super) plain: PlainCounts,
    pub(super) plain_cause: Option<ReplayError>,
    /// When it was last used, on the session's clock.
    last_used: u64,
    /// How often memory for its region was given up.
    pub(super) given_up: u64,
    /// The number of refusals for lack of memory since there was a plan.
    refusals: u32,
    /// The capacity of the event log for the next recording.
    pub(super) events: usize,
    /// Of the last plans.
    pub(super) sizes: PlanSizes,
}

pub(super) enum Stage<'a, A> {
    /// The next iteration is to be recorded.
    New,
    Planned(Box<Planned<'a, A>>),
    Refused(Refusal),
}

pub(super) struct Planned<'a, A> {
    pub(super) replay: Replay<'a, A>,
    /// The bytes of the plan without its facts.
    pub(super) plan: u64,
    pub(super) facts: PlanFacts,
    /// Iterations since its team last learnt something.
    pub(super) quiet: u64,
    /// Why its region could not be opened, and for how long that is not tried again.
    pub(super) wait: Option<Refusal>,
    /// Whether its region was ever open.
    pub(super) was_open: bool,
    /// Whether memory for its region was given up since it last ran.
    pub(super) is_lost: bool,
}

/// How a plan waits whose region could not be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    /// From the next iteration on: this one was recorded.
    AsRecorded,
    /// From this iteration on, which runs plainly.
    AsPlain,
    /// It does not.
    None,
}

/// What is to be done about the misses of an iteration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Remedy {
    None,
    /// The plan learns from them.
    Learn,
    /// The next iteration is recorded.
    Record,
}

/// Why there is no plan, and for how long.
pub(super) struct Refusal {
    pub(super) error: ReplayError,
    /// Iterations until the next try; `None` if another one would fail as well.
    pub(super) left: Option<u64>,
}

impl<'a, A> KeyState<'a, A> {
    pub(super) fn new(key: String, events: usize) -> Self {
        Self {
            key,
            stage: Stage::New,
            recorded: 0,
            tries: 0,
            learnt: 0,
            replayed: 0,
            counts: RequestCounts::default(),
            last: RequestCounts::default(),
            misfits: 0,
            is_at_most: false,
            growth: Growth::default(),
            planned_for: 0,
            recorded_bytes: None,
            helped: 0,
            unlearnt: 0,
            first_recording: None,
            recording: RecordedBytes::default(),
            plain: PlainCounts::default(),
            plain_cause: None,
            last_used: 0,
            given_up: 0,
            refusals: 0,
            events,
            sizes: PlanSizes::default(),
        }
    }

    /// The key is used, at a time on the session's clock, for one shape or for all up to a largest.
    pub(super) fn begin(&mut self, clock: u64, is_at_most: bool) {
        self.last_used = clock;
        self.is_at_most = is_at_most;
    }

    /// Whether another recording would be the last one.
    pub(super) fn is_last_try(&self) -> bool {
        !self.is_growing() && self.tries + 1 >= RECORDINGS
    }

    /// Whether its iterations may be of smaller shapes than is planned.
    pub(super) fn is_at_most(&self) -> bool {
        self.is_at_most
    }

    /// Whether the next iteration is recorded although there is a plan, which may be too small.
    pub(super) fn is_growing(&self) -> bool {
        let has_plan = matches!(self.stage, Stage::Planned(_));
        self.is_at_most && has_plan && self.growth.is_due()
    }

    /// The recording for which the plan may be too small is made, or cannot be made now; returns
    /// why it was due.
    pub(super) fn end_growth(&mut self) -> Verdict {
        self.growth.end()
    }

    /// Whether much of the last iteration found its bytes in use.
    pub(super) fn was_occupied(&self) -> bool {
        let bytes = self.last.bytes;
        bytes.misses.occupied > bytes.hits / MUCH_OCCUPIED
    }

    /// What the iteration that is planned asks for, in bytes.
    pub(super) fn planned_for(&self) -> u64 {
        self.planned_for
    }

    /// Counts an iteration that was recorded.
    pub(super) fn add_recorded(&mut self) {
        self.recorded += 1;
        self.tries += 1;
        self.learnt = 0;
    }

    /// Remembers what a recording had.
    pub(super) fn add_recording(&mut self, bytes: RecordedBytes) {
        self.recording = bytes;
        self.recorded_bytes = Some(self.recording.planned());
        self.first_recording.get_or_insert(self.recording);
    }

    /// Enters the stage that follows a recording.
    pub(super) fn enter(&mut self, planned: Result<Planned<'a, A>, ReplayError>) {
        match planned {
            Ok(planned) => {
                self.sizes = planned.facts.sizes;
                let asked = || planned.replay.asked_bytes();
                self.planned_for = self.recorded_bytes.unwrap_or_else(asked);
                self.stage = Stage::Planned(Box::new(planned));
            }
            Err(error) => {
                if error.is_passing() {
                    // It was not the recording's fault.
                    self.tries = self.tries.saturating_sub(1);
                }
                let refusal = self.refusal(error);
                self.stage = Stage::Refused(refusal);
            }
        }
    }

    /// What a key holds.
    pub(super) fn holding(&self) -> Holding {
        let Stage::Planned(planned) = &self.stage else {
            return Holding::default();
        };
        Holding {
            last_used: self.last_used,
            region: planned.replay.region().bytes() as u64,
            plan: planned.plan + planned.facts.bytes(),
        }
    }

    /// The recording and the plans, if there are any and they are kept.
    pub(super) fn planned_recording(&self) -> Option<&PlannedRecording> {
        match &self.stage {
            Stage::Planned(planned) => planned.facts.source.as_ref(),
            Stage::New | Stage::Refused(_) => None,
        }
    }

    /// Takes a plan that was made elsewhere, if the key has none; returns whether it did.
    pub(super) fn take(&mut self, plan: Planned<'a, A>) -> bool {
        let has_none = matches!(self.stage, Stage::New | Stage::Refused(_));
        if has_none {
            self.recorded_bytes = None;
            self.unlearnt = 0;
            self.enter(Ok(plan));
        }
        has_none
    }

    /// The bytes by which the plan is above its lower bound.
    pub(super) fn gap(&self) -> u64 {
        let sizes = match &self.stage {
            Stage::Planned(planned) => planned.facts.sizes,
            Stage::New | Stage::Refused(_) => PlanSizes::default(),
        };
        sizes.planned.saturating_sub(sizes.lower_bound)
    }

    /// Whether there may be a better plan.
    pub(super) fn is_improvable(&self) -> bool {
        match &self.stage {
            Stage::Planned(planned) => planned.facts.unfinished.is_some(),
            Stage::New | Stage::Refused(_) => false,
        }
    }

    /// A better plan was found.
    pub(super) fn add_improved(&mut self) {
        if let Stage::Planned(planned) = &self.stage {
            self.sizes = planned.facts.sizes;
        }
    }

    /// Gives up the plan. The next iteration of the key is recorded.
    pub(super) fn give_up_plan(&mut self) {
        self.lose_region();
        self.stage = Stage::New;
        (self.tries, self.learnt) = (0, 0);
        self.growth.forget();
    }

    /// Notes that the memory for its region was given up.
    pub(super) fn lose_region(&mut self) {
        if let Stage::Planned(planned) = &mut self.stage {
            let is_loss = planned.was_open && !planned.is_lost;
            self.given_up += u64::from(is_loss);
            planned.is_lost = planned.was_open;
        }
    }

    /// Waits before the next try to record, if this one failed for lack of memory.
    pub(super) fn add_unrecorded(&mut self, error: &ReplayError) {
        if error.is_passing() {
            self.stage = Stage::Refused(self.wait_after(error));
        }
    }

    /// Says why the region of the plan is not to be opened yet.
    pub(super) fn take_turn(&mut self) -> Result<(), ReplayError> {
        let Stage::Planned(planned) = &mut self.stage else {
            return Ok(());
        };
        let refused = planned.wait.as_mut().and_then(Refusal::take_turn);
        refused.map_or(Ok(()), Err)
    }

    /// The region of the plan is open.
    pub(super) fn add_opened(&mut self) {
        self.refusals = 0;
        if let Stage::Planned(planned) = &mut self.stage {
            (planned.wait, planned.was_open, planned.is_lost) = (None, true, false);
        }
    }

    /// Notes that the region of the plan could not be opened, and how long the plan waits before
    /// the next try, if it does. A plan for which no try can succeed goes.
    pub(super) fn add_unopened(&mut self, error: &ReplayError, wait: Wait) {
        if !error.is_passing() {
            self.stage = match wait {
                Wait::AsRecorded => Stage::Refused(self.refusal(error.clone())),
                Wait::AsPlain | Wait::None => Stage::New,
            };
            return;
        }
        let refusal = match wait {
            Wait::AsRecorded => Some(self.refusal(error.clone())),
            Wait::AsPlain => Some(self.wait_after(error)),
            Wait::None => None,
        };
        if let Stage::Planned(planned) = &mut self.stage {
            planned.wait = refusal;
        }
    }

    /// A refusal after an iteration that was recorded: for lack of memory, each is longer than the
    /// one before.
    fn refusal(&mut self, error: ReplayError) -> Refusal {
        let left = error.is_passing().then(|| {
            let left = 1 << self.refusals;
            self.refusals = (self.refusals + 1).min(MAX_PATIENCE);
            left
        });
        Refusal { error, left }
    }

    /// A refusal for lack of memory, in an iteration that runs plainly: each is longer than the one
    /// before.
    fn wait_after(&mut self, error: &ReplayError) -> Refusal {
        let left = (1 << self.refusals) - 1;
        self.refusals = (self.refusals + 1).min(MAX_PATIENCE);
        Refusal {
            error: error.clone(),
            left: Some(left),
        }
    }

    /// Counts an iteration that ran plainly.
    pub(super) fn add_plain(&mut self, cause: ReplayError) {
        self.plain.count(&cause);
        self.plain_cause = Some(cause);
    }

    /// Adds the counts of a replayed iteration; says what is to be done about its misses.
    pub(super) fn add_replayed(&mut self, counts: RequestCounts, may_have_helpers: bool) -> Remedy {
        self.replayed += 1;
        self.counts += counts;
        self.last = counts;
        let (most, share) = MAX_OUTLIVING;
        let known = counts.requests() - counts.small;
        let filled_caches =
            counts.outliving > most && counts.outliving as f64 > share * known as f64;
        let is_other = counts.byte_hit_rate() < MIN_HIT_RATE;
        let unknown = counts.bytes.misses.unmatched as f64;
        let was_unlike = unknown > MOST_UNKNOWN * counts.bytes.hits as f64;
        let asked = counts.bytes.hits + counts.bytes.misses.total();
        let is_larger = self.is_at_most && is_other && asked > self.planned_for;
        let is_to_learn = !is_larger && self.is_to_learn(&counts);
        if is_to_learn && !(was_unlike && self.tries <= 1) {
            self.growth.add_replayed(Verdict::Fits);
            return Remedy::Learn;
        }
        // They came late, or took part in another iteration when this one was recorded.
        let others = counts.other_threads.bytes;
        let is_helped = may_have_helpers && is_much(others, counts.all_bytes());
        self.helped = if is_helped { self.helped + 1 } else { 0 };
        let has_new_helpers = self.helped >= NEW_HELPERS;
        // A small shape that is not served costs little.
        let missed = counts.bytes.misses.total();
        let is_small = self.is_at_most && missed < self.planned_for / 100;
        self.misfits += u64::from(is_other && !is_larger && !is_small);
        let first_was_unlike = self.tries <= 1 && (was_unlike || filled_caches || has_new_helpers);
        let first_was_unlike = first_was_unlike || self.cannot_learn(&counts);
        if self.is_at_most {
            let is_other = is_other && (is_larger || self.tries < RECORDINGS);
            let verdict = Verdict::of(asked, self.planned_for, is_other, first_was_unlike);
            self.growth.add_replayed(verdict);
            return Remedy::None;
        }
        let again = first_was_unlike || (is_other && self.tries < RECORDINGS);
        if again { Remedy::Record } else { Remedy::None }
    }

    /// Whether the plan is to learn from the misses of its helpers.
    fn is_to_learn(&mut self, counts: &RequestCounts) -> bool {
        let Stage::Planned(planned) = &mut self.stage else {
            return false;
        };
        planned.quiet += 1;
        if self.learnt >= MOST_LEARNT || planned.quiet > MOST_QUIET {
            planned.facts.team = None;
        }
        if planned.facts.team.is_none() {
            return false;
        }
        let is_time = planned.quiet > ITERATIONS_WITH_FEW_MISSES;
        planned.replay.has_conflicts() && (are_many_misses(counts) || is_time)
    }

    /// Whether there is much to learn from the misses of helpers for a plan that came from
    /// elsewhere: it has no lifetimes, so the next iteration is recorded.
    fn cannot_learn(&mut self, counts: &RequestCounts) -> bool {
        let Stage::Planned(planned) = &mut self.stage else {
            return false;
        };
        if self.recorded_bytes.is_some() || !planned.replay.has_conflicts() {
            return false;
        }
        // What was dropped of the log happens again.
        planned.replay.take_conflicts();
        self.unlearnt += u64::from(are_many_misses(counts));
        self.unlearnt >= MOST_UNLEARNT
    }

    /// Back to the start, but for the counts.
    pub(super) fn forget(&mut self) {
        self.stage = Stage::New;
        (self.tries, self.learnt, self.refusals) = (0, 0, 0);
        self.growth.forget();
    }
}

/// Whether misses take bytes from so large a part that the plan is to learn at once.
fn are_many_misses(counts: &RequestCounts) -> bool {
    counts.bytes.misses.total() > counts.bytes.hits / MANY_MISSES
}

/// Whether a part is large enough to be worth advice: more than 5 %.
pub(super) fn is_much(part: u64, all: u64) -> bool {
    part > all / 20
}

impl Refusal {
    /// Why this iteration is not to be recorded; `None` if it is time for another recording.
    pub(super) fn take_turn(&mut self) -> Option<ReplayError> {
        match &mut self.left {
            Some(0) => return None,
            Some(left) => *left -= 1,
            None => {}
        }
        Some(self.error.clone())
    }
}
