//! A buffer assignment as lifetimes.
//!
//! Stands on the files above it. Invariant: each value in the allocations that are planned is a
//! row, in the order of the file; a value that shares bytes lies within the largest of those that
//! it shares them with.

#![forbid(unsafe_code)]

use std::collections::HashMap;

use orionrt::{Lifetimes, Plan};

use super::{
    assignment::{ASSIGNMENT, Assignment, Purpose, RANGES, Value, read},
    error::XlaError,
    facts::XlaFacts,
    lifetimes::lifetimes,
    shared::{Placed, buffers},
};
use crate::{args::SourceArgs, failure::Failure};

/// The alignment of values, unless the user gives one: that of XLA on processors.
pub(crate) const ALIGNMENT: u64 = 64;

/// Whether a file that begins with these bytes is a buffer assignment, or its live ranges.
pub(crate) fn looks_like_xla(head: &[u8]) -> bool {
    head.starts_with(ASSIGNMENT.as_bytes()) || head.starts_with(RANGES.as_bytes())
}

/// Loads a buffer assignment.
pub(crate) fn load(args: &SourceArgs, bytes: &[u8]) -> Result<(Lifetimes, XlaFacts), Failure> {
    parse(&String::from_utf8_lossy(bytes)).map_err(|error| Failure::file(&args.input, error))
}

pub(super) fn parse(text: &str) -> Result<(Lifetimes, XlaFacts), XlaError> {
    let assignment = read(text)?;
    if !assignment.has_assignment {
        return Err(XlaError::NoAssignment);
    }
    if !assignment.has_ranges {
        return Err(XlaError::NoRanges);
    }
    let mut facts = facts(&assignment);
    let is_planned = |value: &&Value| {
        let allocation = &assignment.allocations[value.allocation];
        allocation.purpose == Purpose::Temporary && allocation.color == facts.color
    };
    let values: Vec<&Value> = assignment.values.iter().filter(is_planned).collect();
    if values.is_empty() {
        return Err(XlaError::Empty);
    }
    let placed: Vec<Placed> = values
        .iter()
        .map(|value| place(&assignment, value))
        .collect();
    let has_range = |value: &&&Value| assignment.ranges.contains_key(value.name);
    facts.values = values.len();
    facts.without_range = values.len() - values.iter().filter(has_range).count();
    let buffers = buffers(&placed);
    facts.within = values.len() - buffers.len();
    let names = values.iter().map(|value| value.name);
    let lifetimes = lifetimes(names, &placed, &buffers)?;
    let offsets = offsets(&assignment, &values);
    let placed = offsets.and_then(|offsets| Plan::new(lifetimes.clone(), offsets).ok());
    facts.is_valid = placed.is_some();
    facts.offsets = placed.map_or(Vec::new(), |plan| plan.offsets().to_vec());
    Ok((lifetimes, facts))
}

/// The bytes of all allocations, by what they are for. The colour is that of the temporary values
/// with the most bytes, the first of several.
fn facts(assignment: &Assignment) -> XlaFacts {
    let mut by_color: HashMap<u64, u64> = HashMap::new();
    let temporary = assignment.allocations.iter();
    for one in temporary.filter(|one| one.purpose == Purpose::Temporary) {
        let bytes = by_color.entry(one.color).or_default();
        *bytes = bytes.saturating_add(one.size);
    }
    let color = by_color.into_iter();
    let color = color.max_by_key(|&(color, bytes)| (bytes, std::cmp::Reverse(color)));
    let mut facts = XlaFacts {
        color: color.map_or(0, |(color, _)| color),
        ..XlaFacts::default()
    };
    for one in &assignment.allocations {
        let bytes = match one.purpose {
            Purpose::Temporary if one.color == facts.color => {
                facts.allocations += 1;
                &mut facts.temporary_bytes
            }
            Purpose::Parameter => &mut facts.parameter_bytes,
            Purpose::Output => &mut facts.output_bytes,
            Purpose::Constant => &mut facts.constant_bytes,
            Purpose::ThreadLocal => &mut facts.thread_local_bytes,
            Purpose::Temporary | Purpose::Other => &mut facts.other_bytes,
        };
        *bytes = bytes.saturating_add(one.size);
    }
    facts
}

/// A value with its live range, or with all steps.
fn place(assignment: &Assignment, value: &Value) -> Placed {
    let range = assignment.ranges.get(value.name).copied();
    Placed {
        range: range.unwrap_or((0, assignment.last)),
        size: value.size,
        place: (value.allocation, value.offset),
        is_phi: value.is_phi,
    }
}

/// XLA's offsets, with one allocation after the other; `None` if they exceed all numbers.
fn offsets(assignment: &Assignment, values: &[&Value]) -> Option<Vec<u64>> {
    let mut bases: HashMap<usize, u64> = HashMap::new();
    let mut end: u64 = 0;
    for value in values {
        if let std::collections::hash_map::Entry::Vacant(base) = bases.entry(value.allocation) {
            base.insert(end);
            end = end.checked_add(assignment.allocations[value.allocation].size)?;
        }
    }
    let offset = |value: &&Value| bases.get(&value.allocation)?.checked_add(value.offset);
    values.iter().map(offset).collect()
}
