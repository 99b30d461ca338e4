//! The results that lie in the bytes of an input because an output is declared to have them.
//!
//! Stands on [`Graph`], whose build has checked that these outputs can. Where results in place are
//! used, a chain of them that ends in such an output begins as early as it can, so that no other
//! tensor has the bytes in between. Invariant: when the first result of a chain is written, the old
//! value is not needed any more but by its operator, in place; and each further result is the last
//! to need the one before.
//!
//! ```text
//! past ─► scale ─► a ─► append ─► present      with results in place, a and present are in the
//!                                              bytes of past; else present alone is
//! ```

use alloc::{vec, vec::Vec};

use crate::graph::{Graph, OutputAlias, TensorSet};
use crate::ids::TensorId;

/// The most operands of a result in place that are looked at for a longer chain.
const MOST_PAIRS: usize = 8;

/// A result in the bytes of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ResultInInput {
    /// The step that writes the result.
    pub(super) step: u32,
    pub(super) result: TensorId,
    pub(super) input: TensorId,
}

/// All results in the bytes of inputs, by steps, where views are no copies and where results are in
/// place.
pub(super) fn results_in_inputs(
    graph: &Graph,
    has_views: bool,
    is_in_place: bool,
) -> Vec<ResultInInput> {
    if graph.output_aliases().is_empty() {
        return Vec::new();
    }
    let mut chains = Chains::new(graph, has_views);
    let follows_chains =
        is_in_place && graph.happens_before_relation().is_none() && graph.control_flow().is_none();
    for alias in graph.output_aliases() {
        chains.add(alias, follows_chains);
    }
    chains.results.sort_by_key(|of| of.step);
    chains.results
}

/// The chains of results that end in outputs.
struct Chains<'g> {
    graph: &'g Graph,
    /// For each tensor, the one that it is a view of, or itself.
    roots: Vec<TensorId>,
    /// For each tensor, the step that writes it.
    writers: Vec<Option<u32>>,
    /// For each root, the last step that reads it or a view of it.
    last_readers: Vec<Option<u32>>,
    /// The roots of outputs, and those that are in a chain.
    taken: TensorSet,
    results: Vec<ResultInInput>,
}

impl<'g> Chains<'g> {
    fn new(graph: &'g Graph, has_views: bool) -> Self {
        let tensors = graph.tensors().len();
        let mut chains = Self {
            graph,
            roots: graph.tensors().map(|(id, _)| id).collect(),
            writers: vec![None; tensors],
            last_readers: vec![None; tensors],
            taken: TensorSet::default(),
            results: Vec::new(),
        };
        let mut has_several = vec![false; tensors];
        for (step, op) in (0..).zip(graph.ops()) {
            for written in op.writes() {
                let writer = chains.writers[written.index()].replace(step);
                has_several[written.index()] = writer.is_some();
            }
        }
        for (step, op) in (0..).zip(graph.ops()) {
            for view in op.views().iter().filter(|_| has_views) {
                if !has_several[view.result.index()] && !has_several[view.of.index()] {
                    chains.roots[view.result.index()] = chains.roots[view.of.index()];
                }
            }
            for read in op.reads() {
                let root = chains.roots[read.index()];
                chains.last_readers[root.index()] = Some(step);
            }
        }
        let outputs = graph.outputs().iter().map(|id| chains.roots[id.index()]);
        chains.taken = outputs.collect();
        chains
    }

    /// Adds the results that lie in the input because the output does.
    fn add(&mut self, alias: &OutputAlias, follows_chain: bool) {
        let (mut result, input) = (self.roots[alias.output.index()], alias.input);
        if self.size(input) == 0 {
            return;
        }
        while let Some(step) = self.writers[result.index()] {
            self.results.push(ResultInInput {
                step,
                result,
                input,
            });
            let reads_old = self.last_readers[input.index()] == Some(step);
            if !follows_chain || reads_old {
                return;
            }
            let pairs = self.graph.ops()[step as usize].in_place().iter();
            let pairs = pairs.filter(|pair| pair.result == result);
            let mut operands = pairs.map(|pair| pair.of).take(MOST_PAIRS);
            let before = operands.find(|&of| self.can_begin_with(step, of, input));
            let Some(before) = before.map(|of| self.roots[of.index()]) else {
                return;
            };
            self.taken.insert(before);
            result = before;
        }
    }

    /// Whether the tensor of this operand can be in the bytes of the input, too, when the operator
    /// of this step writes over it.
    fn can_begin_with(&self, step: u32, of: TensorId, input: TensorId) -> bool {
        let root = self.roots[of.index()];
        let Some(writer) = self.writers[root.index()] else {
            return false;
        };
        let is_read = self.last_readers[input.index()].is_none_or(|last| last < writer);
        let writer_op = &self.graph.ops()[writer as usize];
        let mut pairs = writer_op.in_place().iter().take(MOST_PAIRS);
        let is_over_old = |of: TensorId| self.is_written_over(writer, of, input);
        !self.taken.contains(root)
            && self.is_written_over(step, of, root)
            && (is_read || pairs.any(|pair| pair.result == root && is_over_old(pair.of)))
    }

    /// Whether the operator of a step is the last to need a root, of which it reads all through
    /// this one operand, so that it can write over it.
    fn is_written_over(&self, step: u32, of: TensorId, root: TensorId) -> bool {
        let op = &self.graph.ops()[step as usize];
        let of_root = |id: &&TensorId| self.roots[id.index()] == root;
        self.roots[of.index()] == root
            && self.size(of) == self.size(root)
            && self.last_readers[root.index()] == Some(step)
            && op.reads().iter().filter(of_root).count() == 1
            && !op.writes().iter().any(|id| of_root(&id))
    }

    fn size(&self, id: TensorId) -> usize {
        self.graph.tensor(id).map_or(0, |t| t.layout().size())
    }
}
