//! A sweep over time that finds two tensors which are alive at a common step and share a byte.
//!
//! Stands on lifetimes. Invariant: the live tensors, ordered by offset, never overlap each other.
//! So if a tensor that comes to life overlaps any of them, it overlaps one of its two neighbours in
//! that order. The order is known beforehand: tensors are numbered by their offsets, and a set of
//! numbers is live.

use alloc::{vec, vec::Vec};
use core::ops::Range;

use super::error::{PlanError, clash};
use crate::bit_tree::BitTree;
use crate::lifetimes::{Lifetimes, Timeline};

/// Checks that no two tensors share a byte at a common step. A tensor may live several times, at
/// different steps: before and after a gap, and in several runs of its model.
///
/// # Errors
/// Two lives that do; see [`PlanError::Overlap`].
pub(super) fn check_lives(
    lifetimes: &Lifetimes,
    offsets: &[u64],
    lives: &Timeline,
) -> Result<(), PlanError> {
    let Some((rows, steps)) = first_overlap(lifetimes, offsets, lives) else {
        return Ok(());
    };
    let (ids, names, bytes) = clash(lifetimes, offsets, rows[0], rows[1]);
    Err(PlanError::Overlap {
        ids,
        names,
        bytes,
        steps,
    })
}

/// Two rows that share a byte at common steps, and those steps. O(n log n) for n rows, and some
/// tens of instructions for each life.
pub(super) fn first_overlap(
    lifetimes: &Lifetimes,
    offsets: &[u64],
    lives: &Timeline,
) -> Option<([usize; 2], Range<i64>)> {
    let end = |row: usize| offsets[row] + lifetimes.rows()[row].size;
    let order = Order::new(offsets);
    let mut live = BitTree::new(offsets.len());
    let mut deaths = lives.deaths();
    for &(step, born) in lives.births() {
        while let Some((_, later)) = deaths.split_first().filter(|(death, _)| death.0 <= step) {
            live.remove(order.numbers[deaths[0].1]);
            deaths = later;
        }
        let number = order.numbers[born];
        let row = |number: usize| order.rows[number];
        let below = live.last_below(number).map(row);
        let above = live.first_from(number).map(row);
        let below = below.filter(|&other| end(other) > offsets[born]);
        let above = above.filter(|&other| offsets[other] < end(born));
        if let Some(neighbour) = below.or(above) {
            let highest = live.last_below(order.count_below(offsets, end(born)));
            let other = highest.map_or(neighbour, row);
            let mut both = deaths.iter().filter(|(_, row)| [born, other].contains(row));
            let upper = both.next().map_or(step, |(upper, _)| *upper);
            return Some(([other, born], step..upper));
        }
        live.insert(number);
    }
    None
}

/// Rows in order of their offsets.
struct Order {
    rows: Vec<usize>,
    /// The position of each row in the order.
    numbers: Vec<usize>,
}

impl Order {
    fn new(offsets: &[u64]) -> Self {
        let mut rows: Vec<usize> = (0..offsets.len()).collect();
        rows.sort_by_key(|&row| offsets[row]);
        let mut numbers = vec![0; rows.len()];
        for (number, &row) in rows.iter().enumerate() {
            numbers[row] = number;
        }
        Self { rows, numbers }
    }

    /// How many rows have an offset below this one.
    fn count_below(&self, offsets: &[u64], end: u64) -> usize {
        self.rows.partition_point(|&row| offsets[row] < end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::{format, vec::Vec};

    /// Birth, length, size and offset of a tensor that lives again every tenth step.
    fn tensors() -> impl Strategy<Value = Vec<(i64, i64, u64, u64)>> {
        prop::collection::vec((0i64..30, 1i64..10, 1u64..6, 0u64..40), 1..9)
    }

    proptest! {
        #[test]
        fn lives_are_accepted_if_and_only_if_no_two_share_a_byte(
            tensors in tensors(),
            runs in 1usize..4,
        ) {
            let row = |(i, &(lower, length, size, _)): (usize, &(i64, i64, u64, u64))| {
                (format!("{i}"), lower, lower + length, size, 1)
            };
            let lifetimes = Lifetimes::from_rows(tensors.iter().enumerate().map(row)).unwrap();
            let offsets: Vec<u64> = tensors.iter().map(|tensor| tensor.3).collect();
            let later = &[0, 10, 20][..runs];
            let lives = Timeline::of_runs(&lifetimes, |_| later, |_| true);

            let bytes = |row: usize| offsets[row]..offsets[row] + tensors[row].2;
            let steps = |row: usize, later: i64| {
                let (lower, length, ..) = tensors[row];
                lower + later..lower + later + length
            };
            let common = |a: Range<i64>, b: Range<i64>| a.start.max(b.start)..a.end.min(b.end);
            let mut overlaps = Vec::new();
            for (a, b) in (0..tensors.len()).flat_map(|b| (0..b).map(move |a| (a, b))) {
                let (x, y) = (bytes(a), bytes(b));
                for (s, t) in later.iter().flat_map(|&s| later.iter().map(move |&t| (s, t))) {
                    let steps = common(steps(a, s), steps(b, t));
                    if !steps.is_empty() && x.start < y.end && y.start < x.end {
                        overlaps.push(([a, b], steps));
                    }
                }
            }
            match check_lives(&lifetimes, &offsets, &lives) {
                Ok(()) => prop_assert_eq!(overlaps, []),
                Err(PlanError::Overlap { ids, steps, .. }) => {
                    let first = overlaps.iter().map(|(_, steps)| steps.start).min();
                    prop_assert_eq!(Some(steps.start), first);
                    let found = (ids.map(|id| id.index()), steps);
                    prop_assert!(overlaps.contains(&found), "{:?} in {:?}", found, overlaps);
                }
                Err(error) => prop_assert!(false, "{}", error),
            }
        }
    }
}
