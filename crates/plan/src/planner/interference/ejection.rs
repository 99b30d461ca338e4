//! Guided ejection search (Nagata and Bräysy 2009): fits all buffers below a capacity by placing
//! one after the other and ejecting those in its way.
//!
//! Buffers that end above the capacity go to the *ejection pool*. Each in turn is placed where the
//! neighbours in its way have the least penalty, and those are ejected into the pool. Whenever a
//! buffer finds no free place, its own penalty rises: buffers that are hard to place tend to stay,
//! and easy ones move.
//!
//! ```text
//! neighbours       ░░▓▓▓▓   ███████░░      penalties: ▓ 3, █ 7, ░ free
//! penalty of two   ·33333··77777777··      at each offset: a sum, constant between changes
//! ```

use alloc::vec::Vec;

use super::obstacles::Obstacles;
use crate::lifetimes::Lifetime;
use crate::planner::budget::{Budget, CheckInterval};
use crate::planner::decoder::UNPLACED;
use crate::planner::gap::align_up;
use crate::planner::random::Random;

/// The penalty of a fixed buffer: more than all others together, which rise by one a step.
const FIXED: i64 = 1 << 44;

/// The state of the search; penalties outlive one capacity.
pub(crate) struct EjectionSearch<'t> {
    buffers: &'t [Lifetime],
    /// [`UNPLACED`] for buffers in the pool.
    offsets: Vec<u64>,
    /// The ejection pool: the last buffer is placed next.
    pool: Vec<usize>,
    /// The penalty for ejecting each buffer.
    penalties: Vec<i64>,
    /// Where the penalty of a place changes, and by how much: for one buffer at a time.
    changes: Vec<(u64, i64)>,
    random: Random,
}

impl<'t> EjectionSearch<'t> {
    pub(crate) fn new(buffers: &'t [Lifetime], seed: u64) -> Self {
        Self {
            buffers,
            offsets: alloc::vec![UNPLACED; buffers.len()],
            pool: Vec::new(),
            penalties: alloc::vec![1; buffers.len()],
            changes: Vec::new(),
            random: Random::new(seed),
        }
    }

    /// Looks for a placement within `capacity` in which none is in another's way, starting from
    /// another placement; `None` if none is found within `steps` steps.
    pub(crate) fn fit(
        &mut self,
        obstacles: &impl Obstacles,
        start: &[u64],
        capacity: u64,
        steps: u64,
        budget: &Budget,
    ) -> Option<&[u64]> {
        self.begin(start, capacity);
        for step in 0..steps {
            let Some(next) = self.pool.pop() else {
                break;
            };
            if CheckInterval::EJECTION.is_due(step) && budget.is_over() {
                return None;
            }
            budget.spend(1);
            let last = capacity.checked_sub(self.buffers[next].size)?;
            let (penalty, offset) = self.cheapest_place(obstacles, next, last);
            if penalty >= FIXED {
                return None;
            }
            if penalty > 0 {
                self.penalties[next] += 1;
                self.eject_overlapping(obstacles, next, offset);
            }
            self.offsets[next] = offset;
        }
        self.pool.is_empty().then_some(&self.offsets)
    }

    /// Starts from a placement: ejects what ends above the capacity, and weakens the penalties
    /// learnt for other capacities.
    fn begin(&mut self, start: &[u64], capacity: u64) {
        let learnt = self.penalties.iter_mut();
        learnt.for_each(|penalty| *penalty = penalty.isqrt());
        self.offsets.copy_from_slice(start);
        self.pool.clear();
        for (i, buffer) in self.buffers.iter().enumerate() {
            let end = self.offsets[i].saturating_add(buffer.size);
            if buffer.fixed_offset.is_none() && end > capacity {
                self.offsets[i] = UNPLACED;
                self.pool.push(i);
            }
        }
        self.pool.sort_by_key(|&i| self.buffers[i].size);
    }

    /// Ejects the neighbours that a buffer overlaps at this offset; the largest of them is the next
    /// to be placed.
    fn eject_overlapping(&mut self, obstacles: &impl Obstacles, placed: usize, offset: u64) {
        let Self {
            buffers,
            offsets,
            pool,
            ..
        } = self;
        let first = pool.len();
        obstacles.for_each_obstacle(placed, buffers, offsets, |other, in_the_way| {
            if in_the_way.contains(&offset) {
                pool.push(other);
            }
        });
        pool[first..]
            .iter()
            .for_each(|&other| offsets[other] = UNPLACED);
        pool[first..].sort_by_key(|&i| buffers[i].size);
    }

    /// The least penalty of the neighbours in the way, at offsets up to `last`, and where it is;
    /// ties at random.
    fn cheapest_place(
        &mut self,
        obstacles: &impl Obstacles,
        index: usize,
        last: u64,
    ) -> (i64, u64) {
        self.find_changes(obstacles, index);
        let Self {
            changes, random, ..
        } = self;
        let alignment = self.buffers[index].alignment;
        let (mut penalty, mut least, mut ties, mut at) = (0, (i64::MAX, 0), 0, 0);
        let mut changes = changes.iter().peekable();
        while at <= last {
            while let Some((_, change)) = changes.next_if(|(offset, _)| *offset <= at) {
                penalty += change;
            }
            let until = changes.peek().map_or(u64::MAX, |(offset, _)| *offset);
            if penalty <= least.0 {
                ties = if penalty < least.0 { 1 } else { ties + 1 };
                if random.below(ties) == 0 {
                    let highest = (until - 1).min(last) & !(alignment - 1);
                    least = (penalty, random.one_of(&[at, highest]));
                }
            }
            at = until;
            if until == u64::MAX {
                break;
            }
        }
        least
    }

    /// The offsets at which placed neighbours begin and cease to be in a buffer's way, in order.
    fn find_changes(&mut self, obstacles: &impl Obstacles, index: usize) {
        let Self {
            buffers,
            offsets,
            penalties,
            changes,
            ..
        } = self;
        let alignment = buffers[index].alignment;
        changes.clear();
        obstacles.for_each_obstacle(index, buffers, offsets, |other, in_the_way| {
            let is_fixed = buffers[other].fixed_offset.is_some();
            let penalty = if is_fixed { FIXED } else { penalties[other] };
            changes.push((align_up(in_the_way.start, alignment), penalty));
            changes.push((align_up(in_the_way.end, alignment), -penalty));
        });
        changes.sort_unstable();
    }
}

#[cfg(test)]
mod tests {
    use super::super::adjacency::Adjacency;
    use super::*;
    use crate::planner::conflict::InterferenceRelation;

    struct AllConflict;
    impl InterferenceRelation for AllConflict {
        fn conflict(&self, _: usize, _: usize) -> bool {
            true
        }
    }

    #[test]
    fn a_gap_is_filled_by_ejecting_buffers_that_are_easy_to_place() {
        let buffer = |(size, fixed_offset): (u64, Option<u64>)| Lifetime {
            lower: 0,
            upper: 1,
            size,
            alignment: 1,
            fixed_offset,
            within: None,
        };
        // Below 12 the fixed byte leaves 0..5 and 6..12: the six fits above it only, so the four
        // and the one must move below.
        let buffers = [(1, Some(5)), (6, None), (4, None), (1, None)].map(buffer);
        let start = [5, 10, 6, 0];
        let (mut search, budget) = (EjectionSearch::new(&buffers, 0), Budget::unlimited());
        let found = search.fit(
            &Adjacency::new(4, &AllConflict, &budget),
            &start,
            12,
            1000,
            &budget,
        );
        let found = found.expect("there is a placement");
        assert_eq!((found[0], found[1]), (5, 6));
        assert!(matches!((found[2], found[3]), (0, 4) | (1, 0)));
        // Below 11 the six overlaps the fixed byte wherever it is.
        let mut search = EjectionSearch::new(&buffers[..2], 0);
        let adjacency = Adjacency::new(2, &AllConflict, &budget);
        let found = search.fit(&adjacency, &start[..2], 11, 1000, &budget);
        assert_eq!(found, None);
    }

    #[test]
    fn a_search_below_the_lowest_peak_ends_after_its_steps() {
        let buffer = Lifetime {
            lower: 0,
            upper: 1,
            size: 2,
            alignment: 1,
            fixed_offset: None,
            within: None,
        };
        let buffers = [buffer; 3];
        let (mut search, budget) = (EjectionSearch::new(&buffers, 0), Budget::unlimited());
        let adjacency = Adjacency::new(3, &AllConflict, &budget);
        let found = search.fit(&adjacency, &[0, 2, 4], 5, 100, &budget);
        assert_eq!((found, budget.spent()), (None, 100));
    }
}
