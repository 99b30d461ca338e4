//! The free bytes of a buffer where an interference relation decides: those that no placed
//! neighbour takes.
//!
//! ```text
//! bytes taken by neighbours     ██░░████░██        the lowest gap for a buffer of two bytes
//!                                 ^^
//! ```

use alloc::vec::Vec;
use core::ops::Range;

use super::adjacency::Adjacency;
use super::obstacles::Obstacles;
use crate::lifetimes::Lifetime;
use crate::planner::budget::{Budget, CheckInterval};
use crate::planner::conflict::InterferenceRelation;
use crate::planner::decoder::{Decoder, FreeSpace, UNPLACED};
use crate::planner::gap::first_gap;

/// The interference graph, and room to sort the bytes of one buffer's neighbours.
pub(crate) struct InterferenceSpace<'r> {
    adjacency: Adjacency<'r>,
    taken: Vec<Range<u64>>,
}

/// A decoder that decides by an interference relation.
pub(crate) type InterferenceDecoder<'t> = Decoder<'t, InterferenceSpace<'t>>;

impl<'r> InterferenceSpace<'r> {
    pub(super) fn new(adjacency: Adjacency<'r>) -> Self {
        Self {
            adjacency,
            taken: Vec::new(),
        }
    }

    pub(super) fn adjacency(&self) -> &Adjacency<'r> {
        &self.adjacency
    }
}

impl FreeSpace for InterferenceSpace<'_> {
    const CHECK_INTERVAL: CheckInterval = CheckInterval::INTERFERENCE_PASS;

    /// Nothing to forget: offsets alone say what is taken.
    fn clear(&mut self) {}

    fn lowest_free(
        &mut self,
        index: usize,
        buffers: &[Lifetime],
        offsets: &[u64],
        steps: &mut u64,
    ) -> u64 {
        let Self { adjacency, taken } = self;
        taken.clear();
        *steps += adjacency.cost(index);
        adjacency.for_each_neighbour(index, |other| {
            let start = offsets[other];
            if start != UNPLACED {
                taken.push(start..start.saturating_add(buffers[other].size));
            }
        });
        taken.sort_unstable_by_key(|bytes| bytes.start);
        let Lifetime {
            size, alignment, ..
        } = buffers[index];
        first_gap(taken, 0, size, alignment)
    }

    fn take(&mut self, _: usize, _: Range<u64>) {}
}

impl Obstacles for InterferenceSpace<'_> {
    fn for_each_obstacle(
        &self,
        of: usize,
        buffers: &[Lifetime],
        offsets: &[u64],
        each: impl FnMut(usize, Range<u64>),
    ) {
        self.adjacency.for_each_obstacle(of, buffers, offsets, each);
    }
}

impl<'t> InterferenceDecoder<'t> {
    pub(crate) fn of_relation(
        buffers: &'t [Lifetime],
        relation: &'t dyn InterferenceRelation,
        budget: &Budget,
    ) -> Self {
        let adjacency = Adjacency::new(buffers.len(), relation, budget);
        Self::new(buffers, InterferenceSpace::new(adjacency))
    }

    pub(super) fn adjacency(&self) -> &Adjacency<'t> {
        self.space().adjacency()
    }
}
