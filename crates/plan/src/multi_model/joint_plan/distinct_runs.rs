//! Which runs of models that start again and again tell anything new.
//!
//! Stands on lifetimes. Runs that overlap in time, one with the next, are a *cluster*. Nothing that
//! is alive in one cluster is alive in another, so tensors meet within clusters alone, and of
//! clusters that are equal but for the time at which they begin, one says all.
//!
//! ```text
//! time      0         10        20        30        40
//! model a   ├──────┤            ├──────┤            ├──────┤     the second cluster is like the
//! model b      ├──────┤            ├──────┤        ├──────┤      first; the third is another one
//! ```
//!
//! Invariant: what is kept has the same conflicts and the same loads as all runs, and the first run
//! of each model is kept.

use alloc::{collections::BTreeSet, vec::Vec};

use crate::lifetimes::Lifetime;

/// A run: when its model begins and ends to be alive, the model, and when it starts.
type Run = (i128, i128, usize, i64);

/// The ascending starts of each model without those that tell nothing new. `hulls` are the steps at
/// which each model is alive, `None` for one that never is. O(n log n) for n runs.
pub(super) fn distinct_runs(hulls: &[Option<Lifetime>], starts: &[Vec<i64>]) -> Vec<Vec<i64>> {
    let mut runs: Vec<Run> = Vec::new();
    let mut kept: Vec<Vec<i64>> = alloc::vec![Vec::new(); starts.len()];
    for (model, (hull, starts)) in hulls.iter().zip(starts).enumerate() {
        let Some(hull) = hull else {
            kept[model].extend(starts.first());
            continue;
        };
        runs.extend(starts.iter().map(|&start| {
            let at = |step: i64| i128::from(step) + i128::from(start);
            (at(hull.lower), at(hull.upper), model, start)
        }));
    }
    runs.sort_unstable();
    let mut seen = BTreeSet::new();
    for cluster in clusters(&runs) {
        let begin = cluster[0].0;
        let key = cluster.iter().map(|run| (run.0 - begin, run.2));
        if seen.insert(key.collect::<Vec<_>>()) {
            cluster.iter().for_each(|run| kept[run.2].push(run.3));
        }
    }
    kept
}

/// The runs, which ascend, cluster by cluster.
fn clusters(runs: &[Run]) -> impl Iterator<Item = &[Run]> {
    let mut rest = runs;
    core::iter::from_fn(move || {
        let mut end = rest.first()?.1;
        let overlaps = |run: &&Run| {
            let overlaps = run.0 < end;
            end = end.max(run.1);
            overlaps
        };
        let count = rest.iter().take_while(overlaps).count();
        let (cluster, later) = rest.split_at(count);
        rest = later;
        Some(cluster)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hull(lower: i64, upper: i64) -> Option<Lifetime> {
        Some(Lifetime::new(lower, upper, 1))
    }

    #[test]
    fn of_the_picture_the_first_and_the_third_cluster_are_kept() {
        let starts = [Vec::from([0, 20, 40]), Vec::from([3, 23, 39])];
        let kept = distinct_runs(&[hull(0, 8), hull(0, 8)], &starts);
        assert_eq!(kept, [[0, 40], [3, 39]]);
    }

    #[test]
    fn a_model_that_repeats_itself_runs_once_and_one_that_is_never_alive_too() {
        let all: Vec<i64> = (0..10_000).map(|i| 7 * i).collect();
        let kept = distinct_runs(&[hull(-3, 4), None], &[all.clone(), all]);
        assert_eq!(kept, [[0], [0]]);
    }

    #[test]
    fn runs_at_the_ends_of_the_clock_do_not_overflow() {
        let starts = [Vec::from([i64::MIN, i64::MAX - 9])];
        assert_eq!(distinct_runs(&[hull(0, 9)], &starts), [[i64::MIN]]);
    }
}
