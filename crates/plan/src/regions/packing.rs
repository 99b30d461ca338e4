//! Tensors in their regions, each with an offset.
//!
//! Stands on the planner, which plans each region for itself. Invariant: tensors that have a region
//! share no byte with those of the region that they conflict with, and end at or below the limit.

use alloc::{vec, vec::Vec};
use core::ops::Range;

use crate::ids::TensorId;
use crate::lifetimes::Lifetimes;
use crate::plan::Plan;
use crate::planner::{Budget, Planner, PlannerError, align_up, first_gap};

/// Nodes of the search for the plan of a region.
const NODES: u64 = 50_000;
/// Pairs that are asked whether they conflict between two checks of the budget.
const PAIRS: usize = 1 << 12;

/// The regions of some tensors. Rows that are spoken of have bytes of their own.
#[derive(Clone, Debug)]
pub(crate) struct Packing<'l> {
    lifetimes: &'l Lifetimes,
    limit: u64,
    /// The rows of each region.
    members: Vec<Vec<usize>>,
    /// The offset of each row, where it has a region.
    offsets: Vec<u64>,
}

impl<'l> Packing<'l> {
    /// No regions.
    pub(crate) fn new(lifetimes: &'l Lifetimes, limit: u64) -> Self {
        Self {
            lifetimes,
            limit,
            members: Vec::new(),
            offsets: vec![0; lifetimes.len()],
        }
    }

    /// How many regions there are.
    pub(super) fn count(&self) -> usize {
        self.members.len()
    }

    /// Plans a new region for these rows, within a budget. Those that find no room in it are
    /// returned.
    pub(crate) fn plan_region(
        &mut self,
        rows: &[usize],
        planner: &Planner,
        budget: &Budget,
    ) -> Vec<usize> {
        let planner = planner.for_questions().capacity(self.limit);
        let Some(offsets) = self.planned(rows, &planner, budget) else {
            return rows.to_vec();
        };
        self.add_region(rows, &offsets)
    }

    /// A new region with those of these rows that end within the limit at these offsets, which are
    /// a plan. The others are returned.
    pub(super) fn add_region(&mut self, rows: &[usize], offsets: &[u64]) -> Vec<usize> {
        let (mut members, mut left) = (Vec::new(), Vec::new());
        for (&row, &offset) in rows.iter().zip(offsets) {
            if offset.saturating_add(self.size(row)) <= self.limit {
                self.offsets[row] = offset;
                members.push(row);
            } else {
                left.push(row);
            }
        }
        if !members.is_empty() {
            self.members.push(members);
        }
        left
    }

    /// Puts each of these rows into the first region in which it finds room around the others, or
    /// into a new one, those with most bytes first. When the budget is over, the rest is stacked in
    /// new regions, in O(n).
    pub(super) fn insert(&mut self, mut rows: Vec<usize>, budget: &Budget) {
        rows.sort_by_key(|&row| (core::cmp::Reverse(self.size(row)), row));
        let mut asked = 0;
        for (at, &row) in rows.iter().enumerate() {
            if asked >= PAIRS {
                if budget.is_over() {
                    self.stack(&rows[at..]);
                    return;
                }
                asked = 0;
            }
            let mut regions = 0..self.members.len();
            let found = regions.find_map(|region| {
                asked += self.members[region].len();
                Some((region, self.room(region, row)?))
            });
            let (region, offset) = found.unwrap_or_else(|| {
                self.members.push(Vec::new());
                (self.members.len() - 1, 0)
            });
            self.offsets[row] = offset;
            self.members[region].push(row);
        }
    }

    /// Puts these rows one above the other into new regions.
    fn stack(&mut self, rows: &[usize]) {
        let mut end = None;
        for &row in rows {
            let alignment = self.lifetimes.rows()[row].alignment;
            let above = end.map(|end| align_up(end, alignment));
            let above = above.filter(|above| above.saturating_add(self.size(row)) <= self.limit);
            if above.is_none() {
                self.members.push(Vec::new());
            }
            let offset = above.unwrap_or(0);
            self.offsets[row] = offset;
            end = Some(offset.saturating_add(self.size(row)));
            if let Some(members) = self.members.last_mut() {
                members.push(row);
            }
        }
    }

    /// Puts a row into the first region if there is room around the others; returns whether there
    /// is.
    pub(crate) fn insert_into_first(&mut self, row: usize) -> bool {
        if self.members.is_empty() {
            self.members.push(Vec::new());
        }
        let room = self.room(0, row);
        if let Some(offset) = room {
            self.offsets[row] = offset;
            self.members[0].push(row);
        }
        room.is_some()
    }

    /// The rows of the first region, and the offsets of all rows.
    pub(crate) fn first(&self) -> (&[usize], &[u64]) {
        let members = self.members.first();
        (members.map_or(&[], Vec::as_slice), &self.offsets)
    }

    /// The lowest offset at which a row has room in a region.
    fn room(&self, region: usize, row: usize) -> Option<u64> {
        let id = TensorId::from_index(row);
        let beside = self.members[region].iter();
        let beside =
            beside.filter(|&&other| self.lifetimes.conflict(id, TensorId::from_index(other)));
        let taken =
            beside.map(|&other| self.offsets[other]..self.offsets[other] + self.size(other));
        let mut taken: Vec<Range<u64>> = taken.collect();
        taken.sort_unstable_by_key(|bytes| bytes.start);
        let alignment = self.lifetimes.rows()[row].alignment;
        let offset = first_gap(&taken, 0, self.size(row), alignment);
        let end = offset.checked_add(self.size(row))?;
        (end <= self.limit).then_some(offset)
    }

    /// Plans each region again, so that it becomes as small as possible, until the budget is over.
    pub(super) fn tighten(&mut self, planner: &Planner, budget: &Budget) {
        let planner = planner.for_questions();
        for region in 0..self.members.len() {
            if budget.is_over() {
                return;
            }
            let rows = core::mem::take(&mut self.members[region]);
            if let Some(offsets) = self.planned(&rows, &planner, budget) {
                let end = |(&row, offset): (&usize, u64)| offset.saturating_add(self.size(row));
                let before = rows
                    .iter()
                    .map(|row| (row, self.offsets[*row]))
                    .map(end)
                    .max();
                let after = rows.iter().zip(offsets.iter().copied()).map(end).max();
                if after < before {
                    for (&row, &offset) in rows.iter().zip(&offsets) {
                        self.offsets[row] = offset;
                    }
                }
            }
            self.members[region] = rows;
        }
    }

    /// The offsets of the best plan of these rows in one region, which may be above the limit.
    fn planned(&self, rows: &[usize], planner: &Planner, budget: &Budget) -> Option<Vec<u64>> {
        let best = |planned: Result<Plan, PlannerError>| match planned {
            Ok(plan) => Some(plan),
            Err(PlannerError::Capacity { best, .. }) => Some(*best),
            Err(_) => None,
        };
        if self.lifetimes.steps_tell_conflicts() {
            let some = self.lifetimes.subset(rows);
            let plan = best(planner.plan_within(&some, budget, NODES))?;
            return Some(plan.offsets().to_vec());
        }
        let mut is_here = vec![false; self.lifetimes.len()];
        rows.iter().for_each(|&row| is_here[row] = true);
        let only = self.lifetimes.only(|row| is_here[row]);
        let plan = best(planner.plan_within(&only, budget, NODES))?;
        Some(rows.iter().map(|&row| plan.offsets()[row]).collect())
    }

    fn size(&self, row: usize) -> u64 {
        self.lifetimes.rows()[row].size
    }

    /// The region and the offset of every tensor: those of its root for one that lies within
    /// another, and 0 for one without bytes.
    pub(super) fn places(&self) -> (Vec<u32>, Vec<u64>) {
        let mut regions = vec![0u32; self.lifetimes.len()];
        let mut offsets = vec![0u64; self.lifetimes.len()];
        for (region, members) in (0..).zip(&self.members) {
            for &row in members {
                (regions[row], offsets[row]) = (region, self.offsets[row]);
            }
        }
        for (index, row) in self.lifetimes.rows().iter().enumerate() {
            if let Some(within) = row.within {
                let root = within.root.index();
                regions[index] = regions[root];
                offsets[index] = offsets[root] + within.offset;
            }
        }
        (regions, offsets)
    }

    /// The rows of the regions from a number on.
    pub(super) fn beyond(&self, regions: usize) -> Vec<usize> {
        let beyond = self.members.iter().skip(regions);
        beyond.flatten().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_stacked_in_new_regions_within_the_limit() {
        let rows = (0..5).map(|i| (alloc::format!("{i}"), i, i + 1, 30, 8));
        let lifetimes = Lifetimes::from_rows(rows).unwrap();
        let mut packing = Packing::new(&lifetimes, 94);
        packing.stack(&[0, 1, 2, 3, 4]);
        assert_eq!(
            packing.places(),
            (vec![0, 0, 0, 1, 1], vec![0, 32, 64, 0, 32])
        );
    }
}
