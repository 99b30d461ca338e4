//! The free bytes of buffers with gaps, which conflict if and only if they are alive at a common
//! step, kept section by section.
//!
//! Stands on [`Sections`], here those of live ranges instead of whole buffers. A buffer takes its
//! bytes in the sections of each of its ranges; its lowest free offset is the first on which all
//! ranges agree.
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
use super::occupancy_tree::OccupancyTree;
use super::section_space::granularity;
use super::sections::Sections;
use crate::lifetimes::Lifetime;

/// The bytes taken in each section of the buffers' live ranges.
#[derive(Debug)]
pub(super) struct LiveSpace {
    /// The sections of all live ranges, buffer by buffer.
    sections: Sections,
    /// For each buffer, where its ranges end.
    ends: Vec<usize>,
    tree: OccupancyTree,
}

/// A decoder that decides by live ranges.
pub(super) type LiveDecoder<'t> = Decoder<'t, LiveSpace>;

impl LiveSpace {
    /// The space of these buffers, whose live ranges their interference knows.
    pub(super) fn new(buffers: &[Lifetime], interference: &Interference<'_>) -> Self {
        let (mut ranges, mut ends) = (Vec::new(), alloc::vec![0; buffers.len()]);
        for (buffer, steps) in interference.lives() {
            ranges.push(Lifetime::new(steps.start, steps.end, 1));
            ends[buffer as usize] = ranges.len();
        }
        let sections = Sections::new(&ranges);
        Self {
            tree: OccupancyTree::new(sections.count(), granularity(buffers)),
            sections,
            ends,
        }
    }

    /// The sections of each of a buffer's live ranges.
    fn sections_of(&self, index: usize) -> impl Iterator<Item = Range<usize>> {
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        (start..self.ends[index]).map(|range| self.sections.of(range))
    }

    /// Whether a buffer may have these bytes, which must not be empty.
    pub(super) fn is_free(&self, index: usize, bytes: Range<u64>) -> bool {
        let mut sections = self.sections_of(index);
        sections.all(|sections| self.tree.is_free(sections, bytes.clone()))
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
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        let mut offset = 0;
        loop {
            let before = offset;
            for range in start..self.ends[index] {
                let sections = self.sections.of(range);
                let tree = &mut self.tree;
                offset = tree.lowest_free(sections, offset, size, alignment, steps);
            }
            if offset == before {
                return offset;
            }
        }
    }

    fn take(&mut self, index: usize, bytes: Range<u64>) {
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        for range in start..self.ends[index] {
            self.tree.take(self.sections.of(range), bytes.clone());
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
