//! Where the heap had the blocks of a recorded iteration.
//!
//! Stands on [`resizes`](super::resizes) and on [`History`]. A block that is resized has a row for
//! each place and size that it had, so that the map shows what the heap really held.
//!
//! Invariant: the rows are of the requests that are planned, each alive in its request's steps.

#![forbid(unsafe_code)]

use std::{collections::HashMap, ops::Range};

use orionrt::{Lifetimes, Plan, lifetimes::Lifetime, replay::Recording};

use super::resizes::follow;
use crate::input::addresses::{Block, History, history_of_heap};

/// The blocks of an iteration where the heap had them.
#[derive(Debug)]
pub(crate) struct Allocated {
    names: Vec<String>,
    blocks: Vec<Block>,
    /// The first lanes, whose blocks these are.
    #[cfg_attr(not(feature = "engine"), allow(dead_code))]
    pub(crate) lanes: usize,
    /// The memory pages that they lay in.
    pub(crate) history: History,
}

impl Allocated {
    /// The blocks of the requests that a session has planned so.
    #[cfg(any(feature = "engine", test))]
    pub(crate) fn of_plan(recording: &Recording, plan: &Plan) -> Self {
        let lanes = lanes_of_plan(recording, plan);
        // The plan's names, if it is of the first lane; otherwise names that it does not have.
        let name: fn(usize, usize) -> String = match lanes {
            1 => label,
            _ => |lane, index| format!("lane{lane}.r{index}"),
        };
        Self::new(recording, lanes, name)
    }

    /// The blocks of all requests that are planned.
    pub(super) fn of_all(recording: &Recording) -> Self {
        Self::new(recording, recording.lanes(), label)
    }

    fn new(recording: &Recording, lanes: usize, label: fn(usize, usize) -> String) -> Self {
        let (names, blocks) = follow(recording, labels(recording, 0..lanes, label));
        let history = history_of_heap(&blocks, recording.events().len() as i64);
        Self {
            names,
            blocks,
            lanes,
            history,
        }
    }

    /// The blocks as a plan; `None` if two of them share a byte.
    pub(crate) fn plan(&self) -> Option<Plan> {
        let rows = self.blocks.iter();
        let rows = rows.map(|block| Lifetime::new(block.lower, block.upper, block.size));
        let lifetimes = Lifetimes::from_named(self.names.iter().zip(rows)).ok()?;
        let layout = self.history.layout.as_ref()?;
        let plan = Plan::new(lifetimes, layout.offsets.clone()).ok()?;
        Some(plan.with_strategy("the C library's heap"))
    }
}

/// The name of a request in the file of a recording.
pub(super) fn label(lane: usize, index: usize) -> String {
    match lane {
        0 => format!("r{index}"),
        _ => format!("lane{lane}.r{index}"),
    }
}

/// The names of the requests of some lanes that are planned, by the steps at which they begin.
fn labels(
    recording: &Recording,
    lanes: Range<usize>,
    label: impl Fn(usize, usize) -> String,
) -> HashMap<usize, String> {
    let mut labels = HashMap::new();
    for lane in lanes {
        let requests = recording.requests(lane).iter().enumerate();
        for (index, request) in requests.filter(|(_, request)| request.is_planned()) {
            labels.insert(request.lower as usize, label(lane, index));
        }
    }
    labels
}

/// How many lanes a plan has blocks of: the first one, or all that took part. A plan for several
/// threads has other rows than the first lane, or names them in another way.
#[cfg(any(feature = "engine", test))]
fn lanes_of_plan(recording: &Recording, plan: &Plan) -> usize {
    let alone = recording.lifetimes(0);
    match alone.is_ok_and(|alone| alone == *plan.lifetimes()) {
        true => 1,
        false => recording.lanes(),
    }
}

#[cfg(test)]
mod tests {
    use orionrt::{
        Planner,
        replay::{Event, EventKind},
    };

    use super::*;

    fn recording(events: &[(EventKind, usize, usize, u32)]) -> Recording {
        let events = events.iter().map(|&(kind, address, size, thread)| {
            Event::new(kind, address, size, 8).on_thread(thread)
        });
        Recording::new(1, events.collect(), 0)
    }

    #[test]
    fn the_pages_of_all_blocks_are_the_ground_of_the_map() {
        use EventKind::{Allocate, Free};
        let recording = recording(&[
            (Allocate, 0x10_000_010, 100, 1),
            (Allocate, 0x70_000_010, 5000, 1),
            (Free, 0x10_000_010, 100, 1),
            (Free, 0x70_000_010, 5000, 1),
        ]);
        let plan = Planner::new()
            .plan(&recording.lifetimes(0).unwrap())
            .unwrap();
        let allocated = Allocated::of_plan(&recording, &plan);
        let placed = allocated.plan().unwrap();
        assert_eq!(placed.offsets(), [0x10, 0x1010]);
        let reserved = [(0, 0x1000), (1, 0x3000), (2, 0x2000), (3, 0)];
        assert_eq!(allocated.history.reserved, reserved);
    }

    #[test]
    fn blocks_that_share_a_byte_are_no_plan() {
        use EventKind::{Allocate, Free};
        let recording = recording(&[
            (Allocate, 0x1000, 100, 1),
            (Allocate, 0x1010, 100, 1),
            (Free, 0x1000, 100, 1),
            (Free, 0x1010, 100, 1),
        ]);
        let plan = Planner::new()
            .plan(&recording.lifetimes(0).unwrap())
            .unwrap();
        assert!(Allocated::of_plan(&recording, &plan).plan().is_none());
    }
    #[test]
    fn a_plan_for_several_threads_has_the_blocks_of_all_of_them() {
        use EventKind::{Allocate, Free};
        let recording = recording(&[
            (Allocate, 0x1000, 100, 1),
            (Allocate, 0x2000, 100, 2),
            (Free, 0x1000, 100, 1),
            (Free, 0x2000, 100, 2),
        ]);
        let names = |rows: &[(&str, i64, i64)]| {
            let rows = rows.iter();
            let rows = rows.map(|&(name, lower, upper)| (name, Lifetime::new(lower, upper, 100)));
            let lifetimes = Lifetimes::from_named(rows).unwrap();
            let plan = Planner::new().plan(&lifetimes).unwrap();
            Allocated::of_plan(&recording, &plan).names
        };
        let alone = recording.lifetimes(0).unwrap();
        let plan = Planner::new().plan(&alone).unwrap();
        assert_eq!(Allocated::of_plan(&recording, &plan).names, ["r0"]);
        // These have as many rows as the first lane: one in a pool of threads, one of both.
        let of_both = ["lane0.r0", "lane1.r0"];
        assert_eq!(names(&[("p0.0", 0, 2)]), of_both);
        assert_eq!(names(&[("r0", 0, 3)]), of_both);
    }
}
