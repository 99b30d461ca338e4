//! Parts of a result: operands of a concatenation that lie within its result, so that the operator
//! has nothing to do for them.
//!
//! Stands on the alias sets, whose roots become members of the result. The result needs the bytes
//! of each part from the write of the part on, and all of its own from the operator on: it has
//! windows before that. So a part raises the load of no step.
//!
//! ```text
//! step         0     1     2           a is written at 0, b at 1, both are copied to r at 2
//! r, bytes b         ├─────────────┤   b lies in r from its write on
//! r, bytes a   ├───────────────────┤   and so does a; at 2, there is nothing to copy
//! ```
//!
//! Invariant: nobody writes to an alias set that has become part of a result once the result is
//! there, nor over the result while a member of the set is still read. Operators that run on
//! several streams, and graphs with branches or loops, have no parts.

use alloc::{vec, vec::Vec};

use super::{
    lifetime::{Lifetime, Within},
    piece::Piece,
};
use crate::graph::{Graph, Op, Part};
use crate::ids::TensorId;

/// The most pieces of one result that are looked at: each set that becomes part of another one
/// moves its pieces.
const MOST_PIECES: usize = 1024;

/// Puts parts into their results where that is safe. The rows are those of roots and members, with
/// roots that cover their members. Returns what is needed of each root that has parts, in order of
/// the roots.
pub(super) fn place_parts(graph: &Graph, rows: &mut [Lifetime]) -> Vec<(usize, Vec<Piece>)> {
    if graph.ops().iter().all(|op| op.parts().is_empty()) {
        return Vec::new();
    }
    let mut sets = PartSets::new(graph, rows);
    for (step, op) in graph.ops().iter().enumerate() {
        for part in op.parts() {
            sets.place(step as i64, op, part);
        }
    }
    let needs = sets.needs.into_iter().enumerate();
    needs.filter(|(_, pieces)| !pieces.is_empty()).collect()
}

/// Where each tensor lies while parts are placed, operator by operator.
struct PartSets<'r> {
    rows: &'r mut [Lifetime],
    /// For each root, all that lies within it.
    members: Vec<Vec<TensorId>>,
    /// For each root, the last step that writes any of its bytes.
    last_write: Vec<i64>,
    /// For each root, the first step at which a result in place is written over it.
    overwritten: Vec<i64>,
    /// For each root, whether the caller needs its bytes before the first step or after the last.
    is_external: Vec<bool>,
    /// For each root with parts, what is needed of it, and when: of itself first, then of each
    /// part.
    needs: Vec<Vec<Piece>>,
}

impl<'r> PartSets<'r> {
    fn new(graph: &Graph, rows: &'r mut [Lifetime]) -> Self {
        let count = rows.len();
        let mut sets = Self {
            members: vec![Vec::new(); count],
            last_write: vec![i64::MIN; count],
            overwritten: vec![i64::MAX; count],
            is_external: vec![false; count],
            needs: vec![Vec::new(); count],
            rows,
        };
        for (id, _) in graph.tensors() {
            let root = sets.locate(id).root;
            if root != id {
                sets.members[root.index()].push(id);
            }
        }
        for external in graph.inputs().iter().chain(graph.outputs()) {
            let root = sets.locate(*external).root;
            sets.is_external[root.index()] = true;
        }
        for (step, op) in (0i64..).zip(graph.ops()) {
            for &written in op.writes() {
                sets.note_write(step, op, written);
            }
        }
        sets
    }

    fn note_write(&mut self, step: i64, op: &Op, written: TensorId) {
        let root = self.locate(written).root;
        let is_member = root != written;
        if is_member && op.views().iter().any(|view| view.result == written) {
            return;
        }
        self.last_write[root.index()] = step;
        if is_member {
            let first = &mut self.overwritten[root.index()];
            *first = step.min(*first);
        }
    }

    /// Where a tensor lies; a root lies within itself.
    fn locate(&self, tensor: TensorId) -> Within {
        let within = self.rows[tensor.index()].within;
        within.unwrap_or(Within::new(tensor, 0))
    }

    /// Puts the alias set of an operand into the result, if it can be there.
    fn place(&mut self, step: i64, op: &Op, part: &Part) {
        let place = self.locate(part.operand);
        let Some(start) = part.offset.checked_sub(place.offset) else {
            return;
        };
        if self.can_be_part(step, place.root, part.result, start)
            && self.are_all_its_bytes_parts(op, place.root, part.result, start)
        {
            self.merge(place.root, part.result, start);
        }
    }

    /// Whether the set of a root may lie in the result of the operator at a step, from byte `start`
    /// on.
    fn can_be_part(&self, step: i64, root: TensorId, result: TensorId, start: u64) -> bool {
        let (set, whole) = (&self.rows[root.index()], &self.rows[result.index()]);
        let pieces = self.needs[root.index()].len() + self.needs[result.index()].len();
        let end = start.checked_add(set.size);
        whole.within.is_none()
            && root != result
            && set.has_bytes()
            && end.is_some_and(|end| end <= whole.size)
            && start % set.alignment == 0
            && !self.is_external[root.index()]
            && self.last_write[root.index()] < step
            && set.upper <= self.overwritten[result.index()]
            && pieces + 2 <= MOST_PIECES
    }

    /// Whether parts of the operator lie in the set of a root exactly as they are to lie in the
    /// result, and are all of it: then the result has there what the set has.
    fn are_all_its_bytes_parts(
        &self,
        op: &Op,
        root: TensorId,
        result: TensorId,
        start: u64,
    ) -> bool {
        let of_set = op.parts().iter().filter(|part| {
            let place = self.locate(part.operand);
            part.result == result && place.root == root && start + place.offset == part.offset
        });
        // Parts of one result do not overlap each other.
        let bytes = of_set.map(|part| self.rows[part.operand.index()].size);
        bytes.sum::<u64>() == self.rows[root.index()].size
    }

    fn merge(&mut self, root: TensorId, result: TensorId, start: u64) {
        let set = self.rows[root.index()];
        let whole = &mut self.rows[result.index()];
        let needs = &mut self.needs[result.index()];
        if needs.is_empty() {
            needs.push(Piece::new(whole.steps(), 0..whole.size));
        }
        whole.lower = whole.lower.min(set.lower);
        whole.upper = whole.upper.max(set.upper);
        whole.alignment = whole.alignment.max(set.alignment);
        // The first piece of a set is that of its root alone.
        let mut own = core::mem::take(&mut self.needs[root.index()]);
        if own.is_empty() {
            own.push(Piece::new(set.steps(), 0..set.size));
        }
        let steps = own[0].steps.clone();
        let moved = own.into_iter().map(|Piece { steps, bytes }| {
            Piece::new(steps, bytes.start + start..bytes.end + start)
        });
        self.needs[result.index()].extend(moved);
        let mut members = core::mem::take(&mut self.members[root.index()]);
        for member in &members {
            let offset = self.locate(*member).offset + start;
            self.rows[member.index()].within = Some(Within::new(result, offset));
        }
        members.push(root);
        let root_row = &mut self.rows[root.index()];
        (root_row.lower, root_row.upper) = (steps.start, steps.end);
        root_row.within = Some(Within::new(result, start));
        self.members[result.index()].extend(members);
    }
}
