//! The layout of the tree of bitmaps: where the words of each node are, and which blocks a node
//! spans.
//!
//! A node has 64 children. A child of a node of level *l* spans 64ˡ blocks; for *l* > 0 it is
//! itself a node of level *l - 1*. The words of a level's nodes lie one after another, level 0
//! first. What the words mean, [`tree`](super::tree) defines.
//!
//! ```text
//! block 300 in a tree of three levels
//!   level 2   child_of(2, 300) = 0     child 0 of the root: blocks 0..4096
//!   level 1   child_of(1, 300) = 4     child 4 of node 0:   blocks 256..320
//!   level 0   child_of(0, 300) = 300   bit 300 % 64 = 44 of node 300 / 64 = 4
//! ```

use core::ops::Range;

use crate::bits::mask;

const FAN_OUT_SHIFT: usize = 6;
/// Enough for 2⁶⁰ blocks.
const MAX_LEVELS: usize = 10;

/// The order of a whole child of a node of this level: the highest order at which it can be free.
#[inline]
pub(crate) const fn child_order(level: usize) -> usize {
    FAN_OUT_SHIFT * level
}

/// The child, of a node of this level, in which a block lies. Children are counted from the start
/// of the tree: child *c* of level *l* belongs to node *c / 64* of level *l*, and is node *c* of
/// level *l - 1*.
#[inline]
pub(crate) const fn child_of(level: usize, block: usize) -> usize {
    block >> child_order(level)
}

/// The position of the word `whole` in a node.
pub(crate) const WHOLE: usize = 0;
/// The position of a node's height, above level 0.
pub(crate) const HEIGHT: usize = 1;
/// The position of the first of a node's masks, above level 0.
pub(crate) const MASKS: usize = 2;

/// How many words a node of this level has.
#[inline]
pub(crate) const fn stride(level: usize) -> usize {
    if level == 0 {
        1
    } else {
        MASKS + child_order(level)
    }
}

/// How many levels a tree has, and where the nodes of each start in its words.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    pub(crate) levels: usize,
    pub(crate) starts: [usize; MAX_LEVELS],
    pub(crate) words: usize,
}

impl Shape {
    pub(crate) fn new(blocks: usize) -> Self {
        let mut shape = Self {
            levels: 0,
            starts: [0; MAX_LEVELS],
            words: 0,
        };
        let mut nodes = blocks;
        loop {
            nodes = nodes.div_ceil(64).max(1);
            shape.starts[shape.levels] = shape.words;
            shape.words += nodes * stride(shape.levels);
            shape.levels += 1;
            if nodes == 1 {
                return shape;
            }
        }
    }

    /// The first word of a node above level 0.
    #[inline(always)]
    pub(crate) fn inner(&self, level: usize, node: usize) -> usize {
        self.starts[level] + node * (MASKS + child_order(level))
    }

    /// The first word of a node; at level 0 it is the node's number.
    #[inline(always)]
    pub(crate) fn word(&self, level: usize, node: usize) -> usize {
        self.starts[level] + node * stride(level)
    }
}

/// The bits of a run of blocks that lies inside one word.
#[inline(always)]
pub(crate) fn leaf_mask(run: &Range<usize>) -> u64 {
    mask(run.start & 63..((run.end - 1) & 63) + 1)
}

/// A run of blocks within one node above level 0, cut at the borders of the node's children.
///
/// ```text
/// children   │   0   │   1   │   2   │   3   │
/// run            ├───────────────────────┤
/// cut            ├───┼───────────────┼───┤
///                head      inner      tail
/// ```
pub(crate) struct Cut {
    /// The children that the run covers, as a mask; `None` if it covers none.
    pub(crate) inner: Option<u64>,
    /// The part of the run in its first child, if that child is not covered whole.
    pub(crate) head: Option<Range<usize>>,
    /// The part of the run in its last child, if that is not the first one and not covered whole.
    pub(crate) tail: Option<Range<usize>>,
}

impl Cut {
    #[inline(always)]
    pub(crate) fn new(level: usize, run: Range<usize>) -> Self {
        let span = 1usize << child_order(level);
        let (before, behind) = (run.start & (span - 1), run.end & (span - 1));
        let (first, last) = (child_of(level, run.start), child_of(level, run.end));
        if first == last {
            return Self {
                inner: None,
                head: Some(run),
                tail: None,
            };
        }
        // Children `inner_first..last` are covered; `last` may be the first child of the next node.
        let inner_first = first + usize::from(before != 0);
        let base = first & !63;
        Self {
            inner: (inner_first < last).then(|| mask(inner_first - base..last - base)),
            head: (before != 0).then_some(run.start..inner_first << child_order(level)),
            tail: (behind != 0).then_some(last << child_order(level)..run.end),
        }
    }
}
