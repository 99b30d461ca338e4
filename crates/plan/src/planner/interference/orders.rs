//! Orders in which to place buffers in a single pass. The *breadth* of a buffer, its own bytes and
//! those of all its neighbours, stands for the load that it lives through.

use alloc::vec::Vec;

use super::adjacency::Adjacency;
use crate::lifetimes::Lifetime;
use crate::planner::budget::{Budget, CheckInterval};
use crate::planner::greedy::largest_first;
use crate::planner::sections::Sections;
use crate::planner::size_buckets::SizeBuckets;

/// The breadth of each buffer, in bytes; `None` if the time of `budget` is over before all are
/// known.
pub(super) fn breadths(
    buffers: &[Lifetime],
    adjacency: &Adjacency<'_>,
    budget: &Budget,
) -> Option<Vec<u64>> {
    let mut steps = 0;
    let breadth = |i: usize| {
        steps += adjacency.cost(i);
        if steps >= CheckInterval::STEPS.nodes() {
            if budget.is_interrupted() {
                return None;
            }
            steps = 0;
        }
        let mut breadth = buffers[i].size;
        adjacency.for_each_neighbour(i, |other| {
            breadth = breadth.saturating_add(buffers[other].size);
        });
        Some(breadth)
    };
    (0..buffers.len()).map(breadth).collect()
}

/// Largest size × breadth first: the best single pass where several streams run.
pub(super) fn by_area(buffers: &[Lifetime], breadths: &[u64]) -> Vec<usize> {
    let area = |i: usize| u128::from(buffers[i].size) * u128::from(breadths[i]);
    largest_first(buffers.len(), |i| (area(i), buffers[i].size))
}

/// Largest first, broadest first among equals.
pub(super) fn by_size(buffers: &[Lifetime], breadths: &[u64]) -> Vec<usize> {
    largest_first(buffers.len(), |i| (buffers[i].size, breadths[i]))
}

/// Broadest first, largest first among equals.
pub(super) fn by_breadth(buffers: &[Lifetime], breadths: &[u64]) -> Vec<usize> {
    largest_first(buffers.len(), |i| (breadths[i], buffers[i].size))
}

/// By size buckets, in order of submission within a bucket: the best single pass where one stream
/// runs.
pub(super) fn by_size_buckets(buffers: &[Lifetime]) -> Vec<usize> {
    SizeBuckets::default_order(buffers, &Sections::new(buffers))
}
