//! The free offsets of a buffer: those at which no placed buffer is in its way.
//!
//! Stands on the forbidden distances.

use alloc::vec::Vec;
use core::ops::Range;

use super::distances::Distances;
use crate::lifetimes::Lifetime;
use crate::planner::budget::CheckInterval;
use crate::planner::decoder::{Decoder, FreeSpace};
use crate::planner::gap::first_gap;
use crate::planner::interference::Obstacles;

/// The forbidden distances, and room to sort the offsets that are forbidden to one buffer.
pub(super) struct DistanceSpace {
    distances: Distances,
    forbidden: Vec<Range<u64>>,
}

/// A decoder that decides by forbidden distances.
pub(super) type DistanceDecoder<'t> = Decoder<'t, DistanceSpace>;

impl DistanceSpace {
    pub(super) fn new(distances: Distances) -> Self {
        Self {
            distances,
            forbidden: Vec::new(),
        }
    }
}

impl FreeSpace for DistanceSpace {
    const CHECK_INTERVAL: CheckInterval = CheckInterval::INTERFERENCE_PASS;

    /// Nothing to forget: offsets alone say what is forbidden.
    fn clear(&mut self) {}

    fn lowest_free(
        &mut self,
        index: usize,
        buffers: &[Lifetime],
        offsets: &[u64],
        work: &mut u64,
    ) -> u64 {
        let Self {
            distances,
            forbidden,
        } = self;
        *work += distances.of(index).len() as u64;
        forbidden.clear();
        distances.for_each_obstacle(index, buffers, offsets, |_, offsets| {
            forbidden.push(offsets);
        });
        forbidden.sort_unstable_by_key(|offsets| offsets.start);
        // An offset is free by itself: what lies above it is in the distances.
        first_gap(forbidden, 0, 1, buffers[index].alignment)
    }

    fn take(&mut self, _: usize, _: Range<u64>) {}
}

impl Obstacles for DistanceSpace {
    fn for_each_obstacle(
        &self,
        of: usize,
        buffers: &[Lifetime],
        offsets: &[u64],
        each: impl FnMut(usize, Range<u64>),
    ) {
        self.distances.for_each_obstacle(of, buffers, offsets, each);
    }
}
