//! The map of a planned region: where each block lies, and which segments its bytes are.
//!
//! A [`RegionMap`] is made of the offsets and sizes of blocks and knows no memory. It cuts the
//! region at the distinct offsets, so there are at most as many segments as blocks. The end of a
//! block is moved up to the next cut: any other block with bytes between the two begins no later
//! than this one ends, and so shares bytes with it anyway.
//!
//! ```text
//! offset 0        1000      2048          3000    blocks: a = 0..1000, b = 0..2100, c = 2048..3000
//!        │    a    ┊         │    c       │       cuts: 0 and 2048; a is segment 0, c segment 1,
//!        │    b              │  ┊         │       and b is both
//! ```
//!
//! Invariants: segments are in order of their starts, which differ, and the first starts at 0; the
//! segments of a block cover its bytes, and they start where it does.

use alloc::{boxed::Box, vec::Vec};
use core::{iter, ops::Range};
use std::hash::{BuildHasher, RandomState};

use crate::slots::claims::SegmentRange;
use orionrt_sys::sync::atomic::AtomicU32;

/// At most 64 bytes for each block, the template's 20 included.
#[derive(Debug)]
pub(super) struct RegionMap {
    bytes: u64,
    blocks: Box<[SegmentRange]>,
    segments: Box<[Segment]>,
    index: SegmentIndex,
}

/// A segment, up to the start of the next one.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) start: u64,
    /// One plus the number of the granted block that starts here, or 0.
    pub(super) granted: AtomicU32,
}

impl RegionMap {
    /// The map of blocks that are given by offset and size, of which none is 0 bytes; `None` if
    /// there are too many blocks to number with a `u32`, an end does not fit a `u64`, or no index
    /// of the offsets could be made, which the offsets alone cannot bring about.
    pub(super) fn new(blocks: impl ExactSizeIterator<Item = (u64, u64)> + Clone) -> Option<Self> {
        u32::try_from(blocks.len()).ok()?.checked_add(1)?;
        let mut bytes = 0;
        for (offset, size) in blocks.clone() {
            bytes = offset.checked_add(size)?.max(bytes);
        }
        let mut starts: Vec<u64> = blocks.clone().map(|(offset, _)| offset).collect();
        starts.push(0);
        starts.sort_unstable();
        starts.dedup();
        let segment = |bound: u64| starts.partition_point(|&start| start < bound) as u32;
        let ranges = blocks.clone().map(|(offset, size)| {
            // With one start for each block, there are no more than a `u32` can number.
            SegmentRange::new(segment(offset), segment(offset + size))
        });
        let ranges: Box<[SegmentRange]> = ranges.collect();
        let segments = starts.iter().map(|&start| Segment {
            start,
            granted: AtomicU32::new(0),
        });
        Some(Self {
            bytes,
            index: SegmentIndex::new(&starts, ranges.len())?,
            segments: segments.collect(),
            blocks: ranges,
        })
    }

    /// A map of the same blocks, of which none is granted.
    pub(super) fn unclaimed(&self) -> Self {
        let segments = self.segments.iter().map(|segment| Segment {
            start: segment.start,
            granted: AtomicU32::new(0),
        });
        Self {
            bytes: self.bytes,
            blocks: self.blocks.clone(),
            segments: segments.collect(),
            index: self.index.clone(),
        }
    }

    /// The largest end of a block.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The bytes of the block of this number, if there is one.
    pub(super) fn bytes_of(&self, number: u32) -> Option<Range<u64>> {
        let segments = *self.blocks.get(number as usize)?;
        Some(self.offsets(segments))
    }

    /// The number of segments.
    pub(super) fn count(&self) -> u32 {
        self.segments.len() as u32
    }

    #[inline]
    pub(super) fn block(&self, number: u32) -> SegmentRange {
        self.blocks[number as usize]
    }

    #[inline]
    pub(super) fn segment(&self, number: u32) -> &Segment {
        &self.segments[number as usize]
    }

    /// The segment that starts at an offset, if one does.
    #[inline]
    pub(super) fn find(&self, offset: u64) -> Option<&Segment> {
        self.index.find(offset, &self.segments)
    }

    /// The offsets of segments that are not empty.
    pub(super) fn offsets(&self, segments: SegmentRange) -> Range<u64> {
        let start = |number: u32| {
            let segment = self.segments.get(number as usize);
            segment.map_or(self.bytes, |segment| segment.start)
        };
        start(segments.start())..start(segments.end())
    }
}

/// Which segment starts at an offset: a hash table with linear probing, at most three quarters
/// full, that never changes.
///
/// Offsets are hashed by a fixed factor. In a file that was made to do harm, all may hash alike: if
/// filling the table takes more than [`MOST_STEPS`] steps a segment, random factors are tried.
#[derive(Clone, Debug)]
struct SegmentIndex {
    /// One plus the number of a segment; 0 in an empty entry.
    table: Box<[u32]>,
    /// Odd.
    factor: u64,
    shift: u32,
}

/// The factor of Fibonacci hashing (Knuth, *The Art of Computer Programming* 3, section 6.4), which
/// spreads offsets at equal distances.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;
/// The most steps for each segment, on average, past entries that others have. It is one or two,
/// whatever the offsets are, for all but a few factors.
const MOST_STEPS: usize = 16;
const MOST_FACTORS: usize = 16;

impl SegmentIndex {
    /// An index of segments by their starts. It is at most half full, unless it would then have
    /// more than eleven bytes for each block. `None` if no factor suits the starts.
    fn new(starts: &[u64], blocks: usize) -> Option<Self> {
        let roomy = (starts.len() * 2).next_power_of_two().max(2);
        let entries = match roomy * size_of::<u32>() <= blocks.max(4) * 11 {
            true => roomy,
            // More than 11/8 of `starts`, which are no more than the blocks and one.
            false => roomy / 2,
        };
        let random = || RandomState::new().hash_one(0) | 1;
        let factors = iter::once(GOLDEN).chain(iter::repeat_with(random));
        let mut factors = factors.take(MOST_FACTORS);
        factors.find_map(|factor| Self::with_factor(starts, entries, factor))
    }

    /// An index with this factor; `None` if that takes too many steps.
    fn with_factor(starts: &[u64], entries: usize, factor: u64) -> Option<Self> {
        let mut index = Self {
            table: alloc::vec![0; entries].into(),
            factor,
            shift: u64::BITS - entries.trailing_zeros(),
        };
        let mut steps_left = starts.len().saturating_mul(MOST_STEPS);
        for (segment, &start) in (1u32..).zip(starts) {
            let mut entry = index.first_entry(start);
            while index.table[entry] != 0 {
                steps_left = steps_left.checked_sub(1)?;
                entry = (entry + 1) % entries;
            }
            index.table[entry] = segment;
        }
        Some(index)
    }

    #[inline]
    fn first_entry(&self, offset: u64) -> usize {
        (offset.wrapping_mul(self.factor) >> self.shift) as usize
    }

    #[inline]
    fn find<'s>(&self, offset: u64, segments: &'s [Segment]) -> Option<&'s Segment> {
        let mut entry = self.first_entry(offset);
        loop {
            let number = self.table[entry].checked_sub(1)?;
            let segment = &segments[number as usize];
            if segment.start == offset {
                return Some(segment);
            }
            entry = (entry + 1) & (self.table.len() - 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Two blocks share segments exactly if they share bytes, and each is found at its offset.
        #[test]
        fn blocks_share_segments_exactly_if_they_share_bytes(
            blocks in proptest::collection::vec((0u64..200, 1u64..100), 0..40),
        ) {
            let map = RegionMap::new(blocks.iter().copied()).unwrap();
            let end = blocks.iter().map(|(offset, size)| offset + size).max();
            prop_assert_eq!(map.bytes(), end.unwrap_or(0));
            prop_assert!(map.count() as usize <= blocks.len() + 1);
            for (i, &(offset, size)) in (0..).zip(&blocks) {
                let own = map.block(i);
                let covered = map.offsets(own);
                prop_assert!(covered.start == offset && covered.end >= offset + size);
                prop_assert_eq!(map.find(offset).unwrap().start, offset);
                for (j, &(other, length)) in (0..).zip(&blocks) {
                    let shares = offset < other + length && other < offset + size;
                    let its = map.block(j);
                    let meets = own.start() < its.end() && its.start() < own.end();
                    prop_assert_eq!(shares, meets, "{} {}", i, j);
                }
            }
            for offset in 0..300 {
                let starts = offset == 0 || blocks.iter().any(|block| block.0 == offset);
                prop_assert_eq!(map.find(offset).is_some(), starts);
            }
        }
    }

    #[test]
    fn tables_are_never_full_and_stay_small() {
        for blocks in 0..3000 {
            for starts in [1, blocks / 2 + 1, blocks + 1] {
                let starts: Vec<u64> = (0..starts as u64).collect();
                let entries = SegmentIndex::new(&starts, blocks).unwrap().table.len();
                assert!(entries > starts.len(), "{blocks} {}", starts.len());
                assert!(
                    entries * 4 <= blocks.max(4) * 11 + 8,
                    "{blocks} {}",
                    starts.len()
                );
            }
        }
    }

    /// The steps past entries of others that finding each segment takes, in all.
    fn steps(map: &RegionMap) -> usize {
        let (index, entries) = (&map.index, map.index.table.len());
        let placed = index.table.iter().enumerate();
        let steps = placed.filter_map(|(entry, number)| {
            let segment = map.segment(number.checked_sub(1)?);
            let first = index.first_entry(segment.start);
            Some((entry + entries - first) % entries)
        });
        steps.sum()
    }

    #[test]
    fn offsets_that_were_chosen_to_hash_alike_take_few_steps() {
        let usual = (0..2000u32).map(|i| (u64::from(i) * 4096, 64));
        let usual = RegionMap::new(usual).unwrap();
        assert!(usual.index.factor == GOLDEN && steps(&usual) <= 2000);
        // All of them belong into the first 16 entries of 4,096.
        let alike = (0..)
            .map(|i| i * 64)
            .filter(|&offset: &u64| offset.wrapping_mul(GOLDEN) >> (64 - 8) == 0);
        let alike: Vec<(u64, u64)> = alike.take(2000).map(|offset| (offset, 64)).collect();
        let map = RegionMap::new(alike.iter().copied()).unwrap();
        assert!(steps(&map) <= 2000 * MOST_STEPS, "{}", steps(&map));
        for (offset, _) in alike {
            assert_eq!(map.find(offset).map(|segment| segment.start), Some(offset));
        }
    }

    #[test]
    fn an_end_beyond_all_addresses_is_refused() {
        assert!(RegionMap::new([(u64::MAX, 1)].into_iter()).is_none());
    }
}
