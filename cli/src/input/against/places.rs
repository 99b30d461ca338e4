//! The tensors of a plan beside those of its model: all of them, of the right size, alive for as
//! long, at the place where they lie.
//!
//! Stands on the library. Tensors are matched by name. Invariant: nothing that the plan's file says
//! of lifetimes decides; it must cover what the model says.

use std::{
    collections::{HashMap, HashSet},
    ops::Range,
};

use orionrt::{Lifetimes, Plan, TensorId};

/// The plan's offset of each tensor of the model. A tensor within another one must lie there in the
/// plan, too; only a plan that `may_lack_views`, as CSV does, need not have it.
pub(super) fn offsets(
    plan: &Plan,
    lifetimes: &Lifetimes,
    may_lack_views: bool,
) -> Result<Vec<u64>, String> {
    check_all_known(plan, lifetimes)?;
    let rows = plan.lifetimes().iter();
    let planned: HashMap<&str, TensorId> = rows.map(|(id, name, _)| (name, id)).collect();
    let find = |name: &str| planned.get(name).copied();
    let mut offsets = vec![0; lifetimes.len()];
    for (id, name, row) in lifetimes.iter() {
        if row.within.is_some() {
            continue;
        }
        match find(name) {
            Some(planned) => {
                check_row(plan, planned, lifetimes, id)?;
                offsets[id.index()] = plan.offsets()[planned.index()];
            }
            // Nothing lies anywhere.
            None if !row.has_bytes() => {}
            None => return Err(lacks(name, row.size)),
        }
    }
    for (id, name, row) in lifetimes.iter() {
        let Some(within) = row.within else { continue };
        let expected = offsets[within.root.index()] + within.offset;
        offsets[id.index()] = expected;
        let Some(planned) = find(name) else {
            if may_lack_views {
                continue;
            }
            return Err(lacks(name, row.size));
        };
        check_row(plan, planned, lifetimes, id)?;
        let offset = plan.offsets()[planned.index()];
        if offset != expected {
            let root = lifetimes.name(within.root).unwrap_or_default();
            return Err(format!(
                "tensor '{name}' is at offset {offset}; expected {expected}, since it lies within \
                 '{root}' in the model"
            ));
        }
    }
    Ok(offsets)
}

fn lacks(name: &str, size: u64) -> String {
    format!("tensor '{name}' of the model has no place in the plan; expected one of {size} bytes")
}

/// Checks that the model has every tensor of the plan.
fn check_all_known(plan: &Plan, lifetimes: &Lifetimes) -> Result<(), String> {
    let known: HashSet<&str> = lifetimes.iter().map(|(_, name, _)| name).collect();
    let mut rows = plan.lifetimes().iter();
    match rows.find(|(_, name, _)| !known.contains(name)) {
        None => Ok(()),
        Some((_, name, row)) => Err(format!(
            "tensor '{name}' of {} bytes is not in the model; expected the model's tensors alone",
            row.size
        )),
    }
}

/// Checks size, root and lifetime of a tensor of the plan.
fn check_row(
    plan: &Plan,
    planned: TensorId,
    lifetimes: &Lifetimes,
    id: TensorId,
) -> Result<(), String> {
    let rows = plan.lifetimes().rows();
    let (stated, row) = (&rows[planned.index()], &lifetimes.rows()[id.index()]);
    let name = lifetimes.name(id).unwrap_or_default();
    if stated.size != row.size {
        return Err(format!(
            "tensor '{name}' has {} bytes in the plan; expected the {} of the model",
            stated.size, row.size
        ));
    }
    if let Some(within) = stated.within {
        let root = plan.lifetimes().name(within.root).unwrap_or_default();
        let of_model = row.within.and_then(|within| lifetimes.name(within.root));
        if of_model != Some(root) {
            let expected = match of_model {
                Some(root) => format!("it within '{root}'"),
                None => "it to have bytes of its own".into(),
            };
            return Err(format!(
                "tensor '{name}' lies within '{root}' in the plan; expected {expected}, as the \
                 model allows"
            ));
        }
    }
    let stated: Vec<Range<i64>> = plan.lifetimes().live_ranges(planned).collect();
    let mut needed = lifetimes.live_ranges(id).filter(|range| !range.is_empty());
    match needed.find(|range| !covers(&stated, range)) {
        None => Ok(()),
        Some(needed) => Err(format!(
            "tensor '{name}' is alive in steps {} in the plan; expected {}..{}, as the order of \
             the operators needs it",
            text(&stated),
            needed.start,
            needed.end
        )),
    }
}

/// Whether ranges, in order, have every step of another one.
fn covers(ranges: &[Range<i64>], needed: &Range<i64>) -> bool {
    let mut from = needed.start;
    for range in ranges.iter().filter(|range| !range.is_empty()) {
        if range.start <= from && from < range.end {
            from = range.end;
        }
    }
    from >= needed.end
}

fn text(ranges: &[Range<i64>]) -> String {
    let each = ranges.iter().map(|r| format!("{}..{}", r.start, r.end));
    each.collect::<Vec<_>>().join(" and ")
}
