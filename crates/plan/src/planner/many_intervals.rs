//! Byte intervals in a set so large that a search must not walk over all of them.
//!
//! Stands on `gap`. The intervals are in chunks of bounded length. Beside each chunk is the largest
//! gap that follows one of its intervals, and a tree of maxima over these leads to the next chunk
//! with a gap that is large enough. So a search looks into few chunks, unless gaps are large enough
//! and begin at unaligned offsets.
//!
//! ```text
//! chunks     ██ ██ ██ ██ │ ██ ██ ██ ██ │ ██ ██    ██        a buffer of four bytes leaps over
//! gaps            1      │      1      │     4              the first two chunks
//! ```
//!
//! Invariant: the intervals ascend and neither overlap nor touch; no chunk is empty, nor has one
//! `FULL` intervals; `starts` and `gaps` are those of the chunks.

use alloc::vec::Vec;
use core::ops::Range;

use super::gap::align_up;

/// A chunk with this many intervals is split.
const FULL: usize = 128;

/// A cursor that climbs through a large set. The intervals before its place end at or below every
/// offset still to be asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct ManyCursor<'s> {
    set: &'s ManyIntervals,
    chunk: u32,
    next: u32,
}

impl<'s> ManyCursor<'s> {
    pub(super) fn new(set: &'s ManyIntervals) -> Self {
        Self {
            set,
            chunk: 0,
            next: 0,
        }
    }

    /// The lowest multiple of `alignment` from `from` on with `size` free bytes. What it looks at
    /// is added to `work`.
    pub(super) fn lowest_free(
        &mut self,
        from: u64,
        size: u64,
        alignment: u64,
        work: &mut u64,
    ) -> u64 {
        let ManyIntervals {
            chunks,
            starts,
            gaps,
        } = self.set;
        let mut offset = align_up(from, alignment);
        let (mut at, mut next) = (self.chunk as usize, self.next as usize);
        let ends_below = |at: usize, offset: u64| {
            let last = &chunks[at][chunks[at].len() - 1];
            at + 1 < chunks.len() && last.end <= offset
        };
        if ends_below(at, offset) {
            (at, next) = (at + 1, 0);
            if ends_below(at, offset) {
                let begun = starts[at..].partition_point(|&start| start <= offset);
                at += begun.saturating_sub(1);
            }
        }
        loop {
            next = skip_to(offset, &chunks[at], next);
            *work += 1;
            while let Some(taken) = chunks[at].get(next) {
                if taken.start >= offset.saturating_add(size) {
                    break;
                }
                offset = align_up(taken.end, alignment);
                next += 1;
                *work += 1;
            }
            // The gap behind a chunk is the chunk's own: all before the next one are too small.
            let is_free = |start: &u64| *start >= offset.saturating_add(size);
            if next < chunks[at].len() || starts.get(at + 1).is_none_or(is_free) {
                break;
            }
            let Some(large) = gaps.first_from(at + 1, size) else {
                break;
            };
            offset = offset.max(align_up(chunks[large][0].end, alignment));
            (at, next) = (large, 0);
        }
        (self.chunk, self.next) = (at as u32, next as u32);
        offset
    }
}

/// Skips, from `next` on, what ends at or below `offset`, in steps that double: the next offset is
/// mostly near.
pub(super) fn skip_to(offset: u64, taken: &[Range<u64>], next: usize) -> usize {
    let (mut low, mut step) = (next, 1);
    while low + step <= taken.len() && taken[low + step - 1].end <= offset {
        low += step;
        step *= 2;
    }
    let high = (low + step - 1).min(taken.len());
    low + taken[low..high].partition_point(|taken| taken.end <= offset)
}

/// A large set of intervals that neither overlap nor touch.
#[derive(Clone, Debug)]
pub(super) struct ManyIntervals {
    chunks: Vec<Vec<Range<u64>>>,
    /// Where the first interval of each chunk starts.
    starts: Vec<u64>,
    /// For each chunk, the largest gap after one of its intervals; the last one has no end.
    gaps: MaxTree,
}

impl ManyIntervals {
    /// The set of these intervals, which ascend and neither overlap nor touch.
    pub(super) fn new(intervals: &[Range<u64>]) -> Self {
        let mut many = Self {
            chunks: intervals.chunks(FULL / 2).map(<[_]>::to_vec).collect(),
            starts: Vec::new(),
            gaps: MaxTree::default(),
        };
        many.index();
        many
    }

    /// Whether no byte of these is taken.
    pub(super) fn is_free(&self, bytes: &Range<u64>) -> bool {
        let begun = self.starts.partition_point(|&start| start < bytes.end);
        let Some(chunk) = begun.checked_sub(1) else {
            return true;
        };
        let intervals = &self.chunks[chunk];
        let begun = intervals.partition_point(|taken| taken.start < bytes.end);
        begun == 0 || intervals[begun - 1].end <= bytes.start
    }

    /// Adds an interval, merged with those that it overlaps or touches.
    pub(super) fn insert(&mut self, mut new: Range<u64>) {
        let ends_before = |chunk: &Vec<Range<u64>>| chunk[chunk.len() - 1].end < new.start;
        let at = self.chunks.partition_point(ends_before);
        let at = at.min(self.chunks.len() - 1);
        let chunk = &mut self.chunks[at];
        let first = chunk.partition_point(|taken| taken.end < new.start);
        absorb(chunk, first, &mut new);
        // What it overlaps may reach into the next chunks.
        let mut next = at + 1;
        if first == chunk.len() {
            while let Some(chunk) = self.chunks.get_mut(next) {
                absorb(chunk, 0, &mut new);
                if !chunk.is_empty() {
                    break;
                }
                next += 1;
            }
        }
        self.chunks.drain(at + 1..next);
        self.chunks[at].insert(first, new);
        if next > at + 1 || self.chunks[at].len() == FULL {
            self.split(at);
            self.index();
            return;
        }
        let last = (at + 1).min(self.chunks.len() - 1);
        for chunk in at.saturating_sub(1)..=last {
            self.update(chunk);
        }
    }

    fn split(&mut self, at: usize) {
        if self.chunks[at].len() == FULL {
            let upper = self.chunks[at].split_off(FULL / 2);
            self.chunks.insert(at + 1, upper);
        }
    }

    /// Finds the starts and gaps of all chunks anew, after their number has changed. That happens
    /// once in some `FULL / 2` insertions.
    fn index(&mut self) {
        self.starts.clear();
        self.starts
            .extend(self.chunks.iter().map(|chunk| chunk[0].start));
        let gaps: Vec<u64> = (0..self.chunks.len()).map(|at| self.gap(at)).collect();
        self.gaps = MaxTree::new(&gaps);
    }

    fn update(&mut self, at: usize) {
        self.starts[at] = self.chunks[at][0].start;
        self.gaps.set(at, self.gap(at));
    }

    /// The largest gap that follows an interval of a chunk.
    fn gap(&self, at: usize) -> u64 {
        let chunk = &self.chunks[at];
        let within = chunk.windows(2).map(|pair| pair[1].start - pair[0].end);
        let next = self
            .chunks
            .get(at + 1)
            .map_or(u64::MAX, |next| next[0].start);
        let behind = next - chunk[chunk.len() - 1].end;
        within.max().unwrap_or(0).max(behind)
    }
}

/// Takes out the intervals from `first` on that `new` overlaps or touches, and adds them to it.
fn absorb(chunk: &mut Vec<Range<u64>>, first: usize, new: &mut Range<u64>) {
    let count = chunk[first..].partition_point(|taken| taken.start <= new.end);
    let Some(last) = chunk[first..first + count].last() else {
        return;
    };
    new.end = new.end.max(last.end);
    new.start = new.start.min(chunk[first].start);
    chunk.drain(first..first + count);
}

/// Numbers of which the first one that is large enough is found in logarithmic time.
#[derive(Clone, Debug, Default)]
struct MaxTree {
    /// Node 1 is the root, and the second half are the numbers, filled up with zeros.
    nodes: Vec<u64>,
}

impl MaxTree {
    fn new(numbers: &[u64]) -> Self {
        let leaves = numbers.len().next_power_of_two();
        let mut nodes = alloc::vec![0; 2 * leaves];
        nodes[leaves..leaves + numbers.len()].copy_from_slice(numbers);
        for node in (1..leaves).rev() {
            nodes[node] = nodes[2 * node].max(nodes[2 * node + 1]);
        }
        Self { nodes }
    }

    fn set(&mut self, at: usize, number: u64) {
        let mut node = self.nodes.len() / 2 + at;
        self.nodes[node] = number;
        while node > 1 {
            node /= 2;
            self.nodes[node] = self.nodes[2 * node].max(self.nodes[2 * node + 1]);
        }
    }

    /// The position of the first number from `at` on that is at least `least`.
    fn first_from(&self, at: usize, least: u64) -> Option<usize> {
        let leaves = self.nodes.len() / 2;
        let mut node = leaves + at;
        if at >= leaves {
            return None;
        }
        // Up, until a node to the right has one.
        while self.nodes[node] < least {
            while node % 2 == 1 {
                node /= 2;
            }
            if node == 0 {
                return None;
            }
            node += 1;
        }
        while node < leaves {
            node *= 2;
            node += usize::from(self.nodes[node] < least);
        }
        Some(node - leaves)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeSet;
    use proptest::prelude::*;

    /// The bytes that are taken of the first `end`.
    fn bitmap(ranges: &[Range<u64>], end: u64) -> Vec<bool> {
        let mut taken = alloc::vec![false; end as usize];
        for range in ranges {
            taken[range.start as usize..range.end as usize].fill(true);
        }
        taken
    }

    #[test]
    fn a_search_leaps_over_many_small_gaps_with_little_work() {
        let taken: Vec<Range<u64>> = (0..100_000).map(|i| 10 * i..10 * i + 9).collect();
        let mut many = ManyIntervals::new(&taken);
        let mut work = 0;
        assert_eq!(
            ManyCursor::new(&many).lowest_free(0, 2, 1, &mut work),
            999_999
        );
        assert!(work < 500, "{work}");
        many.insert(500_005..500_012);
        assert_eq!(ManyCursor::new(&many).lowest_free(0, 1, 1, &mut 0), 9);
        assert_eq!(
            ManyCursor::new(&many).lowest_free(500_000, 1, 1, &mut 0),
            500_019
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn it_agrees_with_one_flag_for_each_byte(
            first in prop::collection::vec(0u64..1500, 300),
            more in prop::collection::vec((0u64..3000, 1u64..40), 0..300),
            queries in prop::collection::vec((0u64..3000, 1u64..30, 0u32..4), 30),
        ) {
            let first = BTreeSet::from_iter(first);
            let mut ranges: Vec<Range<u64>> = first.iter().map(|i| 2 * i..2 * i + 1).collect();
            let mut many = ManyIntervals::new(&ranges);
            let mut steps = more.iter();
            loop {
                let taken = bitmap(&ranges, 5000);
                for &(from, size, shift) in &queries {
                    let alignment = 1u64 << shift;
                    let from = from.next_multiple_of(alignment);
                    let is_free = |at: u64| {
                        !taken[at as usize..(at + size) as usize].iter().any(|&taken| taken)
                    };
                    let mut all = (from..4000).step_by(alignment as usize);
                    let expected = all.find(|&at| is_free(at));
                    // A cursor that was asked for lower offsets before.
                    let mut cursor = ManyCursor::new(&many);
                    let lower = cursor.lowest_free(0, size, alignment, &mut 0);
                    if lower <= from {
                        let found = cursor.lowest_free(from, size, alignment, &mut 0);
                        prop_assert_eq!(Some(found), expected);
                    }
                    let found = ManyCursor::new(&many).lowest_free(from, size, alignment, &mut 0);
                    prop_assert_eq!(Some(found), expected);
                    prop_assert_eq!(many.is_free(&(from..from + size)), is_free(from));
                }
                let next: Vec<_> = steps.by_ref().take(40).collect();
                if next.is_empty() {
                    break;
                }
                for &(start, size) in next {
                    ranges.push(start..start + size);
                    many.insert(start..start + size);
                }
            }
        }
    }
}
