//! The tensors that leave the fast memory: how often, how, and between which operators.
//!
//! Stands on `absences`. Invariant: every absence counts once.

#![forbid(unsafe_code)]

use comfy_table::{Cell, CellAlignment, Table, presets};
use orionrt::{
    Graph, TensorId,
    fit::{FitAction, FitSchedule},
};

use crate::{
    escape::printable,
    format,
    verbs::fit::absences::{Absence, Way, absences},
};

/// How many tensors are listed for people.
const LISTED: usize = 12;

/// A tensor that leaves the fast memory.
pub(super) struct Moved {
    pub(super) tensor: TensorId,
    pub(super) bytes: u64,
    /// How often it comes back in each way.
    pub(super) ways: Vec<(Way, usize)>,
    /// How often it was written to the slow memory.
    pub(super) spills: usize,
    /// The first time that it is away.
    pub(super) first: Absence,
}

impl Moved {
    fn times(&self) -> usize {
        self.ways.iter().map(|(_, times)| times).sum()
    }
}

/// The tensors that move most bytes first.
pub(super) fn moved(graph: &Graph, schedule: &FitSchedule) -> Vec<Moved> {
    let mut found: Vec<Moved> = Vec::new();
    let mut all = absences(graph, schedule);
    // A stable sort: the first absence of a tensor stays the first.
    all.sort_by_key(|absence| absence.tensor);
    for absence in all {
        match found.last_mut() {
            Some(of) if of.tensor == absence.tensor => add(&mut of.ways, absence.way),
            _ => found.push(Moved {
                tensor: absence.tensor,
                bytes: absence.bytes,
                ways: vec![(absence.way, 1)],
                spills: spills(schedule, absence.tensor),
                first: absence,
            }),
        }
    }
    found.sort_by_key(|of| std::cmp::Reverse(of.bytes.saturating_mul(of.times() as u64)));
    found
}

fn add(ways: &mut Vec<(Way, usize)>, way: Way) {
    match ways.iter_mut().find(|(of, _)| *of == way) {
        Some((_, times)) => *times += 1,
        None => ways.push((way, 1)),
    }
}

fn spills(schedule: &FitSchedule, tensor: TensorId) -> usize {
    let steps = schedule.steps.iter();
    steps
        .filter(|step| step.action == FitAction::Spill(tensor))
        .count()
}

/// `spilled once, fetched twice` as `spilled 1×, fetched 2×`.
fn how(moved: &Moved) -> String {
    let spilled = (moved.spills > 0).then(|| format!("spilled {}×", moved.spills));
    let ways = moved.ways.iter();
    let back = ways.map(|(way, times)| format!("{} {times}×", way.name()));
    spilled
        .into_iter()
        .chain(back)
        .collect::<Vec<_>>()
        .join(", ")
}

/// The table for people; nothing if no tensor leaves.
pub(super) fn table(graph: &Graph, schedule: &FitSchedule) -> String {
    let found = moved(graph, schedule);
    if found.is_empty() {
        return String::new();
    }
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    table.set_header([
        "tensor",
        "bytes",
        "what happens",
        "first idle from",
        "until",
    ]);
    for of in found.iter().take(LISTED) {
        let name = graph.tensor(of.tensor).map_or("", |tensor| tensor.name());
        let [from, until] = [of.first.from, of.first.until].map(|at| at.name(graph));
        table.add_row([
            Cell::new(printable(name)),
            Cell::new(format::thousands(of.bytes)).set_alignment(CellAlignment::Right),
            Cell::new(how(of)),
            Cell::new(printable(&from)),
            Cell::new(printable(&until)),
        ]);
    }
    let more = match found.len().saturating_sub(LISTED) {
        0 => String::new(),
        more => {
            let more = format::count(more as u64, "tensor");
            format!("and {more} more (--json lists all)\n")
        }
    };
    format!("{table}\n{more}")
}
