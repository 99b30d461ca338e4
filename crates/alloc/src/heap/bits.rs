//! A bit for every page of a zone: which free pages may still be resident.
//!
//! The words lie in a mapping of their own, so a bit that was never set costs nothing. `top` remembers below which
//! word all set bits lie, so that looking for the highest ones does not start at the end of the address space.
//!
//! Invariant: words at or above `top` are zero; `count` is the number of set bits.

#![forbid(unsafe_code)]

use core::ops::Range;

use crate::arena::words::Words;
use orionrt_buddy::bits::{mask_in_word, words_of};

#[derive(Debug)]
pub(super) struct Bits {
    words: Words,
    top: usize,
    count: usize,
}

/// What clearing a range found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Cleared {
    /// How many bits were set.
    pub(super) count: usize,
    /// One past the last set bit, counted from the start of the range.
    pub(super) end: usize,
}

impl Bits {
    /// No bit set, in words that are all zero.
    pub(super) fn new(words: Words) -> Self {
        Self {
            words,
            top: 0,
            count: 0,
        }
    }

    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Sets a range of bits that are clear.
    pub(super) fn set(&mut self, range: Range<usize>) {
        self.count += range.len();
        self.top = self.top.max(range.end.div_ceil(64));
        for (word, mask) in masks(range) {
            debug_assert_eq!(self.words.as_ref()[word] & mask, 0);
            self.words.as_mut()[word] |= mask;
        }
    }

    /// Clears a range of bits and says which were set.
    pub(super) fn clear(&mut self, range: Range<usize>) -> Cleared {
        let start = range.start;
        let mut cleared = Cleared::default();
        for (word, mask) in masks(range) {
            let word_bits = &mut self.words.as_mut()[word];
            let set = *word_bits & mask;
            if set != 0 {
                *word_bits &= !mask;
                cleared.count += set.count_ones() as usize;
                cleared.end = word * 64 + 64 - set.leading_zeros() as usize - start;
            }
        }
        self.count -= cleared.count;
        cleared
    }

    /// The highest run of set bits, of at most `most`; its length is at least 1.
    pub(super) fn highest(&mut self, most: usize) -> Option<Range<usize>> {
        let words = self.words.as_ref();
        while self.top > 0 && words[self.top - 1] == 0 {
            self.top -= 1;
        }
        let word = self.top.checked_sub(1)?;
        let end = word * 64 + 64 - words[word].leading_zeros() as usize;
        let mut start = end;
        while start > 0 && end - start < most {
            let (word, bit) = ((start - 1) / 64, (start - 1) % 64);
            // The ones from `bit` downwards.
            let ones = (words[word] << (63 - bit)).leading_ones() as usize;
            start -= ones.min(bit + 1);
            if ones < bit + 1 {
                break;
            }
        }
        let range = start.max(end - most.min(end))..end;
        (!range.is_empty()).then_some(range)
    }
}

/// The words that a range of bits touches, and its bits in each.
fn masks(range: Range<usize>) -> impl Iterator<Item = (usize, u64)> {
    words_of(&range).map(move |word| (word, mask_in_word(&range, word)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_highest_run_is_found_across_words() {
        let mut bits = Bits::new(Words::boxed(8));
        assert_eq!(bits.highest(10), None);
        bits.set(3..5);
        bits.set(60..200);
        assert_eq!(bits.highest(1000), Some(60..200));
        assert_eq!(bits.highest(10), Some(190..200));
        assert_eq!(
            bits.clear(100..300),
            Cleared {
                count: 100,
                end: 100
            }
        );
        assert_eq!(bits.highest(1000), Some(60..100));
        bits.clear(60..100);
        assert_eq!(bits.highest(1), Some(4..5));
        assert_eq!(bits.count(), 2);
    }

    proptest! {
        #[test]
        fn bits_agree_with_a_list(steps in prop::collection::vec((0usize..300, 1usize..150, any::<bool>()), 1..40), most in 1usize..200) {
            let mut bits = Bits::new(Words::boxed(8));
            let mut list = [false; 512];
            for (start, len, set) in steps {
                let range = start..start + len;
                if !set {
                    let count = range.clone().filter(|&i| list[i]).count();
                    let end = range.clone().rev().find(|&i| list[i]).map_or(0, |i| i + 1 - start);
                    prop_assert_eq!(bits.clear(range.clone()), Cleared { count, end });
                    list[range].fill(false);
                } else if range.clone().all(|i| !list[i]) {
                    bits.set(range.clone());
                    list[range].fill(true);
                }
                let end = list.iter().rposition(|&set| set).map(|i| i + 1);
                let expected = end.map(|end| {
                    let start = (0..end).rev().find(|&i| !list[i]).map_or(0, |i| i + 1);
                    start.max(end.saturating_sub(most))..end
                });
                prop_assert_eq!(bits.highest(most), expected);
            }
        }
    }
}
