//! Which of many ranges of moments a moment lies in.
//!
//! Stands on nothing: a segment tree (de Berg et al., *Computational Geometry*, chapter 10) whose
//! nodes list the ranges that cover them, and not their parents. Invariant: a range is listed at
//! O(log n) nodes, which have each of its moments once.

use alloc::{vec, vec::Vec};
use core::{iter, ops::Range};

#[derive(Debug)]
pub(super) struct RangeTree {
    leaves: usize,
    lists: Vec<Vec<u32>>,
}

impl RangeTree {
    /// Ranges within so many moments, numbered in their order.
    pub(super) fn new(moments: usize, ranges: impl Iterator<Item = Range<u32>>) -> Self {
        let mut tree = Self {
            leaves: moments,
            lists: vec![Vec::new(); 2 * moments],
        };
        for (number, range) in (0..).zip(ranges) {
            tree.add(number, &range);
        }
        tree
    }

    fn add(&mut self, number: u32, range: &Range<u32>) {
        let [mut start, mut end] = [range.start, range.end].map(|at| at as usize + self.leaves);
        while start < end {
            if start % 2 == 1 {
                self.lists[start].push(number);
                start += 1;
            }
            if end % 2 == 1 {
                end -= 1;
                self.lists[end].push(number);
            }
            (start, end) = (start / 2, end / 2);
        }
    }

    /// The numbers of the ranges that a moment lies in.
    pub(super) fn containing(&self, moment: u32) -> impl Iterator<Item = u32> {
        let leaf = moment as usize + self.leaves;
        let up = iter::successors(Some(leaf), |&node| (node > 1).then_some(node / 2));
        up.flat_map(move |node| &self.lists[node]).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_range_is_listed_at_few_nodes() {
        for moments in [1 << 16, 100_001] {
            let range = 1..moments as u32 - 1;
            let tree = RangeTree::new(moments, iter::once(range));
            let entries: usize = tree.lists.iter().map(Vec::len).sum();
            assert!(entries <= 2 * 17, "{entries} of {moments} moments");
        }
    }

    proptest! {
        #[test]
        fn it_finds_the_ranges_that_contain_a_moment(
            moments in 1..40u32,
            ends in prop::collection::vec((0..40u32, 0..40u32), 0..20),
        ) {
            let ranges = ends.iter().map(|&(a, b)| a.min(moments)..b.min(moments));
            let ranges: Vec<Range<u32>> = ranges.collect();
            let tree = RangeTree::new(moments as usize, ranges.iter().cloned());
            for moment in 0..moments {
                let mut found: Vec<u32> = tree.containing(moment).collect();
                found.sort_unstable();
                let all = (0..).zip(&ranges);
                let expected = all.filter(|(_, range)| range.contains(&moment));
                let expected: Vec<u32> = expected.map(|(number, _)| number).collect();
                prop_assert_eq!(found, expected);
            }
        }
    }
}
