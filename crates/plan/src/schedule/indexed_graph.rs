//! A graph in indices: everything about it that does not depend on the order of its operators.
//!
//! Stands on [`Csr`] and [`order_free_aliases`]. Bytes are counted by *alias sets*: a root, which
//! has bytes of its own, and all views of it. An alias set is alive from the step that writes the
//! root to the last step that reads any member. Invariant: alias sets have the index of their root,
//! and operators that of the given order.

use alloc::{vec, vec::Vec};

use super::in_place::InPlacePair;
use crate::csr::Csr;
use crate::graph::{Graph, Op};
use crate::ids::TensorId;
use crate::lifetimes::{Aliasing, order_free_aliases};

/// Operators, alias sets and bytes of a graph.
pub(super) struct IndexedGraph {
    /// The bytes of each alias set; 0 at the index of a view.
    pub(super) sizes: Vec<u64>,
    /// The operator that writes each root; `None` for inputs.
    pub(super) writers: Vec<Option<u32>>,
    /// Whether an alias set has a graph output.
    pub(super) is_output: Vec<bool>,
    /// The alias sets that each operator reads.
    pub(super) reads: Csr,
    /// The direct predecessors of each operator: the writers of what it reads, and the operators
    /// for which it waits.
    pub(super) predecessors: Csr,
    /// The results that each operator may write in place.
    pub(super) in_place_pairs: Vec<Vec<InPlacePair>>,
    /// The bytes that each operator writes.
    pub(super) written: Vec<u64>,
    /// Of these, the bytes that nobody reads afterwards.
    pub(super) unread: Vec<u64>,
    /// The bytes of the graph's inputs.
    pub(super) inputs: u64,
    /// Of these, the bytes that nobody reads: alive at the first step only.
    pub(super) unread_inputs: u64,
}

impl IndexedGraph {
    pub(super) fn new(graph: &Graph, aliasing: Aliasing) -> Self {
        let aliases = order_free_aliases(graph, aliasing);
        let root = |id: &TensorId| aliases.roots[id.index()].index();
        let mut indexed = Self::without_ops(graph);
        for output in graph.outputs() {
            indexed.is_output[root(output)] = true;
        }
        let mut is_needed = indexed.is_output.clone();
        for (op, pairs) in graph.ops().iter().zip(&aliases.in_place_pairs) {
            indexed.push(op, root);
            let pairs = InPlacePair::all(pairs, &indexed.sizes);
            indexed.in_place_pairs.push(pairs);
            for read in op.reads() {
                is_needed[root(read)] = true;
            }
        }
        // A view has no bytes of its own.
        for (index, root) in aliases.roots.iter().enumerate() {
            if root.index() != index {
                indexed.sizes[index] = 0;
            }
        }
        indexed.sum_bytes(graph, &is_needed);
        indexed
    }

    fn without_ops(graph: &Graph) -> Self {
        let sizes = graph.tensors().map(|(_, t)| t.layout().size() as u64);
        Self {
            sizes: sizes.collect(),
            writers: vec![None; graph.tensors().len()],
            is_output: vec![false; graph.tensors().len()],
            reads: Csr::default(),
            predecessors: Csr::default(),
            in_place_pairs: Vec::new(),
            written: Vec::new(),
            unread: Vec::new(),
            inputs: 0,
            unread_inputs: 0,
        }
    }

    /// Adds what an operator reads, writes and waits for.
    fn push(&mut self, op: &Op, root: impl Fn(&TensorId) -> usize) {
        let index = self.reads.rows() as u32;
        let writers = op.reads().iter().filter_map(|t| self.writers[t.index()]);
        let waits = op.waits().iter().map(|wait| wait.index() as u32);
        self.predecessors.push(writers.chain(waits));
        self.reads.push(op.reads().iter().map(|t| root(t) as u32));
        for written in op.writes() {
            self.writers[written.index()] = Some(index);
        }
    }

    /// Sums up bytes by operator, and those of the inputs.
    fn sum_bytes(&mut self, graph: &Graph, is_needed: &[bool]) {
        for op in graph.ops() {
            let (mut written, mut unread) = (0, 0);
            for result in op.writes() {
                let size = self.sizes[result.index()];
                written += size;
                unread += if is_needed[result.index()] { 0 } else { size };
            }
            self.written.push(written);
            self.unread.push(unread);
        }
        for input in graph.inputs() {
            let size = self.sizes[input.index()];
            self.inputs += size;
            self.unread_inputs += if is_needed[input.index()] { 0 } else { size };
        }
    }

    /// How many operators there are.
    pub(super) fn len(&self) -> usize {
        self.written.len()
    }
}
