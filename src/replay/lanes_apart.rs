//! Lanes apart: a plan in which what different threads ask for shares no bytes.
//!
//! Whatever way threads run side by side, each does its own part in its own order. So its requests
//! are planned alone, by their lifetimes, and those of several threads come one after the other in
//! the region. Tasks, and requests of which a thread may take those of another one since they are
//! alike, have [pools](super::task_pools) that last for the whole iteration.
//!
//! ```text
//! offset │ pools of tasks, and of what several helpers ask for
//!        ├───────────────────────────────────────────────────
//!        │ helper 2          ├─ c ─┤
//!        ├───────────────────────────────────────────────────
//!        │ helper 1   ├─ a ──┤├─ b ─┤
//!        └─────────────────────────────────────────────► step
//! ```
//!
//! Invariant: rows of different lanes share no bytes.

#![forbid(unsafe_code)]

use alloc::{
    collections::{BTreeMap, BTreeSet},
    format,
};

use super::{planning::planning_time, task_pools::TaskRequest, team_rows::Row};
use orionrt_plan::{
    lifetimes::Lifetimes,
    multi_model::{ModelSet, Schedule},
    plan::Plan,
    planner::Planner,
};

/// Plans each of these lanes by its rows' lifetimes, and all of them into one region; the plan has
/// the rows in this order. `None` if there is no plan.
pub(super) fn plan_apart(planner: &Planner, lanes: &[&[Row]]) -> Option<Plan> {
    let rows = lanes.iter().map(|rows| rows.len()).sum();
    // Each lane is searched alone, and then all of them together.
    let limit = planning_time(rows) / (lanes.len() as u32 + 1);
    let planner = planner.clone().time_limit_if_unset(limit);
    let mut set = ModelSet::new();
    for (number, rows) in lanes.iter().enumerate() {
        let lifetimes = Lifetimes::from_rows(rows.iter().cloned()).ok()?;
        set.add(format!("lane {number}"), lifetimes).ok()?;
    }
    let shared = set.plan(&Schedule::AnyTogether, &planner).ok()?;
    Some(shared.plan().clone())
}

/// Makes tasks of the requests that are like one of another helper: which of them takes which is
/// not known.
pub(super) fn pool_what_is_alike(requests: &mut [TaskRequest]) {
    let shape = |of: &TaskRequest| (of.request.size, of.request.alignment);
    let mut lanes: BTreeMap<(usize, usize), BTreeSet<u32>> = BTreeMap::new();
    for of in requests.iter().filter(|of| of.lane > 0) {
        lanes.entry(shape(of)).or_default().insert(of.lane);
    }
    for of in requests.iter_mut().filter(|of| of.lane > 0) {
        of.is_of_task |= lanes.get(&shape(of)).is_some_and(|lanes| lanes.len() > 1);
    }
}
