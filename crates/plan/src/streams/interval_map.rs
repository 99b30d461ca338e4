//! An interval map: a value for every byte that was assigned one, kept as pieces of equal value.
//!
//! Stands on nothing. Invariant: pieces are not empty and do not overlap.
//!
//! ```text
//! before     aaaaaaaaaa    bbbbbb
//! assign c       cccccccccccc                replaces pieces of a and of b
//! after      aaaaccccccccccccbbbb
//! ```

use alloc::collections::BTreeMap;
use core::ops::Range;

/// Bytes and the value that each was assigned last.
#[derive(Debug, Default)]
pub(super) struct IntervalMap {
    /// The end and the value of each piece, by its start.
    pieces: BTreeMap<u64, (u64, u32)>,
}

impl IntervalMap {
    /// Assigns a value to bytes, and visits the value of every piece that is replaced, in order of
    /// bytes; a value that has several pieces there is visited for each. O(log pieces) per piece
    /// replaced; *n* calls make at most 3*n* visits.
    pub(super) fn assign(&mut self, bytes: Range<u64>, value: u32, mut replaced: impl FnMut(u32)) {
        if bytes.is_empty() {
            return;
        }
        self.cut(bytes.start);
        self.cut(bytes.end);
        while let Some((&start, &(_, old))) = self.pieces.range(bytes.clone()).next() {
            self.pieces.remove(&start);
            replaced(old);
        }
        self.pieces.insert(bytes.start, (bytes.end, value));
    }

    /// Splits the piece that has bytes on both sides of `at`, if there is one.
    fn cut(&mut self, at: u64) {
        let Some((_, (end, value))) = self.pieces.range_mut(..at).next_back() else {
            return;
        };
        if *end > at {
            let rest = (core::mem::replace(end, at), *value);
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
    fn the_pieces_of_the_picture_are_replaced_as_its_text_says() {
        let mut map = IntervalMap::default();
        let mut replaced = Vec::new();
        for (bytes, value) in [(0..10, 0), (14..20, 1), (4..16, 2), (3..17, 3)] {
            map.assign(bytes, value, |other| replaced.push((value, other)));
        }
        assert_eq!(replaced, [(2, 0), (2, 1), (3, 0), (3, 2), (3, 1)]);
    }

    proptest! {
        #[test]
        fn an_assignment_replaces_the_values_that_the_bytes_were_assigned_last(
            ranges in prop::collection::vec((0u64..60, 0u64..30), 0..60),
        ) {
            let mut map = IntervalMap::default();
            let mut bytes = vec![None; 90];
            let mut visits = 0;
            for (value, &(start, size)) in ranges.iter().enumerate() {
                let range = start as usize..(start + size) as usize;
                let expected = bytes[range.clone()].iter().copied().flatten();
                let expected: BTreeSet<u32> = expected.collect();
                let mut replaced = BTreeSet::new();
                map.assign(start..start + size, value as u32, |other| {
                    replaced.insert(other);
                    visits += 1;
                });
                prop_assert_eq!(replaced, expected);
                bytes[range].fill(Some(value as u32));
            }
            prop_assert!(visits <= 3 * ranges.len());
            prop_assert!(map.pieces.len() <= 2 * ranges.len());
        }
    }
}
