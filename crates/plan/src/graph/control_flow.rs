//! The control flow of a graph: its constructs as a tree of blocks.
//!
//! Stands on [`Construct`]. A *block* is a branch, a loop's body, or the whole list of operators. A
//! construct lies in one block and has blocks of its own. Invariant: block 0 is the whole list; the
//! blocks of a construct lie within its parent's steps, ascend, and are not empty; constructs are
//! in the order of their first step, outer ones first.
//!
//! ```text
//! step      0  1  2  3  4  5  6
//! block 0   ├──────────────────┤    the whole list
//! block 1      ├──┤                 the branches of construct 0
//! block 2            ├─────┤
//! block 3               ├──┤        the body of construct 1, which lies in block 2
//! ```

use alloc::{vec, vec::Vec};
use core::{cmp::Reverse, ops::Range};

use super::construct::{Construct, ConstructMistake};

/// How many constructs may lie within each other.
const MOST_NESTED: usize = 72;

/// The constructs of a graph, checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ControlFlow {
    /// Outer constructs before inner ones; those without operators are left out.
    constructs: Vec<Construct>,
    nodes: Vec<ConstructNode>,
    blocks: Vec<Block>,
    /// The innermost block of each step.
    block_of: Vec<u32>,
}

/// A construct in the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ConstructNode {
    pub(super) steps: Range<u32>,
    pub(super) is_repeated: bool,
    /// Whether one of several branches has no operators.
    pub(super) has_empty_branch: bool,
    /// The blocks of the construct.
    pub(super) blocks: Range<u32>,
    /// The block in which the construct lies.
    pub(super) parent: u32,
    /// How many constructs are around the construct.
    depth: usize,
}

/// A part of a construct.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) steps: Range<u32>,
    /// The construct of the block; block 0 has none.
    pub(super) construct: Option<u32>,
    /// The constructs that lie directly in the block, in ascending order.
    inner: Vec<u32>,
}

/// Why two operators may write one tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SecondWrite {
    /// Only one of them runs.
    Exclusive,
    /// The second one runs in a loop that begins after the first one.
    Carried,
    /// They may not.
    Refused,
}

impl ControlFlow {
    /// Checks the constructs of a list of operators and makes the tree.
    pub(super) fn new(
        declared: &[Construct],
        ops: usize,
    ) -> Result<Self, (Construct, ConstructMistake)> {
        for construct in declared {
            if let Some(mistake) = mistake(construct, ops) {
                return Err((construct.clone(), mistake));
            }
        }
        let mut flow = Self {
            blocks: vec![Block {
                steps: 0..ops as u32,
                construct: None,
                inner: Vec::new(),
            }],
            block_of: vec![0; ops],
            ..Self::default()
        };
        let mut constructs: Vec<(usize, &Construct)> = declared.iter().enumerate().collect();
        constructs.retain(|(_, construct)| !construct.ops().is_empty());
        // Of two constructs with the same steps, the outer one has only one part with operators. If
        // both have, the one declared first is the inner one, since its operators were added first.
        constructs.sort_by_key(|(index, construct)| {
            let steps = construct.ops();
            let splits = filled_parts(construct).count() > 1;
            (steps.start, Reverse(steps.end), splits, Reverse(*index))
        });
        for (_, construct) in constructs {
            flow.add(construct)?;
        }
        Ok(flow)
    }

    /// Adds the next construct, which begins in the last one added or behind it.
    fn add(&mut self, construct: &Construct) -> Result<(), (Construct, ConstructMistake)> {
        let steps = construct.ops().start.index() as u32..construct.ops().end.index() as u32;
        let parent = self.block_of[steps.start as usize];
        let around = self.blocks[parent as usize].construct;
        if steps.end > self.blocks[parent as usize].steps.end {
            let other = self.constructs[around.unwrap_or(0) as usize].clone();
            return Err((construct.clone(), ConstructMistake::Overlaps { other }));
        }
        let depth = around.map_or(0, |around| self.nodes[around as usize].depth + 1);
        if depth >= MOST_NESTED {
            let most = MOST_NESTED;
            return Err((construct.clone(), ConstructMistake::TooDeep { most }));
        }
        let first = self.blocks.len() as u32;
        for part in filled_parts(construct) {
            self.block_of[part.clone()].fill(self.blocks.len() as u32);
            self.blocks.push(Block {
                steps: part.start as u32..part.end as u32,
                construct: Some(self.nodes.len() as u32),
                inner: Vec::new(),
            });
        }
        self.blocks[parent as usize]
            .inner
            .push(self.nodes.len() as u32);
        self.nodes.push(ConstructNode {
            steps,
            is_repeated: matches!(construct, Construct::Repeated { .. }),
            has_empty_branch: filled_parts(construct).count() < construct.parts().len(),
            blocks: first..self.blocks.len() as u32,
            parent,
            depth,
        });
        self.constructs.push(construct.clone());
        Ok(())
    }

    /// The constructs that have an effect, outer ones before inner ones.
    pub(super) fn constructs(&self) -> &[Construct] {
        &self.constructs
    }

    /// Whether the operators simply follow each other.
    pub(crate) fn is_empty(&self) -> bool {
        self.constructs.is_empty()
    }

    pub(super) fn node(&self, construct: u32) -> &ConstructNode {
        &self.nodes[construct as usize]
    }

    pub(super) fn block(&self, block: u32) -> &Block {
        &self.blocks[block as usize]
    }

    /// The innermost block of a step.
    pub(super) fn block_of(&self, step: u32) -> u32 {
        self.block_of[step as usize]
    }

    /// Whether nothing comes after a step but the next one in the list, or the end of the list.
    pub(crate) fn leads_on(&self, step: u32) -> bool {
        let block = self.block_of(step);
        match self.block_of.get(step as usize + 1) {
            Some(&next) => next == block,
            None => block == 0,
        }
    }

    /// The construct that lies directly in a block and has this step of the block; `None` if the
    /// step is in no construct within the block.
    pub(super) fn construct_at(&self, block: u32, step: u32) -> Option<u32> {
        let inner = &self.block(block).inner;
        let next = inner.partition_point(|&construct| self.node(construct).steps.end <= step);
        let construct = *inner.get(next)?;
        (self.node(construct).steps.start <= step).then_some(construct)
    }

    /// The innermost block that has both steps, of which `last` is not before `first`.
    pub(super) fn common_block(&self, first: u32, last: u32) -> u32 {
        let mut index = self.block_of(first);
        loop {
            let block = self.block(index);
            match block.construct.filter(|_| block.steps.end <= last) {
                Some(construct) => index = self.node(construct).parent,
                None => return index,
            }
        }
    }

    /// The constructs that lie directly in block 0, as ranges of steps in ascending order.
    pub(super) fn outermost(&self) -> impl Iterator<Item = Range<usize>> {
        let outermost = self
            .block(0)
            .inner
            .iter()
            .map(|&construct| self.node(construct));
        outermost.map(|node| node.steps.start as usize..node.steps.end as usize)
    }

    /// The control flow after constructs have changed places as a whole, given the new position of
    /// each step.
    pub(super) fn moved(&self, position: impl Fn(usize) -> usize) -> Self {
        let steps = self.block_of.len();
        let moved = |construct: &Construct| {
            let start = construct.ops().start.index();
            construct.moved(|op| position(start) + op - start)
        };
        // Inner constructs first, as they were declared.
        let constructs: Vec<Construct> = self.constructs.iter().rev().map(moved).collect();
        let moved = Self::new(&constructs, steps);
        debug_assert!(moved.is_ok(), "constructs move as a whole");
        moved.unwrap_or_default()
    }

    /// Why `second` may write the tensor that the earlier `first` writes, too.
    pub(super) fn second_write(&self, first: u32, second: u32) -> SecondWrite {
        let mut block = self.block(self.block_of(second));
        while !block.steps.contains(&first) {
            let Some(construct) = block.construct else {
                break;
            };
            let node = self.node(construct);
            if node.is_repeated {
                return SecondWrite::Carried;
            }
            if node.steps.contains(&first) {
                return SecondWrite::Exclusive;
            }
            block = self.block(node.parent);
        }
        SecondWrite::Refused
    }
}

/// What is wrong with a construct by itself.
fn mistake(construct: &Construct, ops: usize) -> Option<ConstructMistake> {
    let mut expected = None;
    for (branch, part) in construct.parts().iter().enumerate() {
        if part.start > part.end || part.end.index() > ops {
            let part = part.clone();
            return Some(ConstructMistake::OutOfRange { part, ops });
        }
        let begins = part.start.index();
        if let Some(expected) = expected.filter(|&expected| expected != begins) {
            return Some(ConstructMistake::BranchesApart {
                branch,
                begins,
                expected,
            });
        }
        expected = Some(part.end.index());
    }
    None
}

/// The steps of the parts that have operators.
fn filled_parts(construct: &Construct) -> impl Iterator<Item = Range<usize>> {
    let parts = construct.parts().iter();
    let steps = parts.map(|part| part.start.index()..part.end.index());
    steps.filter(|steps| !steps.is_empty())
}
