//! What PyTorch's allocator had, beside the plan, for people.
//!
//! Stands on the facts about a memory snapshot. Invariant: the device is named, and that there are
//! others.

#![forbid(unsafe_code)]

use orionrt::Plan;

use crate::{
    format::{self, Lines},
    input::{OutOfMemory, SnapshotFacts},
};

/// The lines about a snapshot.
pub(super) fn lines(lines: Lines, facts: &SnapshotFacts, plan: &Plan) -> Lines {
    let lines = lines
        .line("snapshot", device(facts))
        .line("PyTorch", compared(facts, plan));
    match facts.out_of_memory.last() {
        Some(last) => lines.line("out of memory", refused(last, facts.out_of_memory.len())),
        None => lines,
    }
}

/// The notes about a snapshot on a page. `is_drawn`: whether it shows what was reserved. `others`
/// are the places in the facts of the devices that it shows besides.
pub(super) fn notes(
    facts: &SnapshotFacts,
    plan: &Plan,
    is_drawn: bool,
    others: &[usize],
) -> Vec<String> {
    let mut notes = vec![device(facts)];
    if !is_drawn {
        notes.push(format!("PyTorch's allocator: {}", compared(facts, plan)));
    }
    notes.extend(not_drawn(facts, others));
    if let Some(last) = facts.out_of_memory.last() {
        let refused = refused(last, facts.out_of_memory.len());
        notes.push(format!("out of memory: {refused}"));
    }
    notes
}

/// The most devices that a note names.
const MOST_NAMED: usize = 64;

/// The devices with blocks that have no map.
fn not_drawn(facts: &SnapshotFacts, others: &[usize]) -> Option<String> {
    let others = others.iter();
    let drawn: Vec<u64> = others.map(|&index| facts.others[index].device).collect();
    let left = facts.with_blocks.iter();
    let left: Vec<u64> = left
        .copied()
        .filter(|number| !drawn.contains(number))
        .collect();
    let more = match left.len().saturating_sub(MOST_NAMED) {
        0 => String::new(),
        more => format!(" and {} more", format::thousands(more as u64)),
    };
    let named: Vec<String> = left.iter().take(MOST_NAMED).map(u64::to_string).collect();
    (!left.is_empty()).then(|| format!("not drawn: device {}{more}", named.join(", ")))
}

/// Which device is planned, and how much of its history is known.
fn device(facts: &SnapshotFacts) -> String {
    let others = match &facts.devices[..] {
        [_] => String::new(),
        all => format!(" of {} (--device chooses)", all.len()),
    };
    let events = format::count(facts.events as u64, "event");
    let [before, after] = [facts.alive_before, facts.alive_after].map(number);
    let blocks = match facts.alive_before {
        1 => "block",
        _ => "blocks",
    };
    format!(
        "device {}{others}: {events}; {before} {blocks} alive before the first, {after} after the \
         last",
        facts.device
    )
}

/// How many there are: `no`, `1`, `2`.
fn number(count: usize) -> String {
    match count {
        0 => "no".into(),
        count => format::thousands(count as u64),
    }
}

/// `reserved 93.0 GiB, live at most 77.1 GiB, planned 77.1 GiB`
fn compared(facts: &SnapshotFacts, plan: &Plan) -> String {
    let all = [facts.reserved_peak, facts.live_peak, plan.peak()];
    let [reserved, live, planned] = all.map(format::short_bytes);
    format!("reserved {reserved}, live at most {live}, planned {planned}")
}

/// The last request that the device had no memory for, of so many.
fn refused(last: &OutOfMemory, count: usize) -> String {
    let all = [last.requested, last.device_free, last.reserved, last.live];
    let [requested, free, reserved, live] = all.map(format::short_bytes);
    let which = match count {
        1 => String::new(),
        count => format!(" (the last of {})", format::thousands(count as u64)),
    };
    format!(
        "asked for {requested} with {free} free on the device, at step {}{which}; reserved \
         {reserved}, live {live}",
        last.step
    )
}
