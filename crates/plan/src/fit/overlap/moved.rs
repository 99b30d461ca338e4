//! A fetch at an earlier step of its schedule.
//!
//! Stands on the schedule. The steps that it passes come one later, and each copy keeps its bytes
//! at those steps at which it had them. Invariant: the schedule computes what it did before, if the
//! fetched copy has bytes of its own from its new step on.

use alloc::vec;

use super::super::schedule::{CopyId, FitAction, FitSchedule};

/// The steps of a fetch: where it is, and the earliest step at which what it reads is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fetch {
    pub(super) step: usize,
    pub(super) earliest: usize,
}

/// The fetch that makes a copy; `None` if the copy had its bytes before.
pub(super) fn fetch_of(schedule: &FitSchedule, copy: CopyId) -> Option<Fetch> {
    let step = schedule.copy(copy)?.steps.start;
    let what = schedule.steps.get(step)?;
    let is_it = matches!(what.action, FitAction::Fetch(_)) && what.writes.contains(&copy);
    if !is_it || schedule.inputs.contains(&Some(copy)) {
        return None;
    }
    let source = what.reads.first();
    let earlier = schedule.steps[..step].iter();
    let is_source = |written: &CopyId| Some(written) == source;
    let made = earlier.enumerate().rev();
    let made = made
        .map(|(at, step)| (at, &step.writes))
        .find(|(_, writes)| writes.iter().any(is_source));
    let earliest = match (source, made) {
        (None, _) => 0,
        (Some(_), Some((at, _))) => at + 1,
        (Some(_), None) => return None,
    };
    Some(Fetch { step, earliest })
}

/// The schedule with a fetch at step `to` in place of `from`, which is later.
pub(super) fn with_fetch_at(schedule: &FitSchedule, from: usize, to: usize) -> FitSchedule {
    let mut moved = schedule.clone();
    moved.steps[to..=from].rotate_right(1);
    let mut is_input = vec![false; schedule.copies.len()];
    for input in schedule.inputs.iter().flatten() {
        is_input[input.index()] = true;
    }
    for (copy, is_input) in moved.copies.iter_mut().zip(is_input) {
        if is_input {
            // The caller fills it before the first step, wherever the fetch is.
        } else if (to..from).contains(&copy.steps.start) {
            copy.steps.start += 1;
        } else if copy.steps.start == from {
            copy.steps.start = from + 1;
        }
        if to < copy.steps.end && copy.steps.end <= from {
            copy.steps.end += 1;
        }
    }
    let fetch = moved.steps[to].clone();
    for copy in &fetch.writes {
        moved.copies[copy.index()].steps.start = to;
    }
    // Nothing needs the bytes in the slow memory any more after their last use.
    for copy in &fetch.reads {
        if moved.copies[copy.index()].steps.end == from + 1 {
            let steps = moved.steps[..=from].iter();
            let is_used = |step: &super::super::schedule::FitStep| {
                step.reads.contains(copy) || step.writes.contains(copy)
            };
            let last = steps.enumerate().rev().find(|(_, step)| is_used(step));
            moved.copies[copy.index()].steps.end = last.map_or(to, |(at, _)| at) + 1;
        }
    }
    moved
}
