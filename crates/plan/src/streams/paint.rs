//! Who painted which bytes last.
//!
//! Stands on nothing. Invariant: pieces are not empty and do not overlap.
//!
//! ```text
//! painted    aaaaaaaaaa    bbbbbb
//! paint c        cccccccccccc                c covers pieces of a and of b
//! painted    aaaacccccccccccc bbb
//! ```

use alloc::collections::BTreeMap;
use core::ops::Range;

/// Bytes and their last painter.
#[derive(Debug, Default)]
pub(super) struct Painted {
    /// The end and the painter of each piece, by its start.
    pieces: BTreeMap<u64, (u64, u32)>,
}

impl Painted {
    /// Paints bytes, and visits the painter of every piece that is covered, in order of bytes; one with several pieces there is
    /// visited as often. O(log pieces) for each piece covered; as many calls make at most three times as many visits.
    pub(super) fn paint(&mut self, bytes: Range<u64>, painter: u32, covered: impl FnMut(u32)) {
        if bytes.is_empty() {
            return;
        }
        self.cut(bytes.start);
        self.cut(bytes.end);
        let pieces = self.pieces.extract_if(bytes.clone(), |_, _| true);
        pieces.map(|(_, (_, painter))| painter).for_each(covered);
        self.pieces.insert(bytes.start, (bytes.end, painter));
    }

    /// Makes two pieces of the one that has bytes on both sides of `at`.
    fn cut(&mut self, at: u64) {
        let Some((_, (end, painter))) = self.pieces.range_mut(..at).next_back() else {
            return;
        };
        if *end > at {
            let rest = (core::mem::replace(end, at), *painter);
            self.pieces.insert(at, rest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{collections::BTreeSet, vec, vec::Vec};
    use proptest::prelude::*;

    #[test]
    fn the_picture_is_as_the_text_says() {
        let mut painted = Painted::default();
        let mut covered = Vec::new();
        for (bytes, painter) in [(0..10, 0), (14..20, 1), (4..16, 2), (3..17, 3)] {
            painted.paint(bytes, painter, |other| covered.push((painter, other)));
        }
        assert_eq!(covered, [(2, 0), (2, 1), (3, 0), (3, 2), (3, 1)]);
    }

    proptest! {
        #[test]
        fn those_covered_are_the_last_painters_of_the_bytes(
            ranges in prop::collection::vec((0u64..60, 0u64..30), 0..60),
        ) {
            let mut painted = Painted::default();
            let mut bytes = vec![None; 90];
            let mut visits = 0;
            for (painter, &(start, size)) in ranges.iter().enumerate() {
                let range = start as usize..(start + size) as usize;
                let expected: BTreeSet<u32> = bytes[range.clone()].iter().copied().flatten().collect();
                let mut covered = BTreeSet::new();
                painted.paint(start..start + size, painter as u32, |other| {
                    covered.insert(other);
                    visits += 1;
                });
                prop_assert_eq!(covered, expected);
                bytes[range].fill(Some(painter as u32));
            }
            prop_assert!(visits <= 3 * ranges.len());
            prop_assert!(painted.pieces.len() <= 2 * ranges.len());
        }
    }
}
