//! A list that stays sorted while items are inserted.
//!
//! The items are in chunks of bounded length, and the first item of each chunk is kept beside them,
//! so a search looks at two short arrays, and an insertion moves one chunk at most. What a query
//! finds comes as slices.
//!
//! ```text
//! firsts    3        17        40
//! chunks    3 5 8    17 21     40 41 44 60        up_to(21): 3 5 8 and 17 21
//! ```
//!
//! Invariant: the chunks one after the other are the items in order; none is empty, and each has
//! fewer than `FULL` items.

use alloc::vec::Vec;

/// A chunk with so many items is split: long enough to have few chunks, short enough to be moved
/// cheaply.
const FULL: usize = 128;

/// Items in ascending order.
#[derive(Debug)]
pub(super) struct SortedList<T> {
    firsts: Vec<T>,
    chunks: Vec<Vec<T>>,
}

impl<T> Default for SortedList<T> {
    fn default() -> Self {
        Self {
            firsts: Vec::new(),
            chunks: Vec::new(),
        }
    }
}

impl<T: Ord + Copy> SortedList<T> {
    /// Adds an item. Two binary searches, and one chunk is moved; the list of chunks is moved only
    /// if a chunk is split, which is once in `FULL / 2` insertions.
    pub(super) fn insert(&mut self, item: T) {
        let at = self.firsts.partition_point(|first| *first <= item);
        let at = at.saturating_sub(1);
        if self.chunks.is_empty() {
            self.firsts.push(item);
            self.chunks.push(Vec::new());
        }
        let chunk = &mut self.chunks[at];
        let position = chunk.partition_point(|other| *other <= item);
        chunk.insert(position, item);
        self.firsts[at] = chunk[0];
        if chunk.len() == FULL {
            self.split(at);
        }
    }

    fn split(&mut self, at: usize) {
        let mut upper = Vec::with_capacity(FULL);
        upper.extend(self.chunks[at].drain(FULL / 2..));
        self.firsts.insert(at + 1, upper[0]);
        self.chunks.insert(at + 1, upper);
    }

    /// The items that are at most `bound`, in order.
    pub(super) fn up_to(&self, bound: T) -> impl Iterator<Item = &[T]> {
        let chunks = self.firsts.partition_point(|first| *first <= bound);
        let (last, whole) = match self.chunks[..chunks].split_last() {
            Some((last, whole)) => {
                let end = last.partition_point(|item| *item <= bound);
                (&last[..end], whole)
            }
            None => (&[][..], &[][..]),
        };
        whole.iter().map(Vec::as_slice).chain([last])
    }

    /// The items that are at least `bound`, in order.
    pub(super) fn from(&self, bound: T) -> impl Iterator<Item = &[T]> {
        let at = self.chunk_of(bound);
        let (first, whole) = match self.chunks[at..].split_first() {
            Some((first, whole)) => {
                let start = first.partition_point(|item| *item < bound);
                (&first[start..], whole)
            }
            None => (&[][..], &[][..]),
        };
        [first].into_iter().chain(whole.iter().map(Vec::as_slice))
    }

    /// The least item that is at least `bound`.
    pub(super) fn first_from(&self, bound: T) -> Option<T> {
        let at = self.chunk_of(bound);
        let chunk = self.chunks.get(at)?;
        let position = chunk.partition_point(|item| *item < bound);
        let next_chunk = || self.firsts.get(at + 1);
        chunk.get(position).or_else(next_chunk).copied()
    }

    /// The greatest item.
    pub(super) fn last(&self) -> Option<T> {
        self.chunks.last()?.last().copied()
    }

    /// The chunk in which the first item from `bound` on is, or after which it begins.
    fn chunk_of(&self, bound: T) -> usize {
        let before = self.firsts.partition_point(|first| *first < bound);
        before.saturating_sub(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every query at every bound, against a plain sorted vector, while chunks fill and split.
    #[test]
    fn queries_find_what_a_plain_sorted_vector_has() {
        let (mut list, mut plain) = (SortedList::default(), Vec::new());
        for step in 0..1000u32 {
            let item = step * 269 % 1009 * 2;
            list.insert(item);
            plain.push(item);
            if step % 97 == 0 || step == 999 {
                plain.sort_unstable();
                check(&list, &plain);
            }
        }
        check(&SortedList::default(), &[]);
    }

    fn check(list: &SortedList<u32>, plain: &[u32]) {
        assert_eq!(list.last(), plain.last().copied());
        for bound in 0..2020 {
            let end = plain.partition_point(|&item| item <= bound);
            assert!(list.up_to(bound).flatten().eq(&plain[..end]));
            let start = plain.partition_point(|&item| item < bound);
            assert!(list.from(bound).flatten().eq(&plain[start..]));
            assert_eq!(list.first_from(bound), plain.get(start).copied());
        }
    }
}
