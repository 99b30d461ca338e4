//! Orders in which to place buffers, for a single pass each: as [`GreedyBy`](crate::planner::GreedyBy), where all that conflicts with a buffer
//! stands for the moments that it lives through.

use alloc::vec::Vec;
use core::cmp::Reverse;

use super::adjacency::Neighbours;
use crate::lifetimes::Lifetime;
use crate::planner::{sections::Sections, size_buckets::Bands};

/// For each buffer, its own size and the sizes of all that conflict with it, in bytes.
pub(super) fn breadths(buffers: &[Lifetime], near: &Neighbours<'_>) -> Vec<u64> {
    let breadth = |i: usize| {
        let mut breadth = buffers[i].size;
        near.for_each(i, |other| {
            breadth = breadth.saturating_add(buffers[other].size);
        });
        breadth
    };
    (0..buffers.len()).map(breadth).collect()
}

/// Largest size × breadth first: the best single pass where several streams run.
pub(super) fn by_area(buffers: &[Lifetime], breadths: &[u64]) -> Vec<usize> {
    let area = |i: usize| u128::from(buffers[i].size) * u128::from(breadths[i]);
    largest_first(buffers.len(), |i| (area(i), buffers[i].size))
}

pub(super) fn by_size(buffers: &[Lifetime], breadths: &[u64]) -> Vec<usize> {
    largest_first(buffers.len(), |i| {
        (u128::from(buffers[i].size), breadths[i])
    })
}

pub(super) fn by_breadth(buffers: &[Lifetime], breadths: &[u64]) -> Vec<usize> {
    largest_first(buffers.len(), |i| {
        (u128::from(breadths[i]), buffers[i].size)
    })
}

/// Bands of urgency, in order of submission within a band: the best single pass where one stream runs.
pub(super) fn by_bands(buffers: &[Lifetime]) -> Vec<usize> {
    let (bands, sections) = (Bands::default(), Sections::new(buffers));
    let urgencies = bands.urgencies(buffers, &sections.tightest(buffers));
    bands.order(&urgencies, &sections)
}

fn largest_first(count: usize, key: impl Fn(usize) -> (u128, u64)) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    order.sort_by_cached_key(|&i| (Reverse(key(i)), i));
    order
}
