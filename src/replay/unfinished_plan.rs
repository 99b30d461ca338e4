//! A plan above its lower bound, kept so that the search for a better one can go on.
//!
//! Invariant: it has the lifetimes of the plan that it was made from, 40 bytes each, and the
//! offsets of the best one found so far.

#![forbid(unsafe_code)]

use alloc::{boxed::Box, format};
use std::time::Duration;

use super::{region_map::RegionMap, replay_plan::map_of};
use orionrt_plan::lifetimes::Lifetimes;
use orionrt_plan::plan::Plan;
use orionrt_plan::planner::Planner;

#[derive(Clone, Debug)]
pub(super) struct UnfinishedPlan {
    rows: Box<[PlacedRow]>,
    /// The rows that have the blocks, in order of their numbers; all of them in order if `None`.
    of_blocks: Option<Box<[u32]>>,
    /// The number of searches: each makes other random choices.
    searches: u64,
}

#[derive(Clone, Copy, Debug)]
struct PlacedRow {
    lower: i64,
    upper: i64,
    size: u64,
    alignment: u64,
    offset: u64,
}

/// What a search found: a plan that is no worse, and the map of its blocks.
pub(super) struct ImprovedPlan {
    pub(super) plan: Plan,
    pub(super) map: RegionMap,
}

impl UnfinishedPlan {
    /// What is needed to go on; `None` if there is nothing to gain.
    pub(super) fn of(plan: &Plan, of_blocks: Option<&[u32]>) -> Option<Self> {
        let placed = plan.lifetimes().rows().iter().zip(plan.offsets());
        let rows = placed.map(|(row, &offset)| PlacedRow {
            lower: row.lower,
            upper: row.upper,
            size: row.size,
            alignment: row.alignment,
            offset,
        });
        (!plan.is_optimal()).then(|| Self {
            rows: rows.collect(),
            of_blocks: of_blocks.map(Box::from),
            searches: 0,
        })
    }

    /// The number of lifetimes.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// What it takes in memory, in bytes.
    pub(super) fn bytes(&self) -> usize {
        let of_blocks = self.of_blocks.as_deref().unwrap_or_default();
        size_of_val(&*self.rows) + size_of_val(of_blocks)
    }

    /// Searches on for so long, from the best plan so far. The lifetimes have the names of the
    /// original plan, if that is known.
    pub(super) fn search(
        &mut self,
        planner: &Planner,
        limit: Duration,
        original: Option<&Plan>,
    ) -> Option<ImprovedPlan> {
        let best = self.best(original)?;
        self.searches += 1;
        // The time is the only limit.
        let planner = planner.clone().nodes(u64::MAX).time_limit(limit);
        let planner = planner.seed(self.searches).start_from(&best);
        let plan = planner.plan(best.lifetimes()).ok()?;
        let map = map_of(&plan, self.of_blocks.as_deref())?;
        for (row, &offset) in self.rows.iter_mut().zip(plan.offsets()) {
            row.offset = offset;
        }
        Some(ImprovedPlan { plan, map })
    }

    /// The best plan so far.
    fn best(&self, original: Option<&Plan>) -> Option<Plan> {
        let lifetimes = match original {
            Some(plan) => plan.lifetimes().clone(),
            None => {
                let rows = self.rows.iter().enumerate().map(|(number, row)| {
                    let name = format!("r{number}");
                    (name, row.lower, row.upper, row.size, row.alignment)
                });
                Lifetimes::from_rows(rows).ok()?
            }
        };
        let offsets = self.rows.iter().map(|row| row.offset).collect();
        Plan::new(lifetimes, offsets).ok()
    }
}
