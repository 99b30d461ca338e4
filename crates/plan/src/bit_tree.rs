//! A set of small numbers that finds its members next to a limit.
//!
//! Stands on nothing. It is a bitmap, with bitmaps of its words that have members above it:
//!
//! ```text
//! level 1   1               0               1              words of level 0 that are not 0
//! level 0   0 1 1 0 .. 0    0 0 0 0 .. 0    1 0 0 0 .. 0   members 1, 2 and 128
//! ```
//!
//! Invariant: bit *i* of a level is set exactly if word *i* of the level below it is not 0.

use alloc::{vec, vec::Vec};

use crate::bits::WORD_BITS;

/// A set of numbers below a limit that is given when the set is made. Every operation looks at two
/// words for each factor of 64 in that limit, at most.
#[derive(Clone, Debug)]
pub(crate) struct BitTree {
    levels: Vec<Vec<u64>>,
}

impl BitTree {
    /// A set without members that can hold the numbers below `count`.
    pub(crate) fn new(count: usize) -> Self {
        let mut levels = Vec::new();
        // `count` itself is looked for, too: as a limit.
        let mut words = count / WORD_BITS + 1;
        levels.push(vec![0; words]);
        while words > 1 {
            words = words.div_ceil(WORD_BITS);
            levels.push(vec![0; words]);
        }
        Self { levels }
    }

    pub(crate) fn insert(&mut self, number: usize) {
        let mut at = number;
        for words in &mut self.levels {
            words[at / WORD_BITS] |= 1 << (at % WORD_BITS);
            at /= WORD_BITS;
        }
    }

    pub(crate) fn remove(&mut self, number: usize) {
        let mut at = number;
        for words in &mut self.levels {
            let word = &mut words[at / WORD_BITS];
            *word &= !(1 << (at % WORD_BITS));
            if *word != 0 {
                return;
            }
            at /= WORD_BITS;
        }
    }

    /// The largest member below `limit`, which is at most the `count` of the set.
    pub(crate) fn last_below(&self, limit: usize) -> Option<usize> {
        let mut at = limit;
        for (level, words) in self.levels.iter().enumerate() {
            let word = words.get(at / WORD_BITS).copied().unwrap_or(0);
            let below = word & ((1 << (at % WORD_BITS)) - 1);
            at /= WORD_BITS;
            if below != 0 {
                let last = |word: u64, at: usize| at * WORD_BITS + word.ilog2() as usize;
                let lower = self.levels[..level].iter().rev();
                return Some(lower.fold(last(below, at), |at, words| last(words[at], at)));
            }
        }
        None
    }

    /// The smallest member from `limit` on, which is at most the `count` of the set.
    pub(crate) fn first_from(&self, limit: usize) -> Option<usize> {
        let mut at = limit;
        for (level, words) in self.levels.iter().enumerate() {
            let word = words.get(at / WORD_BITS).copied().unwrap_or(0);
            let from = word & (u64::MAX << (at % WORD_BITS));
            if from != 0 {
                let first = |word: u64, at: usize| at * WORD_BITS + word.trailing_zeros() as usize;
                let lower = self.levels[..level].iter().rev();
                let found = first(from, at / WORD_BITS);
                return Some(lower.fold(found, |at, words| first(words[at], at)));
            }
            // The words after this one.
            at = at / WORD_BITS + 1;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn it_is_a_sorted_set(
            count in prop_oneof![1usize..5, 60usize..70, 4000usize..5000],
            changes in prop::collection::vec((any::<bool>(), any::<prop::sample::Index>()), 0..200),
        ) {
            let (mut set, mut oracle) = (BitTree::new(count), BTreeSet::new());
            for (insert, at) in changes {
                let number = at.index(count);
                if insert {
                    set.insert(number);
                    oracle.insert(number);
                } else {
                    set.remove(number);
                    oracle.remove(&number);
                }
                for limit in [number, number + 1, count] {
                    let expected = oracle.range(..limit).next_back().copied();
                    prop_assert_eq!(set.last_below(limit), expected);
                    let expected = oracle.range(limit..).next().copied();
                    prop_assert_eq!(set.first_from(limit), expected);
                }
            }
        }
    }

    #[test]
    fn a_set_of_no_numbers_has_no_members() {
        assert_eq!(BitTree::new(0).last_below(0), None);
    }
}
