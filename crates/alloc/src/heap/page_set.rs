//! A set of pages of one zone, as a bitmap: the free pages that may still be resident.
//!
//! The words lie in a mapping of their own, so a bit that was never set costs nothing. `top` bounds
//! the words that have set bits, so that a search for the highest ones does not start at the end of
//! the address space.
//!
//! Invariant: words at or above `top` are zero; `count` is the number of set bits.

#![forbid(unsafe_code)]

use core::ops::Range;

use crate::arena::bitmap_words::BitmapWords;
use orionrt_buddy::bits::{mask_in_word, words_of};

/// A set of page numbers.
#[derive(Debug)]
pub(super) struct PageSet {
    words: BitmapWords,
    top: usize,
    count: usize,
}

/// What [`PageSet::remove`] found in a range.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Removed {
    /// How many pages of it were in the set.
    pub(super) count: usize,
    /// One past the last of them, counted from the start of the range.
    pub(super) end: usize,
}

impl PageSet {
    /// An empty set, in words that are all zero.
    pub(super) fn new(words: BitmapWords) -> Self {
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

    /// Adds a range of pages that are not in the set.
    pub(super) fn insert(&mut self, range: Range<usize>) {
        self.count += range.len();
        self.top = self.top.max(range.end.div_ceil(64));
        for (word, mask) in masks(range) {
            debug_assert_eq!(self.words.as_ref()[word] & mask, 0);
            self.words.as_mut()[word] |= mask;
        }
    }

    /// Removes a range of pages and says which were in the set.
    pub(super) fn remove(&mut self, range: Range<usize>) -> Removed {
        let start = range.start;
        let mut removed = Removed::default();
        for (word, mask) in masks(range) {
            let word_bits = &mut self.words.as_mut()[word];
            let set = *word_bits & mask;
            if set != 0 {
                *word_bits &= !mask;
                removed.count += set.count_ones() as usize;
                removed.end = word * 64 + 64 - set.leading_zeros() as usize - start;
            }
        }
        self.count -= removed.count;
        removed
    }

    /// The highest run of pages in the set, cut to at most `most`; `None` if the set is empty.
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

/// The words that a range of bits touches, with the mask of its bits in each.
fn masks(range: Range<usize>) -> impl Iterator<Item = (usize, u64)> {
    words_of(&range).map(move |word| (word, mask_in_word(&range, word)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_highest_run_is_found_across_words() {
        let mut pages = PageSet::new(BitmapWords::boxed(8));
        assert_eq!(pages.highest(10), None);
        pages.insert(3..5);
        pages.insert(60..200);
        assert_eq!(pages.highest(1000), Some(60..200));
        assert_eq!(pages.highest(10), Some(190..200));
        assert_eq!(
            pages.remove(100..300),
            Removed {
                count: 100,
                end: 100
            }
        );
        assert_eq!(pages.highest(1000), Some(60..100));
        pages.remove(60..100);
        assert_eq!(pages.highest(1), Some(4..5));
        assert_eq!(pages.count(), 2);
    }

    proptest! {
        #[test]
        fn a_page_set_agrees_with_a_list(
            steps in prop::collection::vec((0usize..300, 1usize..150, any::<bool>()), 1..40),
            most in 1usize..200,
        ) {
            let mut pages = PageSet::new(BitmapWords::boxed(8));
            let mut list = [false; 512];
            for (start, len, set) in steps {
                let range = start..start + len;
                if !set {
                    let count = range.clone().filter(|&i| list[i]).count();
                    let end = range.clone().rev().find(|&i| list[i]).map_or(0, |i| i + 1 - start);
                    prop_assert_eq!(pages.remove(range.clone()), Removed { count, end });
                    list[range].fill(false);
                } else if range.clone().all(|i| !list[i]) {
                    pages.insert(range.clone());
                    list[range].fill(true);
                }
                let end = list.iter().rposition(|&set| set).map(|i| i + 1);
                let expected = end.map(|end| {
                    let start = (0..end).rev().find(|&i| !list[i]).map_or(0, |i| i + 1);
                    start.max(end.saturating_sub(most))..end
                });
                prop_assert_eq!(pages.highest(most), expected);
            }
        }
    }
}
