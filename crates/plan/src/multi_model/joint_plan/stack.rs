//! The models' own plans, each as one rigid block, put on each other.
//!
//! Stands on plans and on the planner's search for low stacks. Invariant: a stack is a plan of the
//! joint lifetimes, and without fixed offsets there always is one.

use alloc::vec::Vec;

use crate::lifetimes::{ConcurrencyRelation, Lifetimes};
use crate::plan::Plan;
use crate::planner::Planner;

/// The lower of two stacks: the best one found, and that of all plans one after the other. `None`
/// if fixed tensors do not let the plans move.
pub(super) fn stacked(
    joint: &Lifetimes,
    isolated: &[Plan],
    together: &ConcurrencyRelation,
    planner: &Planner,
) -> Option<Plan> {
    let one_by_one = one_after_the_other(isolated)?;
    let blocks: Vec<(u64, u64)> = isolated.iter().map(|p| (p.peak(), p.alignment())).collect();
    let found = planner.stack(&blocks, |a, b| together.contains(a, b));
    let height = |bases: &[u64]| {
        let tops = bases.iter().zip(&blocks);
        tops.map(|(base, (peak, _))| base + peak).max().unwrap_or(0)
    };
    let bases = match height(&found) <= height(&one_by_one) {
        true => found,
        false => one_by_one,
    };
    let moved = |(plan, base): (&Plan, u64)| -> Vec<u64> {
        let rows = plan.lifetimes().rows();
        let moved = rows.iter().zip(plan.offsets()).map(|(row, offset)| {
            let root = row.within.map_or(row, |within| &rows[within.root.index()]);
            // What never needs bytes stays: the alignment of the plan leaves it out.
            match root.has_bytes() {
                true => offset + base,
                false => *offset,
            }
        });
        moved.collect()
    };
    let offsets = isolated.iter().zip(bases).flat_map(moved).collect();
    let plan = Plan::new(joint.clone(), offsets).ok()?;
    Some(plan.with_strategy("stacked"))
}

/// The base of each model's region if the regions come one after the other; `None` if that ends at
/// 2⁶³ bytes or above.
pub(super) fn one_after_the_other(isolated: &[Plan]) -> Option<Vec<u64>> {
    let mut end = 0u64;
    let base = |plan: &Plan| {
        let base = end.checked_next_multiple_of(plan.alignment())?;
        end = base.checked_add(plan.peak())?;
        i64::try_from(end).ok().map(|_| base)
    };
    isolated.iter().map(base).collect()
}
