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
    verbs::fit::absences::{Absence, Return, absences},
};

/// How many tensors are listed for people.
const LISTED: usize = 12;

/// A tensor that leaves the fast memory.
struct Moved {
    tensor: TensorId,
    bytes: u64,
    /// How often it comes back in each way.
    returns: Vec<(Return, usize)>,
    /// How often it was written to the slow memory.
    spills: usize,
    /// The first time that it is away.
    first: Absence,
}

impl Moved {
    fn times(&self) -> usize {
        self.returns.iter().map(|(_, times)| times).sum()
    }
}

/// The tensors that leave, those that move most bytes first.
fn moved_tensors(graph: &Graph, schedule: &FitSchedule) -> Vec<Moved> {
    let mut found: Vec<Moved> = Vec::new();
    let mut all = absences(graph, schedule);
    // A stable sort: the first absence of a tensor stays the first.
    all.sort_by_key(|absence| absence.tensor);
    for absence in all {
        match found.last_mut() {
            Some(last) if last.tensor == absence.tensor => add(&mut last.returns, absence.returns),
            _ => found.push(Moved {
                tensor: absence.tensor,
                bytes: absence.bytes,
                returns: vec![(absence.returns, 1)],
                spills: spills(schedule, absence.tensor),
                first: absence,
            }),
        }
    }
    found.sort_by_key(|tensor| {
        std::cmp::Reverse(tensor.bytes.saturating_mul(tensor.times() as u64))
    });
    found
}

fn add(all: &mut Vec<(Return, usize)>, one: Return) {
    match all.iter_mut().find(|(known, _)| *known == one) {
        Some((_, times)) => *times += 1,
        None => all.push((one, 1)),
    }
}

fn spills(schedule: &FitSchedule, tensor: TensorId) -> usize {
    let steps = schedule.steps.iter();
    steps
        .filter(|step| step.action == FitAction::Spill(tensor))
        .count()
}

/// `spilled once, fetched twice` as `spilled 1×, fetched 2×`.
fn how(tensor: &Moved) -> String {
    let spilled = (tensor.spills > 0).then(|| format!("spilled {}×", tensor.spills));
    let returns = tensor.returns.iter();
    let back = returns.map(|(kind, times)| format!("{} {times}×", kind.name()));
    spilled
        .into_iter()
        .chain(back)
        .collect::<Vec<_>>()
        .join(", ")
}

/// The table for people; nothing if no tensor leaves.
pub(super) fn table(graph: &Graph, schedule: &FitSchedule) -> String {
    let found = moved_tensors(graph, schedule);
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
    for moved in found.iter().take(LISTED) {
        let tensor = graph.tensor(moved.tensor);
        let name = tensor.map_or("", |tensor| tensor.name());
        let [from, until] = [moved.first.from, moved.first.until].map(|at| at.name(graph));
        table.add_row([
            Cell::new(printable(name)),
            Cell::new(format::thousands(moved.bytes)).set_alignment(CellAlignment::Right),
            Cell::new(how(moved)),
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
