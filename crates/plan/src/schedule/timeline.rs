//! A graph's operators in one order, and the bytes alive at each step.
//!
//! Stands on [`IndexedGraph`]. Invariant: `order` and `position` are inverse to each other, `order`
//! is a valid order, and `loads` and `last_reads` are those of
//! [`Graph::lifetimes_with`](crate::Graph::lifetimes_with) in that order.

use alloc::{vec, vec::Vec};
use core::ops::Range;

use super::{in_place::saved_bytes, indexed_graph::IndexedGraph};

/// The last read of alias sets that are alive to the end because they have a graph output.
const NEVER: u32 = u32::MAX;

/// One order, step by step.
pub(super) struct Timeline {
    /// The operator at each step.
    pub(super) order: Vec<u32>,
    /// The step of each operator.
    pub(super) position: Vec<u32>,
    /// The bytes alive at each step.
    pub(super) loads: Vec<u64>,
    /// The step that reads each alias set last, or [`NEVER`].
    pub(super) last_reads: Vec<u32>,
}

impl Timeline {
    /// The order that the graph has.
    pub(super) fn new(graph: &IndexedGraph) -> Self {
        let order: Vec<u32> = (0..graph.len() as u32).collect();
        let mut last_reads = vec![NEVER; graph.sizes.len()];
        for step in 0..graph.len() {
            for &read in graph.reads.row(step) {
                if !graph.is_output[read as usize] {
                    last_reads[read as usize] = step as u32;
                }
            }
        }
        let mut timeline = Self {
            position: order.clone(),
            loads: Vec::new(),
            order,
            last_reads,
        };
        timeline.set_loads(graph);
        timeline
    }

    fn set_loads(&mut self, graph: &IndexedGraph) {
        let mut live = graph.inputs;
        for step in 0..graph.len() {
            let saved = self.saved(graph, step);
            self.loads.push(live + graph.written[step] - saved);
            live += graph.written[step] - graph.unread[step];
            if step == 0 {
                live -= graph.unread_inputs;
            }
            let reads = graph.reads.row(step).iter();
            let dying = reads.filter(|&&t| self.last_reads[t as usize] == step as u32);
            live -= dying.map(|&t| graph.sizes[t as usize]).sum::<u64>();
        }
    }

    /// The bytes alive just before a step.
    pub(super) fn live_before(&self, graph: &IndexedGraph, step: usize) -> u64 {
        let op = self.order[step] as usize;
        self.loads[step] + self.saved(graph, step) - graph.written[op]
    }

    /// The bytes that a step saves by results in place.
    fn saved(&self, graph: &IndexedGraph, step: usize) -> u64 {
        let pairs = &graph.in_place_pairs[self.order[step] as usize];
        saved_bytes(pairs, |set| self.last_reads[set as usize] == step as u32)
    }

    /// The largest load at these steps.
    pub(super) fn peak(&self, steps: Range<usize>) -> u64 {
        self.loads[steps].iter().copied().max().unwrap_or(0)
    }

    /// Puts the steps from `start` on into another order: step `start + i` gets the operator that
    /// was at step `start + ops[i]`, and the load `loads[i]`.
    pub(super) fn replace(
        &mut self,
        graph: &IndexedGraph,
        start: usize,
        ops: &[u32],
        loads: &[u64],
    ) {
        let steps = start..start + ops.len();
        let before = self.order[steps.clone()].to_vec();
        self.loads[steps.clone()].copy_from_slice(loads);
        for (step, &op) in steps.clone().zip(ops) {
            let op = before[op as usize];
            self.order[step] = op;
            self.position[op as usize] = step as u32;
            for &read in graph.reads.row(op as usize) {
                // Steps ascend, so the last reader is the last one to write here.
                let last = &mut self.last_reads[read as usize];
                if steps.contains(&(*last as usize)) {
                    *last = step as u32;
                }
            }
        }
    }

    /// The ranges of at least two steps between operators that have a fixed step. An operator never
    /// leaves its range, so each range is ordered by itself.
    pub(super) fn segments(&self, graph: &IndexedGraph) -> Vec<Range<usize>> {
        let fixed = self.fixed_steps(graph);
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

    /// Whether each step has the same operator in every order: one that comes after all earlier
    /// operators and before all later ones.
    fn fixed_steps(&self, graph: &IndexedGraph) -> Vec<bool> {
        let ops = graph.len();
        // For each step: the first step that must come after it, and one more than the last step
        // that must come before it, 0 if there is none.
        let (mut first_after, mut last_before) = (vec![usize::MAX; ops], vec![0; ops]);
        for (step, &op) in self.order.iter().enumerate() {
            for &before in graph.predecessors.row(op as usize) {
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
