//! Bytes for a copy that is there longer than before.
//!
//! Stands on `wholes` and the planner. Operands that are joined to a result stay where the result
//! has them. Invariant: a copy gets bytes that no other copy has at one of its steps, but for the
//! step that joins it to a result, within the capacity, at a multiple of every alignment that its
//! tensors may need.

use alloc::{format, string::String, vec::Vec};
use core::ops::Range;

use super::{
    super::{
        rows_within::put_within,
        schedule::{CopyId, FitSchedule, Form, Memory},
    },
    wholes::Wholes,
};
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
pub(super) fn loads(schedule: &FitSchedule, graph: &Graph, wholes: &Wholes) -> Vec<u64> {
    let steps = schedule.steps.len();
    let mut changes = alloc::vec![0i64; steps + 1];
    for (copy, id) in schedule.copies.iter().zip((0..).map(CopyId::new)) {
        if copy.memory == Memory::Fast && !copy.steps.is_empty() {
            let size = copy.bytes(graph) as i64;
            // In its last step, the bytes of a part are those of the result.
            let end = copy.steps.end - usize::from(wholes.is_part(id));
            changes[copy.steps.start.min(steps)] += size;
            changes[end.min(steps)] -= size;
        }
    }
    let loads = changes[..steps].iter().scan(0, |load, change| {
        *load += change;
        Some(*load as u64)
    });
    loads.collect()
}

/// Gives a copy bytes of its own beside the others: those that it has, if they are, or else the
/// lowest, unless it is a part of another copy. Returns whether there are such bytes.
pub(super) fn fits_beside(
    schedule: &mut FitSchedule,
    graph: &Graph,
    wholes: &Wholes,
    id: CopyId,
    (capacity, alignment): (u64, u64),
) -> bool {
    let copy = &schedule.copies[id.index()];
    let (size, steps) = (copy.bytes(graph), copy.steps.clone());
    let (whole, _) = wholes.place(id.index());
    let others = schedule.copies.iter().enumerate();
    let others = others.filter(|&(at, other)| {
        let meets = other.steps.start < steps.end && steps.start < other.steps.end;
        // The parts of a whole are apart from each other, and end where the whole begins.
        let is_apart = wholes.place(at).0 != whole;
        is_apart && meets && other.memory == copy.memory && !other.steps.is_empty()
    });
    let taken = others.map(|(_, other)| other.offset..other.offset + other.bytes(graph));
    let mut taken: Vec<Range<u64>> = taken.filter(|bytes| !bytes.is_empty()).collect();
    taken.sort_unstable_by_key(|bytes| bytes.start);
    let own = copy.offset..copy.offset + size;
    let is_free = |bytes: &Range<u64>| bytes.end <= own.start || own.end <= bytes.start;
    if size == 0 || taken.iter().all(is_free) {
        return true;
    }
    if wholes.is_part(id) {
        return false;
    }
    let offset = first_gap(&taken, align_up(0, alignment), size, alignment);
    let fits = offset.checked_add(size).is_some_and(|end| end <= capacity);
    if fits {
        schedule.copies[id.index()].offset = offset;
    }
    fits
}

/// Gives all copies in the fast memory new offsets by a planner that visits so many nodes; parts
/// move with their wholes. Returns whether there are some within the capacity.
pub(super) fn place_anew(
    schedule: &mut FitSchedule,
    graph: &Graph,
    wholes: &Wholes,
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
            // A part is aligned as its whole is, where it was before.
            Form::Plain if wholes.place(at).0 != at => 1,
            Form::Plain => alignment,
        };
        let row = Lifetime::new(lower, upper.max(lower), copy.bytes(graph));
        (format!("{at}"), row.with_alignment(alignment))
    });
    let mut rows: Vec<(String, Lifetime)> = rows.collect();
    let places = fast.iter().filter_map(|&at| {
        let (whole, start) = wholes.place(at);
        Some((fast.binary_search(&whole).ok()?, start))
    });
    let needs = put_within(&mut rows, places);
    let Ok(lifetimes) = Lifetimes::from_named(rows) else {
        return false;
    };
    let lifetimes = lifetimes.with_needs_of_parts(needs);
    let planner = planner.clone().nodes(nodes).capacity(capacity);
    let Ok(plan) = planner.plan(&lifetimes) else {
        return false;
    };
    for (&at, &offset) in fast.iter().zip(plan.offsets()) {
        schedule.copies[at].offset = offset;
    }
    true
}
