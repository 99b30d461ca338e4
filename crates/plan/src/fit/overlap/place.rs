//! Bytes for a copy that is there longer than before.
//!
//! Stands on the planner. Invariant: a copy gets bytes that no other copy has at one of its steps,
//! within the capacity, at a multiple of every alignment that its tensors may need.

use alloc::{format, vec::Vec};
use core::ops::Range;

use super::super::schedule::{CopyId, FitSchedule, Form, Memory};
use crate::graph::Graph;
use crate::lifetimes::{Lifetime, Lifetimes};
use crate::planner::{Planner, align_up, first_gap};

/// An alignment that is enough for each tensor of a graph, and for a planner.
pub(super) fn alignment(graph: &Graph, planner: &Planner) -> u64 {
    let all = graph.tensors().map(|(_, of)| of.layout().align() as u64);
    let row = [("all", Lifetime::new(0, 1, 1))];
    let prepared = Lifetimes::from_named(row).ok();
    let prepared = prepared.and_then(|rows| planner.prepared(&rows).ok());
    let own = prepared.and_then(|rows| rows.iter().next().map(|(_, _, row)| row.alignment));
    all.chain(own).max().unwrap_or(1)
}

/// The load of the fast memory at each step.
pub(super) fn loads(schedule: &FitSchedule, graph: &Graph) -> Vec<u64> {
    let steps = schedule.steps.len();
    let mut changes = alloc::vec![0i64; steps + 1];
    for copy in &schedule.copies {
        if copy.memory == Memory::Fast && !copy.steps.is_empty() {
            let size = copy.bytes(graph) as i64;
            changes[copy.steps.start.min(steps)] += size;
            changes[copy.steps.end.min(steps)] -= size;
        }
    }
    let loads = changes[..steps].iter().scan(0, |load, change| {
        *load += change;
        Some(*load as u64)
    });
    loads.collect()
}

/// Gives a copy bytes of its own beside the others: those that it has, if they are, or else the
/// lowest. Returns whether there are such bytes.
pub(super) fn fits_beside(
    schedule: &mut FitSchedule,
    graph: &Graph,
    id: CopyId,
    capacity: u64,
    alignment: u64,
) -> bool {
    let copy = &schedule.copies[id.index()];
    let (size, steps) = (copy.bytes(graph), copy.steps.clone());
    let others = schedule.copies.iter().enumerate();
    let others = others.filter(|&(at, other)| {
        let meets = other.steps.start < steps.end && steps.start < other.steps.end;
        at != id.index() && meets && other.memory == copy.memory && !other.steps.is_empty()
    });
    let taken = others.map(|(_, other)| other.offset..other.offset + other.bytes(graph));
    let mut taken: Vec<Range<u64>> = taken.filter(|bytes| !bytes.is_empty()).collect();
    taken.sort_unstable_by_key(|bytes| bytes.start);
    let own = copy.offset..copy.offset + size;
    let is_free = |bytes: &Range<u64>| bytes.end <= own.start || own.end <= bytes.start;
    if size == 0 || taken.iter().all(is_free) {
        return true;
    }
    let offset = first_gap(&taken, align_up(0, alignment), size, alignment);
    let fits = offset.checked_add(size).is_some_and(|end| end <= capacity);
    if fits {
        schedule.copies[id.index()].offset = offset;
    }
    fits
}

/// Gives all copies in the fast memory new offsets by a planner that visits so many nodes. Returns
/// whether there are some within the capacity.
pub(super) fn place_anew(
    schedule: &mut FitSchedule,
    graph: &Graph,
    planner: &Planner,
    (capacity, alignment, nodes): (u64, u64, u64),
) -> bool {
    let fast = schedule.copies.iter().enumerate();
    let fast: Vec<usize> = fast
        .filter(|(_, copy)| copy.memory == Memory::Fast)
        .map(|(at, _)| at)
        .collect();
    let rows = fast.iter().map(|&at| {
        let copy = &schedule.copies[at];
        let [lower, upper] = [copy.steps.start, copy.steps.end].map(|step| step as i64);
        let alignment = match copy.form() {
            Form::Compressed => 1,
            Form::Plain => alignment,
        };
        let row = Lifetime::new(lower, upper.max(lower), copy.bytes(graph));
        (format!("{at}"), row.with_alignment(alignment))
    });
    let Ok(lifetimes) = Lifetimes::from_named(rows) else {
        return false;
    };
    let planner = planner.clone().nodes(nodes).capacity(capacity);
    let Ok(plan) = planner.plan(&lifetimes) else {
        return false;
    };
    for (&at, &offset) in fast.iter().zip(plan.offsets()) {
        schedule.copies[at].offset = offset;
    }
    true
}
