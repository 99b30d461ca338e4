//! The bytes in each moment, with additions to ranges of moments and the maximum of a range, each
//! in O(log n).
//!
//! Stands on nothing: a segment tree over numbers, with additions left at inner nodes. Invariant:
//! `most` of a node is the maximum below it, its own addition included.

use alloc::{vec, vec::Vec};
use core::ops::Range;

pub(super) struct LoadTree {
    leaves: usize,
    most: Vec<i64>,
    added: Vec<i64>,
}

impl LoadTree {
    pub(super) fn new(loads: impl ExactSizeIterator<Item = u64>) -> Self {
        let leaves = loads.len().next_power_of_two();
        let mut most = vec![0; 2 * leaves];
        for (leaf, load) in most[leaves..].iter_mut().zip(loads) {
            *leaf = load as i64;
        }
        for node in (1..leaves).rev() {
            most[node] = most[2 * node].max(most[2 * node + 1]);
        }
        Self {
            leaves,
            added: vec![0; most.len()],
            most,
        }
    }

    /// Adds to all moments of a range.
    pub(super) fn add(&mut self, moments: Range<u32>, bytes: i64) {
        let moments = moments.start as usize..moments.end as usize;
        if !moments.is_empty() {
            self.add_below(1, 0..self.leaves, &moments, bytes);
        }
    }

    fn add_below(&mut self, node: usize, own: Range<usize>, moments: &Range<usize>, bytes: i64) {
        if moments.end <= own.start || own.end <= moments.start {
            return;
        }
        if moments.start <= own.start && own.end <= moments.end {
            self.most[node] += bytes;
            self.added[node] += bytes;
            return;
        }
        let middle = own.start.midpoint(own.end);
        self.add_below(2 * node, own.start..middle, moments, bytes);
        self.add_below(2 * node + 1, middle..own.end, moments, bytes);
        self.most[node] = self.most[2 * node].max(self.most[2 * node + 1]) + self.added[node];
    }

    /// The largest load of a range within the moments; `i64::MIN / 2` for an empty one.
    pub(super) fn most(&self, moments: Range<u32>) -> i64 {
        if moments.is_empty() {
            return i64::MIN / 2;
        }
        debug_assert!(moments.end as usize <= self.leaves, "a moment of the tree");
        // Both ends climb until they meet. Each has the largest load of the part of the range below
        // its node, without what is added above.
        let mut ends = [moments.start, moments.end - 1].map(|end| self.leaves + end as usize);
        let mut most = ends.map(|node| self.most[node]);
        while ends[0] ^ ends[1] > 1 {
            if ends[0] % 2 == 0 {
                most[0] = most[0].max(self.most[ends[0] + 1]);
            }
            if ends[1] % 2 == 1 {
                most[1] = most[1].max(self.most[ends[1] - 1]);
            }
            ends = ends.map(|node| node / 2);
            most[0] += self.added[ends[0]];
            most[1] += self.added[ends[1]];
        }
        let mut most = most[0].max(most[1]);
        let mut node = ends[0];
        while node > 1 {
            node /= 2;
            most += self.added[node];
        }
        most
    }

    /// The first of the moments with the largest load, and that load.
    pub(super) fn fullest(&self) -> (u32, i64) {
        let mut node = 1;
        while node < self.leaves {
            let is_left = self.most[2 * node] >= self.most[2 * node + 1];
            node = 2 * node + usize::from(!is_left);
        }
        ((node - self.leaves) as u32, self.most[1])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_is_a_list_of_numbers(
            loads in prop::collection::vec(0..100u64, 1..20),
            ops in prop::collection::vec((0..20u32, 0..20u32, -50..50i64), 0..30),
        ) {
            let mut tree = LoadTree::new(loads.iter().copied());
            let mut list: Vec<i64> = loads.iter().map(|&load| load as i64).collect();
            for (a, b, bytes) in ops {
                let len = list.len() as u32;
                let range = a.min(b).min(len)..a.max(b).min(len);
                let moments = range.start as usize..range.end as usize;
                tree.add(range.clone(), bytes);
                list[moments.clone()].iter_mut().for_each(|load| *load += bytes);
                let most = list[moments].iter().copied().max();
                prop_assert_eq!(tree.most(range), most.unwrap_or(i64::MIN / 2));
                let whole = tree.most(0..len);
                prop_assert_eq!(Some(whole), list.iter().copied().max());
                let (moment, load) = tree.fullest();
                if whole > 0 {
                    prop_assert_eq!((list.get(moment as usize), load), (Some(&whole), whole));
                }
            }
        }
    }
}
