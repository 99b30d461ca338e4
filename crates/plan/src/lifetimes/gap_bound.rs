//! A lower bound for tensors with gaps, which may all conflict with each other although no step has
//! all of them alive.
//!
//! Stands on `timeline`, live ranges and `relation`. If every two of some tensors have a common
//! step, so have their rows, and rows of which every two overlap all have one step in common
//! (Helly's theorem). So it suffices to look among the rows at one step after the other, those with
//! most bytes first. Of a tensor with windows, those bytes count that are needed whenever it is
//! alive: two tensors that meet share none of them.
//!
//! ```text
//! step   0   1   2
//! a      █       █        any two meet, at a step of their own: each needs bytes of its own,
//! b      █   █            and every plan has three times the bytes of one, not twice (the load)
//! c          █   █
//! ```

use alloc::{collections::BTreeSet, sync::Arc, vec::Vec};
use core::cmp::Reverse;

use super::{
    collection::Lifetimes,
    conflict_relation::ConflictRelation,
    live_ranges::LiveRanges,
    names::Names,
    pieces::{WindowedRows, needs_of_pieces},
};
use crate::intervals::intersection;
use crate::relation::heavy_clique;

/// The most steps at which is looked.
const MOST_STEPS: usize = 64;
/// The most tensors that are looked at together, the largest of those at a step.
const MOST_TENSORS: usize = 64;
/// Nodes of each search for a clique: mostly some microseconds, a few milliseconds at most.
const MOST_NODES: u64 = 1 << 12;

impl Lifetimes {
    /// A lower bound of any plan's peak, in bytes: the most bytes known of tensors that all
    /// conflict with each other, or `known`, a lower bound, if that is higher. Without gaps it is
    /// `known`. Alignment counts as in [`Lifetimes::lower_bound`].
    pub(super) fn gap_bound(&self, known: u64) -> u64 {
        let mut bound = known;
        for step in self.heavy_steps(known) {
            let rows = self.rows.iter().enumerate();
            let rows = rows.filter(|(_, row)| row.occupies() && row.steps().contains(&step));
            let mut rows: Vec<usize> = rows.map(|(i, _)| i).collect();
            rows.sort_by_key(|&i| (Reverse(self.rows[i].size), i));
            rows.truncate(MOST_TENSORS);
            bound = bound.max(self.clique_bound(&rows));
        }
        bound
    }

    /// The steps at which the rows have most bytes, gaps included, and more than `known`. No other
    /// step has the same rows and more. Empty without gaps, where rows are no more than the load.
    fn heavy_steps(&self, known: u64) -> Vec<i64> {
        if !self.has_gaps() {
            return Vec::new();
        }
        let hulls = Self {
            names: Arc::new(Names::default()),
            rows: self.rows.clone(),
            live_ranges: LiveRanges::default(),
            windows: WindowedRows::default(),
            conflict_relation: ConflictRelation::Intervals,
        };
        let mut steps: Vec<(Reverse<u64>, i64)> = Vec::new();
        let (mut load, mut newest) = (0, None);
        hulls.sweep(|section, born, died| {
            if let Some(step) = newest.filter(|_| !died.is_empty()) {
                steps.push((Reverse(load), step));
                newest = None;
            }
            let sum = |ids: &[usize]| ids.iter().map(|&i| self.rows[i].size).sum::<u64>();
            load = load + sum(born) - sum(died);
            newest = (!born.is_empty()).then_some(section.start).or(newest);
        });
        steps.retain(|&(Reverse(load), _)| load > known);
        steps.sort_unstable();
        steps.truncate(MOST_STEPS);
        steps.into_iter().map(|(_, step)| step).collect()
    }

    /// The bound of at most [`MOST_TENSORS`] rows, with and without alignment.
    fn clique_bound(&self, rows: &[usize]) -> u64 {
        let alignments: BTreeSet<u64> = rows.iter().map(|&i| self.rows[i].alignment).collect();
        let aligned = alignments.into_iter().filter(|&alignment| alignment > 1);
        let bounds = aligned.map(|alignment| {
            let mut aligned = rows.to_vec();
            // What is needed of a tensor with windows may begin anywhere in it.
            let is_whole = |i: usize| self.windows.several(i).is_empty();
            aligned.retain(|&i| self.rows[i].alignment >= alignment && is_whole(i));
            let padded = |i: usize| self.rows[i].size.next_multiple_of(alignment);
            let slacks = aligned.iter().map(|&i| padded(i) - self.rows[i].size);
            let topmost = slacks.max().unwrap_or(0);
            self.clique(&aligned, padded).saturating_sub(topmost)
        });
        let unpadded = self.clique(rows, |i| self.bytes_always_needed(i));
        bounds.max().unwrap_or(0).max(unpadded)
    }

    /// How many bytes of a row are needed at all steps at which it is alive.
    fn bytes_always_needed(&self, index: usize) -> u64 {
        let mut steps = needs_of_pieces(self.windows.several(index)).into_iter();
        let Some(first) = steps.next() else {
            return self.rows[index].size;
        };
        let common = steps.fold(first.bytes, |common, needs| {
            intersection(&common, &needs.bytes)
        });
        common.iter().map(|bytes| bytes.end - bytes.start).sum()
    }

    /// The largest sum of weights of rows that pairwise have a common step, as far as it is found.
    fn clique(&self, rows: &[usize], weight: impl Fn(usize) -> u64) -> u64 {
        let weights: Vec<u64> = rows.iter().map(|&i| weight(i)).collect();
        let conflict =
            |a: usize, b: usize| self.live_ranges.overlap(&self.rows, [rows[a], rows[b]]);
        heavy_clique(&weights, conflict, MOST_NODES)
    }
}
