//! A graph's operators in some order, and the bytes alive at each step.
//!
//! Stands on [`Csr`] for the graph in indices, and on [`order_free_aliases`] for who lies within whom. What is counted is *families*: a tensor with
//! bytes of its own, the *head*, and all views of it. A family is alive from the head's writer to the last reader of any of
//! them. Invariant: `order` and `position` are inverse to each other, `order` is a
//! valid order, and `loads` and `last` are those of [`Graph::lifetimes_with`] in that order.

use core::ops::Range;

use alloc::{vec, vec::Vec};

use super::in_place::{Take, saved};
use crate::csr::Csr;
use crate::graph::{Graph, Op};
use crate::ids::TensorId;
use crate::lifetimes::{Aliasing, order_free_aliases};

/// The last reader of what is alive to the end, and so of a graph output.
pub(super) const NEVER: u32 = u32::MAX;

/// A graph in indices: what no order changes. Families go by the index of their head.
pub(super) struct Model {
    /// The bytes of each family; views have none.
    pub(super) sizes: Vec<u64>,
    /// The operator that writes each head; `None` where the caller does.
    pub(super) writers: Vec<Option<u32>>,
    /// Whether a family has a graph output.
    is_output: Vec<bool>,
    /// The families that each operator reads.
    pub(super) reads: Csr,
    /// The operators that each one comes after: the writers of what it reads, and those for which it waits.
    pub(super) before: Csr,
    /// The results that each operator may write in place.
    pub(super) takes: Vec<Vec<Take>>,
    /// The bytes that each operator writes.
    pub(super) grows: Vec<u64>,
    /// The bytes of those that nobody reads afterwards.
    pub(super) drops: Vec<u64>,
    /// The bytes that the caller fills.
    inputs: u64,
    /// The bytes of those that nobody reads: alive at the first step alone.
    pub(super) opening: u64,
}

impl Model {
    pub(super) fn new(graph: &Graph, aliasing: Aliasing) -> Self {
        let shared = order_free_aliases(graph, aliasing);
        let head = |id: &TensorId| shared.roots[id.index()].index();
        let mut model = Self::empty(graph);
        for output in graph.outputs() {
            model.is_output[head(output)] = true;
        }
        let mut is_kept = model.is_output.clone();
        for (op, takes) in graph.ops().iter().zip(&shared.in_place_pairs) {
            model.push(op, head);
            model.takes.push(Take::all(takes, &model.sizes));
            for read in op.reads() {
                is_kept[head(read)] = true;
            }
        }
        // All of a family but its head have no bytes.
        for (index, head) in shared.roots.iter().enumerate() {
            if head.index() != index {
                model.sizes[index] = 0;
            }
        }
        model.weigh(graph, &is_kept);
        model
    }

    /// The tensors alone.
    fn empty(graph: &Graph) -> Self {
        let sizes = graph.tensors().map(|(_, t)| t.layout().size() as u64);
        Self {
            sizes: sizes.collect(),
            writers: vec![None; graph.tensors().len()],
            is_output: vec![false; graph.tensors().len()],
            reads: Csr::default(),
            before: Csr::default(),
            takes: Vec::new(),
            grows: Vec::new(),
            drops: Vec::new(),
            inputs: 0,
            opening: 0,
        }
    }

    /// Adds an operator, but for its bytes.
    fn push(&mut self, op: &Op, head: impl Fn(&TensorId) -> usize) {
        let index = self.reads.rows() as u32;
        let writers = op.reads().iter().filter_map(|t| self.writers[t.index()]);
        let waits = op.waits().iter().map(|wait| wait.index() as u32);
        self.before.push(writers.chain(waits));
        self.reads.push(op.reads().iter().map(|t| head(t) as u32));
        for written in op.writes() {
            self.writers[written.index()] = Some(index);
        }
    }

    /// Fills in the sums of bytes.
    fn weigh(&mut self, graph: &Graph, is_kept: &[bool]) {
        for op in graph.ops() {
            let (mut grows, mut drops) = (0, 0);
            for written in op.writes() {
                let size = self.sizes[written.index()];
                grows += size;
                drops += if is_kept[written.index()] { 0 } else { size };
            }
            self.grows.push(grows);
            self.drops.push(drops);
        }
        for input in graph.inputs() {
            let size = self.sizes[input.index()];
            self.inputs += size;
            self.opening += if is_kept[input.index()] { 0 } else { size };
        }
    }

    fn ops(&self) -> usize {
        self.grows.len()
    }
}

/// One order, step by step.
pub(super) struct Timeline {
    /// The operator at each step.
    pub(super) order: Vec<u32>,
    /// The step of each operator.
    pub(super) position: Vec<u32>,
    /// The bytes alive at each step.
    pub(super) loads: Vec<u64>,
    /// The step of each family's last reader, or [`NEVER`].
    pub(super) last: Vec<u32>,
}

impl Timeline {
    /// The order that the graph has.
    pub(super) fn new(model: &Model) -> Self {
        let order: Vec<u32> = (0..model.ops() as u32).collect();
        let mut last = vec![NEVER; model.sizes.len()];
        for step in 0..model.ops() {
            for &read in model.reads.row(step) {
                if !model.is_output[read as usize] {
                    last[read as usize] = step as u32;
                }
            }
        }
        let mut timeline = Self {
            position: order.clone(),
            loads: Vec::new(),
            order,
            last,
        };
        timeline.weigh(model);
        timeline
    }

    fn weigh(&mut self, model: &Model) {
        let mut live = model.inputs;
        for step in 0..model.ops() {
            let saved = self.saved(model, step);
            self.loads.push(live + model.grows[step] - saved);
            live += model.grows[step] - model.drops[step];
            if step == 0 {
                live -= model.opening;
            }
            let reads = model.reads.row(step).iter();
            let dying = reads.filter(|&&t| self.last[t as usize] == step as u32);
            live -= dying.map(|&t| model.sizes[t as usize]).sum::<u64>();
        }
    }

    /// The bytes alive just before a step.
    pub(super) fn live(&self, model: &Model, step: usize) -> u64 {
        let op = self.order[step] as usize;
        self.loads[step] + self.saved(model, step) - model.grows[op]
    }

    /// The bytes that a step has less because of results in place.
    fn saved(&self, model: &Model, step: usize) -> u64 {
        let takes = &model.takes[self.order[step] as usize];
        saved(takes, |head| self.last[head as usize] == step as u32)
    }

    /// The largest load at these steps.
    pub(super) fn peak(&self, steps: Range<usize>) -> u64 {
        self.loads[steps].iter().copied().max().unwrap_or(0)
    }

    /// Puts the steps `start..` in another order: `ops[i]` of them, counted from `start`, becomes step `start + i`, with
    /// `loads[i]` bytes.
    pub(super) fn replace(&mut self, model: &Model, start: usize, ops: &[u32], loads: &[u64]) {
        let steps = start..start + ops.len();
        let before = self.order[steps.clone()].to_vec();
        self.loads[steps.clone()].copy_from_slice(loads);
        for (step, &op) in steps.clone().zip(ops) {
            let op = before[op as usize];
            self.order[step] = op;
            self.position[op as usize] = step as u32;
            for &read in model.reads.row(op as usize) {
                // Steps ascend: the last reader is the last to write here.
                let last = &mut self.last[read as usize];
                if steps.contains(&(*last as usize)) {
                    *last = step as u32;
                }
            }
        }
    }

    /// The steps between operators that come after all earlier ones and before all later ones in every order: what is in
    /// one range never leaves it, and is ordered by itself.
    pub(super) fn segments(&self, model: &Model) -> Vec<Range<usize>> {
        let fixed = self.fixed(model);
        let mut segments = Vec::new();
        let mut start = 0;
        for step in 0..=fixed.len() {
            if step == fixed.len() || fixed[step] {
                if step - start > 1 {
                    segments.push(start..step);
                }
                start = step + 1;
            }
        }
        segments
    }

    /// Which steps have the same operator in every order.
    fn fixed(&self, model: &Model) -> Vec<bool> {
        let ops = model.ops();
        // For each step, the first that must come after it, and the last that must come before it; plus one, 0 for none.
        let (mut first_after, mut last_before) = (vec![usize::MAX; ops], vec![0; ops]);
        for (step, &op) in self.order.iter().enumerate() {
            for &before in model.before.row(op as usize) {
                let before = self.position[before as usize] as usize;
                first_after[before] = first_after[before].min(step);
                last_before[step] = last_before[step].max(before + 1);
            }
        }
        let mut fixed = vec![false; ops];
        let mut least = usize::MAX;
        for step in (0..ops).rev() {
            fixed[step] = least > step;
            least = least.min(last_before[step]);
        }
        let mut most = 0;
        for step in 0..ops {
            fixed[step] &= most <= step;
            most = most.max(first_after[step]);
        }
        fixed
    }
}
