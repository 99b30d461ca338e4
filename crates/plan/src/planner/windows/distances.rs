//! The forbidden distances of each pair of buffers.
//!
//! Stands on the pieces of the buffers. Two pieces that share a step, of buffers at the offsets *x*
//! and *y*, share a byte if *x* + low < *y* + high' and *y* + low' < *x* + high: that forbids the
//! distances *x* - *y* from low' - high + 1 up to, but not including, high' - low.
//!
//! Invariant: the distances of one pair are a union, and what one buffer says of another one, that
//! one says of it with the sign changed.

use alloc::vec::Vec;
use core::ops::Range;

use crate::intervals::union;
use crate::lifetimes::{Lifetime, Piece};
use crate::planner::budget::{Budget, CheckInterval};
use crate::planner::conflict::{Interference, InterferenceRelation as _};
use crate::planner::decoder::UNPLACED;
use crate::planner::interference::Obstacles;

/// The most pairs that are kept.
const MOST_PAIRS: usize = 1 << 22;
/// The most ranges of distances that are kept: 128 MiB, from both sides.
const MOST_RANGES: usize = 1 << 22;
/// How many ranges of a pair are found before they are merged.
const SOME: usize = 256;

/// How far the offset of a buffer must not be from that of another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Forbidden {
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
        let (mut each, mut work) = (Vec::new(), 0);
        for (a, others) in later.iter().enumerate() {
            for &b in others {
                let (x, y) = (of(a), of(b as usize));
                for distances in forbidden(x, y) {
                    let mirrored = 1 - distances.end..1 - distances.start;
                    let other = a as u32;
                    each.push((
                        a,
                        Forbidden {
                            other: b,
                            distances,
                        },
                    ));
                    each.push((
                        b as usize,
                        Forbidden {
                            other,
                            distances: mirrored,
                        },
                    ));
                }
                work += (x.len() + y.len()) as u64;
                if each.len() / 2 > MOST_RANGES {
                    return None;
                }
                if work >= CheckInterval::STEPS.nodes() {
                    if budget.is_interrupted() {
                        return None;
                    }
                    work = 0;
                }
            }
        }
        each.sort_unstable_by_key(|(buffer, Forbidden { other, distances })| {
            (*buffer, *other, distances.start)
        });
        let ends = (0..buffers.len()).map(|i| each.partition_point(|(buffer, _)| *buffer <= i));
        Some(Self {
            ends: ends.collect(),
            all: each.into_iter().map(|(_, forbidden)| forbidden).collect(),
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
        for Forbidden { other, distances } in self.of(of) {
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

/// The offsets of a buffer with these pieces, minus that of one with those pieces, at which two of
/// the pieces share a byte at a step. The steps of two pieces of one buffer are equal or disjoint,
/// and ascend.
fn forbidden(of: &[Piece], others: &[Piece]) -> Vec<Range<i64>> {
    let (mut found, mut first) = (Vec::new(), 0);
    for piece in of {
        let ended = |other: &Piece| other.steps.end <= piece.steps.start;
        first += others[first..]
            .iter()
            .take_while(|other| ended(other))
            .count();
        let meeting = others[first..].iter();
        for other in meeting.take_while(|other| other.steps.start < piece.steps.end) {
            let [mine, theirs] = [piece, other].map(|Piece { bytes, .. }| {
                // No tensor reaches 2⁶³ bytes.
                bytes.start as i64..bytes.end as i64
            });
            found.push(theirs.start - mine.end + 1..theirs.end - mine.start);
            if found.len() >= SOME {
                found = union(found);
            }
        }
    }
    union(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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
            prop_assert_eq!(is_forbidden(&forbidden(&a, &b), distance), shares);
            prop_assert_eq!(is_forbidden(&forbidden(&b, &a), -distance), shares);
        }
    }
}
