//! A graph's operators in some order, and the bytes alive at each step.
//!
//! Stands on [`Table`] for the graph in indices. Invariant: `order` and `position` are inverse to each other, `order` is a
//! valid order, and `loads` and `last` are those of [`Graph::lifetimes`] in that order.

#![forbid(unsafe_code)]

use core::ops::Range;

use alloc::{vec, vec::Vec};

use crate::{graph::Graph, table::Table};

/// The last reader of what is alive to the end, and so of a graph output.
pub(super) const NEVER: u32 = u32::MAX;

/// A graph in indices: what no order changes.
pub(super) struct Model {
    /// The bytes of each tensor.
    pub(super) sizes: Vec<u64>,
    /// The operator that writes each tensor; `None` where the caller does.
    pub(super) writers: Vec<Option<u32>>,
    is_output: Vec<bool>,
    /// The tensors that each operator reads.
    pub(super) reads: Table,
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
    pub(super) fn new(graph: &Graph) -> Self {
        let tensors = graph.tensors().len();
        let mut model = Self {
            sizes: graph
                .tensors()
                .map(|(_, t)| t.layout().size() as u64)
                .collect(),
            writers: vec![None; tensors],
            is_output: vec![false; tensors],
            reads: Table::default(),
            grows: Vec::new(),
            drops: Vec::new(),
            inputs: 0,
            opening: 0,
        };
        for output in graph.outputs() {
            model.is_output[output.index()] = true;
        }
        let mut is_kept = model.is_output.clone();
        for (index, op) in graph.ops().iter().enumerate() {
            model
                .reads
                .push(op.reads().iter().map(|t| t.index() as u32));
            for read in op.reads() {
                is_kept[read.index()] = true;
            }
            for written in op.writes() {
                model.writers[written.index()] = Some(index as u32);
            }
        }
        model.weigh(graph, &is_kept);
        model
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
    /// The step of each tensor's last reader, or [`NEVER`].
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
            self.loads.push(live + model.grows[step]);
            live += model.grows[step] - model.drops[step];
            if step == 0 {
                live -= model.opening;
            }
            let reads = model.reads.row(step).iter();
            let dying = reads.filter(|&&t| self.last[t as usize] == step as u32);
            live -= dying.map(|&t| model.sizes[t as usize]).sum::<u64>();
        }
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
        // For each step, the first that reads from it and the last that it reads from; plus one, 0 for none.
        let (mut first_reader, mut last_writer) = (vec![usize::MAX; ops], vec![0; ops]);
        for (step, &op) in self.order.iter().enumerate() {
            let reads = model.reads.row(op as usize).iter();
            for writer in reads.filter_map(|&read| model.writers[read as usize]) {
                let writer = self.position[writer as usize] as usize;
                first_reader[writer] = first_reader[writer].min(step);
                last_writer[step] = last_writer[step].max(writer + 1);
            }
        }
        let mut fixed = vec![false; ops];
        let mut least = usize::MAX;
        for step in (0..ops).rev() {
            fixed[step] = least > step;
            least = least.min(last_writer[step]);
        }
        let mut most = 0;
        for step in 0..ops {
            fixed[step] &= most <= step;
            most = most.max(first_reader[step]);
        }
        fixed
    }
}
