//! The fetches for which operators wait.
//!
//! Stands on `clock`. From each operator that waits, the steps that cause it are followed back as
//! long as they are transfers: what delays a fetch delays the operator. Invariant: a fetch that is
//! in no such chain could be faster without changing the time of the schedule.

use alloc::{vec, vec::Vec};

use super::{
    super::schedule::{CopyId, FitAction, FitSchedule},
    clock::{Clock, NONE},
    seconds::Unit,
};

/// The copies that these fetches make, in order of the schedule.
pub(super) fn blamed(schedule: &FitSchedule, units: &[Unit], clock: &Clock) -> Vec<CopyId> {
    let mut is_blamed = vec![false; units.len()];
    let mut free_from = 0.0;
    for (at, &unit) in units.iter().enumerate() {
        if unit == Unit::Operators {
            if clock.starts[at] > free_from {
                follow(clock.causes[at], units, clock, &mut is_blamed);
            }
            free_from = clock.ends[at];
        }
    }
    if clock.seconds > free_from {
        let last = clock.ends.iter().position(|&end| end == clock.seconds);
        follow(last.unwrap_or(NONE), units, clock, &mut is_blamed);
    }
    let steps = schedule.steps.iter().zip(is_blamed);
    let fetches = steps.filter(|(step, is)| *is && matches!(step.action, FitAction::Fetch(_)));
    fetches
        .flat_map(|(step, _)| &step.writes)
        .copied()
        .collect()
}

fn follow(mut at: usize, units: &[Unit], clock: &Clock, is_blamed: &mut [bool]) {
    while at != NONE && units[at] != Unit::Operators && !is_blamed[at] {
        is_blamed[at] = true;
        at = clock.causes[at];
    }
}
