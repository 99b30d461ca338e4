//! Masks: ranges of bits, within one word and across the words of a bitmap.
//!
//! Bit *i* of a bitmap is bit `i % 64` of word `i / 64`.

use core::ops::Range;

/// The bits `range` of one word; `range.start < range.end <= 64`.
///
/// ```
/// assert_eq!(orionrt_buddy::bits::mask(2..5), 0b11100);
/// ```
#[inline(always)]
#[must_use]
pub fn mask(range: Range<usize>) -> u64 {
    (u64::MAX >> (64 - (range.end - range.start))) << range.start
}

/// The numbers of the words that a range of bits touches.
#[inline(always)]
#[must_use]
pub fn words_of(range: &Range<usize>) -> Range<usize> {
    range.start / 64..range.end.div_ceil(64)
}

/// The bits of a range that lie in word number `word`, one of those that the range touches.
///
/// ```
/// use orionrt_buddy::bits::{mask_in_word, words_of};
/// let range = 60..130;
/// let masks: Vec<u64> = words_of(&range).map(|word| mask_in_word(&range, word)).collect();
/// assert_eq!(masks, [0xf << 60, u64::MAX, 0b11]);
/// ```
#[inline(always)]
#[must_use]
pub fn mask_in_word(range: &Range<usize>, word: usize) -> u64 {
    let base = word * 64;
    mask(range.start.saturating_sub(base)..(range.end - base).min(64))
}
