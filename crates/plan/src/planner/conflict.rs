//! Which buffers conflict where their rows alone do not say: the interference relation.
//!
//! Buffers are numbered by position in the task. Invariant: buffers that are alive at a common step
//! conflict in any case; the relation may add pairs, never remove one. Rows that overlap have a
//! common step unless one of them has gaps. With windows, buffers that conflict may share bytes
//! that not both of them need: the relation is then on the safe side, and `windows` is exact. It is
//! asked where steps tell conflicts; between several models, tensors are taken to be needed whole.

use alloc::vec::Vec;
use core::ops::Range;

use super::budget::{Budget, CheckInterval};
use crate::ids::TensorId;
use crate::lifetimes::{Lifetimes, Piece};

/// An interference relation over buffers: symmetric, and never asked about a buffer and itself.
pub(crate) trait InterferenceRelation {
    /// Whether two buffers, by position, must not share bytes.
    fn conflict(&self, a: usize, b: usize) -> bool;

    /// For each of `count` buffers, the later ones that conflict with it, in ascending order.
    /// `None` if there are more than `most` such pairs, or the time of `budget` is over before they
    /// are found. By default, every pair is asked about.
    fn later_neighbours(
        &self,
        count: usize,
        most: usize,
        budget: &Budget,
    ) -> Option<Vec<Vec<u32>>> {
        later_of_all_pairs(count, most, budget, |a, b| self.conflict(a, b))
    }
}

/// The interference of a task's buffers, as their tensors' lifetimes define it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Interference<'t> {
    pub(super) lifetimes: &'t Lifetimes,
    /// The tensor of each buffer.
    pub(super) tensors: &'t [usize],
}

impl Interference<'_> {
    /// Whether buffers conflict exactly if they are alive at a common step: their rows differ from
    /// that by gaps and windows alone.
    pub(super) fn is_of_gaps(&self) -> bool {
        self.lifetimes.steps_tell_conflicts()
    }

    /// Whether buffers that conflict may share bytes that not both need at a common step.
    pub(super) fn has_windows(&self) -> bool {
        self.is_of_gaps() && self.lifetimes.has_windows()
    }

    /// The pieces of all buffers, each with its buffer.
    pub(super) fn pieces(&self) -> impl Iterator<Item = (u32, Piece)> {
        let each = self.tensors.iter().enumerate();
        each.flat_map(|(buffer, &tensor)| {
            let pieces = self.lifetimes.pieces(TensorId::from_index(tensor));
            pieces.map(move |piece| (buffer as u32, piece))
        })
    }

    /// The live ranges of all buffers, each with its buffer.
    pub(super) fn lives(&self) -> impl Iterator<Item = (u32, Range<i64>)> {
        let each = self.tensors.iter().enumerate();
        each.flat_map(|(buffer, &tensor)| {
            let ranges = self.lifetimes.live_ranges(TensorId::from_index(tensor));
            ranges.map(move |steps| (buffer as u32, steps))
        })
    }
}

impl InterferenceRelation for Interference<'_> {
    fn conflict(&self, a: usize, b: usize) -> bool {
        let [a, b] = [a, b].map(|i| TensorId::from_index(self.tensors[i]));
        self.lifetimes.conflict(a, b)
    }

    fn later_neighbours(
        &self,
        count: usize,
        most: usize,
        budget: &Budget,
    ) -> Option<Vec<Vec<u32>>> {
        match self.is_of_gaps() {
            true => later_of_lives(count, most, self.lives().collect()),
            false => later_of_all_pairs(count, most, budget, |a, b| self.conflict(a, b)),
        }
    }
}

/// The later neighbours of each buffer, by asking about every pair.
fn later_of_all_pairs(
    count: usize,
    most: usize,
    budget: &Budget,
    conflict: impl Fn(usize, usize) -> bool,
) -> Option<Vec<Vec<u32>>> {
    let (mut later, mut pairs) = (Vec::with_capacity(count), 0);
    let mut asked = 0;
    for a in 0..count {
        asked += (count - a) as u64;
        if asked >= CheckInterval::PAIRS.nodes() {
            if budget.is_interrupted() {
                return None;
            }
            asked = 0;
        }
        let others = (a + 1..count).filter(|&b| conflict(a, b));
        let others: Vec<u32> = others.map(|b| b as u32).collect();
        pairs += others.len();
        if pairs > most {
            return None;
        }
        later.push(others);
    }
    Some(later)
}

/// How many overlaps of live ranges are looked at for each pair that may be kept: buffers with many
/// gaps overlap many times.
const MOST_OVERLAPS: usize = 8;

/// The later neighbours of each buffer that is alive in these ranges. The ranges of one buffer
/// neither overlap nor touch, and follow each other in `lives`. `None` also if the ranges overlap
/// too often to look at each time.
///
/// Of two ranges that overlap, one starts within the other. So it suffices to look, for each range,
/// at those that start within it, which follow each other in order of start.
fn later_of_lives(
    count: usize,
    most: usize,
    lives: Vec<(u32, Range<i64>)>,
) -> Option<Vec<Vec<u32>>> {
    let mut starts: Vec<(i64, u32)> = lives.iter().map(|(i, steps)| (steps.start, *i)).collect();
    starts.sort_unstable();
    let mut later: Vec<Vec<u32>> = alloc::vec![Vec::new(); count];
    let mut last_met = alloc::vec![u32::MAX; count];
    let (mut overlaps, mut found) = (0, 0);
    for (a, steps) in lives {
        let first = starts.partition_point(|&(start, _)| start < steps.start);
        let within = starts[first..].iter();
        for &(_, b) in within.take_while(|(start, _)| *start < steps.end) {
            overlaps += usize::from(a != b);
            if a != b && last_met[b as usize] != a {
                last_met[b as usize] = a;
                later[a.min(b) as usize].push(a.max(b));
                found += 1;
            }
        }
        // Each pair is found at most once from either side.
        if overlaps / MOST_OVERLAPS > most || found > 2 * most {
            return None;
        }
    }
    let mut pairs = 0;
    for others in &mut later {
        others.sort_unstable();
        others.dedup();
        pairs += others.len();
    }
    (pairs <= most).then_some(later)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Up to four ranges that neither overlap nor touch, from their distances.
    fn ranges(distances: &[(i64, i64)]) -> Vec<Range<i64>> {
        let mut end = -1;
        let next = |&(gap, length): &(i64, i64)| {
            let start = end + gap;
            end = start + length;
            start..end
        };
        distances.iter().map(next).collect()
    }

    proptest! {
        #[test]
        fn neighbours_by_start_are_those_of_all_pairs(
            distances in prop::collection::vec(
                prop::collection::vec((1..9i64, 1..5i64), 1..4),
                0..12,
            ),
            most in 0..70usize,
        ) {
            let each: Vec<_> = distances.iter().map(|distances| ranges(distances)).collect();
            let conflict = |a: usize, b: usize| {
                let mut pairs = each[a].iter().flat_map(|x| each[b].iter().map(move |y| (x, y)));
                pairs.any(|(x, y)| x.start < y.end && y.start < x.end)
            };
            let lives = each.iter().enumerate().flat_map(|(i, ranges)| {
                ranges.iter().map(move |range| (i as u32, range.clone()))
            });
            // Three ranges each overlap too rarely for the limit of overlaps.
            prop_assert_eq!(
                later_of_lives(each.len(), most, lives.collect()),
                later_of_all_pairs(each.len(), most, &Budget::unlimited(), conflict)
            );
        }
    }
}
