//! Fitting everything below a capacity: what has no place takes one, and what was there waits in its stead.
//!
//! Buffers that end above the capacity are taken out and wait. One after the other is put where the neighbours in its way cost
//! least, and those wait in turn. Each time a buffer finds no free place it becomes more costly to be put out
//! (guided ejection search, Nagata and Bräysy 2009): those that are hard to place come to stay, the easy ones move.
//!
//! ```text
//! neighbours   ░░▓▓▓▓   ███████░░      what each costs: ▓ 3, █ 7, ░ free
//! cost of two  ·33333··77777777··      at each offset: a sum, constant between changes; the least wins
//! ```

use alloc::vec::Vec;

use super::decoder::{Decoder, NOWHERE};
use crate::lifetimes::Lifetime;
use crate::planner::{Budget, random::Random, space::align_up};

/// Steps between two looks at the clock.
const LOOK_AT_THE_CLOCK_EVERY: u64 = 16;
/// What putting out a fixed buffer costs: more than all others, which become dearer by one a step.
const FIXED: i64 = 1 << 44;

pub(super) struct Ejection {
    /// `NOWHERE` for those that wait.
    offsets: Vec<u64>,
    /// The last is the next.
    waiting: Vec<usize>,
    /// What putting out each buffer costs.
    penalties: Vec<i64>,
    /// Where the cost changes, and by how much: for one buffer at a time.
    changes: Vec<(u64, i64)>,
    random: Random,
}

impl Ejection {
    pub(super) fn new(count: usize, seed: u64) -> Self {
        Self {
            offsets: alloc::vec![NOWHERE; count],
            waiting: Vec::new(),
            penalties: alloc::vec![1; count],
            changes: Vec::new(),
            random: Random::new(seed),
        }
    }

    /// Looks for a placement within `capacity`, beginning from another; `None` if there is none after so many steps.
    pub(super) fn fit(
        &mut self,
        decoder: &Decoder<'_>,
        start: &[u64],
        capacity: u64,
        steps: u64,
        budget: &Budget,
    ) -> Option<&[u64]> {
        self.begin(decoder.buffers, start, capacity);
        for step in 0..steps {
            let Some(next) = self.waiting.pop() else {
                break;
            };
            if step % LOOK_AT_THE_CLOCK_EVERY == 0 && budget.is_over() {
                return None;
            }
            budget.spend(1);
            let last = capacity.checked_sub(decoder.buffers[next].size)?;
            let (cost, offset) = self.cheapest(decoder, next, last);
            if cost >= FIXED {
                return None;
            }
            if cost > 0 {
                self.penalties[next] += 1;
                self.put_out(decoder, next, offset);
            }
            self.offsets[next] = offset;
        }
        self.waiting.is_empty().then_some(&self.offsets)
    }

    /// Takes out what ends above the capacity. What was learnt before counts for less.
    fn begin(&mut self, buffers: &[Lifetime], start: &[u64], capacity: u64) {
        let learnt = self.penalties.iter_mut();
        learnt.for_each(|penalty| *penalty = penalty.isqrt());
        self.offsets.copy_from_slice(start);
        self.waiting.clear();
        for (i, buffer) in buffers.iter().enumerate() {
            let end = self.offsets[i].saturating_add(buffer.size);
            if buffer.fixed_offset.is_none() && end > capacity {
                self.offsets[i] = NOWHERE;
                self.waiting.push(i);
            }
        }
        self.waiting.sort_by_key(|&i| buffers[i].size);
    }

    /// Takes out the neighbours that a buffer overlaps at this offset; the largest of them is the next.
    fn put_out(&mut self, decoder: &Decoder<'_>, by: usize, offset: u64) {
        let Decoder { buffers, near, .. } = decoder;
        let Self {
            offsets, waiting, ..
        } = self;
        let (end, first) = (offset + buffers[by].size, waiting.len());
        near.for_each(by, |other| {
            let start = offsets[other];
            if start < end && offset < start.saturating_add(buffers[other].size) {
                offsets[other] = NOWHERE;
                waiting.push(other);
            }
        });
        waiting[first..].sort_by_key(|&i| buffers[i].size);
    }

    /// What the neighbours in the way cost where that is least, at offsets up to `last`, and the offset; among equals, any.
    fn cheapest(&mut self, decoder: &Decoder<'_>, index: usize, last: u64) -> (i64, u64) {
        self.find_changes(decoder, index);
        let Self {
            changes, random, ..
        } = self;
        let alignment = decoder.buffers[index].alignment;
        let (mut cost, mut least, mut ties, mut at) = (0, (i64::MAX, 0), 0, 0);
        let mut changes = changes.iter().peekable();
        while at <= last {
            while let Some((_, change)) = changes.next_if(|(offset, _)| *offset <= at) {
                cost += change;
            }
            let until = changes.peek().map_or(u64::MAX, |(offset, _)| *offset);
            if cost <= least.0 {
                ties = if cost < least.0 { 1 } else { ties + 1 };
                if random.below(ties) == 0 {
                    let highest = (until - 1).min(last) & !(alignment - 1);
                    least = (cost, random.one_of(&[at, highest]));
                }
            }
            at = until;
            if until == u64::MAX {
                break;
            }
        }
        least
    }

    /// At which offsets neighbours begin and cease to be in the way, in order.
    fn find_changes(&mut self, decoder: &Decoder<'_>, index: usize) {
        let Decoder { buffers, near, .. } = decoder;
        let Self {
            offsets,
            penalties,
            changes,
            ..
        } = self;
        let Lifetime {
            size, alignment, ..
        } = buffers[index];
        changes.clear();
        near.for_each(index, |other| {
            let start = offsets[other];
            if start == NOWHERE {
                return;
            }
            let is_fixed = buffers[other].fixed_offset.is_some();
            let cost = if is_fixed { FIXED } else { penalties[other] };
            let from = (start + 1).saturating_sub(size);
            let until = start.saturating_add(buffers[other].size);
            changes.push((align_up(from, alignment), cost));
            changes.push((align_up(until, alignment), -cost));
        });
        changes.sort_unstable();
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{Relation, adjacency::Neighbours},
        *,
    };

    struct All;
    impl Relation for All {
        fn conflict(&self, _: usize, _: usize) -> bool {
            true
        }
    }

    #[test]
    fn a_hole_is_filled_by_moving_what_is_easy_to_move() {
        let buffer = |(size, fixed_offset): (u64, Option<u64>)| Lifetime {
            lower: 0,
            upper: 1,
            size,
            alignment: 1,
            fixed_offset,
            within: None,
        };
        // Below 12: 0..5 and 6..12 around the fixed byte. The four belongs beside the one, the six to the other side.
        let buffers = [(1, Some(5)), (6, None), (4, None), (1, None)].map(buffer);
        let decoder = Decoder::new(&buffers, Neighbours::new(4, &All));
        let start = [5, 10, 6, 0];
        let (mut ejection, budget) = (Ejection::new(4, 0), Budget::unlimited());
        let found = ejection.fit(&decoder, &start, 12, 1000, &budget);
        let found = found.expect("there is a placement");
        assert_eq!((found[0], found[1]), (5, 6));
        assert!(matches!((found[2], found[3]), (0, 4) | (1, 0)));
        // Below 11 the six alone fits nowhere but over the fixed byte.
        let decoder = Decoder::new(&buffers[..2], Neighbours::new(2, &All));
        let mut ejection = Ejection::new(2, 0);
        let found = ejection.fit(&decoder, &start[..2], 11, 1000, &budget);
        assert_eq!(found, None);
    }

    #[test]
    fn a_search_for_too_little_ends_after_its_steps() {
        let buffer = Lifetime {
            lower: 0,
            upper: 1,
            size: 2,
            alignment: 1,
            fixed_offset: None,
            within: None,
        };
        let buffers = [buffer; 3];
        let decoder = Decoder::new(&buffers, Neighbours::new(3, &All));
        let (mut ejection, budget) = (Ejection::new(3, 0), Budget::unlimited());
        let found = ejection.fit(&decoder, &[0, 2, 4], 5, 100, &budget);
        assert_eq!((found, budget.spent()), (None, 100));
    }
}
