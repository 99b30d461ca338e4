//! Where everything is in the tree of bitmaps: levels, nodes, children and words, and nothing about what is free.
//!
//! A node has 64 children; a child of a node of level *l* spans `64^l` blocks, and for *l* > 0 it is itself a node of level *l - 1*. The
//! words of a level's nodes lie end to end, level 0 first. [`tree`](super::tree) says what they mean.

use core::ops::Range;

use super::order::bits;

const FAN_OUT_SHIFT: usize = 6;
/// Enough for 2⁶⁰ blocks.
const MAX_LEVELS: usize = 10;

/// The highest order at which a child of a node of this level can be free: its whole span.
pub(super) const fn child_order(level: usize) -> usize {
    FAN_OUT_SHIFT * level
}

/// The child in which a block lies, of a node of this level; children are counted from the start of the tree.
/// Child *c* of level *l* is node *c* of level *l - 1*, and belongs to node *c / 64* of level *l*.
pub(super) const fn child_of(level: usize, block: usize) -> usize {
    block >> child_order(level)
}

/// The words of a node: `whole`, and above level 0 its height and its masks.
pub(super) const WHOLE: usize = 0;
pub(super) const HEIGHT: usize = 1;
pub(super) const MASKS: usize = 2;

pub(super) const fn stride(level: usize) -> usize {
    if level == 0 {
        1
    } else {
        MASKS + child_order(level)
    }
}

/// Where each level's nodes start in the words.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub(super) levels: usize,
    pub(super) starts: [usize; MAX_LEVELS],
    pub(super) words: usize,
}

impl Shape {
    pub(super) fn new(blocks: usize) -> Self {
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
    pub(super) fn inner(&self, level: usize, node: usize) -> usize {
        self.starts[level] + node * (MASKS + child_order(level))
    }

    /// The first word of a node; at level 0 it is the node's number.
    #[inline(always)]
    pub(super) fn word(&self, level: usize, node: usize) -> usize {
        self.starts[level] + node * stride(level)
    }
}

/// The bits of a run that lies inside one word.
#[inline(always)]
pub(super) fn leaf_mask(run: &Range<usize>) -> u64 {
    bits(run.start & 63, ((run.end - 1) & 63) + 1)
}

/// A run within a node of level 1 or more: the children that it covers, and the parts of at most two
/// children that it covers partly. Runs are in blocks counted from the start of the tree.
pub(super) struct Cut {
    pub(super) inner: Option<u64>,
    pub(super) edges: [Option<Range<usize>>; 2],
}

impl Cut {
    pub(super) fn new(level: usize, run: Range<usize>) -> Self {
        let span = 1usize << child_order(level);
        let (head, tail) = (run.start & (span - 1), run.end & (span - 1));
        let (first, last) = (child_of(level, run.start), child_of(level, run.end));
        if first == last {
            return Self {
                inner: None,
                edges: [Some(run), None],
            };
        }
        // Children `inner_first..last` are covered; `last` may be the next node's first.
        let inner_first = first + usize::from(head != 0);
        let base = first & !63;
        Self {
            inner: (inner_first < last).then(|| bits(inner_first - base, last - base)),
            edges: [
                (head != 0).then_some(run.start..inner_first << child_order(level)),
                (tail != 0).then_some(last << child_order(level)..run.end),
            ],
        }
    }
}
