//! Sets of small numbers, one bit for each number that could be a member.
//!
//! Stands on nothing. Invariant: a set for `count` numbers has `count.div_ceil(64)` words, and no
//! bit at `count` or above is set. Searches that work word by word may take the words out.

use alloc::{vec, vec::Vec};

/// Bits in a word.
pub(crate) const WORD_BITS: usize = u64::BITS as usize;

/// A set of numbers below a limit that is given when the set is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BitSet {
    words: Vec<u64>,
}

impl BitSet {
    /// A set without members that can hold the numbers below `count`.
    pub(crate) fn new(count: usize) -> Self {
        let words = vec![0; count.div_ceil(WORD_BITS)];
        Self { words }
    }

    /// The set of all numbers below `count`.
    pub(crate) fn full(count: usize) -> Self {
        let mut words = vec![u64::MAX; count.div_ceil(WORD_BITS)];
        if let (Some(last), rest @ 1..) = (words.last_mut(), count % WORD_BITS) {
            *last = (1 << rest) - 1;
        }
        Self { words }
    }

    /// The set with these words, which must satisfy the invariant.
    pub(crate) fn from_words(words: Vec<u64>) -> Self {
        Self { words }
    }

    /// Bit `i % 64` of word `i / 64` is set if the number `i` is a member.
    pub(crate) fn words(&self) -> &[u64] {
        &self.words
    }

    pub(crate) fn words_mut(&mut self) -> &mut [u64] {
        &mut self.words
    }

    pub(crate) fn contains(&self, number: usize) -> bool {
        self.words[number / WORD_BITS] >> (number % WORD_BITS) & 1 == 1
    }

    pub(crate) fn insert(&mut self, number: usize) {
        self.words[number / WORD_BITS] |= 1 << (number % WORD_BITS);
    }

    /// Removes all members.
    pub(crate) fn clear(&mut self) {
        self.words.fill(0);
    }

    pub(crate) fn remove(&mut self, number: usize) {
        self.words[number / WORD_BITS] &= !(1 << (number % WORD_BITS));
    }

    /// Adds the members of another set for as many numbers.
    pub(crate) fn union_with(&mut self, other: &Self) {
        for (word, other) in self.words.iter_mut().zip(&other.words) {
            *word |= other;
        }
    }

    /// Removes everything that is not a member of another set for as many numbers.
    pub(crate) fn intersect_with(&mut self, other: &Self) {
        for (word, other) in self.words.iter_mut().zip(&other.words) {
            *word &= other;
        }
    }

    /// Visits the members, ascending.
    pub(crate) fn for_each(&self, mut visit: impl FnMut(usize)) {
        for (index, &word) in self.words.iter().enumerate() {
            ones(word).for_each(|bit| visit(index * WORD_BITS + bit));
        }
    }

    /// The members, ascending.
    pub(crate) fn iter(&self) -> impl Iterator<Item = usize> {
        let words = self.words.iter().enumerate();
        words.flat_map(|(index, &word)| ones(word).map(move |bit| index * WORD_BITS + bit))
    }
}

/// The positions of the bits that are set in a word, ascending.
pub(crate) fn ones(mut word: u64) -> impl Iterator<Item = usize> {
    core::iter::from_fn(move || {
        let first = (word != 0).then(|| word.trailing_zeros() as usize)?;
        word &= word - 1;
        Some(first)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeSet;
    use proptest::prelude::*;

    #[test]
    fn a_full_set_holds_all_numbers_below_its_limit_and_no_other_bit() {
        for count in [0, 1, 63, 64, 65, 127, 128, 129] {
            let full = BitSet::full(count);
            assert!(full.iter().eq(0..count), "{count}");
            let ones: u32 = full.words().iter().map(|word| word.count_ones()).sum();
            assert_eq!(ones as usize, count);
            let mut filled = BitSet::new(count);
            (0..count).for_each(|i| filled.insert(i));
            assert_eq!(filled, full);
        }
    }

    proptest! {
        #[test]
        fn a_bit_set_behaves_as_a_tree_set(
            a in prop::collection::btree_set(0usize..200, 0..100),
            b in prop::collection::btree_set(0usize..200, 0..100),
            removed in 0usize..200,
        ) {
            let set = |members: &BTreeSet<usize>| {
                let mut set = BitSet::new(200);
                members.iter().for_each(|&i| set.insert(i));
                set
            };
            prop_assert!((0..200).all(|i| set(&a).contains(i) == a.contains(&i)));
            prop_assert!(set(&a).iter().eq(a.iter().copied()));
            let mut either = set(&a);
            either.union_with(&set(&b));
            prop_assert!(either.iter().eq(a.union(&b).copied()));
            let mut both = set(&a);
            both.intersect_with(&set(&b));
            prop_assert!(both.iter().eq(a.intersection(&b).copied()));
            let mut less = set(&a);
            less.remove(removed);
            prop_assert!(less.iter().eq(a.iter().copied().filter(|&i| i != removed)));
        }
    }
}
