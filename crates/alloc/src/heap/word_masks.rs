//! The words of a bitmap that a range of its bits touches, and the bits of the range in each.
//!
//! Invariant: the masks of a range, over all words that it touches, are together just its bits.

#![forbid(unsafe_code)]

use core::ops::Range;

use orionrt_buddy::bits::{mask_in_word, words_of};

/// The words that a range of bits touches, each with the mask of its bits in it.
#[inline]
pub(super) fn masked<'w>(
    words: &'w mut [u64],
    range: &Range<usize>,
) -> impl Iterator<Item = (&'w mut u64, u64)> {
    let touched = words_of(range);
    let last = touched.len().wrapping_sub(1);
    let (first_mask, last_mask) = (u64::MAX << (range.start % 64), last_mask(range));
    words[touched]
        .iter_mut()
        .enumerate()
        .map(move |(at, word)| {
            let from = if at == 0 { first_mask } else { u64::MAX };
            let to = if at == last { last_mask } else { u64::MAX };
            (word, from & to)
        })
}

/// The mask of a range's bits in the last word that it touches, if it does not begin there.
#[inline]
pub(super) fn last_mask(range: &Range<usize>) -> u64 {
    u64::MAX >> (range.end.wrapping_neg() % 64)
}

/// The number of ones. Mostly they are one run, and not every processor counts ones.
#[inline]
pub(super) fn count_of(bits: u64) -> usize {
    let (low, high) = (bits.trailing_zeros(), bits.leading_zeros());
    let between = (u64::MAX << low) & (u64::MAX >> high);
    if bits == between {
        (64 - low - high) as usize
    } else {
        bits.count_ones() as usize
    }
}

/// The numbers of the words that a range of bits touches, with the mask of its bits in each.
pub(super) fn masks(range: Range<usize>) -> impl Iterator<Item = (usize, u64)> {
    words_of(&range).map(move |word| (word, mask_in_word(&range, word)))
}
