//! The shape of a segment tree over sections: which of its nodes a range of sections meets.
//!
//! Stands on [`Sections`]. The leaves are short runs of sections, in which only few buffers begin
//! or end: a node for each section would take most of the memory of the tree, and most of the time.
//!
//! ```text
//! node            1                      sections 3..9 meet the leaves of 2..5 and of 8..11 in
//!          2             3               part, that of 5..8 as a whole, and all nodes above these
//! leaf   0    1      2      3            in part
//!       0..2 2..5   5..8   8..11
//! ```
//!
//! Invariant: the nodes and leaves that lie within a range, and the leaves that it meets in part,
//! cover the range, each of its sections once.

use alloc::vec::Vec;
use core::ops::Range;

use super::sections::Sections;

/// The most births and deaths within a leaf of several sections, which has at most half as many
/// sections more than one.
const MOST_PARTIAL: usize = 256;

/// [`PartialSpans`](super::partial_spans::PartialSpans) number the sections of a leaf in bytes.
const _: () = assert!(MOST_PARTIAL / 2 < u8::MAX as usize);

/// The most nodes and leaves that a range meets: on each of at most 33 levels, two that lie within
/// it and two that do not.
pub(super) const MOST_MET: usize = 4 * 33;

/// A node or a leaf that a range of sections meets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Met {
    /// A node that lies within the range, while its parent does not.
    Within(usize),
    /// A node that reaches beyond the range.
    Beyond(usize),
    /// A leaf that lies within the range, while its parent does not, and how many sections it has.
    WholeLeaf(usize, usize),
    /// A leaf that reaches beyond the range, and those of its sections that do not, numbered from
    /// its first one on.
    PartOfLeaf(usize, Range<usize>),
}

/// The shape of the tree.
#[derive(Clone, Debug)]
pub(super) struct SectionTree {
    /// Node 1 is the root, the children of node *i* are *2i* and *2i + 1*, and leaf *i* is node
    /// `base + i`.
    base: usize,
    /// The leaf of each section.
    leaf_of: Vec<u32>,
    /// The first section of each leaf, and the end of the last one.
    starts: Vec<u32>,
}

impl SectionTree {
    pub(super) fn new(sections: &Sections) -> Self {
        Self::of_leaves(sections.runs(MOST_PARTIAL))
    }

    /// The tree whose leaves begin at these sections, 0 being the first of them and the number of
    /// sections the last.
    fn of_leaves(starts: Vec<u32>) -> Self {
        let leaves = starts.windows(2).zip(0u32..);
        let leaf_of = leaves.flat_map(|(bounds, leaf)| (bounds[0]..bounds[1]).map(move |_| leaf));
        Self {
            base: (starts.len() - 1).max(1).next_power_of_two(),
            leaf_of: leaf_of.collect(),
            starts,
        }
    }

    /// How many nodes there are, leaves not included: all have a lower number.
    pub(super) fn nodes(&self) -> usize {
        self.base
    }

    pub(super) fn leaves(&self) -> usize {
        self.starts.len() - 1
    }

    /// Visits what a range of sections, which must not be empty, meets.
    pub(super) fn meet(&self, sections: &Range<usize>, mut visit: impl FnMut(Met)) {
        let first = self.leaf_of[sections.start] as usize;
        let last = self.leaf_of[sections.end - 1] as usize;
        let whole = first + usize::from(self.of(first).start < sections.start)
            ..last + usize::from(self.of(last).end <= sections.end);
        let (mut low, mut high) = (self.base + whole.start, self.base + whole.end);
        while low < high {
            if low % 2 == 1 {
                visit(self.within(low));
                low += 1;
            }
            if high % 2 == 1 {
                high -= 1;
                visit(self.within(high));
            }
            (low, high) = (low / 2, high / 2);
        }
        let (mut low, mut high) = (self.base + first, self.base + last);
        let mut width = 1;
        let reaches_beyond = |node: usize, width: usize| {
            let start = node * width - self.base;
            start < whole.start || whole.end < start + width
        };
        while low >= 1 {
            if reaches_beyond(low, width) {
                visit(self.beyond(low, sections));
            }
            if high != low && reaches_beyond(high, width) {
                visit(self.beyond(high, sections));
            }
            (low, high, width) = (low / 2, high / 2, width * 2);
        }
    }

    /// The sections of a leaf.
    fn of(&self, leaf: usize) -> Range<usize> {
        self.starts[leaf] as usize..self.starts[leaf + 1] as usize
    }

    fn within(&self, node: usize) -> Met {
        match node.checked_sub(self.base) {
            Some(leaf) => Met::WholeLeaf(leaf, self.of(leaf).len()),
            None => Met::Within(node),
        }
    }

    fn beyond(&self, node: usize, sections: &Range<usize>) -> Met {
        let Some(leaf) = node.checked_sub(self.base) else {
            return Met::Beyond(node);
        };
        let of = self.of(leaf);
        let met = of.start.max(sections.start)..of.end.min(sections.end);
        Met::PartOfLeaf(leaf, met.start - of.start..met.end - of.start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{vec, vec::Vec};

    /// The sections below a node.
    fn sections_of(tree: &SectionTree, node: usize) -> Range<usize> {
        let (mut low, mut high) = (node, node + 1);
        while low < tree.base {
            (low, high) = (2 * low, 2 * high);
        }
        let leaf = |node: usize| (node - tree.base).min(tree.leaves());
        tree.starts[leaf(low)] as usize..tree.starts[leaf(high)] as usize
    }

    #[test]
    fn what_lies_within_a_range_covers_it_and_all_that_is_above_is_met() {
        for starts in [
            vec![0, 1],
            vec![0, 3],
            vec![0, 2, 5, 8, 11],
            vec![0, 1, 2, 9, 10, 11],
        ] {
            let count = *starts.last().expect("an end") as usize;
            let tree = SectionTree::of_leaves(starts);
            let ranges =
                (0..count).flat_map(|start| (start + 1..=count).map(move |end| start..end));
            for range in ranges {
                let (mut covered, mut beyond) = (vec![0; count], Vec::new());
                tree.meet(&range, |met| match met {
                    Met::Within(node) => {
                        covered[sections_of(&tree, node)]
                            .iter_mut()
                            .for_each(|times| *times += 1);
                    }
                    Met::WholeLeaf(leaf, len) => {
                        assert_eq!(tree.of(leaf).len(), len);
                        covered[tree.of(leaf)]
                            .iter_mut()
                            .for_each(|times| *times += 1);
                    }
                    Met::PartOfLeaf(leaf, part) => {
                        assert!(part.len() < tree.of(leaf).len());
                        let start = tree.of(leaf).start;
                        let part = start + part.start..start + part.end;
                        covered[part].iter_mut().for_each(|times| *times += 1);
                    }
                    Met::Beyond(node) => beyond.push(node),
                });
                let expected: Vec<i32> =
                    (0..count).map(|s| i32::from(range.contains(&s))).collect();
                assert_eq!(covered, expected, "{range:?}");
                let reaches = |&node: &usize| {
                    let of = sections_of(&tree, node);
                    let is_met = of.start < range.end && range.start < of.end;
                    is_met && (of.start < range.start || range.end < of.end)
                };
                let expected: Vec<usize> = (1..tree.nodes()).filter(reaches).collect();
                beyond.sort_unstable();
                // Where the number of leaves is no power of two, nodes reach beyond the last one.
                beyond.retain(reaches);
                assert_eq!(beyond, expected, "{range:?}");
            }
        }
    }
}
