//! How low the peak of several models in one region can be.
//!
//! Stands on the bounds of single models. Models that may all run together need bytes apart, so
//! what each needs at its worst step adds up, and the heaviest clique of models is a bound.
//! Alignment sharpens it as it does for one model: of tensors that are all alive together and
//! aligned to *g*, all but the topmost take their size rounded up to *g*. (What alignment adds to
//! single models does not add up, because the padding of one model may be filled by another.) Of a
//! tensor with windows, each piece counts as a tensor of its own.

use alloc::{collections::BTreeSet, vec::Vec};

use crate::lifetimes::{ConcurrencyRelation, Lifetime, Lifetimes, ModelTiming};
use crate::multi_model::tensors::first_positions;
use crate::relation::heaviest_clique;

/// A lower bound on the peak of every plan, in bytes; `joint` has the rows of all models.
pub(super) fn bound(models: &[&Lifetimes], joint: &Lifetimes, timing: &ModelTiming) -> u64 {
    let alone = models.iter().map(|one| one.lower_bound()).max();
    let together = match timing {
        ModelTiming::Concurrent(together) => heaviest(models, together),
        ModelTiming::Runs(later) => of_all_runs(models, joint, later),
    };
    together.max(alone.unwrap_or(0))
}

/// The bound of models that are known by who may run beside whom.
fn heaviest(models: &[&Lifetimes], together: &ConcurrencyRelation) -> u64 {
    let pieces: Vec<_> = models.iter().map(|one| one.in_pieces()).collect();
    let rows = || pieces.iter().flat_map(|one| one.rows());
    let rows = || rows().filter(|row| row.occupies());
    let alignments: BTreeSet<u64> = rows().map(|row| row.alignment).collect();
    let padded = alignments
        .into_iter()
        .filter(|&alignment| alignment > 1)
        .map(|alignment| {
            let slack = |row: &Lifetime| row.size.next_multiple_of(alignment) - row.size;
            let aligned = rows().filter(|row| row.alignment >= alignment);
            let topmost = aligned.map(slack).max().unwrap_or(0);
            let loads = models
                .iter()
                .map(|one| one.padded_load(alignment))
                .collect();
            heaviest_together(loads, together).saturating_sub(topmost)
        });
    let unpadded = models.iter().map(|one| one.heaviest_clique()).collect();
    let unpadded = heaviest_together(unpadded, together);
    padded.max().unwrap_or(0).max(unpadded)
}

/// The largest sum of loads of models that may all run together. With too many models to look at
/// all cliques, it may be less than the largest.
fn heaviest_together(loads: Vec<u64>, together: &ConcurrencyRelation) -> u64 {
    match together {
        ConcurrencyRelation::None => loads.into_iter().max().unwrap_or(0),
        ConcurrencyRelation::All => loads.into_iter().sum(),
        ConcurrencyRelation::Pairs(_) => {
            let may = |a: usize, b: usize| together.contains(a, b);
            heaviest_clique(&loads, may).unwrap_or_else(|| greedy_clique(&loads, may))
        }
    }
}

/// The heaviest of the cliques that begin with each model and take, heaviest first, every model
/// that may run beside all models taken before.
fn greedy_clique(loads: &[u64], may: impl Fn(usize, usize) -> bool) -> u64 {
    let mut order: Vec<usize> = (0..loads.len()).collect();
    order.sort_by_key(|&i| core::cmp::Reverse(loads[i]));
    let from = |first: usize| {
        let mut taken = Vec::from([first]);
        for &next in &order {
            if taken.iter().all(|&one| may(one, next)) {
                taken.push(next);
            }
        }
        taken.into_iter().map(|i| loads[i]).sum::<u64>()
    };
    order.iter().map(|&first| from(first)).max().unwrap_or(0)
}

/// The bound of models that start at known times: of all lives in all runs.
fn of_all_runs(models: &[&Lifetimes], joint: &Lifetimes, later: &[Vec<i64>]) -> u64 {
    let firsts = first_positions(models.iter().map(|one| one.len()));
    let model_of = |row: usize| firsts.partition_point(|&first| first <= row) - 1;
    joint.bound_of_runs(|row| &later[model_of(row)])
}
