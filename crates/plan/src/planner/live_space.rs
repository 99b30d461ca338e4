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
            tree: OccupancyTree::new(sections.count(), grain),
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

    fn lowest_free(
        &mut self,
        index: usize,
        buffers: &[Lifetime],
        _: &[u64],
        steps: &mut u64,
    ) -> u64 {
        let Lifetime {
            size, alignment, ..
        } = buffers[index];
        let mut offset = 0u64;
        loop {
            let before = offset;
            for range in self.ranges_of(index) {
                let Range { start, end } = self.bytes_of(range, &(0..size));
                let tree = &mut self.tree;
                let from = offset.saturating_add(start);
                let found = tree.lowest_free(
                    self.sections.of(range),
                    from,
                    end - start,
                    alignment_within(alignment, start),
                    steps,
                );
                offset = align_up(found - start, alignment);
            }
            if offset == before {
                return offset;
            }
        }
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
