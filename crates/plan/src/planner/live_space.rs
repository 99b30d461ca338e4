//! The free bytes of buffers with gaps or windows, which share no byte that both need at a common
//! step, kept section by section.
//!
//! Stands on [`Sections`], here those of live ranges instead of whole buffers. A buffer takes its
//! bytes in the sections of each of its ranges; its lowest free offset is the first on which all
//! ranges agree. Of a buffer with windows, each piece is such a range, which takes the bytes of its
//! window.
//!
//! ```text
//! section    0  1  2  3         a has two live ranges: it takes sections 0 and 3
//! a          ├──┤     ├──┤      b may have the same bytes in sections 1 and 2
//! ```

use alloc::vec::Vec;
use core::ops::Range;

use super::budget::CheckInterval;
use super::conflict::Interference;
use super::decoder::{Decoder, FreeSpace};
use super::gap::align_up;
use super::occupancy_tree::OccupancyTree;
use super::section_space::granularity;
use super::sections::Sections;
use crate::lifetimes::{Lifetime, Piece, alignment_within};

/// Queries of the tree for one buffer, but at least these rounds through its ranges, before the
/// search for its lowest free offset is given up. The windows of two buffers can forbid as many
/// offsets as there are pairs of them.
const MOST_QUERIES: usize = 1 << 16;
const FEWEST_ROUNDS: usize = 16;
/// More bytes than lie between any two offsets.
const ENDLESS: u64 = u64::MAX >> 1;

/// The bytes taken in each section of the buffers' live ranges.
#[derive(Debug)]
pub(super) struct LiveSpace {
    /// The sections of all live ranges, buffer by buffer.
    sections: Sections,
    /// For each range, the bytes of its buffer that it takes; empty if all take whole buffers.
    windows: Vec<Range<u64>>,
    /// For each buffer, where its ranges end.
    ends: Vec<usize>,
    tree: OccupancyTree,
}

/// A decoder that decides by live ranges.
pub(super) type LiveDecoder<'t> = Decoder<'t, LiveSpace>;

impl LiveSpace {
    /// The space of these buffers, whose live ranges and windows their interference knows.
    pub(super) fn new(buffers: &[Lifetime], interference: &Interference<'_>) -> Self {
        let (mut ranges, mut ends) = (Vec::new(), alloc::vec![0; buffers.len()]);
        let (mut windows, mut grain) = (Vec::new(), granularity(buffers));
        if interference.has_windows() {
            for (buffer, Piece { steps, bytes, .. }) in interference.pieces() {
                ranges.push(Lifetime::new(steps.start, steps.end, 1));
                ends[buffer as usize] = ranges.len();
                grain = alignment_within(grain, bytes.start);
                windows.push(bytes);
            }
        } else {
            for (buffer, steps) in interference.lives() {
                ranges.push(Lifetime::new(steps.start, steps.end, 1));
                ends[buffer as usize] = ranges.len();
            }
        }
        let sections = Sections::new(&ranges);
        Self {
            tree: OccupancyTree::new(&sections, grain),
            sections,
            windows,
            ends,
        }
    }

    /// The ranges of a buffer, by position.
    fn ranges_of(&self, index: usize) -> Range<usize> {
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        start..self.ends[index]
    }

    /// The bytes that a range takes of a buffer that has these.
    fn bytes_of(&self, range: usize, bytes: &Range<u64>) -> Range<u64> {
        match self.windows.get(range) {
            None => bytes.clone(),
            Some(window) => {
                let at = |byte: u64| bytes.start.saturating_add(byte);
                at(window.start)..at(window.end)
            }
        }
    }

    /// How many ranges all buffers have.
    pub(super) fn range_count(&self) -> usize {
        self.ends.last().copied().unwrap_or(0)
    }

    /// The offset raised for one range of a buffer after the other, until each has found its bytes,
    /// and at least so many, free. What is looked at is added to `steps`.
    fn raised(
        &mut self,
        index: usize,
        buffer: &Lifetime,
        mut offset: u64,
        least: u64,
        steps: &mut u64,
    ) -> u64 {
        for range in self.ranges_of(index) {
            let Range { start, end } = self.bytes_of(range, &(0..buffer.size));
            let found = self.tree.lowest_free(
                self.sections.of(range),
                offset.saturating_add(start),
                least.max(end - start),
                alignment_within(buffer.alignment, start),
                steps,
            );
            offset = align_up(found - start, buffer.alignment);
        }
        offset
    }

    /// Whether a buffer may have these bytes, which must not be empty.
    pub(super) fn is_free(&self, index: usize, bytes: Range<u64>) -> bool {
        self.ranges_of(index).all(|range| {
            let taken = self.bytes_of(range, &bytes);
            self.tree.is_free(self.sections.of(range), taken)
        })
    }
}

impl FreeSpace for LiveSpace {
    const CHECK_INTERVAL: CheckInterval = CheckInterval::SECTION_PASS;

    fn clear(&mut self) {
        self.tree.clear();
    }

    /// Where that takes too long, a higher offset that is free: one above all that is taken in the
    /// sections of its ranges.
    fn lowest_free(
        &mut self,
        index: usize,
        buffers: &[Lifetime],
        _: &[u64],
        steps: &mut u64,
    ) -> u64 {
        let (buffer, mut offset) = (&buffers[index], 0);
        let rounds = MOST_QUERIES / self.ranges_of(index).len().max(1);
        for _ in 0..rounds.max(FEWEST_ROUNDS) {
            let before = offset;
            offset = self.raised(index, buffer, offset, 0, steps);
            if offset == before {
                return offset;
            }
        }
        self.raised(index, buffer, offset, ENDLESS, steps)
    }

    fn take(&mut self, index: usize, bytes: Range<u64>) {
        for range in self.ranges_of(index) {
            let taken = self.bytes_of(range, &bytes);
            self.tree.take(self.sections.of(range), taken);
        }
    }
}

impl<'t> LiveDecoder<'t> {
    pub(super) fn of_interference(
        buffers: &'t [Lifetime],
        interference: &Interference<'_>,
    ) -> Self {
        Self::new(buffers, LiveSpace::new(buffers, interference))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::TensorId;
    use crate::lifetimes::Lifetimes;

    #[test]
    fn a_buffer_with_many_windows_is_placed_above_the_others_if_there_are_too_many_offsets() {
        // One needs every second byte, the other one so many bytes apart that no even offset at
        // which the first lies within the second is free.
        let count = 400;
        let rows = [
            ("narrow", 0, 1, 2 * count - 1, 2),
            ("wide", 0, 1, 2 * count * (count - 1) + 1, 2),
        ];
        let windows = [2, 2 * count].into_iter().enumerate().map(|(i, pitch)| {
            let starts = (0..count).map(|i| pitch * i);
            let pieces = starts.map(|start| Piece::new(0..1, start..start + 1));
            (TensorId::from_index(i), pieces.collect())
        });
        let lifetimes = Lifetimes::from_rows(rows).unwrap();
        let lifetimes = lifetimes.with_all_windows(windows).unwrap();
        let [narrow, wide] = [0, 1].map(|i| lifetimes.rows()[i]);
        let interference = Interference {
            lifetimes: &lifetimes,
            tensors: &[0, 1],
        };
        let mut space = LiveSpace::new(lifetimes.rows(), &interference);
        assert_eq!(space.range_count() as u64, 2 * count);
        space.take(1, 0..wide.size);
        let mut steps = 0;
        let offset = space.lowest_free(0, lifetimes.rows(), &[], &mut steps);
        assert_eq!(offset, wide.size + 1);
        assert!(space.is_free(0, offset..offset + narrow.size));
        // A query looks at a few sets of intervals; with all offsets there are 400³ queries.
        assert!(steps < 50 * MOST_QUERIES as u64, "{steps}");
    }
}
