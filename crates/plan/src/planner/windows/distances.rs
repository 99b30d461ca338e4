//! The forbidden distances of each pair of buffers.
//!
//! Stands on the pieces of the buffers. Two pieces that share a step, of buffers at the offsets *x*
//! and *y*, share a byte if *x* + low < *y* + high' and *y* + low' < *x* + high: that forbids the
//! distances *x* - *y* from low' - high + 1 up to, but not including, high' - low.
//!
//! Invariant: the distances of one pair are a union, and distances are antisymmetric: those of one
//! buffer from another one are those of the other from the one with the sign changed.

use alloc::vec::Vec;
use core::ops::Range;

use crate::intervals::union;
use crate::lifetimes::{Lifetime, Piece};
use crate::planner::budget::{Budget, CheckInterval};
use crate::planner::conflict::{Interference, InterferenceRelation as _};
use crate::planner::decoder::UNPLACED;
use crate::planner::interference::Obstacles;
use crate::work;

/// The most pairs that are kept.
const MOST_PAIRS: usize = 1 << 22;
/// The most ranges of distances that are kept, of all pairs together. From both sides they take
/// 192 MiB, and about twice as much while they are found.
const MOST_RANGES: usize = 1 << 22;
/// The most pairs of pieces with a common step that are looked at: some seconds of work.
const MOST_MEETINGS: u64 = 1 << 28;
/// How many ranges of a pair are found before they are merged for the first time.
const SOME: usize = 256;

/// How far the offset of a buffer must not be from that of another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Forbidden {
    /// The buffer that must not be there, by position.
    of: u32,
    pub(super) other: u32,
    /// Offsets minus the other's offset, in bytes.
    pub(super) distances: Range<i64>,
}

/// For each buffer, the distances that others forbid.
pub(super) struct Distances {
    /// For each buffer, where its part of `all` ends.
    ends: Vec<usize>,
    all: Vec<Forbidden>,
}

impl Distances {
    /// `None` if there are too many, or finding them takes too long.
    pub(super) fn new(
        buffers: &[Lifetime],
        interference: &Interference<'_>,
        budget: &Budget,
    ) -> Option<Self> {
        let later = interference.later_neighbours(buffers.len(), MOST_PAIRS, budget)?;
        let (mut pieces, mut piece_ends) = (Vec::new(), alloc::vec![0; buffers.len()]);
        for (buffer, piece) in interference.pieces() {
            pieces.push(piece);
            piece_ends[buffer as usize] = pieces.len();
        }
        let of = |buffer: usize| {
            let start = buffer.checked_sub(1).map_or(0, |before| piece_ends[before]);
            &pieces[start..piece_ends[buffer]]
        };
        let (mut all, mut effort) = (Vec::new(), Effort::new(budget));
        for (a, others) in later.iter().enumerate() {
            for &b in others {
                let (x, y) = (of(a), of(b as usize));
                effort.spend((x.len() + y.len()) as u64)?;
                let most = MOST_RANGES - all.len() / 2;
                for distances in forbidden(x, y, most, &mut effort)? {
                    let mirrored = 1 - distances.end..1 - distances.start;
                    all.push(Forbidden {
                        of: a as u32,
                        other: b,
                        distances,
                    });
                    all.push(Forbidden {
                        of: b,
                        other: a as u32,
                        distances: mirrored,
                    });
                }
            }
        }
        all.sort_unstable_by_key(|one: &Forbidden| (one.of, one.other, one.distances.start));
        let end = |buffer: usize| all.partition_point(|one| one.of as usize <= buffer);
        Some(Self {
            ends: (0..buffers.len()).map(end).collect(),
            all,
        })
    }

    /// What others forbid to a buffer, in order of the others and of distances.
    pub(super) fn of(&self, buffer: usize) -> &[Forbidden] {
        let start = buffer.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.all[start..self.ends[buffer]]
    }

    /// How many ranges there are, each counted from both sides.
    pub(super) fn len(&self) -> usize {
        self.all.len()
    }
}

impl Obstacles for Distances {
    fn for_each_obstacle(
        &self,
        of: usize,
        _: &[Lifetime],
        offsets: &[u64],
        mut each: impl FnMut(usize, Range<u64>),
    ) {
        for Forbidden {
            other, distances, ..
        } in self.of(of)
        {
            let start = offsets[*other as usize];
            if start == UNPLACED {
                continue;
            }
            let at = |distance: i64| match distance {
                0.. => start.saturating_add(distance.unsigned_abs()),
                _ => start.saturating_sub(distance.unsigned_abs()),
            };
            let (from, until) = (at(distances.start), at(distances.end));
            if from < until {
                each(*other as usize, from..until);
            }
        }
    }
}

/// What is looked at, and what ends that early.
struct Effort<'b> {
    budget: &'b Budget,
    /// Steps since the budget was last asked.
    steps: u64,
    /// Pairs of pieces that may still be looked at.
    meetings: u64,
}

impl<'b> Effort<'b> {
    fn new(budget: &'b Budget) -> Self {
        Self {
            budget,
            steps: 0,
            meetings: MOST_MEETINGS,
        }
    }

    /// Counts steps; `None` if the search must end.
    fn spend(&mut self, steps: u64) -> Option<()> {
        self.steps += steps;
        if self.steps < CheckInterval::STEPS.nodes() {
            return Some(());
        }
        self.steps = 0;
        (!self.budget.is_interrupted()).then_some(())
    }

    /// Counts two pieces with a common step; `None` if the search must end.
    fn meet(&mut self) -> Option<()> {
        self.meetings = self.meetings.checked_sub(1)?;
        self.spend(1)
    }
}

/// The offsets of a buffer with these pieces, minus that of one with those pieces, at which two of
/// the pieces share a byte at a step; `None` if they are more than so many ranges, or the search
/// must end. The steps of two pieces of one buffer are equal or disjoint, and ascend.
///
/// Two buffers with *k* pieces at one step have up to *k*² ranges. They are merged whenever their
/// number has doubled, so that merging takes no more steps than finding them, but for a logarithm.
fn forbidden(
    of: &[Piece],
    others: &[Piece],
    most: usize,
    effort: &mut Effort<'_>,
) -> Option<Vec<Range<i64>>> {
    let (mut found, mut first, mut merged) = (Vec::new(), 0, 0);
    for piece in of {
        let ended = |other: &Piece| other.steps.end <= piece.steps.start;
        first += others[first..]
            .iter()
            .take_while(|other| ended(other))
            .count();
        let meeting = others[first..].iter();
        for other in meeting.take_while(|other| other.steps.start < piece.steps.end) {
            effort.meet()?;
            let [mine, theirs] = [piece, other].map(|Piece { bytes, .. }| {
                // No tensor reaches 2⁶³ bytes.
                bytes.start as i64..bytes.end as i64
            });
            found.push(theirs.start - mine.end + 1..theirs.end - mine.start);
            if found.len() >= SOME.max(2 * merged) {
                work::count(found.len());
                found = union(found);
                merged = found.len();
                if merged > most {
                    return None;
                }
            }
        }
    }
    let found = union(found);
    (found.len() <= most).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::planner::budget::Cancel;
    use proptest::prelude::*;

    /// All ranges of a pair, without limits.
    fn all_forbidden(of: &[Piece], others: &[Piece]) -> Vec<Range<i64>> {
        let budget = Budget::unlimited();
        forbidden(of, others, MOST_RANGES, &mut Effort::new(&budget)).expect("nothing ends it")
    }

    /// Two buffers of `count` bytes that are needed at one step, of which each pair forbids a
    /// distance of its own.
    fn combs(count: u64) -> [Vec<Piece>; 2] {
        [2, 2 * count].map(|pitch| {
            let starts = (0..count).map(|i| pitch * i);
            starts
                .map(|start| Piece::new(0..1, start..start + 1))
                .collect()
        })
    }

    #[test]
    fn merging_takes_steps_in_proportion_to_the_ranges() {
        let steps = |count: u64| {
            let [a, b] = combs(count);
            let (found, steps) = work::during(|| all_forbidden(&a, &b));
            assert_eq!(found.len() as u64, count * count);
            steps
        };
        // Four times as many ranges.
        assert!(steps(128) < 6 * steps(64));
    }

    #[test]
    fn a_pair_with_too_many_ranges_and_one_out_of_time_are_given_up() {
        let [a, b] = combs(300);
        let unlimited = Budget::unlimited();
        let within = |most| forbidden(&a, &b, most, &mut Effort::new(&unlimited));
        assert!(within(90_000).is_some() && within(89_999).is_none() && within(1).is_none());
        let cancel = Cancel::new();
        cancel.cancel();
        let cancelled = Budget::unlimited().cancelled_by(&cancel);
        assert!(forbidden(&a, &b, MOST_RANGES, &mut Effort::new(&cancelled)).is_none());
        let mut effort = Effort::new(&unlimited);
        effort.meetings = 89_999;
        assert!(forbidden(&a, &b, MOST_RANGES, &mut effort).is_none());
    }

    fn pieces() -> impl Strategy<Value = Vec<Piece>> {
        let piece = (0..3i64, 1..4i64, 0..6u64, 1..5u64);
        prop::collection::vec(piece, 1..4).prop_map(|all| {
            let mut end = 0;
            let each = all.into_iter().map(|(gap, length, low, size)| {
                let start = end + gap;
                end = start + length;
                Piece::new(start..end, low..low + size)
            });
            each.collect()
        })
    }

    proptest! {
        #[test]
        fn a_distance_is_forbidden_if_and_only_if_a_byte_is_shared_at_a_step(
            (a, b) in (pieces(), pieces()), distance in -12i64..12,
        ) {
            let has = |of: &[Piece], step: i64, byte: i64| {
                let byte = u64::try_from(byte);
                let mut needed = of.iter().filter(|piece| piece.steps.contains(&step));
                byte.is_ok_and(|byte| needed.any(|piece| piece.bytes.contains(&byte)))
            };
            let shares = (0..30).any(|step| {
                (-12..24).any(|byte| has(&a, step, byte - distance) && has(&b, step, byte))
            });
            let is_forbidden = |ranges: &[Range<i64>], distance: i64| {
                ranges.iter().any(|range| range.contains(&distance))
            };
            prop_assert_eq!(is_forbidden(&all_forbidden(&a, &b), distance), shares);
            prop_assert_eq!(is_forbidden(&all_forbidden(&b, &a), -distance), shares);
        }
    }
}
