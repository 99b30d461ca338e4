//! Which bytes are taken in which sections: finds the lowest offset that is free throughout a
//! buffer's life.
//!
//! A segment tree over sections. Every node keeps two sets of byte intervals, merged where they
//! touch: those taken in *all* of the node's sections, by buffers that span it, and those taken in
//! *any* of them. A query for sections `a..b` meets O(log sections) nodes. It asks the `any` sets
//! of the nodes inside `a..b` and the `all` sets of their ancestors, and raises one offset through
//! these sets until all of them agree that it is free.
//!
//! ```text
//! offset     all of [0,4)   any of [0,2)   any of [2,3)   query of sections 0..3:
//!    ▲                           █                          start at 0; `any of [0,2)` raises it
//!    │            █              █              ░           to 3, `all of [0,4)` to 5: all agree
//!    │            █              ░              █
//! ```
//!
//! A [leaf](super::section_tree) may be a run of several sections. It has one such set, for what
//! spans it, and a list of the few bytes that are taken in a part of it.
//!
//! The interference graph, quadratic in size, is never built.

use alloc::vec::Vec;
use core::ops::Range;

use super::gap::align_up;
use super::interval_set::{GapCursor, Intervals};
use super::partial_spans::{PartialCursor, PartialSpans};
use super::section_tree::{MOST_MET, Met, SectionTree};
use super::sections::Sections;

/// What is taken in the sections of a node.
#[derive(Clone, Debug, Default)]
struct Node {
    all: Intervals,
    any: Intervals,
    known: Known,
}

/// What is taken in the sections of a leaf.
#[derive(Clone, Debug, Default)]
struct Leaf {
    all: Intervals,
    part: PartialSpans,
    known: Known,
}

/// What a search has found: below `offset` there is no room for `size` bytes in all sections of a
/// node. Bytes are only taken, not freed, so that stays true.
#[derive(Clone, Copy, Debug)]
struct Known {
    offset: u64,
    size: u64,
    alignment: u64,
}

impl Known {
    /// An offset below which there is no room either for this size and alignment.
    fn least(&self, size: u64, alignment: u64) -> u64 {
        match size >= self.size && alignment >= self.alignment {
            true => self.offset,
            false => 0,
        }
    }

    /// Notes what a search from 0 on has found, unless what is known says more: it holds for
    /// smaller sizes, or up to a much higher offset.
    fn learn(&mut self, offset: u64, size: u64, alignment: u64) {
        let is_wider = size <= self.size && alignment <= self.alignment;
        let is_better = match is_wider {
            true => offset >= self.offset / 2,
            false => offset / 2 > self.offset,
        };
        if is_better {
            *self = Self {
                offset,
                size,
                alignment,
            };
        }
    }
}

impl Default for Known {
    fn default() -> Self {
        Self {
            offset: 0,
            size: u64::MAX,
            alignment: u64::MAX,
        }
    }
}

/// The most sets that a query asks: two of each leaf that it meets.
const MOST_ASKED: usize = MOST_MET + 4;

/// A cursor through one of the sets that a query asks.
#[derive(Clone, Copy)]
enum Cursor<'s> {
    Gap(GapCursor<'s>),
    Partial(PartialCursor<'s>),
}

impl Cursor<'_> {
    const EMPTY: Self = Self::Gap(GapCursor::EMPTY);

    fn lowest_free(&mut self, from: u64, size: u64, alignment: u64, work: &mut u64) -> u64 {
        match self {
            Self::Gap(cursor) => cursor.lowest_free(from, size, alignment, work),
            Self::Partial(cursor) => cursor.lowest_free(from, size, alignment, work),
        }
    }
}

/// One of the sets that a query asks.
enum Asked<'s> {
    Set(&'s Intervals),
    /// The bytes taken in some sections of a leaf.
    Part(&'s PartialSpans, Range<usize>),
}

/// The bytes taken in each section of time.
#[derive(Clone, Debug)]
pub(super) struct OccupancyTree {
    tree: SectionTree,
    nodes: Vec<Node>,
    leaves: Vec<Leaf>,
    /// A power of two of which all offsets are multiples. Bytes are taken up to the next multiple:
    /// nothing can begin before it, and sets that touch are merged.
    granularity: u64,
}

impl OccupancyTree {
    /// Nothing is taken in any section yet. All offsets, asked for or taken, will be multiples of
    /// the granularity.
    pub(super) fn new(sections: &Sections, granularity: u64) -> Self {
        let tree = SectionTree::new(sections);
        Self {
            granularity,
            nodes: alloc::vec![Node::default(); tree.nodes()],
            leaves: alloc::vec![Leaf::default(); tree.leaves()],
            tree,
        }
    }

    /// Frees all bytes; keeps the memory of the tree.
    pub(super) fn clear(&mut self) {
        for node in &mut self.nodes {
            node.all.clear();
            node.any.clear();
            node.known = Known::default();
        }
        for leaf in &mut self.leaves {
            leaf.all.clear();
            leaf.part.clear();
            leaf.known = Known::default();
        }
    }

    /// The lowest offset from `from` on at which `size` bytes are free in all of `sections`, which
    /// must not be empty. `from` is a multiple of `alignment`. What it looks at is added to
    /// `work`.
    pub(super) fn lowest_free(
        &mut self,
        sections: Range<usize>,
        from: u64,
        size: u64,
        alignment: u64,
        work: &mut u64,
    ) -> u64 {
        // The node that the sections are, if they are just those of one node.
        let (mut only, mut covering, mut least) = (None, 0, from);
        self.tree.meet(&sections, |met| {
            let known = match met {
                Met::Within(node) => self.nodes[node].known,
                Met::WholeLeaf(leaf, _) => self.leaves[leaf].known,
                Met::PartOfLeaf(..) => Known::default(),
                Met::Beyond(_) => return,
            };
            least = least.max(known.least(size, alignment));
            covering += 1;
            only = Some(met);
        });
        let offset = self.search(&sections, align_up(least, alignment), size, alignment, work);
        if covering == 1 && from == 0 {
            match only {
                Some(Met::Within(node)) => self.nodes[node].known.learn(offset, size, alignment),
                Some(Met::WholeLeaf(leaf, _)) => {
                    self.leaves[leaf].known.learn(offset, size, alignment);
                }
                _ => {}
            }
        }
        offset
    }

    /// What [`lowest_free`](Self::lowest_free) finds, by all sets of the sections' nodes.
    fn search(
        &self,
        sections: &Range<usize>,
        from: u64,
        size: u64,
        alignment: u64,
        work: &mut u64,
    ) -> u64 {
        let (mut cursors, mut len) = ([Cursor::EMPTY; MOST_ASKED], 0);
        self.ask(sections, |asked| {
            cursors[len] = match asked {
                Asked::Set(set) if set.is_empty() => return,
                Asked::Part(part, _) if part.is_empty() => return,
                Asked::Set(set) => Cursor::Gap(GapCursor::new(set)),
                Asked::Part(part, of) => Cursor::Partial(part.cursor(of)),
            };
            len += 1;
        });
        let (mut offset, mut agreed) = (from, 0);
        while agreed < len {
            for cursor in &mut cursors[..len] {
                let higher = cursor.lowest_free(offset, size, alignment, work);
                agreed = if higher == offset { agreed + 1 } else { 1 };
                offset = higher;
                if agreed >= len {
                    break;
                }
            }
        }
        offset
    }

    /// Visits the sets that together have all that is taken in some of these sections.
    fn ask<'s>(&'s self, sections: &Range<usize>, mut visit: impl FnMut(Asked<'s>)) {
        self.tree.meet(sections, |met| match met {
            Met::Within(node) => visit(Asked::Set(&self.nodes[node].any)),
            Met::Beyond(node) => visit(Asked::Set(&self.nodes[node].all)),
            Met::WholeLeaf(leaf, len) => {
                visit(Asked::Set(&self.leaves[leaf].all));
                visit(Asked::Part(&self.leaves[leaf].part, 0..len));
            }
            Met::PartOfLeaf(leaf, of) => {
                visit(Asked::Set(&self.leaves[leaf].all));
                visit(Asked::Part(&self.leaves[leaf].part, of));
            }
        });
    }

    /// Whether `bytes` are free in all of `sections`. Neither may be empty.
    pub(super) fn is_free(&self, sections: Range<usize>, bytes: Range<u64>) -> bool {
        let mut is_free = true;
        self.ask(&sections, |asked| {
            is_free &= match asked {
                Asked::Set(set) => set.is_free(&bytes),
                Asked::Part(part, of) => part.is_free(&of, &bytes),
            };
        });
        is_free
    }

    /// Takes bytes in all of `sections`.
    pub(super) fn take(&mut self, sections: Range<usize>, bytes: Range<u64>) {
        let bytes = bytes.start..align_up(bytes.end, self.granularity).max(bytes.end);
        self.tree.meet(&sections, |met| match met {
            Met::Within(node) => {
                self.nodes[node].all.insert(bytes.clone());
                self.nodes[node].any.insert(bytes.clone());
            }
            Met::Beyond(node) => self.nodes[node].any.insert(bytes.clone()),
            Met::WholeLeaf(leaf, _) => self.leaves[leaf].all.insert(bytes.clone()),
            Met::PartOfLeaf(leaf, of) => self.leaves[leaf].part.insert(of, bytes.clone()),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lifetimes::Lifetime;
    use crate::planner::Random;

    #[test]
    fn the_tree_agrees_with_looking_at_every_buffer_placed() {
        let mut random = Random::new(1);
        let granularities = [1u64, 2, 4].into_iter().cycle();
        for (count, granularity) in [1u64, 2, 3, 7, 60, 200, 500].into_iter().zip(granularities) {
            // Some steps have many births and deaths, others none.
            let buffers = (0..count).map(|_| {
                let lower = random.below(count) * random.below(2) + random.below(9);
                let most = 3 + count * random.below(2);
                let upper = lower + 1 + random.below(most);
                Lifetime::new(lower as i64, upper as i64, 1 + random.below(9))
            });
            let buffers: Vec<Lifetime> = buffers.collect();
            let sections = Sections::new(&buffers);
            let mut tree = OccupancyTree::new(&sections, granularity);
            let mut taken: Vec<(usize, Range<u64>)> = Vec::new();
            for (i, buffer) in buffers.iter().enumerate() {
                let (size, alignment) = (buffer.size, granularity << random.below(3));
                let from = random.below(4) * 16 * random.below(2);
                let found = tree.lowest_free(sections.of(i), from, size, alignment, &mut 0);
                let is_free = |offset: u64| {
                    let beside = taken.iter().filter(|(j, _)| buffers[*j].conflicts(buffer));
                    let mut bytes = beside.map(|(_, bytes)| bytes);
                    bytes.all(|bytes| bytes.end <= offset || offset + size <= bytes.start)
                };
                let expected = (from..).step_by(alignment as usize).find(|&o| is_free(o));
                assert_eq!(Some(found), expected, "{i} of {count}");
                assert!(tree.is_free(sections.of(i), found..found + size));
                tree.take(sections.of(i), found..found + size);
                assert!(!tree.is_free(sections.of(i), found..found + size));
                taken.push((i, found..found + size));
            }
        }
    }
}
