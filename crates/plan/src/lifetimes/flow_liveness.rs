//! The steps at which each tensor of a graph with control flow is alive: ranges with gaps.
//!
//! Stands on [`ControlFlow`]. Invariant: a tensor is alive at the steps that use it and wherever
//! some path leads on to a read of it, graph inputs at step 0, too, since the caller fills all of
//! them before it. Of each tensor, the ranges ascend and neither overlap nor touch.
//!
//! ```text
//! step         0   1   2   3   4        x is read by the branches 1..2 and 2..4
//!            init  a   b1  b2  join     t is written and read in the second branch
//! x           ████████████
//! y               █████  ██████████     the result of both branches, with a gap at b1
//! t                   ████████
//! ```

use alloc::vec::Vec;
use core::ops::Range;

use super::lifetime::Lifetime;
use crate::graph::{ControlFlow, Graph, Use, uses_of};
use crate::ids::TensorId;
use crate::intervals::union;

/// The uses of all tensors under control flow.
pub(super) struct FlowLiveness<'g> {
    flow: &'g ControlFlow,
    uses: Vec<Vec<Use>>,
    is_input: Vec<bool>,
    is_output: Vec<bool>,
}

impl<'g> FlowLiveness<'g> {
    /// The uses of a graph's tensors; `None` if its operators simply follow each other.
    pub(super) fn new(graph: &'g Graph) -> Option<Self> {
        let flow = graph.control_flow()?;
        let tensors = graph.tensors().len();
        let flags = |ids: &[TensorId]| {
            let mut flags = alloc::vec![false; tensors];
            ids.iter().for_each(|id| flags[id.index()] = true);
            flags
        };
        Some(Self {
            flow,
            uses: uses_of(graph.ops(), tensors),
            is_input: flags(graph.inputs()),
            is_output: flags(graph.outputs()),
        })
    }

    /// The steps at which a tensor is alive.
    pub(super) fn of(&self, id: TensorId) -> Vec<Range<i64>> {
        let (index, uses) = (id.index(), &self.uses[id.index()]);
        let mut ranges = self.flow.alive_at(uses, self.is_output[index]);
        if self.is_input[index] {
            ranges.push(0..1);
            ranges = union(ranges);
        }
        ranges
    }

    /// Whether a tensor is needed after a step, by other steps or the caller.
    pub(super) fn is_needed_after(&self, step: u32, id: TensorId) -> bool {
        let uses = &self.uses[id.index()];
        self.flow
            .is_alive_after(step, uses, self.is_output[id.index()])
    }

    /// The last step in the list of operators that uses a tensor.
    pub(super) fn last_use(&self, id: TensorId) -> Option<u32> {
        self.uses[id.index()].last().map(|used| used.step)
    }

    /// Whether several operators write a tensor. Such a tensor shares no bytes with an operand or a
    /// result: it is written while others that lie in its bytes may still be needed.
    pub(super) fn has_several_writers(&self, id: TensorId) -> bool {
        let writes = self.uses[id.index()].iter().filter(|used| used.writes);
        writes.take(2).count() == 2
    }

    /// The steps at which the bytes of each row are in use, the steps of members being those of
    /// their root, too; also sets the bounds of each row.
    pub(super) fn ranges(&self, rows: &mut [Lifetime]) -> Vec<Vec<Range<i64>>> {
        let each = (0..rows.len()).map(|index| self.of(TensorId::from_index(index)));
        let mut ranges: Vec<Vec<Range<i64>>> = each.collect();
        let mut has_members = alloc::vec![false; rows.len()];
        for index in 0..rows.len() {
            if let Some(within) = rows[index].within {
                let own = ranges[index].clone();
                ranges[within.root.index()].extend(own);
                has_members[within.root.index()] = true;
            }
        }
        for (index, row) in rows.iter_mut().enumerate() {
            if has_members[index] {
                ranges[index] = union(core::mem::take(&mut ranges[index]));
            }
            let ranges = &ranges[index];
            row.lower = ranges.first().map_or(0, |steps| steps.start);
            row.upper = ranges.last().map_or(0, |steps| steps.end);
        }
        ranges
    }
}
