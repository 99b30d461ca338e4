//! The heap profile of a recording: the bytes that each call allocated.
//!
//! Stands on `column`, `strings` and the calls of a recording. The figures of a call are its own,
//! without those of calls within it, so that the sum over all calls is that of all blocks.
//! Invariant: the bytes alive at the peak add up to the load of the map.

#![forbid(unsafe_code)]

use orionrt::Lifetimes;
use serde::Serialize;

use super::{
    column::{Column, Columns, TooLarge, exact},
    strings::Strings,
};
use crate::{
    format,
    input::{Call, Calls},
};

/// In the header of a document.
#[derive(Debug, Serialize)]
pub(super) struct HeapProfileJson {
    /// The number of the map that shows the same blocks.
    map: usize,
    /// The first step with the most bytes alive.
    peak_step: i64,
    /// 0, or one more than the number of the call that it is within.
    parent: Column,
    name: Column,
    at_peak: Column,
    at_end: Column,
    allocated: Column,
    allocations: Column,
}

/// The calls that allocated the tensors of a map, in its part of the header.
#[derive(Debug, Serialize)]
pub(super) struct CallsJson {
    /// The number of the heap profile.
    profile: usize,
    /// The number of each tensor's innermost call.
    of: Column,
}

/// What a call allocated itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Figures {
    at_peak: u64,
    at_end: u64,
    allocated: u64,
    allocations: u64,
}

/// Puts the calls of a map into a document, unless they allocated more than a page can hold.
pub(super) fn heap_profile(
    map: usize,
    calls: &Calls,
    lifetimes: &Lifetimes,
    columns: &mut Columns,
    strings: &mut Strings,
) -> Result<Option<HeapProfileJson>, TooLarge> {
    if !is_shown(lifetimes) {
        return Ok(None);
    }
    let peak_step = peak_step(lifetimes);
    let figures = figures(calls, lifetimes, peak_step);
    let parent = |call: &Call| call.parent.map_or(0, |parent| 1 + parent.index() as u64);
    let all = calls.calls();
    let names = all.iter().map(|call| strings.number(calls.name(call)));
    let names: Vec<u32> = names.collect();
    let mut column = |of: fn(&Figures) -> u64| columns.add(figures.iter().map(of));
    Ok(Some(HeapProfileJson {
        map,
        peak_step,
        at_peak: column(|own| own.at_peak)?,
        at_end: column(|own| own.at_end)?,
        allocated: column(|own| own.allocated)?,
        allocations: column(|own| own.allocations)?,
        parent: columns.add(all.iter().map(parent))?,
        name: columns.add(names)?,
    }))
}

/// Puts the call of each tensor into a document; `profile` is the number of their heap profile.
pub(super) fn calls_of_tensors(
    profile: usize,
    calls: &Calls,
    columns: &mut Columns,
) -> Result<CallsJson, TooLarge> {
    let of = calls.of_blocks.iter().map(|call| call.index() as u64);
    Ok(CallsJson {
        profile,
        of: columns.add(of)?,
    })
}

/// What is left out of a profile, if anything is.
pub(crate) fn note(calls: &Calls, lifetimes: &Lifetimes) -> Option<String> {
    if !is_shown(lifetimes) {
        return Some(
            "call stacks are left out: more bytes were allocated than a page holds".into(),
        );
    }
    let blocks = format::count(calls.cut as u64, "allocation");
    let cut =
        format!("call stacks: {blocks} counted at an outer call, as there are too many calls");
    (calls.cut > 0).then_some(cut)
}

/// Whether the bytes of all blocks are a number that a page can hold.
fn is_shown(lifetimes: &Lifetimes) -> bool {
    let sizes = lifetimes.rows().iter().map(|row| u128::from(row.size));
    let sum = u64::try_from(sizes.sum::<u128>());
    sum.is_ok_and(|sum| exact(sum).is_ok())
}

/// The first step with the most bytes alive.
fn peak_step(lifetimes: &Lifetimes) -> i64 {
    let mut most = (0, 0);
    for (section, load) in lifetimes.load_profile() {
        if load > most.1 {
            most = (section.start, load);
        }
    }
    most.0
}

fn figures(calls: &Calls, lifetimes: &Lifetimes, peak_step: i64) -> Vec<Figures> {
    let mut figures = vec![Figures::default(); calls.calls().len()];
    for (call, row) in calls.of_blocks.iter().zip(lifetimes.rows()) {
        let at = |step: i64| match (row.lower..row.upper).contains(&step) {
            true => row.size,
            false => 0,
        };
        let own = &mut figures[call.index()];
        own.at_peak += at(peak_step);
        own.at_end += at(calls.last_step);
        own.allocated += row.size;
        own.allocations += 1;
    }
    figures
}
