//! Where the heap had the blocks of a recorded iteration.
//!
//! Stands on the library's recordings and on [`History`]. A block that is resized has a row for
//! each place and size that it had, so that the map shows what the heap really held.
//!
//! ```text
//! event     0         1         2         3         4
//!           a = 64    b = 16    a → 256             free a      at 2 and 3: before and after
//! r0        ├── 64, at its first address ─┤
//! r0 resized 1                            ├── 256 ──┤
//! ```
//!
//! Invariant: the rows are of the requests that are planned, each alive in its request's steps.

#![forbid(unsafe_code)]

use std::{collections::HashMap, ops::Range};

use orionrt::{
    Lifetimes, Plan,
    lifetimes::Lifetime,
    replay::{Event, EventKind, Recording},
};

use crate::input::addresses::{Block, History, history_of_heap};

/// The blocks of an iteration where the heap had them.
#[derive(Debug)]
pub(crate) struct Allocated {
    names: Vec<String>,
    blocks: Vec<Block>,
    /// The memory pages that they lay in.
    pub(crate) history: History,
}

impl Allocated {
    /// The blocks of the requests that a session has planned so.
    #[cfg(any(feature = "engine", test))]
    pub(crate) fn of_plan(recording: &Recording, plan: &Plan) -> Self {
        Self::new(recording, labels_of_plan(recording, plan))
    }

    /// The blocks of all requests that are planned.
    pub(super) fn of_all(recording: &Recording) -> Self {
        let lanes = 0..recording.lanes();
        Self::new(recording, labels(recording, lanes, label))
    }

    fn new(recording: &Recording, labels: HashMap<usize, String>) -> Self {
        let (names, blocks) = follow(recording, labels);
        let history = history_of_heap(&blocks, recording.events().len() as i64);
        Self {
            names,
            blocks,
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

/// The names that a plan has for the requests of the first lane, unless it is one for several
/// threads: that has blocks which requests share.
#[cfg(any(feature = "engine", test))]
fn labels_of_plan(recording: &Recording, plan: &Plan) -> HashMap<usize, String> {
    let alone = recording.lifetimes(0);
    match alone.is_ok_and(|alone| alone.len() == plan.lifetimes().len()) {
        true => labels(recording, 0..1, label),
        false => labels(recording, 0..recording.lanes(), |lane, index| {
            format!("lane{lane}.r{index}")
        }),
    }
}

/// A block that is alive, or about to be resized.
struct Open {
    label: String,
    /// How often it was resized.
    resizes: usize,
    address: usize,
    size: usize,
    lower: usize,
}

impl Open {
    fn end(&self, upper: usize) -> (String, Block) {
        let name = match self.resizes {
            0 => self.label.clone(),
            count => format!("{} resized {count}", self.label),
        };
        let block = Block {
            address: self.address as u64,
            size: self.size as u64,
            lower: self.lower as i64,
            upper: upper as i64,
        };
        (name, block)
    }
}

/// The places of all requests that have a label, in the order in which they came to be.
fn follow(recording: &Recording, mut labels: HashMap<usize, String>) -> (Vec<String>, Vec<Block>) {
    let mut live: HashMap<usize, Open> = HashMap::new();
    // The blocks that threads resize, with the steps at which they began to.
    let mut resizing: HashMap<u32, (Open, usize)> = HashMap::new();
    let mut ended: Vec<(String, Block)> = Vec::new();
    for (step, event) in recording.events().iter().enumerate() {
        let Event { address, size, .. } = *event;
        match event.kind {
            EventKind::Allocate => {
                live.remove(&address);
                if let Some(label) = labels.remove(&step) {
                    let open = Open {
                        label,
                        resizes: 0,
                        address,
                        size,
                        lower: step,
                    };
                    live.insert(address, open);
                }
            }
            EventKind::Free => ended.extend(live.remove(&address).map(|open| open.end(step))),
            EventKind::Resize => match live.remove(&address) {
                Some(open) => {
                    resizing.insert(event.thread, (open, step));
                }
                None => {
                    resizing.remove(&event.thread);
                }
            },
            EventKind::Resized => {
                live.remove(&address);
                let Some((open, began)) = resizing.remove(&event.thread) else {
                    continue;
                };
                let is_same = (open.address, open.size) == (address, size);
                let next = if is_same {
                    open
                } else {
                    ended.push(open.end(began));
                    Open {
                        resizes: open.resizes + 1,
                        address,
                        size,
                        lower: step,
                        ..open
                    }
                };
                live.insert(address, next);
            }
            _ => {}
        }
    }
    ended.sort_by_key(|(_, block)| block.lower);
    ended.into_iter().unzip()
}

#[cfg(test)]
mod tests {
    use orionrt::Planner;

    use super::*;

    fn recording(events: &[(EventKind, usize, usize, u32)]) -> Recording {
        let events = events.iter().map(|&(kind, address, size, thread)| {
            Event::new(kind, address, size, 8).on_thread(thread)
        });
        Recording::new(1, events.collect(), 0)
    }

    fn rows(recording: &Recording) -> Vec<(String, u64, u64, i64, i64)> {
        let plan = Planner::new()
            .plan(&recording.lifetimes(0).unwrap())
            .unwrap();
        let Allocated { names, blocks, .. } = Allocated::of_plan(recording, &plan);
        let rows = names.into_iter().zip(blocks);
        rows.map(|(name, of)| (name, of.address, of.size, of.lower, of.upper))
            .collect()
    }

    #[test]
    fn a_block_has_a_row_for_each_place_and_size_that_it_had() {
        use EventKind::{Allocate, Free, Resize, Resized};
        let recording = recording(&[
            (Allocate, 0x1000, 64, 1),
            (Allocate, 0x2000, 16, 1),
            // Moved, then refused, then larger in place.
            (Resize, 0x1000, 64, 1),
            (Resized, 0x3000, 256, 1),
            (Resize, 0x3000, 256, 1),
            (Resized, 0x3000, 256, 1),
            (Resize, 0x3000, 256, 1),
            (Resized, 0x3000, 512, 1),
            (Free, 0x2000, 16, 1),
            (Free, 0x3000, 512, 1),
            // It outlives the inference, so no plan has it.
            (Allocate, 0x4000, 8, 1),
        ]);
        let row = |name: &str, address, size, lower, upper| {
            (name.to_string(), address, size, lower, upper)
        };
        assert_eq!(
            rows(&recording),
            [
                row("r0", 0x1000, 64, 0, 2),
                row("r1", 0x2000, 16, 1, 8),
                row("r0 resized 1", 0x3000, 256, 3, 6),
                row("r0 resized 2", 0x3000, 512, 7, 9),
            ]
        );
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
}
