//! Pools of blocks for tasks: as many blocks as threads can need at a time, for as long as tasks
//! that ask for them may run.
//!
//! The requests of tasks that are alike, in one section of an iteration, share a [`Pool`]. A
//! *section* lies between two events of requests that belong to no task: there, the thread that
//! hands out tasks waits for them or, at least, asks for nothing.
//!
//! ```text
//! other requests   ●                                  ●        ● = an event
//! tasks recorded      ├─ a ─┤ ├─ a ─┤   ├─ a ─┤
//!                        ├─ a ─┤ ├─ a ─┤
//! pool             ├─ block ──────────────────────────┤
//!                  ├─ block ──────────────────────────┤
//! ```
//!
//! Invariant: the lifetime of a pool covers those of its requests, and each of them has a block of
//! it.

#![forbid(unsafe_code)]

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

use super::trace::Request;

/// A request that may belong to a task.
#[derive(Clone, Copy, Debug)]
pub(super) struct TaskRequest {
    pub(super) request: Request,
    /// Whose request it was: 0 is the thread that ran the iteration.
    pub(super) lane: u32,
    pub(super) is_of_task: bool,
    /// Whether it was not recorded, but added later.
    pub(super) is_added: bool,
    /// The blocks that its pool has been found to lack.
    pub(super) more: u32,
}

/// Blocks for requests that are alike.
#[derive(Debug)]
pub(super) struct Pool {
    /// Positions of requests.
    pub(super) members: Vec<usize>,
    pub(super) blocks: usize,
    pub(super) lower: u64,
    pub(super) upper: u64,
}

impl TaskRequest {
    fn is_pooled(&self) -> bool {
        self.is_of_task && self.request.is_planned()
    }

    fn events(&self) -> impl Iterator<Item = u64> {
        [Some(self.request.lower), self.request.upper]
            .into_iter()
            .flatten()
    }
}

/// The pools of all requests of tasks.
pub(super) fn pools(requests: &[TaskRequest]) -> Vec<Pool> {
    let others = requests.iter().filter(|request| !request.is_pooled());
    let mut bounds: Vec<u64> = others.flat_map(TaskRequest::events).collect();
    bounds.sort_unstable();
    let end = requests.iter().flat_map(TaskRequest::events).max();
    let end = end.map_or(0, |last| last + 1);
    let section = |request: &Request| {
        let upper = request.upper.unwrap_or(end);
        let before = bounds.partition_point(|&step| step <= request.lower);
        let from = before.checked_sub(1).map_or(0, |i| bounds[i]);
        let behind = bounds.partition_point(|&step| step < upper);
        (from, bounds.get(behind).copied().unwrap_or(end))
    };
    let mut members: BTreeMap<_, Vec<usize>> = BTreeMap::new();
    let pooled = requests.iter().enumerate().filter(|(_, of)| of.is_pooled());
    for (position, TaskRequest { request, .. }) in pooled {
        let key = (section(request), request.size, request.alignment);
        members.entry(key).or_default().push(position);
    }
    let at_work = members.values().map(|members| threads(requests, members));
    let at_work = at_work.max().unwrap_or(0);
    let pools = members.into_iter();
    let pools = pools.map(|(((lower, upper), ..), members)| Pool {
        blocks: blocks(requests, &members, at_work),
        members,
        lower,
        upper,
    });
    pools.collect()
}

/// The number of threads that made these requests.
fn threads(requests: &[TaskRequest], members: &[usize]) -> usize {
    let lanes = members.iter().map(|&member| requests[member].lane);
    lanes.collect::<BTreeSet<u32>>().len()
}

/// How many blocks these requests may need at a time, if each of so many threads has as many as one
/// of them had at most; and what was found to be lacking.
fn blocks(requests: &[TaskRequest], members: &[usize], threads: usize) -> usize {
    let of = |member: &usize| &requests[*member];
    let mut events: Vec<(u64, u32, bool)> = members
        .iter()
        .map(of)
        .filter(|of| !of.is_added)
        .flat_map(|of| {
            // It is planned, so it has an end.
            let upper = of.request.upper.unwrap_or(of.request.lower);
            [(of.request.lower, of.lane, true), (upper, of.lane, false)]
        })
        .collect();
    events.sort_unstable();
    let mut live: BTreeMap<u32, usize> = BTreeMap::new();
    let mut most = 0;
    for (_, lane, begins) in events {
        let live = live.entry(lane).or_default();
        *live = if begins { *live + 1 } else { *live - 1 };
        most = most.max(*live);
    }
    let more = members.iter().map(|member| of(member).more).max();
    let more = more.unwrap_or(0);
    // Each member can have one of them.
    (most * threads + more as usize).min(members.len())
}
