//! The control flow of a graph: its regions as a tree of blocks.
//!
//! Stands on [`Region`]. A *block* is a branch, a loop's body, or the whole list of operators. A
//! region lies in one block and has blocks of its own. Invariant: block 0 is the whole list; the
//! blocks of a region lie within its parent's steps, ascend, and are not empty; regions are in the
//! order of their first step, outer ones first.
//!
//! ```text
//! step      0  1  2  3  4  5  6
//! block 0   ├──────────────────┤    the whole list
//! block 1      ├──┤                 the branches of region 0
//! block 2            ├─────┤
//! block 3               ├──┤        the body of region 1, which lies in block 2
//! ```

use alloc::{vec, vec::Vec};
use core::{cmp::Reverse, ops::Range};

use super::region::{Region, RegionMistake};

/// How many regions may lie within each other.
const MOST_NESTED: usize = 256;

/// The regions of a graph, checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ControlFlow {
    /// Outer regions before inner ones; those without operators are left out.
    regions: Vec<Region>,
    nodes: Vec<RegionNode>,
    blocks: Vec<Block>,
    /// The innermost block of each step.
    block_of: Vec<u32>,
}

/// A region in the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct RegionNode {
    pub(super) steps: Range<u32>,
    pub(super) is_repeated: bool,
    /// Whether one of several branches has no operators.
    pub(super) has_empty_branch: bool,
    /// The blocks of the region.
    pub(super) blocks: Range<u32>,
    /// The block in which the region lies.
    pub(super) parent: u32,
    /// How many regions are around the region.
    depth: usize,
}

/// A part of a region.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) steps: Range<u32>,
    /// The region of the block; block 0 has none.
    pub(super) region: Option<u32>,
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
    /// Checks the regions of a list of operators and makes the tree.
    pub(super) fn new(declared: &[Region], ops: usize) -> Result<Self, (Region, RegionMistake)> {
        for region in declared {
            if let Some(mistake) = mistake(region, ops) {
                return Err((region.clone(), mistake));
            }
        }
        let mut flow = Self {
            blocks: vec![Block {
                steps: 0..ops as u32,
                region: None,
            }],
            block_of: vec![0; ops],
            ..Self::default()
        };
        let mut regions: Vec<(usize, &Region)> = declared.iter().enumerate().collect();
        regions.retain(|(_, region)| !has_no_effect(region));
        // Of two regions with the same steps, the outer one has only one part with operators. If
        // both have, the one declared first is the inner one, since its operators were added first.
        regions.sort_by_key(|(index, region)| {
            let steps = region.ops();
            let splits = filled_parts(region).count() > 1;
            (steps.start, Reverse(steps.end), splits, Reverse(*index))
        });
        for (_, region) in regions {
            flow.add(region)?;
        }
        Ok(flow)
    }

    /// Adds the next region, which begins in the last one added or behind it.
    fn add(&mut self, region: &Region) -> Result<(), (Region, RegionMistake)> {
        let steps = region.ops().start.index() as u32..region.ops().end.index() as u32;
        let parent = self.block_of[steps.start as usize];
        let around = self.blocks[parent as usize].region;
        if steps.end > self.blocks[parent as usize].steps.end {
            let other = self.regions[around.unwrap_or(0) as usize].clone();
            return Err((region.clone(), RegionMistake::Overlaps { other }));
        }
        let depth = around.map_or(0, |around| self.nodes[around as usize].depth + 1);
        if depth >= MOST_NESTED {
            let most = MOST_NESTED;
            return Err((region.clone(), RegionMistake::TooDeep { most }));
        }
        let first = self.blocks.len() as u32;
        for part in filled_parts(region) {
            self.block_of[part.clone()].fill(self.blocks.len() as u32);
            self.blocks.push(Block {
                steps: part.start as u32..part.end as u32,
                region: Some(self.nodes.len() as u32),
            });
        }
        self.nodes.push(RegionNode {
            steps,
            is_repeated: matches!(region, Region::Repeated { .. }),
            has_empty_branch: filled_parts(region).count() < region.parts().len(),
            blocks: first..self.blocks.len() as u32,
            parent,
            depth,
        });
        self.regions.push(region.clone());
        Ok(())
    }

    /// The regions that have an effect, outer ones before inner ones.
    pub(super) fn regions(&self) -> &[Region] {
        &self.regions
    }

    /// Whether the operators simply follow each other.
    pub(crate) fn is_empty(&self) -> bool {
        self.regions.is_empty()
    }

    pub(super) fn node(&self, region: u32) -> &RegionNode {
        &self.nodes[region as usize]
    }

    pub(super) fn block(&self, block: u32) -> &Block {
        &self.blocks[block as usize]
    }

    /// The innermost block of a step.
    pub(super) fn block_of(&self, step: u32) -> u32 {
        self.block_of[step as usize]
    }

    /// The region that lies directly in a block and has this step of the block; `None` if the step
    /// is in no region within the block.
    pub(super) fn region_at(&self, block: u32, step: u32) -> Option<u32> {
        let mut region = None;
        let mut inner = self.block_of(step);
        while inner != block {
            region = self.block(inner).region;
            inner = self.node(region?).parent;
        }
        region
    }

    /// Why `second` may write the tensor that the earlier `first` writes, too.
    pub(super) fn second_write(&self, first: u32, second: u32) -> SecondWrite {
        let mut block = self.block(self.block_of(second));
        while !block.steps.contains(&first) {
            let Some(region) = block.region else {
                break;
            };
            let node = self.node(region);
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

/// What is wrong with a region by itself.
fn mistake(region: &Region, ops: usize) -> Option<RegionMistake> {
    let mut expected = None;
    for (branch, part) in region.parts().iter().enumerate() {
        if part.start > part.end || part.end.index() > ops {
            let part = part.clone();
            return Some(RegionMistake::OutOfRange { part, ops });
        }
        let begins = part.start.index();
        if let Some(expected) = expected.filter(|&expected| expected != begins) {
            return Some(RegionMistake::BranchesApart {
                branch,
                begins,
                expected,
            });
        }
        expected = Some(part.end.index());
    }
    None
}

/// Whether a region changes nothing: it has no operators, or one branch, which always runs.
fn has_no_effect(region: &Region) -> bool {
    let is_one_branch = matches!(region, Region::Exclusive { branches } if branches.len() < 2);
    is_one_branch || region.ops().is_empty()
}

/// The steps of the parts that have operators.
fn filled_parts(region: &Region) -> impl Iterator<Item = Range<usize>> {
    let parts = region.parts().iter();
    let steps = parts.map(|part| part.start.index()..part.end.index());
    steps.filter(|steps| !steps.is_empty())
}
