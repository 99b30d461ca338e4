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
    use crate::lifetimes::{Lifetimes, runs_overlap};
    use proptest::prelude::*;

    fn hull(lower: i64, upper: i64) -> Option<Lifetime> {
        Some(Lifetime::new(lower, upper, 1))
    }

    /// The tensors of a model (birth and length), and when it starts.
    type Model = (Vec<(i64, i64)>, Vec<i64>);

    /// Tensors of a model, maybe none, and ascending starts that are not always regular.
    fn model() -> impl Strategy<Value = Model> {
        let tensors = prop::collection::vec((-9i64..9, 1i64..9), 0..5);
        let gap = prop_oneof![Just(7i64), Just(14), 0i64..20];
        let starts = (-20i64..20, prop::collection::vec(gap, 0..12)).prop_map(|(first, gaps)| {
            let each = gaps.into_iter().scan(first, |start, gap| {
                *start += gap;
                Some(*start)
            });
            core::iter::once(first).chain(each).collect()
        });
        (tensors, starts)
    }

    /// The largest load of all tensors in these runs.
    fn load(models: &[Model], runs: &[Vec<i64>]) -> u64 {
        let lives = models.iter().zip(runs).flat_map(|((tensors, _), runs)| {
            let each = tensors.iter().enumerate();
            each.flat_map(move |(i, &(lower, length))| {
                let at = move |&start: &i64| (start + lower, start + lower + length, 1 << i);
                runs.iter().map(at)
            })
        });
        let rows = lives.enumerate();
        let rows = rows.map(|(i, (lower, upper, size))| (i.to_string(), lower, upper, size, 1));
        Lifetimes::from_rows(rows).unwrap().load()
    }

    proptest! {
        #[test]
        fn what_is_kept_has_the_conflicts_and_the_load_of_all_runs(
            models in prop::collection::vec(model(), 1..4),
        ) {
            let hulls = models.iter().map(|(tensors, _)| {
                let lower = tensors.iter().map(|(lower, _)| *lower).min()?;
                let upper = tensors.iter().map(|(lower, length)| lower + length).max()?;
                hull(lower, upper)
            });
            let hulls: Vec<_> = hulls.collect();
            let all: Vec<Vec<i64>> = models.iter().map(|(_, starts)| starts.clone()).collect();
            let kept = distinct_runs(&hulls, &all);
            for (kept, all) in kept.iter().zip(&all) {
                prop_assert_eq!(kept.first(), all.first());
                prop_assert!(kept.is_sorted() && kept.iter().all(|start| all.contains(start)));
            }
            let tensors = models.iter().enumerate();
            let tensors = tensors.flat_map(|(model, (rows, _))| {
                rows.iter().map(move |&(lower, length)| (model, lower..lower + length))
            });
            let tensors: Vec<_> = tensors.collect();
            for (m, x) in &tensors {
                for (n, y) in &tensors {
                    let meet = |starts: &[Vec<i64>]| {
                        runs_overlap(x.clone(), &starts[*m], y.clone(), &starts[*n])
                    };
                    let truth = all[*m].iter().any(|s| {
                        let x = x.start + s..x.end + s;
                        let mut others = all[*n].iter();
                        others.any(|t| x.start < y.end + t && y.start + t < x.end)
                    });
                    prop_assert_eq!(meet(&kept), truth);
                }
            }
            prop_assert_eq!(load(&models, &kept), load(&models, &all));
        }
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
