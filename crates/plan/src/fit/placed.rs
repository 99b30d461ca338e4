//! From a schedule without offsets to one with them: each memory is planned by itself.
//!
//! Stands on [`Emitted`] and the planner. Invariant: a copy has in the schedule the steps and the
//! offset that it has in the plan of its memory.

use alloc::{
    collections::BTreeSet,
    format,
    string::{String, ToString},
    vec::Vec,
};

use super::{
    emitted::{Action, CopyKind, Emitted, RootCopy},
    model::Model,
    rows_within::put_within,
    schedule::{CopyId, FitAction, FitSchedule, FitStep, Memory, TensorCopy},
};
use crate::graph::Graph;
use crate::ids::{OpId, TensorId};
use crate::lifetimes::{Lifetime, Lifetimes};
use crate::plan::Plan;
use crate::planner::{Planner, PlannerError};

/// Plans the copies of one memory within a capacity, in the order that they have.
pub(super) fn plan(
    planner: &Planner,
    graph: &Graph,
    model: &Model,
    emitted: &Emitted,
    memory: Memory,
    capacity: u64,
) -> Result<Plan, PlannerError> {
    let mut names = Names::new(graph, model);
    let is_there = |&copy: &usize| memory_of(&emitted.copies[copy]) == memory;
    let copies: Vec<usize> = (0..emitted.copies.len()).filter(is_there).collect();
    let mut rows: Vec<(String, Lifetime)> = Vec::with_capacity(copies.len());
    for copy in copies.iter().map(|&copy| &emitted.copies[copy]) {
        let root = model.root(copy.root);
        let [lower, upper] = [copy.steps.start, copy.steps.end].map(|step| step as i64);
        let alignment = match copy.kind {
            CopyKind::Compressed => 1,
            CopyKind::Plain | CopyKind::Slow => root.alignment,
        };
        let row = Lifetime::new(lower, upper, copy.size(model)).with_alignment(alignment);
        rows.push((names.next(graph, root.tensor, copy.root), row));
    }
    let places = copies.iter().filter_map(|&copy| {
        let (whole, start) = emitted.place(copy as u32);
        Some((copies.binary_search(&(whole as usize)).ok()?, start))
    });
    let needs = put_within(&mut rows, places);
    let lifetimes = Lifetimes::from_named(rows).map_err(PlannerError::Lifetimes)?;
    let lifetimes = lifetimes.with_needs_of_parts(needs);
    planner.clone().capacity(capacity).plan(&lifetimes)
}

/// The schedule with the offsets of both plans. `order[i]` is the operator at step i of the model.
pub(super) fn schedule(
    model: &Model,
    emitted: &Emitted,
    order: &[OpId],
    [fast, slow]: [&Plan; 2],
) -> FitSchedule {
    let (mut fast, mut slow) = (fast.offsets().iter(), slow.offsets().iter());
    let copies = emitted.copies.iter().map(|copy| {
        let memory = memory_of(copy);
        let offsets = if copy.is_slow() { &mut slow } else { &mut fast };
        let offset = offsets.next().copied().unwrap_or(0);
        let tensor = model.root(copy.root).tensor;
        let placed = TensorCopy::new(tensor, memory, copy.steps.clone(), offset);
        match copy.kind {
            CopyKind::Compressed => placed.compressed(copy.size(model)),
            CopyKind::Plain | CopyKind::Slow => placed,
        }
    });
    let ids = |copies: &[u32]| copies.iter().map(|&copy| CopyId::new(copy)).collect();
    let steps = emitted.steps().map(|(action, reads, writes)| {
        let action = match action {
            Action::Run(op) => FitAction::Run(order[op as usize]),
            Action::Rerun(op) => FitAction::Rerun(order[op as usize]),
            Action::Spill(root) => FitAction::Spill(model.root(root).tensor),
            Action::Fetch(root) => FitAction::Fetch(model.root(root).tensor),
            Action::Compress(root) => FitAction::Compress(model.root(root).tensor),
            Action::Expand(root) => FitAction::Expand(model.root(root).tensor),
        };
        FitStep::new(action, ids(reads), ids(writes))
    });
    FitSchedule {
        copies: copies.collect(),
        steps: steps.collect(),
        inputs: emitted
            .inputs
            .iter()
            .map(|copy| copy.map(CopyId::new))
            .collect(),
        outputs: ids(&emitted.outputs),
    }
}

fn memory_of(copy: &RootCopy) -> Memory {
    if copy.is_slow() {
        Memory::Slow
    } else {
        Memory::Fast
    }
}

/// Names for copies: the first copy of a tensor has the tensor's name.
struct Names {
    taken: BTreeSet<String>,
    /// How many copies of each root have been named.
    counts: Vec<usize>,
}

impl Names {
    fn new(graph: &Graph, model: &Model) -> Self {
        let names = graph.tensors().map(|(_, tensor)| tensor.name().to_string());
        Self {
            taken: names.collect(),
            counts: alloc::vec![0; model.roots.len()],
        }
    }

    fn next(&mut self, graph: &Graph, tensor: TensorId, root: u32) -> String {
        let name = graph.tensor(tensor).map_or("", |tensor| tensor.name());
        let count = &mut self.counts[root as usize];
        *count += 1;
        if *count == 1 {
            return name.to_string();
        }
        let mut name = format!("{name} (copy {count})");
        while !self.taken.insert(name.clone()) {
            name.push('\'');
        }
        name
    }
}
