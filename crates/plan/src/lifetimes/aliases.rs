//! Which tensors of a graph have no bytes of their own: views, and results that take the place of what their operator reads.
//!
//! Stands on [`Graph`] alone. A tensor either is a *root*, with bytes of its own, or lies within one. Invariant: `within` names
//! roots; a tensor lies within its root's bytes; and a result in place is written when nobody needs a byte of its root any more but the operator
//! that writes it.
//!
//! ```text
//! root x   ├────────────── bytes of x ─────────────┤     x is written, and read by `split` and `relu`
//! view v        ├── v ──┤                                slice of x: x stays until v has been read
//! y        ├────────────── bytes of y ─────────────┤     relu of x, in place: if x and v have no other reader that may still come
//! ```
//!
//! A result in place has as many bytes as its root, so no step has more bytes alive with it than without.

use alloc::{vec, vec::Vec};

use super::Within;
use crate::graph::{Graph, InPlace, Op};
use crate::ids::TensorId;

/// Which of a graph's declarations of shared bytes are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Aliasing {
    /// None: every tensor has bytes of its own, and a view is a copy.
    Off,
    /// Views lie within what they are views of.
    Views,
    /// And results take the bytes of what their operator reads, where that is safe.
    #[default]
    InPlace,
}

/// For each tensor, the root that it lies within; `None` for roots.
pub(super) fn aliases(graph: &Graph, aliasing: Aliasing) -> Vec<Option<Within>> {
    let mut families = Families::new(graph);
    if aliasing == Aliasing::Off {
        return families.within;
    }
    for (step, op) in graph.ops().iter().enumerate() {
        families.join_views(op);
        if aliasing == Aliasing::InPlace {
            for pair in op.in_place() {
                if families.may_take(step as u32, op, pair) {
                    let root = families.place(pair.of).root;
                    families.take(step as u32, pair.result, root);
                }
            }
        }
    }
    families.within
}

/// What of a graph's sharing is the same whatever the order of its operators, which all run on one stream.
pub(crate) struct Unordered {
    /// For each tensor, the one that it is a view of after all; itself, if it is none.
    pub(crate) heads: Vec<TensorId>,
    /// For each operator, the results that take a head's bytes in those orders that have all other readers of it and of its views before. Of
    /// pairs of one operator with the same head or the same result, the first that can be.
    pub(crate) takes: Vec<Vec<(TensorId, TensorId)>>,
}

/// See [`Unordered`]. Results in place are heads here, since they are not in place in all orders. Those in one root have one size, and each has
/// been read for the last time when the next is written: what is whole, what is read twice and what the caller needs can be asked of one head alone.
pub(crate) fn unordered(graph: &Graph, aliasing: Aliasing) -> Unordered {
    let mut families = Families::new(graph);
    if aliasing != Aliasing::Off {
        for op in graph.ops() {
            families.join_views(op);
        }
    }
    let takes = |op: &Op| {
        let pairs = op.in_place().iter();
        let pairs = pairs.filter(|_| aliasing == Aliasing::InPlace);
        let pairs = pairs.filter(|pair| families.may_ever_take(op, pair));
        let pairs = pairs.map(|pair| (pair.result, families.place(pair.of).root));
        pairs.collect()
    };
    Unordered {
        takes: graph.ops().iter().map(takes).collect(),
        heads: graph
            .tensors()
            .map(|(id, _)| families.place(id).root)
            .collect(),
    }
}

/// Roots with all that lies within them, while a graph is gone through step by step.
struct Families<'g> {
    graph: &'g Graph,
    within: Vec<Option<Within>>,
    /// The readers of each root's tensors that matter still.
    readers: Vec<Vec<u32>>,
    /// Whether somebody needs a root's bytes before the first step, or after the last.
    is_callers: Vec<bool>,
}

impl<'g> Families<'g> {
    fn new(graph: &'g Graph) -> Self {
        let tensors = graph.tensors().len();
        let mut readers = vec![Vec::new(); tensors];
        for (step, op) in graph.ops().iter().enumerate() {
            for read in op.reads() {
                readers[read.index()].push(step as u32);
            }
        }
        let mut is_callers = vec![false; tensors];
        for callers in graph.inputs().iter().chain(graph.outputs()) {
            is_callers[callers.index()] = true;
        }
        Self {
            graph,
            within: vec![None; tensors],
            readers,
            is_callers,
        }
    }

    /// Where a tensor lies; a root lies within itself.
    fn place(&self, tensor: TensorId) -> Within {
        let own = Within {
            root: tensor,
            offset: 0,
        };
        self.within[tensor.index()].unwrap_or(own)
    }

    /// Has an operator's views lie where what they are views of lies.
    fn join_views(&mut self, op: &Op) {
        for view in op.views() {
            let of = self.place(view.of);
            self.join(view.result, of.root, of.offset + view.offset);
        }
    }

    /// Has a tensor lie within a root.
    fn join(&mut self, tensor: TensorId, root: TensorId, offset: u64) {
        self.within[tensor.index()] = Some(Within { root, offset });
        let readers = core::mem::take(&mut self.readers[tensor.index()]);
        self.readers[root.index()].extend(readers);
        self.is_callers[root.index()] |= self.is_callers[tensor.index()];
    }

    /// Whether the result can be written over what the operator reads: nobody else needs any of that root.
    fn may_take(&self, step: u32, op: &Op, pair: &InPlace) -> bool {
        let root = self.place(pair.of).root;
        let has_ended = |&reader: &u32| reader == step || self.precedes(reader, step);
        // The last readers first: it is one of them if any is still to come.
        let mut readers = self.readers[root.index()].iter().rev();
        self.may_ever_take(op, pair) && readers.all(has_ended)
    }

    /// The same if every other reader has ended: the operand is all of its root, and the caller needs nothing of it. The operator
    /// reads it once: what it computes of one operand must not change another.
    fn may_ever_take(&self, op: &Op, pair: &InPlace) -> bool {
        let root = self.place(pair.of).root;
        let is_within = |tensor: &&TensorId| self.place(**tensor).root == root;
        let size = |tensor: TensorId| self.graph.tensor(tensor).map_or(0, |t| t.layout().size());
        self.within[pair.result.index()].is_none()
            && op.reads().iter().filter(is_within).count() == 1
            && !op.writes().iter().any(|other| is_within(&other))
            && size(pair.of) == size(root)
            && size(root) > 0
            && !self.is_callers[root.index()]
    }

    /// Has the result take the root's bytes. Whoever comes later comes after this step.
    fn take(&mut self, step: u32, result: TensorId, root: TensorId) {
        self.readers[root.index()].clear();
        self.readers[root.index()].push(step);
        self.join(result, root, 0);
    }

    fn precedes(&self, a: u32, b: u32) -> bool {
        match self.graph.order() {
            None => a < b,
            Some(order) => order.precedes(a, b),
        }
    }
}
