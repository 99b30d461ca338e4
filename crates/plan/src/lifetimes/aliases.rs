//! Alias sets: which tensors of a graph share bytes because one is a view of the other, or because
//! a result is written in place.
//!
//! Stands on [`Graph`]. An alias set is a *root*, a tensor with bytes of its own, and all tensors
//! that lie within those bytes. Invariant: a tensor lies within a root, never within another
//! member; and a result in place is written when nobody but its own operator needs any byte of the
//! root any more, on any path that control flow or streams allow.
//!
//! ```text
//! root x   ├─────────── bytes of x ──────────┤   written by `load`, read by `slice` and `relu`
//! view v        ├── v ──┤                        slice of x: x stays alive until v was read
//! y        ├─────────── bytes of y ──────────┤   relu of x: in place if no other reader of x or v
//!                                                can still come
//! ```
//!
//! A result in place has as many bytes as its root, so it raises the load of no step.

use alloc::{vec, vec::Vec};

use super::{flow_liveness::FlowLiveness, in_inputs::results_in_inputs, lifetime::Within};
use crate::graph::{Graph, InPlace, Op, TensorSet};
use crate::ids::TensorId;

/// How much sharing of bytes between the operands and results of operators is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Aliasing {
    /// None: every tensor has bytes of its own, and a view is a copy. Outputs that are declared to
    /// have the bytes of an input still do.
    Off,
    /// Views lie within the tensors that they are views of.
    Views,
    /// Views, and results in place: a result takes the bytes of an operand where that is safe.
    #[default]
    InPlace,
    /// Views, results in place, and parts: operands of concatenations lie within the results where
    /// that is safe. The results then have [windows](super::Lifetimes::has_windows): an executor
    /// writes operands at their offsets, or joins the slots of operands that fill the result.
    Parts,
}

/// The most members of an alias set that are looked at for a result in place under control flow,
/// so that large sets take no quadratic time.
const MOST_MEMBERS: usize = 128;

/// For each tensor, where it lies within its root; `None` for roots. `liveness` says
/// what is alive when under control flow.
pub(super) fn aliases(
    graph: &Graph,
    aliasing: Aliasing,
    liveness: Option<&FlowLiveness>,
) -> Vec<Option<Within>> {
    let mut sets = AliasSets::new(graph, liveness);
    let (has_views, is_in_place) = (aliasing != Aliasing::Off, aliasing >= Aliasing::InPlace);
    let in_inputs = results_in_inputs(graph, has_views, is_in_place);
    let mut in_inputs = in_inputs.into_iter().peekable();
    for (step, op) in graph.ops().iter().enumerate() {
        if has_views {
            sets.add_views(op);
        }
        while let Some(of) = in_inputs.next_if(|of| of.step == step as u32) {
            sets.overwrite(of.step, of.result, of.input);
        }
        if is_in_place && !op.in_place().is_empty() {
            let mut roots = sets.roots_of(op);
            for pair in op.in_place() {
                if sets.can_overwrite(step as u32, &roots, pair) {
                    let root = sets.locate(pair.of).root;
                    sets.overwrite(step as u32, pair.result, root);
                    roots.written.insert(root);
                }
            }
        }
    }
    sets.within
}

/// What is known of a graph's alias sets whatever the order of its operators, which all run on one
/// stream. Only views are members here: a result that may be in place is the root of a set of its
/// own, since it is not in place in every order.
pub(crate) struct OrderFreeAliases {
    /// For each tensor, the root that it is a view of; roots are their own.
    pub(crate) roots: Vec<TensorId>,
    /// For each operator, its possible in-place pairs `(result, root)`. A pair is possible in an
    /// order in which every other reader of the root and its views comes earlier. At most one pair
    /// per root and per result is realised: the first that is possible.
    pub(crate) in_place_pairs: Vec<Vec<(TensorId, TensorId)>>,
}

/// Finds the views and the possible in-place pairs of a graph.
///
/// Pairs that are in place one after the other in the same bytes need no special care. They have
/// one size, and each result is read for the last time when the next one is written. So it can be
/// asked of each root alone whether the operand is all of it, is read once, and is not external.
pub(crate) fn order_free_aliases(graph: &Graph, aliasing: Aliasing) -> OrderFreeAliases {
    let mut sets = AliasSets::new(graph, None);
    for alias in graph.output_aliases() {
        // What is written over the input is in a chain that ends in the output, or so it counts.
        sets.is_external[alias.input.index()] = false;
    }
    if aliasing != Aliasing::Off {
        for op in graph.ops() {
            sets.add_views(op);
        }
    }
    let in_place_pairs = |op: &Op| {
        if aliasing < Aliasing::InPlace || op.in_place().is_empty() {
            return Vec::new();
        }
        let roots = sets.roots_of(op);
        let pairs = op.in_place().iter();
        let pairs = pairs.filter(|pair| sets.can_overwrite_as_last_reader(&roots, pair));
        let pairs = pairs.map(|pair| (pair.result, sets.locate(pair.of).root));
        pairs.collect()
    };
    OrderFreeAliases {
        in_place_pairs: graph.ops().iter().map(in_place_pairs).collect(),
        roots: graph
            .tensors()
            .map(|(id, _)| sets.locate(id).root)
            .collect(),
    }
}

/// The alias sets of the operators that have been visited so far, in execution order.
struct AliasSets<'g> {
    graph: &'g Graph,
    /// What is alive when; `None` if the operators simply follow each other.
    liveness: Option<&'g FlowLiveness<'g>>,
    within: Vec<Option<Within>>,
    /// For each root, the steps that read a member and still matter for the next result in place.
    /// Not used under control flow.
    readers: Vec<Vec<u32>>,
    /// For each root, the members that may still be needed when the next result is to be in place.
    /// Used under control flow only.
    members: Vec<Vec<TensorId>>,
    /// For each root, whether a member is a graph output, or an input that is not donated, so that
    /// the caller needs its bytes after the last step; or an input whose bytes an output has.
    is_external: Vec<bool>,
}

/// The roots that an operator reads and writes members of.
struct OpRoots {
    /// Those of which it reads one member, through one operand.
    read_once: TensorSet,
    written: TensorSet,
}

impl<'g> AliasSets<'g> {
    fn new(graph: &'g Graph, liveness: Option<&'g FlowLiveness<'g>>) -> Self {
        let tensors = graph.tensors().len();
        let mut members = Vec::new();
        if liveness.is_some() {
            members.extend(graph.tensors().map(|(id, _)| vec![id]));
        }
        let mut readers = vec![Vec::new(); tensors];
        for (step, op) in graph.ops().iter().enumerate() {
            for read in op.reads() {
                readers[read.index()].push(step as u32);
            }
        }
        let mut is_external = vec![false; tensors];
        let kept = graph.inputs().iter().filter(|&&id| !graph.is_donated(id));
        let of_outputs = graph.output_aliases().iter().map(|alias| &alias.input);
        for tensor in kept.chain(of_outputs).chain(graph.outputs()) {
            is_external[tensor.index()] = true;
        }
        Self {
            graph,
            liveness,
            members,
            within: vec![None; tensors],
            readers,
            is_external,
        }
    }

    /// Where a tensor lies; a root lies within itself.
    fn locate(&self, tensor: TensorId) -> Within {
        self.within[tensor.index()].unwrap_or(Within::new(tensor, 0))
    }

    /// Puts the views that an operator makes into the sets of their operands.
    fn add_views(&mut self, op: &Op) {
        for view in op.views() {
            if self.has_several_writers(view.result) || self.has_several_writers(view.of) {
                continue;
            }
            let of = self.locate(view.of);
            self.add(view.result, of.root, of.offset + view.offset);
        }
    }

    /// Makes a tensor a member of a root's set.
    fn add(&mut self, tensor: TensorId, root: TensorId, offset: u64) {
        self.within[tensor.index()] = Some(Within { root, offset });
        let readers = core::mem::take(&mut self.readers[tensor.index()]);
        self.readers[root.index()].extend(readers);
        if let Some(members) = self.members.get_mut(root.index()) {
            members.push(tensor);
        }
        self.is_external[root.index()] |= self.is_external[tensor.index()];
    }

    /// The roots that an operator uses.
    fn roots_of(&self, op: &Op) -> OpRoots {
        let mut read: Vec<TensorId> = op.reads().iter().map(|&id| self.locate(id).root).collect();
        read.sort_unstable();
        let once = read.chunk_by(|a, b| a == b).filter(|run| run.len() == 1);
        OpRoots {
            read_once: once.map(|run| run[0]).collect(),
            written: op.writes().iter().map(|&id| self.locate(id).root).collect(),
        }
    }

    /// Whether an operator with these roots can write the result over the operand: nobody else
    /// needs any byte of the operand's root any more.
    fn can_overwrite(&self, step: u32, roots: &OpRoots, pair: &InPlace) -> bool {
        let root = self.locate(pair.of).root;
        if let Some(live) = self.liveness {
            let members = &self.members[root.index()];
            return members.len() <= MOST_MEMBERS
                && self.can_overwrite_as_last_reader(roots, pair)
                && !members.iter().any(|&id| live.is_needed_after(step, id));
        }
        let has_ended = |&reader: &u32| reader == step || self.precedes(reader, step);
        // From the end, since a reader that is still to come is mostly among the last ones.
        let mut readers = self.readers[root.index()].iter().rev();
        self.can_overwrite_as_last_reader(roots, pair) && readers.all(has_ended)
    }

    /// Whether the operator can write the result over the operand once all other readers have
    /// ended: the operand is all of its root, which is not external, and the operator reads it
    /// through one operand only, since what it writes over one operand must not change another.
    fn can_overwrite_as_last_reader(&self, roots: &OpRoots, pair: &InPlace) -> bool {
        let root = self.locate(pair.of).root;
        let size = |tensor: TensorId| self.graph.tensor(tensor).map_or(0, |t| t.layout().size());
        self.within[pair.result.index()].is_none()
            && !self.has_several_writers(pair.result)
            && !self.has_several_writers(root)
            && roots.read_once.contains(root)
            && !roots.written.contains(root)
            && size(pair.of) == size(root)
            && size(root) > 0
            && !self.is_external[root.index()]
    }

    /// Puts a result in the place of a root. Every later reader comes after this step, so it stands
    /// for all earlier ones. Under control flow, other members may be needed in a branch that
    /// follows in the list.
    fn overwrite(&mut self, step: u32, result: TensorId, root: TensorId) {
        self.readers[root.index()].clear();
        self.readers[root.index()].push(step);
        if let Some(live) = self.liveness {
            let is_used_later = |id: &TensorId| live.last_use(*id) > Some(step);
            self.members[root.index()].retain(is_used_later);
        }
        self.add(result, root, 0);
    }

    fn has_several_writers(&self, id: TensorId) -> bool {
        let live = self.liveness;
        live.is_some_and(|live| live.has_several_writers(id))
    }

    fn precedes(&self, a: u32, b: u32) -> bool {
        match self.graph.happens_before_relation() {
            None => a < b,
            Some(relation) => relation.precedes(a, b),
        }
    }
}
