//! What the units of a graph with control flow use of each other.
//!
//! Stands on [`Graph`] and its [`Unit`]s. A tensor has one writer, or its writers are in the
//! branches of one unit, or a unit that is a loop writes again what an earlier one has written.
//! Invariant: a unit that writes a tensor again waits for the units that use it before, and those
//! that use it afterwards wait for that unit.

use alloc::{vec, vec::Vec};

use crate::graph::{Graph, Unit};
use crate::ids::TensorId;

/// How one unit uses a tensor.
#[derive(Clone, Copy)]
struct UnitUse {
    unit: usize,
    writes: bool,
}

/// The tensors that each unit uses, and the units for which it waits.
pub(super) struct UnitUses {
    /// For each unit, the tensors that its operators read or write, in ascending order.
    tensors: Vec<Vec<TensorId>>,
    /// For each tensor, the units that use it, in ascending order.
    uses: Vec<Vec<UnitUse>>,
    has_one_writer: Vec<bool>,
    is_external: Vec<bool>,
    waits: Vec<Vec<usize>>,
}

impl UnitUses {
    pub(super) fn new(graph: &Graph, units: &[Unit]) -> Self {
        let tensors = graph.tensors().len();
        let mut all = Self {
            tensors: Vec::new(),
            uses: vec![Vec::new(); tensors],
            has_one_writer: vec![true; tensors],
            is_external: vec![false; tensors],
            waits: vec![Vec::new(); units.len()],
        };
        for id in graph.inputs().iter().chain(graph.outputs()) {
            all.is_external[id.index()] = true;
        }
        let mut unit_of = vec![0; graph.ops().len()];
        let mut is_written = vec![false; tensors];
        for (index, unit) in units.iter().enumerate() {
            unit_of[unit.steps.clone()].fill(index);
            let mut used = Vec::new();
            for op in &graph.ops()[unit.steps.clone()] {
                for &id in op.reads().iter().chain(op.writes()) {
                    all.note(id, index, false);
                    used.push(id);
                }
                for &id in op.writes() {
                    all.note(id, index, true);
                    all.has_one_writer[id.index()] &= !is_written[id.index()];
                    is_written[id.index()] = true;
                }
                let waits = op.waits().iter().map(|wait| unit_of[wait.index()]);
                all.waits[index].extend(waits.filter(|&unit| unit != index));
            }
            used.sort_unstable();
            used.dedup();
            all.tensors.push(used);
        }
        all.wait_for_rewrites();
        all
    }

    fn note(&mut self, id: TensorId, unit: usize, writes: bool) {
        let uses = &mut self.uses[id.index()];
        match uses.last_mut().filter(|last| last.unit == unit) {
            Some(last) => last.writes |= writes,
            None => uses.push(UnitUse { unit, writes }),
        }
    }

    /// Makes units wait for each other where one of them writes a tensor again.
    fn wait_for_rewrites(&mut self) {
        for uses in &self.uses {
            let mut writer = None;
            let mut readers = Vec::new();
            let writers = uses.iter().filter(|used| used.writes).count();
            for used in uses.iter().filter(|_| writers > 1) {
                let waits = &mut self.waits[used.unit];
                waits.extend(writer);
                if used.writes {
                    waits.append(&mut readers);
                    writer = Some(used.unit);
                } else {
                    readers.push(used.unit);
                }
            }
        }
    }

    /// The tensors that a unit uses.
    pub(super) fn tensors(&self, unit: usize) -> impl Iterator<Item = &TensorId> {
        self.tensors[unit].iter()
    }

    /// The units for which a unit waits, beside those that write what it reads first.
    pub(super) fn waits(&self, unit: usize) -> &[usize] {
        &self.waits[unit]
    }

    /// Whether each of these tensors has one writer at most.
    pub(super) fn have_one_writer(&self, ids: [TensorId; 2]) -> bool {
        ids.iter().all(|id| self.has_one_writer[id.index()])
    }

    /// What a construct's operator reads and what it writes: the tensors that are used elsewhere,
    /// too, and of these the ones that the construct is the first to write.
    pub(super) fn operands(&self, unit: usize) -> (Vec<TensorId>, Vec<TensorId>) {
        let is_outside =
            |id: &&TensorId| self.is_external[id.index()] || self.uses[id.index()].len() > 1;
        let is_read = |id: &TensorId| {
            let mut writing = self.uses[id.index()].iter().filter(|used| used.writes);
            writing.next().is_none_or(|first| first.unit != unit)
        };
        self.tensors(unit)
            .filter(is_outside)
            .partition(|id| is_read(id))
    }
}
