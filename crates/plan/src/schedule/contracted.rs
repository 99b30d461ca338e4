//! Contraction: a graph with control flow as one without, for finding an order.
//!
//! Stands on [`Graph`] and its lifetimes. Each [`Unit`], an operator or a whole construct, becomes
//! one operator. A construct's operator reads and writes what its operators read and write of
//! tensors that are used elsewhere, and has a *scratch* result for the bytes that it needs on top.
//! Invariant: the orders of the contracted graph are those in which the units may run.
//!
//! ```text
//! load ─► if ┬ a1 ─► a2 ┬─► join       load ─► branches ─► join
//!            └ b1 ─► b2 ┘                       └► scratch: the most that a branch needs
//! ```
//!
//! Loads are estimates: at a construct's step, all that it reads and writes counts, alive or not
//! when the construct needs most. So whoever takes the order compares the loads of the lifetimes.

use alloc::{collections::BTreeMap, format, string::ToString, vec::Vec};
use core::alloc::Layout;

use super::unit_uses::UnitUses;
use crate::graph::{Graph, GraphBuilder, GraphError, OpId, Unit};
use crate::ids::TensorId;
use crate::lifetimes::{Aliasing, Lifetimes};

/// A graph whose operators are the units of another one.
pub(super) struct Contracted {
    pub(super) graph: Graph,
    units: Vec<Unit>,
}

impl Contracted {
    /// Contracts the constructs of a graph. `lifetimes` are those of the graph with this aliasing.
    pub(super) fn new(
        graph: &Graph,
        lifetimes: &Lifetimes,
        aliasing: Aliasing,
    ) -> Result<Self, GraphError> {
        let units = graph.units();
        let uses = UnitUses::new(graph, &units);
        let views = graph.lifetimes_with(aliasing.min(Aliasing::Views));
        let mut g = builder(graph);
        for (index, unit) in units.iter().enumerate() {
            let waits = uses.waits(index).iter();
            let waits: Vec<OpId> = waits.map(|&unit| OpId::from_index(unit)).collect();
            if !unit.is_construct {
                add_op(&mut g, graph, unit, &uses, waits);
                continue;
            }
            let (reads, mut writes) = uses.operands(index);
            let outside = bytes_of(&views, reads.iter().chain(&writes));
            let inside = most_alive(lifetimes, &uses, index, unit);
            let scratch = inside.saturating_sub(outside) as usize;
            if let Ok(layout) = Layout::from_size_align(scratch, 1) {
                writes.push(g.tensor(format!("scratch of {index}"), layout));
            }
            g.op("").reads(reads).writes(writes).after(waits);
        }
        let graph = g.build()?;
        Ok(Self { graph, units })
    }

    /// The order of operators that an order of the units stands for.
    pub(super) fn expanded(&self, order: &[usize]) -> Vec<usize> {
        let units = order.iter().map(|&unit| self.units[unit].steps.clone());
        units.flatten().collect()
    }
}

/// A builder with the tensors, inputs and outputs of a graph. Names play no part, but are unique.
fn builder(graph: &Graph) -> GraphBuilder {
    let mut g = GraphBuilder::new();
    for (id, tensor) in graph.tensors() {
        g.tensor(id.to_string(), tensor.layout());
    }
    for &input in graph.inputs() {
        g.input(input);
    }
    for &output in graph.outputs() {
        g.output(output);
    }
    // What an output has the bytes of stays as it is; its reads come first by waits.
    let is_whole = |id: &&TensorId| graph.output_aliases().iter().all(|of| of.input != **id);
    for &donated in graph.donated().iter().filter(is_whole) {
        g.donate(donated);
    }
    g
}

/// Adds an operator that is in no construct, with what it says of views and results in place.
fn add_op(g: &mut GraphBuilder, graph: &Graph, unit: &Unit, uses: &UnitUses, waits: Vec<OpId>) {
    let op = &graph.ops()[unit.steps.start];
    let (reads, writes) = (op.reads().to_vec(), op.writes().to_vec());
    let mut added = g.op("").reads(reads).writes(writes).after(waits);
    for view in op.views() {
        if uses.have_one_writer([view.result, view.of]) {
            added = added.view(view.result, view.of, view.offset);
        }
    }
    for pair in op.in_place() {
        if uses.have_one_writer([pair.result, pair.of]) {
            added = added.in_place(pair.result, pair.of);
        }
    }
}

fn root(lifetimes: &Lifetimes, id: TensorId) -> TensorId {
    let within = lifetimes.get(id).and_then(|row| row.within);
    within.map_or(id, |within| within.root)
}

/// The roots of some tensors, each once.
fn roots_of<'a>(
    lifetimes: &Lifetimes,
    ids: impl Iterator<Item = &'a TensorId>,
) -> impl Iterator<Item = TensorId> {
    let mut roots: Vec<TensorId> = ids.map(|&id| root(lifetimes, id)).collect();
    roots.sort_unstable();
    roots.dedup();
    roots.into_iter()
}

fn size(lifetimes: &Lifetimes, id: TensorId) -> u64 {
    lifetimes.get(id).map_or(0, |row| row.size)
}

/// The bytes of the alias sets that some tensors are in.
fn bytes_of<'a>(lifetimes: &Lifetimes, ids: impl Iterator<Item = &'a TensorId>) -> u64 {
    let roots = roots_of(lifetimes, ids);
    roots.map(|root| size(lifetimes, root)).sum()
}

/// The most bytes alive at one step of a unit, of the alias sets that the unit uses.
fn most_alive(lifetimes: &Lifetimes, uses: &UnitUses, index: usize, unit: &Unit) -> u64 {
    let (start, end) = (unit.steps.start as i64, unit.steps.end as i64);
    let mut changes: BTreeMap<i64, i64> = BTreeMap::new();
    for root in roots_of(lifetimes, uses.tensors(index)) {
        let size = size(lifetimes, root) as i64;
        for range in lifetimes.live_ranges(root) {
            let (from, to) = (range.start.max(start), range.end.min(end));
            if from < to {
                *changes.entry(from).or_default() += size;
                *changes.entry(to).or_default() -= size;
            }
        }
    }
    let (mut alive, mut most) = (0, 0);
    for change in changes.into_values() {
        alive += change;
        most = most.max(alive);
    }
    most as u64
}
