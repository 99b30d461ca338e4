//! What a graph's tensors are made of, for the check: which of them are bytes of others.
//!
//! Stands on [`Graph`] alone, so that the check does not depend on the lifetimes and the alias sets
//! that the search uses. Invariant: a tensor has the bytes that it is said to have as long as
//! nothing is written over them.

use alloc::{collections::BTreeMap, vec::Vec};
use core::ops::Range;

use crate::graph::Graph;
use crate::ids::TensorId;

/// Bytes of a tensor that is no view, which the result of a concatenation has from `start` on.
#[derive(Clone, Debug)]
struct PartOf {
    bytes: Range<u64>,
    start: u64,
}

/// For each tensor, the tensor that is no view whose bytes it is, and where in it it begins; for
/// the operands of concatenations, where the results have their bytes.
#[derive(Clone, Debug)]
pub(super) struct Values {
    base: Vec<(TensorId, u64)>,
    sizes: Vec<u64>,
    /// By the tensor that is no view, and the result.
    parts: BTreeMap<(TensorId, TensorId), PartOf>,
}

impl Values {
    /// With the parts of results, or without.
    pub(super) fn new(graph: &Graph, has_parts: bool) -> Self {
        let mut base: Vec<(TensorId, u64)> = graph.tensors().map(|(id, _)| (id, 0)).collect();
        for op in graph.ops() {
            for view in op.views() {
                let (of, start) = base[view.of.index()];
                base[view.result.index()] = (of, start + view.offset);
            }
        }
        let sizes = graph.tensors().map(|(_, of)| of.layout().size() as u64);
        let mut values = Self {
            base,
            sizes: sizes.collect(),
            parts: BTreeMap::new(),
        };
        let parts = graph.ops().iter().flat_map(|op| op.parts());
        for part in parts.filter(|_| has_parts) {
            let (of, start) = values.base[part.operand.index()];
            let end = start + values.sizes[part.operand.index()];
            let part_of = PartOf {
                bytes: start..end,
                start: part.offset,
            };
            // Of several, that with most bytes: some may be views without any.
            let known = values.parts.get(&(of, part.result));
            let length = |of: &PartOf| of.bytes.end - of.bytes.start;
            if known.is_none_or(|known| length(known) < length(&part_of)) {
                values.parts.insert((of, part.result), part_of);
            }
        }
        values
    }

    /// Where a tensor begins in the bytes of another one that holds it; `None` if that does not, or
    /// the graph does not have the tensor.
    pub(super) fn start_in(&self, id: TensorId, held: TensorId) -> Option<u64> {
        let &(base, start) = self.base.get(id.index())?;
        match held {
            // An executor may copy to a view, which then is no view.
            held if held == id => Some(0),
            held if held == base => Some(start),
            held => {
                let part_of = self.parts.get(&(base, held))?;
                let end = start + self.sizes[id.index()];
                let is_there = part_of.bytes.start <= start && end <= part_of.bytes.end;
                is_there.then(|| part_of.start + start - part_of.bytes.start)
            }
        }
    }

    /// Where a tensor begins in the tensor that is no view whose bytes it is; `None` if the graph
    /// does not have the tensor.
    pub(super) fn start(&self, id: TensorId) -> Option<u64> {
        self.base.get(id.index()).map(|&(_, start)| start)
    }
}
