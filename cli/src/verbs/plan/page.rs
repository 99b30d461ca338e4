//! The page of a plan, beside what an allocator or a compiler did if that is known.
//!
//! Stands on [`page`](crate::page). Invariant: what is not drawn is said.

#![forbid(unsafe_code)]

use std::path::Path;

use orionrt::Plan;

use super::{
    alternate, heaptrack,
    placed::{as_allocated, as_xla_has},
    process, snapshot, xla,
};
use crate::{
    args::PlanArgs,
    failure::Failure,
    format,
    input::{History, Input, Origin, SnapshotFacts, Streams},
    page::{self, Execution, OVERLAP, Page, PageMap},
    staging::{Staged, stage},
};

/// Writes the page; it has no name until it is committed.
pub(super) fn write(
    args: &PlanArgs,
    input: &Input,
    plan: &Plan,
    path: &Path,
) -> Result<Staged, Failure> {
    let name = args.source.input.file_name().unwrap_or_default();
    let planned = PageMap {
        capacity: args.capacity,
        model: input.graph(),
        calls: input.calls.as_ref(),
        settings: Some(&args.source.model),
        execution: Execution::of_input(input),
        streams: input.streams.as_ref(),
        ..PageMap::new("", plan)
    };
    let beside = Beside::of(input);
    let page = Page {
        kind: "plan",
        title: &name.to_string_lossy(),
        notes: beside.notes(input, plan),
        maps: beside.maps(planned, &input.origin),
    };
    stage(path, |file| page::write(&page, file))
}

/// What belongs to the figures of a plan.
pub(crate) fn notes(input: &Input, plan: &Plan) -> Vec<String> {
    Beside::default().notes(input, plan)
}

/// What an allocator did with the blocks of a recording, or XLA with its values.
#[derive(Default)]
struct Beside {
    /// As a plan of the same lifetimes.
    placed: Option<Plan>,
    /// The titles of both maps.
    titles: [String; 2],
    others: Vec<Other>,
}

/// The place in the facts of a device that is not planned, the title of its map, and its blocks.
struct Other {
    index: usize,
    title: String,
    placed: Plan,
}

impl Beside {
    fn of(input: &Input) -> Self {
        let lifetimes = &input.lifetimes;
        let titled = |placed: Option<Plan>, title: &str| Self {
            placed,
            titles: [title.into(), "as planned".into()],
            ..Self::default()
        };
        let allocated = |history: Option<&History>| {
            let placed = history.and_then(|history| as_allocated(history, lifetimes));
            titled(placed, "as allocated")
        };
        let by_xla = |offsets: &[u64], is_valid: bool| {
            titled(as_xla_has(offsets, is_valid, lifetimes), "as XLA has it")
        };
        match &input.origin {
            Origin::Snapshot(facts) => {
                let history = facts.drawn.as_ref().map(|drawn| &drawn.history);
                Self::of_snapshot(facts, allocated(history))
            }
            Origin::Heaptrack(facts) => allocated(facts.history.as_ref()),
            Origin::Process(facts) => allocated(facts.history.as_ref()),
            #[cfg(target_os = "linux")]
            Origin::Trace(facts) => {
                let allocated = facts.allocated.as_ref();
                titled(allocated.and_then(|of| of.plan()), "as allocated")
            }
            Origin::Xla(facts) => by_xla(&facts.offsets, facts.is_valid),
            Origin::MemorySpaces(facts) => by_xla(&facts.offsets, facts.is_valid),
            _ => Self::default(),
        }
    }

    /// With all that a snapshot has besides: streams, and other devices.
    fn of_snapshot(facts: &SnapshotFacts, beside: Self) -> Self {
        let others = facts.others.iter().enumerate();
        let others = others.filter_map(|(index, other)| {
            Some(Other {
                index,
                title: format!("device {}, as allocated", other.device),
                placed: as_allocated(&other.drawn.history, &other.lifetimes)?,
            })
        });
        let others: Vec<Other> = others.collect();
        let titles = match others.is_empty() {
            true => beside.titles,
            false => beside
                .titles
                .map(|title| format!("device {}, {title}", facts.device)),
        };
        Self {
            titles,
            others,
            ..beside
        }
    }

    fn notes(&self, input: &Input, plan: &Plan) -> Vec<String> {
        let mut notes = match &input.origin {
            Origin::Model(model) => page::notes(model),
            Origin::Snapshot(facts) => {
                let others: Vec<usize> = self.others.iter().map(|other| other.index).collect();
                snapshot::notes(facts, plan, self.placed.is_some(), &others)
            }
            Origin::Heaptrack(facts) => heaptrack::notes(facts, plan),
            Origin::Process(facts) => process::notes(facts, plan),
            #[cfg(target_os = "linux")]
            Origin::Trace(facts) => super::trace::notes(facts),
            Origin::Xla(facts) => xla::notes(facts, plan),
            Origin::MemorySpaces(facts) => alternate::notes(facts, plan),
            Origin::Csv(_) | Origin::Rows => Vec::new(),
        };
        notes.extend(input.streams.as_ref().map(across_streams));
        let calls = input.calls.as_ref();
        notes.extend(calls.and_then(|calls| page::note_on_calls(calls, &input.lifetimes)));
        if self.lacks_addresses(&input.origin) {
            notes.push(OVERLAP.into());
        }
        notes
    }

    /// Whether the recording has addresses that are not drawn.
    fn lacks_addresses(&self, origin: &Origin) -> bool {
        let is_drawn = !self.titles[0].is_empty();
        let has_addresses = match origin {
            Origin::Snapshot(facts) => facts.drawn.is_some(),
            Origin::Heaptrack(facts) => facts.history.is_some(),
            Origin::Process(facts) => facts.history.is_some(),
            #[cfg(target_os = "linux")]
            Origin::Trace(facts) => facts.allocated.is_some(),
            _ => false,
        };
        is_drawn && has_addresses && self.placed.is_none()
    }

    fn maps<'p>(&'p self, mut planned: PageMap<'p>, origin: &'p Origin) -> Vec<PageMap<'p>> {
        let [allocated, as_planned] = &self.titles;
        let (history, marks) = match origin {
            Origin::Snapshot(facts) => {
                let drawn = facts.drawn.as_ref();
                let marks = page::marks(facts, self.placed.is_some());
                (drawn.map(|drawn| &drawn.history), marks)
            }
            Origin::Heaptrack(facts) => (facts.history.as_ref(), Vec::new()),
            Origin::Process(facts) => (facts.history.as_ref(), Vec::new()),
            #[cfg(target_os = "linux")]
            Origin::Trace(facts) => {
                let allocated = facts.allocated.as_ref();
                (allocated.map(|of| &of.history), Vec::new())
            }
            _ => (None, Vec::new()),
        };
        let mut maps = Vec::new();
        if let Some(placed) = &self.placed {
            maps.push(PageMap {
                history,
                marks,
                streams: planned.streams,
                calls: planned.calls,
                ..PageMap::new(allocated, placed)
            });
        } else {
            planned.marks = marks;
        }
        if self.placed.is_some() || !self.others.is_empty() {
            planned.title = as_planned;
        }
        maps.push(planned);
        if let Origin::Snapshot(facts) = origin {
            maps.extend(self.others.iter().map(|other| PageMap {
                memory: 1 + other.index,
                history: Some(&facts.others[other.index].drawn.history),
                streams: facts.others[other.index].drawn.streams.as_ref(),
                ..PageMap::new(&other.title, &other.placed)
            }));
        }
        maps
    }
}

/// What a plan of several streams takes for granted.
fn across_streams(streams: &Streams) -> String {
    format!(
        "{} streams: the plan takes the steps for the order on the device, so bytes may go from \
         one stream to another, which has to wait for it there",
        format::thousands(streams.count as u64)
    )
}
