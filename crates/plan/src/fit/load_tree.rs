//! The bytes in each slot, with additions to ranges of slots and the maximum of a range, each in
//! O(log n).
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

    /// Adds to all slots of a range.
    pub(super) fn add(&mut self, slots: Range<u32>, bytes: i64) {
        let slots = slots.start as usize..slots.end as usize;
        if !slots.is_empty() {
            self.add_below(1, 0..self.leaves, &slots, bytes);
        }
    }

    fn add_below(&mut self, node: usize, own: Range<usize>, slots: &Range<usize>, bytes: i64) {
        if slots.end <= own.start || own.end <= slots.start {
            return;
        }
        if slots.start <= own.start && own.end <= slots.end {
            self.most[node] += bytes;
            self.added[node] += bytes;
            return;
        }
        let middle = own.start.midpoint(own.end);
        self.add_below(2 * node, own.start..middle, slots, bytes);
        self.add_below(2 * node + 1, middle..own.end, slots, bytes);
        self.most[node] = self.most[2 * node].max(self.most[2 * node + 1]) + self.added[node];
    }

    /// The largest load of a range; the least number there is for an empty one.
    pub(super) fn most(&self, slots: Range<u32>) -> i64 {
        let slots = slots.start as usize..slots.end as usize;
        self.most_below(1, 0..self.leaves, &slots)
    }

    fn most_below(&self, node: usize, own: Range<usize>, slots: &Range<usize>) -> i64 {
        if slots.is_empty() || slots.end <= own.start || own.end <= slots.start {
            return i64::MIN / 2;
        }
        if slots.start <= own.start && own.end <= slots.end {
            return self.most[node];
        }
        let middle = own.start.midpoint(own.end);
        let below = self.most_below(2 * node, own.start..middle, slots);
        let above = self.most_below(2 * node + 1, middle..own.end, slots);
        below.max(above) + self.added[node]
    }

    /// The first of the slots with the largest load, and that load.
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
                let slots = range.start as usize..range.end as usize;
                tree.add(range.clone(), bytes);
                list[slots.clone()].iter_mut().for_each(|load| *load += bytes);
                let most = list[slots].iter().copied().max();
                prop_assert_eq!(tree.most(range), most.unwrap_or(i64::MIN / 2));
                let whole = tree.most(0..len);
                prop_assert_eq!(Some(whole), list.iter().copied().max());
                let (slot, load) = tree.fullest();
                if whole > 0 {
                    prop_assert_eq!((list.get(slot as usize), load), (Some(&whole), whole));
                }
            }
        }
    }
}
