//! Changes to schedules of `Planner::fit`, most of which break them: what the check has to refuse,
//! unless the schedule still computes what it should.
//!
//! A change is a kind and two numbers that say where, taken modulo how many steps or copies there
//! are. Shares no code with the check and knows none of its rules.

use orionrt_plan::fit::{CopyId, FitAction, FitSchedule, Memory};

/// How many kinds of changes there are.
pub const KINDS: u8 = 13;

/// Takes a step out.
pub fn remove(schedule: &mut FitSchedule, step: usize) {
    schedule.steps.remove(step);
    for copy in &mut schedule.copies {
        let moved = |at: usize| at - usize::from(at > step);
        copy.steps = moved(copy.steps.start)..moved(copy.steps.end);
    }
}

/// Repeats a step.
fn repeat(schedule: &mut FitSchedule, step: usize) {
    let what = schedule.steps[step].clone();
    schedule.steps.insert(step, what);
    for copy in &mut schedule.copies {
        let moved = |at: usize| at + usize::from(at > step);
        copy.steps = moved(copy.steps.start)..moved(copy.steps.end);
    }
}

/// The action of a step, as one that goes the other way, or that is like it.
fn other_action(action: FitAction) -> FitAction {
    match action {
        FitAction::Run(op) => FitAction::Rerun(op),
        FitAction::Rerun(op) => FitAction::Run(op),
        FitAction::Spill(tensor) => FitAction::Compress(tensor),
        FitAction::Compress(tensor) => FitAction::Spill(tensor),
        FitAction::Fetch(tensor) => FitAction::Expand(tensor),
        FitAction::Expand(tensor) => FitAction::Fetch(tensor),
        other => other,
    }
}

/// Breaks something, or not.
pub fn change(schedule: &mut FitSchedule, kind: u8, a: usize, b: usize) {
    let (steps, copies) = (schedule.steps.len(), schedule.copies.len());
    if steps == 0 || copies == 0 {
        return;
    }
    let (step, other) = (a % steps, CopyId::new((b % copies) as u32));
    let offset = schedule.copies[b % copies].offset;
    let copy = &mut schedule.copies[a % copies];
    match kind % KINDS {
        0 => remove(schedule, step),
        1 => schedule.steps.swap(step, b % steps),
        2 => copy.offset = offset,
        3 => copy.steps.start += b % 3,
        4 => copy.steps.end = copy.steps.end.saturating_sub(1),
        5 => {
            if let Some(read) = schedule.steps[step].reads.last_mut() {
                *read = other;
            }
        }
        6 => {
            if let Some(write) = schedule.steps[step].writes.last_mut() {
                *write = other;
            }
        }
        7 => copy.steps = 0..steps,
        8 => repeat(schedule, step),
        9 => schedule.steps[step].action = other_action(schedule.steps[step].action),
        10 => {
            copy.compressed = match copy.compressed {
                Some(bytes) if b % 3 > 0 => Some((bytes + b as u64 % 3).saturating_sub(2)),
                Some(_) => None,
                None => Some(1 + b as u64 % 8),
            };
        }
        11 => {
            copy.memory = match copy.memory {
                Memory::Fast => Memory::Slow,
                Memory::Slow => Memory::Fast,
            };
        }
        _ => copy.offset = (copy.offset + b as u64 % 5).saturating_sub(2),
    }
}
