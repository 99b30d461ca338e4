//! Liveness under control flow: on which paths a tensor is written, read and alive.
//!
//! Stands on [`ControlFlow`]. A tensor is alive after a step if some path leads from there to a
//! read of it without a write in between. Paths are those of the control-flow graph: each step
//! leads to the next one, into every branch that follows and past every loop that follows; the end
//! of a branch leads behind all branches; the end of a loop's body leads to its start and behind
//! it. Invariant: each tensor is looked at by its uses and the constructs around them alone, never
//! by all steps. A tensor that is used within one block is not looked at outside of it.
//!
//! ```text
//!        ┌─► a ─┐         t  written at w, read at a    alive at w and in a's branch up to a
//!  w ────┤      ├─► z     u  written at w, read at b    alive at w and in b's branch up to b
//!        └─► b ─┘         v  written at w, read at z    alive at all of them
//! ```

use alloc::vec::Vec;
use core::ops::Range;

use super::{control_flow::ControlFlow, op::Op};

/// A step that uses a tensor.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Use {
    pub(crate) step: u32,
    pub(crate) reads: bool,
    pub(crate) writes: bool,
}

/// What happens to a tensor first on the paths from one place to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FirstUse {
    /// On some path, this step reads it before another one writes it.
    Read(u32),
    /// On every path, it is written before it is read.
    Write,
    /// It is not read before it is written, and on some path not written.
    None,
}

/// The uses of each tensor, in ascending order of steps.
pub(crate) fn uses_of(ops: &[Op], tensors: usize) -> Vec<Vec<Use>> {
    let mut uses: Vec<Vec<Use>> = alloc::vec![Vec::new(); tensors];
    for (step, op) in ops.iter().enumerate() {
        let step = step as u32;
        let reads = op.reads.iter().map(|id| (id, true));
        for (id, reads) in reads.chain(op.writes.iter().map(|id| (id, false))) {
            let uses = &mut uses[id.index()];
            match uses.last_mut().filter(|last| last.step == step) {
                Some(last) => last.writes |= !reads,
                None => uses.push(Use {
                    step,
                    reads,
                    writes: !reads,
                }),
            }
        }
    }
    uses
}

/// The uses at steps in this range.
fn within(uses: &[Use], steps: Range<u32>) -> &[Use] {
    let start = uses.partition_point(|used| used.step < steps.start);
    let end = uses.partition_point(|used| used.step < steps.end);
    &uses[start..end]
}

impl ControlFlow {
    /// What happens first to a tensor with these uses on the paths through all steps.
    pub(super) fn first_use(&self, uses: &[Use]) -> FirstUse {
        let block = self.block_of_uses(uses);
        match self.first_in(block, uses) {
            FirstUse::Write if self.can_be_passed(block) => FirstUse::None,
            found => found,
        }
    }

    /// Whether some path leads past a block: past every construct but a single branch.
    fn can_be_passed(&self, mut block: u32) -> bool {
        while let Some(construct) = self.block(block).construct {
            let node = self.node(construct);
            if node.is_repeated || node.has_empty_branch || node.blocks.len() > 1 {
                return true;
            }
            block = node.parent;
        }
        false
    }

    /// What happens first on the paths through a block, from its start or any later step of it that
    /// is in no construct within the block; `uses` are those behind that place.
    fn first_in(&self, block: u32, mut uses: &[Use]) -> FirstUse {
        while let Some(used) = uses.first() {
            let Some(construct) = self.construct_at(block, used.step) else {
                match *used {
                    Use { reads: true, .. } => return FirstUse::Read(used.step),
                    Use { writes: true, .. } => return FirstUse::Write,
                    _ => uses = &uses[1..],
                }
                continue;
            };
            let inside = within(uses, self.node(construct).steps.clone());
            match self.first_in_construct(construct, inside) {
                FirstUse::None => uses = &uses[inside.len()..],
                found => return found,
            }
        }
        FirstUse::None
    }

    fn first_in_construct(&self, construct: u32, uses: &[Use]) -> FirstUse {
        let node = self.node(construct);
        let mut is_written = !node.is_repeated && !node.has_empty_branch;
        let mut used_blocks = 0;
        let mut left = uses;
        while let Some(used) = left.first() {
            let block = self.part_at(construct, used.step);
            let inside = within(left, self.block(block).steps.clone());
            match self.first_in(block, inside) {
                FirstUse::Read(step) => return FirstUse::Read(step),
                FirstUse::Write => {}
                FirstUse::None => is_written = false,
            }
            used_blocks += 1;
            left = &left[inside.len()..];
        }
        match is_written && used_blocks == node.blocks.len() {
            true => FirstUse::Write,
            false => FirstUse::None,
        }
    }

    /// The block of a construct that has this step of the construct.
    fn part_at(&self, construct: u32, step: u32) -> u32 {
        let Range { start, end } = self.node(construct).blocks;
        let (mut low, mut high) = (start, end);
        while low < high {
            let middle = low + (high - low) / 2;
            match self.block(middle).steps.end <= step {
                true => low = middle + 1,
                false => high = middle,
            }
        }
        low
    }

    /// The steps at which a tensor with these uses is alive, as ranges in ascending order that
    /// neither overlap nor touch. `to_end` says whether it is read after the last step.
    pub(crate) fn alive_at(&self, uses: &[Use], to_end: bool) -> Vec<Range<i64>> {
        let mut ranges = Vec::new();
        let block = self.block_of_uses(uses);
        // Most tensors are written before they are read in the one block that uses them.
        match to_end || matches!(self.first_in(block, uses), FirstUse::Read(_)) {
            true => self.add_alive(0, uses, to_end, &mut ranges),
            false => self.add_alive(block, uses, false, &mut ranges),
        };
        let ranges = ranges.into_iter();
        let ranges = ranges.map(|steps| i64::from(steps.start)..i64::from(steps.end));
        crate::intervals::union(ranges.filter(|steps| !steps.is_empty()).collect())
    }

    /// Adds the steps of a block at which a tensor is alive, given whether it is alive behind the
    /// block. Returns whether it is alive before the block.
    fn add_alive(
        &self,
        block: u32,
        mut uses: &[Use],
        mut is_alive: bool,
        ranges: &mut Vec<Range<u32>>,
    ) -> bool {
        let steps = self.block(block).steps.clone();
        // The tensor is alive, or not, from behind the last use left up to here.
        let mut end = steps.end;
        while let Some(used) = uses.last() {
            let construct = self.construct_at(block, used.step);
            let item = match construct {
                None => used.step..used.step + 1,
                Some(construct) => self.node(construct).steps.clone(),
            };
            if is_alive {
                ranges.push(item.end..end);
            }
            end = item.start;
            let inside = within(uses, item.clone());
            if let Some(construct) = construct {
                is_alive = self.add_alive_in_construct(construct, inside, is_alive, ranges);
            } else {
                ranges.push(item);
                is_alive = used.reads || (is_alive && !used.writes);
            }
            uses = &uses[..uses.len() - inside.len()];
        }
        if is_alive {
            ranges.push(steps.start..end);
        }
        is_alive
    }

    /// Adds the steps of a construct at which a tensor is alive, given whether it is alive behind
    /// the construct. Returns whether it is alive before the construct.
    fn add_alive_in_construct(
        &self,
        construct: u32,
        uses: &[Use],
        mut alive_behind: bool,
        ranges: &mut Vec<Range<u32>>,
    ) -> bool {
        let node = self.node(construct);
        if node.is_repeated && !alive_behind {
            // Behind an iteration comes the next one.
            let first = self.first_in_construct(construct, uses);
            alive_behind = matches!(first, FirstUse::Read(_));
        }
        let (mut end, mut left) = (node.steps.end, uses);
        let (mut alive_before, mut used_blocks) = (false, 0);
        while let Some(used) = left.last() {
            let block = self.part_at(construct, used.step);
            let steps = self.block(block).steps.clone();
            if alive_behind {
                // Branches without a use.
                ranges.push(steps.end..end);
            }
            end = steps.start;
            let inside = within(left, steps);
            alive_before |= self.add_alive(block, inside, alive_behind, ranges);
            used_blocks += 1;
            left = &left[..left.len() - inside.len()];
        }
        if alive_behind {
            ranges.push(node.steps.start..end);
        }
        let leads_past =
            node.is_repeated || node.has_empty_branch || used_blocks < node.blocks.len();
        alive_before || (alive_behind && leads_past)
    }

    /// Whether a tensor with these uses is needed after a step.
    pub(crate) fn is_alive_after(&self, step: u32, uses: &[Use], to_end: bool) -> bool {
        let common = self.block_of_uses(uses);
        let mut block = self.block_of(step);
        let mut from = step + 1;
        loop {
            let Range { start, end } = self.block(block).steps;
            match self.first_in(block, within(uses, from..end)) {
                FirstUse::Read(_) => return true,
                FirstUse::Write => return false,
                FirstUse::None => {}
            }
            let is_read_first = || {
                matches!(
                    self.first_in(block, within(uses, start..end)),
                    FirstUse::Read(_)
                )
            };
            if block == common {
                let is_read_again = is_read_first() && self.is_repeated(block);
                return to_end || is_read_again;
            }
            let Some(construct) = self.block(block).construct else {
                return to_end;
            };
            let node = self.node(construct);
            if node.is_repeated && is_read_first() {
                return true;
            }
            (block, from) = (node.parent, node.steps.end);
        }
    }

    /// The innermost block with all uses.
    fn block_of_uses(&self, uses: &[Use]) -> u32 {
        match (uses.first(), uses.last()) {
            (Some(first), Some(last)) => self.common_block(first.step, last.step),
            _ => 0,
        }
    }

    /// Whether a block is run again after its end: it lies in a loop, or is the body of one.
    fn is_repeated(&self, mut block: u32) -> bool {
        while let Some(construct) = self.block(block).construct {
            let node = self.node(construct);
            if node.is_repeated {
                return true;
            }
            block = node.parent;
        }
        false
    }
}
