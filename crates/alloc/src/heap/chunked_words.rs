//! The words of a bitmap of pages, in chunks: which are full, and which may have been written.
//!
//! The bitmap has a word for 64 pages, and lies in a mapping of its own, so that what was never
//! written costs nothing. Above it are two summaries with a bit for each chunk of 64 words:
//!
//! ```text
//! full      1  0  0  1     the whole chunk is set, and its words are zero
//! written   0  1  0  0     the chunk's words may have been written since they were last discarded
//! words     …              a bit for each page
//! ```
//!
//! Invariant: the words of a chunk that is full or not written are zero. Whoever changes the bitmap
//! opens or marks its chunk before.

#![forbid(unsafe_code)]

use core::ops::Range;

use super::word_masks::masks;
use crate::arena::bitmap_words::BitmapWords;
use orionrt_sys::mapping;

/// The words of a chunk.
const CHUNK_WORDS: usize = 64;
/// The pages of a chunk.
pub(super) const CHUNK: usize = CHUNK_WORDS * 64;
/// The chunks whose words fill 4 KiB: they are discarded, and counted, together.
pub(super) const GROUP: usize = 8;
const GROUP_WORDS: usize = GROUP * CHUNK_WORDS;

/// The words of a bitmap and its summaries.
#[derive(Debug)]
pub(super) struct ChunkedWords {
    /// The summary `full`, the summary `written`, and from a multiple of [`GROUP_WORDS`] on the
    /// bitmap.
    words: BitmapWords,
    /// The number of words in a summary.
    summary: usize,
    /// The first word of the bitmap.
    bitmap: usize,
    /// Words of a summary at or above this one were never written.
    summary_end: usize,
    /// Groups of chunks of which one is marked as written.
    written_groups: usize,
}

impl ChunkedWords {
    /// How many words a bitmap of so many pages needs, with its summaries.
    pub(super) fn words_for(pages: usize) -> usize {
        first_bitmap_word(pages) + pages.div_ceil(CHUNK) * CHUNK_WORDS
    }

    /// No page set, in words that are all zero.
    pub(super) fn new(words: BitmapWords, pages: usize) -> Self {
        debug_assert!(words.as_ref().len() >= Self::words_for(pages));
        Self {
            words,
            summary: summary_words(pages),
            bitmap: first_bitmap_word(pages),
            summary_end: 0,
            written_groups: 0,
        }
    }

    /// The bytes of its words that may be resident: exact for the bitmap where pages of the system
    /// have 4 KiB, and an upper bound otherwise and for the summaries.
    pub(super) fn resident_bytes(&self) -> usize {
        let whole = (self.words.as_ref().len() * 8).next_multiple_of(mapping::PAGE);
        let all = (2 * self.summary * 8).next_multiple_of(mapping::PAGE);
        let summaries = 2 * (self.summary_end * 8).next_multiple_of(mapping::PAGE);
        let groups = self.written_groups * mapping::PAGE.max(GROUP_WORDS * 8);
        // Several groups, and the summaries, share a page of the system that has more than 4 KiB.
        (groups + all.min(summaries)).min(whole)
    }

    #[cfg(test)]
    pub(super) fn written_groups(&self) -> usize {
        self.written_groups
    }

    /// The words of the bitmap.
    #[inline(always)]
    pub(super) fn bits(&self) -> &[u64] {
        &self.words.as_ref()[self.bitmap..]
    }

    /// The words of the bitmap, to be changed in chunks that are written and not full.
    #[inline(always)]
    pub(super) fn bits_mut(&mut self) -> &mut [u64] {
        &mut self.words.as_mut()[self.bitmap..]
    }

    /// The `full` and the `written` bits of 64 chunks.
    #[inline]
    pub(super) fn summaries(&self, word: usize) -> (u64, u64) {
        let words = self.words.as_ref();
        (words[word], words[self.summary + word])
    }

    /// Sets whole chunks, of which no page is set.
    pub(super) fn fill(&mut self, chunks: Range<usize>) {
        self.summary_end = self.summary_end.max(chunks.end.div_ceil(64));
        for (word, mask) in masks(chunks) {
            debug_assert_eq!(self.words.as_ref()[word] & mask, 0);
            self.words.as_mut()[word] |= mask;
        }
    }

    /// Clears whole chunks that are full, given as a mask of 64 chunks.
    pub(super) fn clear_full(&mut self, word: usize, full: u64) {
        self.words.as_mut()[word] &= !full;
    }

    /// One past the highest page below `top` in the words of a chunk.
    pub(super) fn highest_in(&self, chunk: usize, top: usize) -> Option<usize> {
        let words = self.bits();
        let range = chunk * CHUNK_WORDS..top.div_ceil(64);
        let word = range.rev().find(|&word| words[word] != 0)?;
        Some(word * 64 + 64 - words[word].leading_zeros() as usize)
    }

    /// Gives the words of the next group that was written, from number `from` on, back to the
    /// system if they are zero; returns the number of the group behind it, or `None` if there is no
    /// such group.
    pub(super) fn discard_zeros(&mut self, from: usize) -> Option<usize> {
        let (in_word, summary) = (64 / GROUP, &self.words.as_ref()[self.summary..]);
        let is_written = |&group: &usize| {
            let group_mask = 0xff << (group % in_word * GROUP);
            summary[group / in_word] & group_mask != 0
        };
        let group = (from..self.summary_end * in_word).find(is_written)?;
        self.discard_group(group);
        Some(group + 1)
    }

    fn discard_group(&mut self, group: usize) {
        let in_word = 64 / GROUP;
        let start = self.bitmap + group * GROUP_WORDS;
        let end = (start + GROUP_WORDS).min(self.words.as_ref().len());
        let is_zero = self.words.as_ref()[start..end]
            .iter()
            .all(|&word| word == 0);
        if is_zero && self.words.discard_zeros(start..start + GROUP_WORDS) {
            let written = self.summary + group / in_word;
            self.words.as_mut()[written] &= !(0xff << (group % in_word * GROUP));
            self.written_groups -= 1;
        }
    }

    /// Whether the whole chunk is set, and its words are zero.
    #[inline]
    pub(super) fn is_full(&self, chunk: usize) -> bool {
        self.words.as_ref()[chunk / 64] >> (chunk % 64) & 1 != 0
    }

    /// Whether the chunk's words may have been written.
    #[inline]
    pub(super) fn is_written(&self, chunk: usize) -> bool {
        self.words.as_ref()[self.summary + chunk / 64] >> (chunk % 64) & 1 != 0
    }

    /// Notes that the words of a chunk that is not full are about to be written.
    #[inline]
    pub(super) fn mark_written(&mut self, chunk: usize) {
        if !self.is_written(chunk) {
            self.mark_first_written(chunk);
        }
    }

    #[cold]
    fn mark_first_written(&mut self, chunk: usize) {
        let at = self.summary + chunk / 64;
        let group_mask = 0xff << (chunk % 64 / GROUP * GROUP);
        let written = &mut self.words.as_mut()[at];
        let is_first = *written & group_mask == 0;
        *written |= 1 << (chunk % 64);
        self.summary_end = self.summary_end.max(chunk / 64 + 1);
        self.written_groups += usize::from(is_first);
    }

    /// Writes the words of a full chunk, so that a part of it can be removed.
    #[inline]
    pub(super) fn open(&mut self, chunk: usize) {
        if self.is_full(chunk) {
            self.open_full(chunk);
        }
    }

    #[cold]
    fn open_full(&mut self, chunk: usize) {
        self.mark_written(chunk);
        let start = self.bitmap + chunk * CHUNK_WORDS;
        let words = self.words.as_mut();
        words[start..start + CHUNK_WORDS].fill(u64::MAX);
        words[chunk / 64] &= !(1 << (chunk % 64));
    }
}

/// The number of words in a summary of so many pages.
fn summary_words(pages: usize) -> usize {
    pages.div_ceil(64 * CHUNK)
}

fn first_bitmap_word(pages: usize) -> usize {
    (2 * summary_words(pages)).next_multiple_of(GROUP_WORDS)
}
