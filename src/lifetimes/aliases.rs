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

#![forbid(unsafe_code)]

use alloc::{vec, vec::Vec};

use super::Within;
use crate::{
    graph::{Graph, InPlace, Op},
    tensor::TensorId,
};

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
        for view in op.views() {
            let of = families.place(view.of);
            let offset = of.offset + view.offset;
            families.join(view.result, of.root, offset);
        }
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

    /// Has a tensor lie within a root.
    fn join(&mut self, tensor: TensorId, root: TensorId, offset: u64) {
        self.within[tensor.index()] = Some(Within { root, offset });
        let readers = core::mem::take(&mut self.readers[tensor.index()]);
        self.readers[root.index()].extend(readers);
        self.is_callers[root.index()] |= self.is_callers[tensor.index()];
    }

    /// Whether the result can be written over what the operator reads: that is all of its root, the caller needs nothing of it, and every
    /// other reader has ended. The operator reads it once: what it computes of one operand must not change another.
    fn may_take(&self, step: u32, op: &Op, pair: &InPlace) -> bool {
        let Within { root, .. } = self.place(pair.of);
        let size = |tensor: TensorId| self.graph.tensor(tensor).map_or(0, |t| t.layout().size());
        let reads = op.reads().iter();
        let read = reads.filter(|&&read| self.place(read).root == root).count();
        let has_ended = |&reader: &u32| reader == step || self.precedes(reader, step);
        self.within[pair.result.index()].is_none()
            && read == 1
            && size(pair.of) == size(root)
            && size(root) > 0
            && !self.is_callers[root.index()]
            && !op
                .writes()
                .iter()
                .any(|&other| self.place(other).root == root)
            // Of many readers the last ones are those that may not have ended.
            && self.readers[root.index()].iter().rev().all(has_ended)
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
