//! The free bytes where buffers conflict if and only if their rows overlap, kept section by
//! section.

use core::ops::Range;

use super::budget::CheckInterval;
use super::decoder::{Decoder, FreeSpace};
use super::occupancy_tree::OccupancyTree;
use super::sections::Sections;
use crate::lifetimes::Lifetime;

/// The bytes taken in each section of some buffers' rows.
#[derive(Debug)]
pub(super) struct SectionSpace {
    sections: Sections,
    tree: OccupancyTree,
}

/// The least alignment of some buffers: all offsets are multiples of it.
pub(super) fn granularity(buffers: &[Lifetime]) -> u64 {
    let alignments = buffers.iter().map(|buffer| buffer.alignment);
    alignments.min().unwrap_or(1)
}

/// A decoder that decides by rows alone.
pub(super) type SectionDecoder<'t> = Decoder<'t, SectionSpace>;

impl SectionSpace {
    pub(super) fn new(buffers: &[Lifetime]) -> Self {
        let sections = Sections::new(buffers);
        let tree = OccupancyTree::new(&sections, granularity(buffers));
        Self { sections, tree }
    }

    pub(super) fn sections(&self) -> &Sections {
        &self.sections
    }

    /// Whether a buffer may have these bytes, which must not be empty.
    pub(super) fn is_free(&self, index: usize, bytes: Range<u64>) -> bool {
        self.tree.is_free(self.sections.of(index), bytes)
    }
}

impl FreeSpace for SectionSpace {
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
        self.tree
            .lowest_free(self.sections.of(index), 0, size, alignment, steps)
    }

    fn take(&mut self, index: usize, bytes: Range<u64>) {
        self.tree.take(self.sections.of(index), bytes);
    }
}

impl<'t> SectionDecoder<'t> {
    pub(super) fn of_lifetimes(buffers: &'t [Lifetime]) -> Self {
        Self::new(buffers, SectionSpace::new(buffers))
    }

    pub(super) fn sections(&self) -> &Sections {
        self.space().sections()
    }
}
