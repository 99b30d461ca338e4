//! A set of pages of one zone, as a bitmap: the free pages that may still be resident.
//!
//! The bitmap has a word for 64 pages, and lies in a mapping of its own, so that what was never
//! written costs nothing. Above it are two summaries with a bit for each chunk of 64 words: a run
//! of any length is added and removed by its whole chunks, and only its ends touch the bitmap.
//!
//! ```text
//! full      1  0  0  1     the whole chunk is in the set, and its words are zero
//! written   0  1  0  0     the chunk's words may have been written since they were last discarded
//! words     …              a bit for each page
//! ```
//!
//! Invariants: the words of a chunk that is full or not written are zero; no page at or above `top`
//! is in the set; `count` is the number of pages in it.

#![forbid(unsafe_code)]

#[cfg(test)]
mod tests;

use core::ops::Range;

use super::word_masks::{count_of, last_mask, masked, masks};
use crate::arena::bitmap_words::BitmapWords;
use orionrt_buddy::bits::{mask_in_word, words_of};
use orionrt_sys::mapping;

/// The words of a chunk.
const CHUNK_WORDS: usize = 64;
/// The pages of a chunk.
const CHUNK: usize = CHUNK_WORDS * 64;
/// The chunks whose words fill 4 KiB: they are discarded, and counted, together.
const GROUP: usize = 8;
const GROUP_WORDS: usize = GROUP * CHUNK_WORDS;

/// A set of page numbers.
#[derive(Debug)]
pub(super) struct PageSet {
    /// The summary `full`, the summary `written`, and from a multiple of [`GROUP_WORDS`] on the
    /// bitmap.
    words: BitmapWords,
    /// The number of words in a summary.
    summary: usize,
    /// The first word of the bitmap.
    bitmap: usize,
    top: usize,
    /// Words of a summary at or above this one were never written.
    summary_end: usize,
    count: usize,
    /// Groups of chunks of which one is marked as written.
    written_groups: usize,
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
    /// How many words a set of page numbers below `pages` needs.
    pub(super) fn words_for(pages: usize) -> usize {
        first_bitmap_word(pages) + pages.div_ceil(CHUNK) * CHUNK_WORDS
    }

    /// An empty set of page numbers below `pages`, in words that are all zero.
    pub(super) fn new(words: BitmapWords, pages: usize) -> Self {
        debug_assert!(words.as_ref().len() >= Self::words_for(pages));
        Self {
            words,
            summary: summary_words(pages),
            bitmap: first_bitmap_word(pages),
            top: 0,
            summary_end: 0,
            count: 0,
            written_groups: 0,
        }
    }

    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// The bytes of its words that may be resident: exact for the bitmap, an upper bound for the
    /// summaries.
    pub(super) fn resident_bytes(&self) -> usize {
        let all = (2 * self.summary * 8).next_multiple_of(mapping::PAGE);
        let summaries = 2 * (self.summary_end * 8).next_multiple_of(mapping::PAGE);
        self.written_groups * mapping::PAGE.max(GROUP_WORDS * 8) + all.min(summaries)
    }

    /// Adds a range of pages that are not in the set.
    #[inline]
    pub(super) fn insert(&mut self, range: Range<usize>) {
        self.count += range.len();
        self.top = self.top.max(range.end);
        if is_part_of_chunk(&range) && self.is_written(range.start / CHUNK) {
            self.set_bits(range);
        } else {
            self.insert_chunks(range);
        }
    }

    #[inline(never)]
    fn insert_chunks(&mut self, range: Range<usize>) {
        let (head, chunks, tail) = split(range);
        self.insert_bits(head);
        if !chunks.is_empty() {
            self.summary_end = self.summary_end.max(chunks.end.div_ceil(64));
            for (word, mask) in masks(chunks) {
                debug_assert_eq!(self.words.as_ref()[word] & mask, 0);
                self.words.as_mut()[word] |= mask;
            }
            self.insert_bits(tail);
        }
    }

    /// Adds pages of two chunks at most.
    fn insert_bits(&mut self, range: Range<usize>) {
        if range.is_empty() {
            return;
        }
        let (low, high) = (range.start / CHUNK, (range.end - 1) / CHUNK);
        self.mark_written(low);
        if high != low {
            self.mark_written(high);
        }
        self.set_bits(range);
    }

    #[inline]
    fn set_bits(&mut self, range: Range<usize>) {
        for (bits, mask) in masked(&mut self.words.as_mut()[self.bitmap..], &range) {
            debug_assert_eq!(*bits & mask, 0);
            *bits |= mask;
        }
    }

    /// How many pages of a range are in the set.
    pub(super) fn count_in(&self, range: Range<usize>) -> usize {
        let range = range.start..range.end.min(self.top);
        if range.is_empty() {
            return 0;
        }
        let words = &self.words.as_ref()[self.bitmap..];
        let chunks = range.start / CHUNK..range.end.div_ceil(CHUNK);
        let counts = chunks.map(|chunk| {
            let start = range.start.max(chunk * CHUNK);
            let part = start..range.end.min((chunk + 1) * CHUNK);
            if self.is_full(chunk) {
                return part.len();
            }
            if !self.is_written(chunk) {
                return 0;
            }
            let in_word = |word| (words[word] & mask_in_word(&part, word)).count_ones() as usize;
            words_of(&part).map(in_word).sum()
        });
        counts.sum()
    }

    /// Removes a range of pages and says which were in the set.
    #[inline]
    pub(super) fn remove(&mut self, range: Range<usize>) -> Removed {
        let (start, chunk) = (range.start, range.start / CHUNK);
        let mut removed = Removed::default();
        if start >= self.top {
            return removed;
        }
        if is_part_of_chunk(&range) && !self.is_full(chunk) {
            self.clear_bits(range, start, &mut removed);
        } else {
            self.remove_across(start..range.end.min(self.top), start, &mut removed);
        }
        self.count -= removed.count;
        removed
    }

    /// Removes pages of any chunks.
    #[inline(never)]
    fn remove_across(&mut self, range: Range<usize>, start: usize, removed: &mut Removed) {
        let (head, chunks, tail) = split(range);
        self.remove_bits(head, start, removed);
        if !chunks.is_empty() {
            self.remove_chunks(chunks, start, removed);
            self.remove_bits(tail, start, removed);
        }
    }

    /// Removes pages of two chunks at most.
    fn remove_bits(&mut self, range: Range<usize>, start: usize, removed: &mut Removed) {
        if range.is_empty() {
            return;
        }
        let (low, high) = (range.start / CHUNK, (range.end - 1) / CHUNK);
        self.open(low);
        self.open(high);
        if self.is_written(low) || self.is_written(high) {
            self.clear_bits(range, start, removed);
        }
    }

    /// Removes pages of chunks that are not full.
    #[inline]
    fn clear_bits(&mut self, range: Range<usize>, start: usize, removed: &mut Removed) {
        let words = &mut self.words.as_mut()[self.bitmap..][words_of(&range)];
        let (mut mask, last_mask) = (u64::MAX << (range.start % 64), last_mask(&range));
        let last = words.len() - 1;
        for (at, bits) in words.iter_mut().enumerate() {
            if at == last {
                mask &= last_mask;
            }
            let set = *bits & mask;
            if set != 0 {
                *bits &= !mask;
                let end = (range.start / 64 + at + 1) * 64 - start;
                removed.count += count_of(set);
                removed.end = end - set.leading_zeros() as usize;
            }
            mask = u64::MAX;
        }
    }

    /// Removes whole chunks.
    fn remove_chunks(&mut self, chunks: Range<usize>, start: usize, removed: &mut Removed) {
        for (word, mask) in masks(chunks) {
            let full = self.words.as_ref()[word] & mask;
            if full != 0 {
                self.words.as_mut()[word] &= !full;
                removed.count += full.count_ones() as usize * CHUNK;
                let end = word * 64 + 64 - full.leading_zeros() as usize;
                removed.end = end * CHUNK - start;
            }
            let mut written = self.words.as_ref()[self.summary + word] & mask & !full;
            while written != 0 {
                let chunk = word * 64 + written.trailing_zeros() as usize;
                written &= written - 1;
                let last = removed.end;
                self.remove_bits(chunk * CHUNK..(chunk + 1) * CHUNK, start, removed);
                removed.end = removed.end.max(last);
            }
        }
    }

    /// The highest run of pages in the set, cut to at most `most`; `None` if the set is empty.
    pub(super) fn highest(&mut self, most: usize) -> Option<Range<usize>> {
        let end = self.highest_end()?;
        let mut start = end;
        while start > 0 && end - start < most {
            let chunk = (start - 1) / CHUNK;
            if self.is_full(chunk) {
                start = chunk * CHUNK;
            } else if self.is_written(chunk) {
                let (word, bit) = ((start - 1) / 64, (start - 1) % 64);
                // The ones from `bit` downwards.
                let bits = self.words.as_ref()[self.bitmap + word];
                let ones = (bits << (63 - bit)).leading_ones() as usize;
                start -= ones.min(bit + 1);
                if ones < bit + 1 {
                    break;
                }
            } else {
                break;
            }
        }
        let range = start.max(end - most.min(end))..end;
        (!range.is_empty()).then_some(range)
    }

    /// One past the highest page in the set, to which `top` is lowered.
    fn highest_end(&mut self) -> Option<usize> {
        while self.count > 0 && self.top > 0 {
            let chunk = (self.top - 1) / CHUNK;
            if self.is_full(chunk) {
                return Some(self.top);
            }
            let end = if self.is_written(chunk) {
                self.highest_in(chunk)
            } else {
                None
            };
            if let Some(end) = end {
                self.top = end;
                return Some(end);
            }
            let word = chunk / 64;
            let words = self.words.as_ref();
            let is_empty = words[word] | words[self.summary + word] == 0;
            self.top = if is_empty { word * 64 } else { chunk } * CHUNK;
        }
        self.top = 0;
        None
    }

    /// One past the highest page below `top` in the words of its chunk.
    fn highest_in(&self, chunk: usize) -> Option<usize> {
        let words = &self.words.as_ref()[self.bitmap..];
        let range = chunk * CHUNK_WORDS..self.top.div_ceil(64);
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
        self.discard_group(group / in_word, group % in_word);
        Some(group + 1)
    }

    fn discard_group(&mut self, word: usize, byte: usize) {
        let start = self.bitmap + (word * 64 / GROUP + byte) * GROUP_WORDS;
        let end = (start + GROUP_WORDS).min(self.words.as_ref().len());
        let is_zero = self.words.as_ref()[start..end]
            .iter()
            .all(|&word| word == 0);
        if is_zero && self.words.discard_zeros(start..start + GROUP_WORDS) {
            self.words.as_mut()[self.summary + word] &= !(0xff << (byte * GROUP));
            self.written_groups -= 1;
        }
    }

    #[inline]
    fn is_full(&self, chunk: usize) -> bool {
        self.words.as_ref()[chunk / 64] >> (chunk % 64) & 1 != 0
    }

    #[inline]
    fn is_written(&self, chunk: usize) -> bool {
        self.words.as_ref()[self.summary + chunk / 64] >> (chunk % 64) & 1 != 0
    }

    #[inline]
    fn mark_written(&mut self, chunk: usize) {
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
    fn open(&mut self, chunk: usize) {
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

/// Whether a range lies in one chunk and is not the whole of it; `false` also for a few ranges that
/// are nearly the whole.
#[inline]
fn is_part_of_chunk(range: &Range<usize>) -> bool {
    // The bits in which the first and the last page differ are all below a chunk's.
    (range.start ^ range.end.wrapping_sub(1)) < CHUNK - 1
}

/// The parts of a range: pages before its first whole chunk, whole chunks, and pages behind them.
/// A range without a whole chunk is all head.
fn split(range: Range<usize>) -> (Range<usize>, Range<usize>, Range<usize>) {
    let chunks = range.start.div_ceil(CHUNK)..range.end / CHUNK;
    if chunks.is_empty() {
        return (range, 0..0, 0..0);
    }
    let (head, tail) = (
        range.start..chunks.start * CHUNK,
        chunks.end * CHUNK..range.end,
    );
    (head, chunks, tail)
}
