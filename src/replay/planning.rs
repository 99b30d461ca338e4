//! From an event log to plans, with bounded memory and time.
//!
//! Stands on traces and the planner. Invariant: nothing is read or planned without memory that
//! suffices by experience, since running out of it on the way would end the process.

#![forbid(unsafe_code)]

use std::time::Duration;

use super::{
    error::ReplayError,
    trace::{EventLog, OverflowPolicy, Recording, thread_number},
};
use orionrt_plan::{lifetimes::Lifetimes, plan::Plan, planner::Planner};
use orionrt_sys::mapping::{MapError, Mapping};

/// The shortest event log that is tried if there is no memory for a longer one.
const MIN_EVENTS: usize = 1 << 12;
/// The address space that reading and planning a log may take for each event, about, and beside
/// that.
const BYTES_PER_EVENT: usize = 384;
const BYTES_TO_PLAN: usize = 1 << 20;

/// A log with room for so many events, or for half as many as often as there is no memory; returns
/// the number, too.
pub(super) fn event_log(events: usize) -> Result<(EventLog, usize), MapError> {
    let mut events = events;
    loop {
        match EventLog::new(events, OverflowPolicy::Oldest) {
            Ok(log) => return Ok((log, events)),
            Err(error) if events <= MIN_EVENTS => return Err(error),
            Err(_) => events /= 2,
        }
    }
}

/// Fails if there seems to be too little memory to read and plan a log of so many events; an
/// allocation and its release are two.
pub(super) fn ensure_memory_to_plan(events: usize) -> Result<(), MapError> {
    let bytes = events * BYTES_PER_EVENT + BYTES_TO_PLAN;
    let trial = Mapping::reserve(bytes, 1)?;
    trial.commit(0..bytes)
}

/// The recording that this thread's iteration left in a log.
pub(super) fn recording_of(log: &EventLog) -> Recording {
    let (events, lost) = log.read();
    Recording::new(thread_number(), events, lost)
}

/// The time to search for the plan of so many requests, where the planner has no limit of its own:
/// 10 ms, and enough for one pass over many requests, of which each takes some microseconds.
pub(super) fn planning_time(requests: usize) -> Duration {
    const QUICKLY_PLANNED: usize = 2048;
    let more = requests.saturating_sub(QUICKLY_PLANNED);
    Duration::from_millis(10) + Duration::from_micros(5 * more as u64)
}

/// Plans lifetimes, in a time that depends on their number, unless the planner has a limit.
pub(super) fn plan_quickly(planner: &Planner, lifetimes: &Lifetimes) -> Result<Plan, ReplayError> {
    let planner = planner.clone();
    let planner = planner.time_limit_if_unset(planning_time(lifetimes.len()));
    Ok(planner.plan(lifetimes)?)
}
