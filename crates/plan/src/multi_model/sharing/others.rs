//! A set of positions that finds those of other models fast.
//!
//! Every position has an owner from the start; positions are only ever added to the set. They are kept as bits, 64 a
//! block, and over the blocks stands a binary tree of summaries: nobody, one model, or several. A subtree that has
//! nobody but the model that asks is skipped at one glance, and its own bits are masked out of a block.
//!
//! ```text
//!                        several
//!             M1                        several          who is not M1?  the left half is skipped,
//!      M1          nobody          M1            several  and so is the third block
//!   0110 0000    0000 0000     0100 0010       1000 1001  blocks
//! ```
//!
//! Invariant: a block's summary is that of its bits, and an inner one that of the two below it.

use alloc::{vec, vec::Vec};
use core::ops::{ControlFlow, Range};

use super::{ModelId, ModelTensor};

const BLOCK: usize = u64::BITS as usize;

/// Whose the members of a subtree are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whose {
    Nobody,
    One(ModelId),
    Several,
}

impl Whose {
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Nobody, one) | (one, Self::Nobody) => one,
            (a, b) if a == b => a,
            _ => Self::Several,
        }
    }

    fn has_other(self, model: ModelId) -> bool {
        match self {
            Self::Nobody => false,
            Self::One(one) => one != model,
            Self::Several => true,
        }
    }
}

#[derive(Debug)]
pub(super) struct Others {
    owners: Vec<ModelTensor>,
    blocks: Vec<u64>,
    /// The children of node i are 2i and 2i + 1, the root is 1; the second half is the blocks'.
    tree: Vec<Whose>,
    /// All positions of each model, members or not, in order of model and block.
    own: Vec<OwnBits>,
}

/// The positions of a model in one block.
#[derive(Clone, Copy, Debug)]
struct OwnBits {
    model: ModelId,
    block: usize,
    bits: u64,
}

/// A model's positions, for blocks that are asked for in order.
struct Own<'a>(&'a [OwnBits]);

impl Own<'_> {
    fn bits(&mut self, block: usize) -> u64 {
        let is_past = |own: &OwnBits| own.block < block;
        if self.0.first().is_some_and(is_past) {
            self.0 = &self.0[1..];
            if self.0.first().is_some_and(is_past) {
                self.0 = &self.0[self.0.partition_point(is_past)..];
            }
        }
        let own = self.0.first().filter(|own| own.block == block);
        own.map_or(0, |own| own.bits)
    }
}

fn own_bits(owners: &[ModelTensor]) -> Vec<OwnBits> {
    let mut order: Vec<usize> = (0..owners.len()).collect();
    order.sort_by_key(|&position| owners[position].model);
    let mut all: Vec<OwnBits> = Vec::new();
    for position in order {
        let (model, block) = (owners[position].model, position / BLOCK);
        let bits = 1 << (position % BLOCK);
        match all.last_mut() {
            Some(last) if last.model == model && last.block == block => last.bits |= bits,
            _ => all.push(OwnBits { model, block, bits }),
        }
    }
    all
}

impl Others {
    /// No member yet; position *i* belongs to `owners[i]`.
    pub(super) fn new(owners: Vec<ModelTensor>) -> Self {
        let blocks = owners.len().div_ceil(BLOCK);
        Self {
            blocks: vec![0; blocks],
            tree: vec![Whose::Nobody; 2 * blocks.next_power_of_two()],
            own: own_bits(&owners),
            owners,
        }
    }

    pub(super) fn insert(&mut self, position: usize) {
        self.blocks[position / BLOCK] |= 1 << (position % BLOCK);
        let whose = Whose::One(self.owners[position].model);
        let mut node = self.leaves() + position / BLOCK;
        while node > 0 && self.tree[node].and(whose) != self.tree[node] {
            self.tree[node] = self.tree[node].and(whose);
            node /= 2;
        }
    }

    /// The first member from `position` on that is of another model.
    pub(super) fn first_from(&self, position: usize, model: ModelId) -> Option<usize> {
        let mut from = position / BLOCK;
        loop {
            let block = self.next_block(from, model)?;
            let others = !self.own(model).bits(block);
            let bits = self.bits_in(block, position..self.owners.len()) & others;
            if bits != 0 {
                return Some(block * BLOCK + bits.trailing_zeros() as usize);
            }
            from = block + 1;
        }
    }

    /// The last member before `position` that is of another model.
    pub(super) fn last_before(&self, position: usize, model: ModelId) -> Option<usize> {
        let mut from = position.checked_sub(1)? / BLOCK;
        loop {
            let block = self.previous_block(from, model)?;
            let others = !self.own(model).bits(block);
            let bits = self.bits_in(block, 0..position) & others;
            if bits != 0 {
                return Some(block * BLOCK + bits.ilog2() as usize);
            }
            from = block.checked_sub(1)?;
        }
    }

    /// Shows the owners of all members in `range` that are of other models, in order of position.
    pub(super) fn visit<B>(
        &self,
        range: Range<usize>,
        model: ModelId,
        mut visit: impl FnMut(ModelTensor) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        let mut own = self.own(model);
        let mut from = range.start / BLOCK;
        while let Some(block) = self.next_block(from, model) {
            if block * BLOCK >= range.end {
                break;
            }
            let owners = &self.owners[block * BLOCK..];
            for bit in Bits(self.bits_in(block, range.clone()) & !own.bits(block)) {
                visit(owners[bit])?;
            }
            from = block + 1;
        }
        ControlFlow::Continue(())
    }

    fn own(&self, model: ModelId) -> Own<'_> {
        let start = self.own.partition_point(|own| own.model < model);
        let rest = &self.own[start..];
        Own(&rest[..rest.partition_point(|own| own.model == model)])
    }

    fn leaves(&self) -> usize {
        self.tree.len() / 2
    }

    /// The members of a block that lie in `range`.
    fn bits_in(&self, block: usize, range: Range<usize>) -> u64 {
        let first = block * BLOCK;
        let (from, to) = (range.start.saturating_sub(first), range.end - first);
        let not_before = u64::MAX.checked_shl(from as u32).unwrap_or(0);
        let behind = u64::MAX.checked_shl(to.min(BLOCK) as u32).unwrap_or(0);
        self.blocks[block] & not_before & !behind
    }

    /// The first block from `block` on with a member of another model.
    fn next_block(&self, block: usize, model: ModelId) -> Option<usize> {
        if block >= self.leaves() {
            return None;
        }
        let mut node = self.leaves() + block;
        while !self.tree[node].has_other(model) {
            // Of a right child, the parent's successor is next.
            node >>= node.trailing_ones();
            if node == 0 {
                return None;
            }
            node += 1;
        }
        while node < self.leaves() {
            let left = 2 * node;
            node = left + usize::from(!self.tree[left].has_other(model));
        }
        Some(node - self.leaves())
    }

    /// The last block up to `block` with a member of another model.
    fn previous_block(&self, block: usize, model: ModelId) -> Option<usize> {
        let mut node = self.leaves() + block;
        while !self.tree[node].has_other(model) {
            node >>= node.trailing_zeros();
            if node == 1 {
                return None;
            }
            node -= 1;
        }
        while node < self.leaves() {
            let right = 2 * node + 1;
            node = right - usize::from(!self.tree[right].has_other(model));
        }
        Some(node - self.leaves())
    }
}

/// The positions of the bits that are set, lowest first.
struct Bits(u64);

impl Iterator for Bits {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        let lowest = (self.0 != 0).then(|| self.0.trailing_zeros() as usize);
        self.0 &= self.0.wrapping_sub(1);
        lowest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every query at every position, against a look at all members, while positions are added in a scattered order.
    #[test]
    fn finds_what_a_look_at_all_members_finds() {
        for count in [0, 1, 63, 64, 65, 130, 700] {
            for models in [1, 2, 3] {
                let owner = |i: usize| ModelTensor::at((i / 70 + i * i / 7) % models, i);
                let owners: Vec<ModelTensor> = (0..count).map(owner).collect();
                let mut others = Others::new(owners.clone());
                check(&others, &owners, &[]);
                let mut members = Vec::new();
                for step in 0..count {
                    let position = step * 269 % count;
                    others.insert(position);
                    members.push(position);
                    if step % 97 == 0 || step + 1 == count {
                        members.sort_unstable();
                        check(&others, &owners, &members);
                    }
                }
            }
        }
    }

    fn check(others: &Others, owners: &[ModelTensor], members: &[usize]) {
        for model in (0..3).map(ModelId::from_index) {
            let found = members.iter().copied();
            let found = found.filter(|&i| owners[i].model != model);
            for at in 0..=owners.len() {
                let first = found.clone().find(|&i| i >= at);
                assert_eq!(others.first_from(at, model), first);
                let last = found.clone().rfind(|&i| i < at);
                assert_eq!(others.last_before(at, model), last);
            }
            let half = owners.len() / 3..owners.len() * 2 / 3;
            let mut seen = Vec::new();
            let _ = others.visit(half.clone(), model, |owner| {
                seen.push(owner.tensor.index());
                ControlFlow::<()>::Continue(())
            });
            assert!(seen.into_iter().eq(found.filter(|i| half.contains(i))));
        }
    }
}
