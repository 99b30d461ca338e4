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
//! A pool that turned out to be short gets more blocks, and where it has as many as requests, its
//! last request a second time: each block needs one that can have it.
//!
//! Invariant: the lifetime of a pool covers those of its requests, and each of them has a block of
//! it.

#![forbid(unsafe_code)]

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

use super::{tasks::events, trace::Request};

/// A request that may belong to a task.
#[derive(Clone, Copy, Debug)]
pub(super) struct TaskRequest {
    /// As it was recorded.
    pub(super) request: Request,
    /// The step until which it has been found to live, if that is later.
    pub(super) until: u64,
    /// Whose request it was: 0 is the thread that ran the iteration.
    pub(super) lane: u32,
    /// The blocks that its pool has been found to lack.
    pub(super) more: u16,
    pub(super) is_of_task: bool,
}

/// Blocks for requests that are alike.
#[derive(Debug)]
pub(super) struct Pool {
    /// Positions of requests, in order.
    pub(super) members: Vec<usize>,
    pub(super) blocks: usize,
    pub(super) lower: u64,
    pub(super) upper: u64,
}

impl TaskRequest {
    /// The end of its lifetime; `None` if it outlives the iteration.
    pub(super) fn upper(&self) -> Option<u64> {
        self.request.upper.map(|upper| upper.max(self.until))
    }

    fn is_pooled(&self) -> bool {
        self.is_of_task && self.request.is_planned()
    }

    fn events(&self) -> impl Iterator<Item = u64> {
        [Some(self.request.lower), self.upper()]
            .into_iter()
            .flatten()
    }
}

/// Where a pool begins and ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sections {
    /// With a section, as it was recorded.
    Recorded,
    /// With the iteration, for whatever section its tasks are done in.
    One,
}

/// The pools of all requests of tasks.
pub(super) fn pools(requests: &[TaskRequest], sections: Sections) -> Vec<Pool> {
    let others = requests.iter().filter(|request| !request.is_pooled());
    let mut bounds: Vec<u64> = match sections {
        Sections::Recorded => others.flat_map(TaskRequest::events).collect(),
        Sections::One => Vec::new(),
    };
    bounds.sort_unstable();
    let end = requests.iter().flat_map(TaskRequest::events).max();
    let end = end.map_or(0, |last| last + 1);
    let section = |of: &TaskRequest| {
        let upper = of.upper().unwrap_or(end);
        let before = bounds.partition_point(|&step| step <= of.request.lower);
        let from = before.checked_sub(1).map_or(0, |i| bounds[i]);
        let behind = bounds.partition_point(|&step| step < upper);
        (from, bounds.get(behind).copied().unwrap_or(end))
    };
    let mut members: BTreeMap<_, Vec<usize>> = BTreeMap::new();
    let pooled = requests.iter().enumerate().filter(|(_, of)| of.is_pooled());
    for (position, of) in pooled {
        let key = (section(of), of.request.size, of.request.alignment);
        members.entry(key).or_default().push(position);
    }
    let at_work = match sections {
        Sections::Recorded => {
            let of_pools = members
                .values()
                .map(|of| threads(of.iter().map(|&i| &requests[i])));
            of_pools.max().unwrap_or(0)
        }
        Sections::One => threads(requests.iter().filter(|of| of.lane > 0)),
    };
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
fn threads<'r>(requests: impl Iterator<Item = &'r TaskRequest>) -> usize {
    let lanes = requests.map(|of| of.lane);
    lanes.collect::<BTreeSet<u32>>().len()
}

/// How many blocks these requests may need at a time, if each of so many threads has as many as one
/// of them had at most when they were recorded; and what was found to be lacking.
fn blocks(requests: &[TaskRequest], members: &[usize], threads: usize) -> usize {
    let of = |&member: &usize| &requests[member];
    // One that was added has the first step of the one before, and was alive in no iteration.
    let is_added = |a: &usize, b: &usize| of(a).request.lower == of(b).request.lower;
    let recorded = members.chunk_by(is_added).map(|alike| of(&alike[0]));
    let mut live: BTreeMap<u32, usize> = BTreeMap::new();
    let mut most = 0;
    for event in events(recorded.map(|of| (of.lane, &of.request))) {
        let live = live.entry(event.lane).or_default();
        *live = if event.is_begin { *live + 1 } else { *live - 1 };
        most = most.max(*live);
    }
    let more = members.iter().map(|member| of(member).more).max();
    let more = more.unwrap_or(0);
    // Each member can have one of them.
    (most * threads + more as usize).min(members.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Requests whose first and last recorded steps all differ, in order. A few outlive the
    /// iteration, some live longer than was recorded, a few are there twice, and the pools of some
    /// were found to be short.
    fn requests() -> impl Strategy<Value = Vec<TaskRequest>> {
        let request = (0u32..4, 0usize..3, any::<bool>(), 0u8..32, 0u64..120);
        let request = (request, any::<[u16; 2]>());
        prop::collection::vec(request, 0..60).prop_map(|drawn| {
            let events = drawn.iter().enumerate();
            let events = events.flat_map(|(i, of)| of.1.map(|time| (time, i)));
            let mut events: Vec<(u16, usize)> = events.collect();
            events.sort_unstable();
            let steps = |i: usize| {
                let steps = (0..).zip(&events).filter(move |(_, event)| event.1 == i);
                steps.map(|(step, _)| step)
            };
            let requests = (0..).zip(drawn);
            let requests = requests.map(|(i, ((lane, size, is_of_task, kind, until), _))| {
                let mut steps = steps(i);
                let mut request = Request::new(100 << size, 8, steps.next().unwrap());
                request.upper = steps.next().filter(|_| kind > 1);
                let more = match kind {
                    2..5 => u16::from(kind),
                    _ => 0,
                };
                let of = TaskRequest {
                    request,
                    until: if kind % 4 == 3 { until } else { 0 },
                    lane,
                    more,
                    is_of_task: is_of_task && lane > 0,
                };
                let times = if kind % 6 == 2 && of.is_pooled() {
                    2
                } else {
                    1
                };
                core::iter::repeat_n(of, times)
            });
            let mut requests: Vec<TaskRequest> = requests.flatten().collect();
            requests.sort_unstable_by_key(|of| of.request.lower);
            requests
        })
    }

    fn shape(of: &TaskRequest) -> (usize, usize) {
        (of.request.size, of.request.alignment)
    }

    /// The section of a request, found by looking at every event.
    fn section(requests: &[TaskRequest], of: &TaskRequest) -> (u64, u64) {
        let all = || requests.iter().flat_map(TaskRequest::events);
        let end = all().max().unwrap() + 1;
        let others = requests.iter().filter(|of| !of.is_pooled());
        let bounds: Vec<u64> = others.flat_map(TaskRequest::events).collect();
        let bounds = || bounds.iter().copied();
        let before = bounds().filter(|&step| step <= of.request.lower).max();
        let behind = bounds().filter(|&step| step >= of.upper().unwrap());
        (before.unwrap_or(0), behind.min().unwrap_or(end))
    }

    proptest! {
        /// Each request of a task is in one pool: that of its section and its shape, which is
        /// there for as long as any of them.
        #[test]
        fn pools_cover_their_members(requests in requests()) {
            let pools = pools(&requests, Sections::Recorded);
            let mut pooled = vec![0; requests.len()];
            let mut keys = BTreeSet::new();
            for pool in &pools {
                let first = &requests[pool.members[0]];
                prop_assert!(keys.insert((pool.lower, pool.upper, shape(first))));
                for &member in &pool.members {
                    let of = &requests[member];
                    pooled[member] += 1;
                    prop_assert_eq!(shape(of), shape(first));
                    prop_assert_eq!((pool.lower, pool.upper), section(&requests, of));
                    prop_assert!(pool.lower <= of.request.lower);
                    prop_assert!(Some(pool.upper) >= of.upper());
                }
            }
            for (of, pooled) in requests.iter().zip(pooled) {
                prop_assert_eq!(pooled, i32::from(of.is_of_task && of.request.upper.is_some()));
            }
        }

        /// A pool has as many blocks as one thread needed at a time, for each of the most threads
        /// that were at work in a pool, and those that it lacked; but no more than requests.
        #[test]
        fn pools_have_blocks_for_all_threads(requests in requests()) {
            let pools = pools(&requests, Sections::Recorded);
            let recorded = |pool: &Pool| {
                let members = pool.members.iter().map(|&member| &requests[member]);
                let by_step = members.map(|of| (of.request.lower, of));
                by_step.collect::<BTreeMap<u64, &TaskRequest>>()
            };
            let lanes = |pool: &Pool| {
                let lanes = recorded(pool).into_values().map(|of| of.lane);
                lanes.collect::<BTreeSet<u32>>().len()
            };
            let at_work = pools.iter().map(lanes).max().unwrap_or(0);
            for pool in &pools {
                let recorded = recorded(pool);
                let alive = |(&step, by): (&u64, &&TaskRequest)| {
                    let earlier = recorded.range(..=step).map(|(_, of)| of);
                    let alive = earlier.filter(|of| of.lane == by.lane);
                    alive.filter(|of| of.request.upper > Some(step)).count()
                };
                let most = recorded.iter().map(alive).max().unwrap();
                let more = pool.members.iter().map(|&member| requests[member].more).max();
                let expected = at_work * most + more.unwrap() as usize;
                prop_assert_eq!(pool.blocks, expected.min(pool.members.len()));
                prop_assert!(pool.members.is_sorted());
            }
        }
    }

    /// Two threads with two blocks each at a time, and a third one that does other tasks.
    #[test]
    fn each_thread_may_need_what_one_of_them_had() {
        let task = |lane, size, lower, upper| {
            let mut request = Request::new(size, 8, lower);
            request.upper = Some(upper);
            TaskRequest {
                request,
                until: 0,
                lane,
                more: 0,
                is_of_task: lane > 0,
            }
        };
        let requests = [
            task(0, 9000, 0, 100),
            task(1, 50, 1, 4),
            task(1, 50, 2, 3),
            task(2, 50, 5, 6),
            task(3, 50, 7, 8),
            task(2, 50, 9, 10),
            task(1, 50, 11, 12),
            task(2, 70, 13, 14),
            task(2, 70, 15, 16),
        ];
        let pools = pools(&requests, Sections::Recorded);
        let found: Vec<_> = pools
            .iter()
            .map(|pool| (pool.members.len(), pool.blocks))
            .collect();
        // Nobody had two of 70 bytes at a time, but each of three threads may have one.
        assert_eq!(found, [(6, 6), (2, 2)]);
        assert!(
            pools
                .iter()
                .all(|pool| (pool.lower, pool.upper) == (0, 100))
        );
    }
}
