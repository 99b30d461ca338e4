//! How much later the runs of one model begin than the runs of another that they overlap.
//!
//! Stands on lifetimes and on the starts of runs. Two tensors are alive together in some runs
//! exactly if one of these distances moves one of them over the other, so a binary search among the
//! distances replaces a walk through all runs.
//!
//! ```text
//! runs of a     ├────────┤     ├────────┤          starts 0 and 14
//! runs of b          ├────────┤     ├────────┤     starts 5 and 19: the distances are 5 and -9
//! ```
//!
//! Invariant: the distances of a pair of models ascend, and any two of their runs that overlap have
//! one of them. A pair that has too many is left out.

use alloc::vec::Vec;
use core::ops::Range;

use super::lifetime::Lifetime;

/// With more models there are too many pairs to keep distances of.
const MOST_MODELS: usize = 64;
/// The most pairs of runs that are looked at: some hundredths of a second.
const MOST_PAIRS: usize = 1 << 21;

/// The distances of all pairs of models.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct RunDistances {
    models: usize,
    /// Of models `a <= b`, at `a * models + b`: how much later than a run of `a` a run of `b`
    /// begins. `None` where that is not known.
    distances: Vec<Option<Vec<i128>>>,
}

/// A model's first to last step, and by how much each of its runs moves them.
struct Runs {
    hull: Range<i128>,
    moves: Vec<i128>,
}

impl RunDistances {
    /// The distances of models whose rows are `models`, and whose runs begin so much later than
    /// their rows; a distance may wrap around.
    pub(super) fn new<'r>(
        models: impl Iterator<Item = &'r [Lifetime]>,
        later: &[Vec<i64>],
    ) -> Self {
        if later.len() > MOST_MODELS {
            return Self::default();
        }
        let runs: Vec<Runs> = models
            .zip(later)
            .map(|(rows, later)| Runs::new(rows, later))
            .collect();
        let (models, mut left) = (runs.len(), MOST_PAIRS);
        let pairs = (0..models).flat_map(|a| (0..models).map(move |b| [a, b]));
        let distances = pairs.map(|[a, b]| {
            (a <= b)
                .then(|| distances(&runs[a], &runs[b], &mut left))
                .flatten()
        });
        Self {
            models,
            distances: distances.collect(),
        }
    }

    /// Whether a tensor of model `m` that is alive at the steps `x` and one of model `n` that is
    /// alive at the steps `y` are alive together in any runs; `None` if that is not known.
    pub(super) fn overlap(
        &self,
        [m, n]: [usize; 2],
        x: &Range<i64>,
        y: &Range<i64>,
    ) -> Option<bool> {
        if m > n {
            return self.overlap([n, m], y, x);
        }
        let distances = self.distances.get(m * self.models + n)?.as_ref()?;
        let [x, y] = [x, y].map(|steps| i128::from(steps.start)..i128::from(steps.end));
        let next = distances.partition_point(|distance| y.end + distance <= x.start);
        let next = distances.get(next);
        Some(next.is_some_and(|distance| y.start + distance < x.end))
    }
}

impl Runs {
    fn new(rows: &[Lifetime], later: &[i64]) -> Self {
        let alive = || rows.iter().filter(|row| row.lower < row.upper);
        let lower = alive().map(|row| row.lower).min().unwrap_or(0);
        let upper = alive().map(|row| row.upper).max().unwrap_or(lower);
        // A step that is moved is in range again, so the moved step tells by how much.
        let moves = later
            .iter()
            .map(|&later| i128::from(lower.wrapping_add(later)) - i128::from(lower));
        Self {
            hull: lower.into()..upper.into(),
            moves: moves.collect(),
        }
    }
}

/// The distances of all runs of two models that overlap, at most as many pairs of runs as are
/// `left`.
fn distances(a: &Runs, b: &Runs, left: &mut usize) -> Option<Vec<i128>> {
    let (mut all, mut first) = (Vec::new(), 0);
    for from in &a.moves {
        let begins_late = |to: &i128| a.hull.end + from <= b.hull.start + to;
        let ends_early = |to: &i128| b.hull.end + to <= a.hull.start + from;
        first += b.moves[first..].partition_point(ends_early);
        let met = &b.moves[first..];
        let met = &met[..met.partition_point(|to| !begins_late(to))];
        *left = left.checked_sub(met.len())?;
        all.extend(met.iter().map(|to| to - from));
    }
    all.sort_unstable();
    all.dedup();
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lifetimes::runs_overlap;
    use proptest::prelude::*;

    #[test]
    fn of_the_picture_there_are_two_distances() {
        let rows = [Lifetime::new(0, 10, 1)];
        let runs = [[0, 14], [5, 19]].map(|later| Runs::new(&rows, &later));
        let mut left = MOST_PAIRS;
        assert_eq!(
            distances(&runs[0], &runs[1], &mut left),
            Some([-9, 5].to_vec())
        );
        assert_eq!(left, MOST_PAIRS - 3);
        assert_eq!(distances(&runs[0], &runs[1], &mut 2), None);
    }

    /// The rows of a model, and how much later its runs start.
    fn model(end: bool) -> impl Strategy<Value = (Vec<Lifetime>, Vec<i64>)> {
        let at = if end { i64::MAX - 100 } else { 0 };
        let row = (0i64..12, 0i64..8)
            .prop_map(move |(lower, length)| Lifetime::new(at + lower, at + lower + length, 1));
        let gaps = prop::collection::vec(0i64..15, 0..5);
        let later = gaps.prop_map(|gaps| {
            let each = gaps.into_iter().scan(0, |later, gap| {
                *later += gap;
                Some(*later)
            });
            core::iter::once(0).chain(each).collect()
        });
        (prop::collection::vec(row, 1..5), later)
    }

    proptest! {
        #[test]
        fn distances_tell_what_all_runs_tell(
            models in prop_oneof![
                prop::collection::vec(model(false), 1..4),
                prop::collection::vec(model(true), 1..4),
            ],
        ) {
            let later: Vec<_> = models.iter().map(|(_, later)| later.clone()).collect();
            let rows = models.iter().map(|(rows, _)| &rows[..]);
            let known = RunDistances::new(rows, &later);
            for (m, (x, _)) in models.iter().enumerate() {
                for (n, (y, _)) in models.iter().enumerate() {
                    for (x, y) in x.iter().flat_map(|x| y.iter().map(move |y| (x, y))) {
                        let (x, y) = (x.steps(), y.steps());
                        if x.is_empty() || y.is_empty() {
                            continue;
                        }
                        let all = runs_overlap(x.clone(), &later[m], y.clone(), &later[n]);
                        prop_assert_eq!(known.overlap([m, n], &x, &y), Some(all));
                    }
                }
            }
        }
    }
}
