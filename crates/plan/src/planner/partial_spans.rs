//! The bytes that are taken in some sections of a short run of sections, not in all of it.
//!
//! Stands on `gap`. There are few of them in a run, so they are a list, in which a search looks at
//! all that are below what it finds.
//!
//! ```text
//! offset │     ┌──┐          a run of three sections: what is taken in its first section alone
//!        │ ┌───┴──┤ ┌───┐    leaves the others free
//!        │ └──────┘ └───┘
//!        └── 0 ── 1 ── 2 ── section of the run
//! ```

use alloc::vec::Vec;
use core::ops::Range;

use super::gap::align_up;

/// Bytes taken in some sections of a run.
#[derive(Clone, Debug)]
struct PartialSpan {
    bytes: Range<u64>,
    start: u8,
    end: u8,
}

/// All that is taken in a part of a run, in ascending order of the first byte.
#[derive(Clone, Debug, Default)]
pub(super) struct PartialSpans(Vec<PartialSpan>);

impl PartialSpans {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Frees all bytes; keeps the memory.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Takes bytes in some sections of the run, which has fewer than 256 of them.
    pub(super) fn insert(&mut self, sections: Range<usize>, bytes: Range<u64>) {
        debug_assert!(sections.end <= usize::from(u8::MAX), "a run is short");
        let spans = &mut self.0;
        if spans.len() == spans.capacity() {
            spans.reserve_exact(4 + spans.len() / 2);
        }
        let at = spans.partition_point(|span| span.bytes.start < bytes.start);
        let (start, end) = (sections.start as u8, sections.end as u8);
        spans.insert(at, PartialSpan { bytes, start, end });
    }

    /// Whether no byte of these is taken in these sections of the run.
    pub(super) fn is_free(&self, sections: &Range<usize>, bytes: &Range<u64>) -> bool {
        let below = self
            .0
            .iter()
            .take_while(|span| span.bytes.start < bytes.end);
        let mut below = below.filter(|span| span.is_beside(sections));
        below.all(|span| span.bytes.end <= bytes.start)
    }

    /// A cursor that climbs through what is taken in these sections of the run.
    pub(super) fn cursor(&self, sections: Range<usize>) -> PartialCursor<'_> {
        PartialCursor {
            rest: &self.0,
            start: sections.start as u8,
            end: sections.end as u8,
        }
    }
}

impl PartialSpan {
    fn is_beside(&self, sections: &Range<usize>) -> bool {
        usize::from(self.start) < sections.end && sections.start < usize::from(self.end)
    }
}

/// A cursor that climbs through spans. Those that are not in `rest` end at or below every offset
/// still to be asked for, or are not in the cursor's sections.
#[derive(Clone, Copy, Debug)]
pub(super) struct PartialCursor<'s> {
    rest: &'s [PartialSpan],
    start: u8,
    end: u8,
}

impl PartialCursor<'_> {
    /// The lowest multiple of `alignment` from `from` on with `size` free bytes. What it looks at
    /// is added to `work`.
    pub(super) fn lowest_free(
        &mut self,
        from: u64,
        size: u64,
        alignment: u64,
        work: &mut u64,
    ) -> u64 {
        let mut offset = align_up(from, alignment);
        *work += 1;
        while let Some((span, rest)) = self.rest.split_first() {
            if span.bytes.start >= offset.saturating_add(size) {
                break;
            }
            if span.start < self.end && self.start < span.end && span.bytes.end > offset {
                offset = align_up(span.bytes.end, alignment);
            }
            self.rest = rest;
            *work += 1;
        }
        offset
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::planner::Random;

    #[test]
    fn it_agrees_with_one_flag_for_each_byte_of_each_section() {
        let mut random = Random::new(3);
        for _ in 0..300 {
            let mut taken = [[false; 200]; 5];
            let mut spans = PartialSpans::default();
            for _ in 0..random.below(20) {
                let start = random.below(5) as usize;
                let end = start + 1 + random.below(5 - start as u64) as usize;
                let bytes = random.below(60)..0;
                let bytes = bytes.start..bytes.start + 1 + random.below(12);
                for section in &mut taken[start..end] {
                    section[bytes.start as usize..bytes.end as usize].fill(true);
                }
                spans.insert(start..end, bytes);
            }
            let start = random.below(5) as usize;
            let sections = start..start + 1 + random.below(5 - start as u64) as usize;
            let is_free = |from: u64, size: u64| {
                let bytes = from as usize..(from + size) as usize;
                let mut of = taken[sections.clone()].iter();
                of.all(|section| section[bytes.clone()].iter().all(|taken| !taken))
            };
            let mut cursor = spans.cursor(sections.clone());
            let (mut from, alignment) = (0, 1 << random.below(3));
            let size = 1 + random.below(8);
            // The offsets that are asked for ascend.
            while from < 80 {
                let mut all = (from..).step_by(alignment as usize);
                let expected = all.find(|&offset| is_free(offset, size));
                let found = cursor.lowest_free(from, size, alignment, &mut 0);
                assert_eq!(Some(found), expected);
                assert!(spans.is_free(&sections, &(found..found + size)));
                let next = from..from + size;
                assert_eq!(spans.is_free(&sections, &next), is_free(from, size));
                from = (found + random.below(9)).next_multiple_of(alignment);
            }
        }
    }
}
