//! A set of pages of one zone: the free pages that may still be resident.
//!
//! It stands on a bitmap in [chunks](ChunkedWords): a run of any length is added and removed by its
//! whole chunks, and only its ends touch the bitmap. Most runs lie in one word, or at least in one
//! chunk; these have short ways.
//!
//! Invariants: no page at or above `top` is in the set; `count` is the number of pages in it.

#![forbid(unsafe_code)]

#[cfg(test)]
mod tests;

use core::ops::Range;

use super::{
    chunked_words::{CHUNK, ChunkedWords},
    word_masks::{count_of, last_mask, masked, masks},
};
use crate::arena::bitmap_words::BitmapWords;
use orionrt_buddy::bits::{mask_in_word, words_of};

/// A set of page numbers.
#[derive(Debug)]
pub(super) struct PageSet {
    words: ChunkedWords,
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
    /// How many words a set of page numbers below `pages` needs.
    pub(super) fn words_for(pages: usize) -> usize {
        ChunkedWords::words_for(pages)
    }

    /// An empty set of page numbers below `pages`, in words that are all zero.
    pub(super) fn new(words: BitmapWords, pages: usize) -> Self {
        Self {
            words: ChunkedWords::new(words, pages),
            top: 0,
            count: 0,
        }
    }

    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// The bytes of its words that may be resident; see [`ChunkedWords::resident_bytes`].
    pub(super) fn resident_bytes(&self) -> usize {
        self.words.resident_bytes()
    }

    /// Gives memory of words that are zero back; see [`ChunkedWords::discard_zeros`].
    pub(super) fn discard_zeros(&mut self, from: usize) -> Option<usize> {
        self.words.discard_zeros(from)
    }

    /// Adds a range of pages that are not in the set.
    #[inline]
    pub(super) fn insert(&mut self, range: Range<usize>) {
        self.count += range.len();
        self.top = self.top.max(range.end);
        if !self.words.is_written(range.start / CHUNK) {
            self.insert_chunks(range);
        } else if let Some((word, mask)) = in_one_word(&range) {
            self.words.bits_mut()[word] |= mask;
        } else if is_part_of_chunk(&range) {
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
            self.words.fill(chunks);
            self.insert_bits(tail);
        }
    }

    /// Adds pages of two chunks at most.
    fn insert_bits(&mut self, range: Range<usize>) {
        if range.is_empty() {
            return;
        }
        let (low, high) = (range.start / CHUNK, (range.end - 1) / CHUNK);
        self.words.mark_written(low);
        if high != low {
            self.words.mark_written(high);
        }
        self.set_bits(range);
    }

    #[inline]
    fn set_bits(&mut self, range: Range<usize>) {
        for (bits, mask) in masked(self.words.bits_mut(), &range) {
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
        let words = self.words.bits();
        let chunks = range.start / CHUNK..range.end.div_ceil(CHUNK);
        let counts = chunks.map(|chunk| {
            let start = range.start.max(chunk * CHUNK);
            let part = start..range.end.min((chunk + 1) * CHUNK);
            if self.words.is_full(chunk) {
                return part.len();
            }
            if !self.words.is_written(chunk) {
                return 0;
            }
            let in_word = |word| (words[word] & mask_in_word(&part, word)).count_ones() as usize;
            words_of(&part).map(in_word).sum()
        });
        counts.sum()
    }

    /// Removes a range of pages and says which were in the set.
    #[inline(always)]
    pub(super) fn remove(&mut self, range: Range<usize>) -> Removed {
        let removed = match in_one_word(&range) {
            Some((word, mask)) if !self.words.is_full(range.start / CHUNK) => {
                self.clear_in_word(word, mask)
            }
            _ => self.remove_run(range),
        };
        self.count -= removed.count;
        removed
    }

    /// Removes pages of one word, which is not part of a full chunk.
    #[inline(always)]
    fn clear_in_word(&mut self, word: usize, mask: u64) -> Removed {
        let bits = &mut self.words.bits_mut()[word];
        let set = *bits & mask;
        if set == 0 {
            return Removed::default();
        }
        *bits ^= set;
        Removed {
            count: count_of(set),
            end: (64 - set.leading_zeros() - mask.trailing_zeros()) as usize,
        }
    }

    /// Removes pages of one chunk or many, and leaves their count to the caller.
    #[inline(never)]
    fn remove_run(&mut self, range: Range<usize>) -> Removed {
        let (start, chunk) = (range.start, range.start / CHUNK);
        if start >= self.top {
            return Removed::default();
        }
        if is_part_of_chunk(&range) && !self.words.is_full(chunk) {
            return self.clear_bits(range);
        }
        let mut removed = Removed::default();
        self.remove_chunks_and_ends(start..range.end.min(self.top), start, &mut removed);
        removed
    }

    fn remove_chunks_and_ends(&mut self, range: Range<usize>, start: usize, removed: &mut Removed) {
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
        self.words.open(low);
        self.words.open(high);
        if self.words.is_written(low) || self.words.is_written(high) {
            let behind = range.start - start;
            let part = self.clear_bits(range);
            removed.count += part.count;
            if part.count > 0 {
                removed.end = behind + part.end;
            }
        }
    }

    /// Removes pages of chunks that are not full.
    #[inline(always)]
    fn clear_bits(&mut self, range: Range<usize>) -> Removed {
        let words = &mut self.words.bits_mut()[words_of(&range)];
        let (mut mask, last_mask) = (u64::MAX << (range.start % 64), last_mask(&range));
        let (last, from) = (words.len() - 1, range.start - range.start % 64 + 64);
        // Mostly all of them are in the set.
        let (mut absent, mut end) = (0, range.start);
        for (at, bits) in words.iter_mut().enumerate() {
            if at == last {
                mask &= last_mask;
            }
            let set = *bits & mask;
            if set != mask {
                absent += count_of(mask ^ set);
            }
            if set != 0 {
                // Only then: the chunk may never have been written.
                *bits ^= set;
                end = from + at * 64 - set.leading_zeros() as usize;
            }
            mask = u64::MAX;
        }
        Removed {
            count: range.len() - absent,
            end: end - range.start,
        }
    }

    /// Removes whole chunks.
    fn remove_chunks(&mut self, chunks: Range<usize>, start: usize, removed: &mut Removed) {
        for (word, mask) in masks(chunks) {
            let (full, written) = self.words.summaries(word);
            let full = full & mask;
            if full != 0 {
                self.words.clear_full(word, full);
                removed.count += full.count_ones() as usize * CHUNK;
                let end = word * 64 + 64 - full.leading_zeros() as usize;
                removed.end = end * CHUNK - start;
            }
            let mut written = written & mask & !full;
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
            if self.words.is_full(chunk) {
                start = chunk * CHUNK;
            } else if self.words.is_written(chunk) {
                let (word, bit) = ((start - 1) / 64, (start - 1) % 64);
                // The ones from `bit` downwards.
                let bits = self.words.bits()[word];
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
            if self.words.is_full(chunk) {
                return Some(self.top);
            }
            let end = if self.words.is_written(chunk) {
                self.words.highest_in(chunk, self.top)
            } else {
                None
            };
            if let Some(end) = end {
                self.top = end;
                return Some(end);
            }
            let word = chunk / 64;
            let (full, written) = self.words.summaries(word);
            let is_empty = full | written == 0;
            self.top = if is_empty { word * 64 } else { chunk } * CHUNK;
        }
        self.top = 0;
        None
    }
}

/// The word in which a range lies, with the mask of its bits, if it touches one word only.
#[inline(always)]
fn in_one_word(range: &Range<usize>) -> Option<(usize, u64)> {
    let (word, last) = (range.start / 64, (range.end - 1) / 64);
    (word == last).then(|| (word, (u64::MAX << (range.start % 64)) & last_mask(range)))
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
