//! For every tensor the one that it shares most bytes with.
//!
//! Two sweeps over time, one forward and one backward. Each keeps the ranks that are over (or not yet born) in an
//! index by size; the best partner of a tensor is the smallest that is large enough, or else the largest:
//!
//! ```text
//! rank (by size)    · ● · · ● │ x · ● ·  ●          ● of another model, and dead for good when x is born
//!                           2nd     1st choice
//! ```
//!
//! Where models run several times, a better one may live between the runs; it is looked for rank by rank, nearest
//! size first, no further than the best one known. Invariant: what is recorded as best may share.

use alloc::{vec, vec::Vec};

use super::{
    candidates::{Candidate, Candidates},
    others::Others,
};

/// The best partner's rank for every rank.
pub(super) fn best_partners(candidates: &Candidates<'_>) -> Vec<Option<usize>> {
    let all = candidates.all();
    let mut best = vec![None; all.len()];
    sweep(all, |each| each.upper, |each| each.lower, &mut best);
    // `!` turns time around, and never overflows.
    sweep(all, |each| !each.lower, |each| !each.upper, &mut best);
    look_between_runs(candidates, &mut best);
    best
}

/// Offers to each, at the time when it asks, what has come by then.
fn sweep(
    all: &[Candidate],
    comes: impl Fn(&Candidate) -> i64,
    asks: impl Fn(&Candidate) -> i64,
    best: &mut [Option<usize>],
) {
    let mut coming: Vec<usize> = (0..all.len()).collect();
    let mut asking = coming.clone();
    coming.sort_unstable_by_key(|&rank| comes(&all[rank]));
    asking.sort_unstable_by_key(|&rank| asks(&all[rank]));
    let mut coming = coming.into_iter().peekable();
    let mut here = Others::new(all.iter().map(|each| each.owner).collect());
    let enough = first_of_size(all);
    for rank in asking {
        let now = asks(&all[rank]);
        while let Some(arrived) = coming.next_if(|&next| comes(&all[next]) <= now) {
            here.insert(arrived);
        }
        let (enough, model) = (enough[rank], all[rank].owner.model);
        let found = here.first_from(enough, model);
        let found = found.or_else(|| here.last_before(enough, model));
        best[rank] = better(enough, best[rank], found);
    }
}

/// For every rank the first one of the same size: from there on, all are large enough.
fn first_of_size(all: &[Candidate]) -> Vec<usize> {
    let mut firsts: Vec<usize> = Vec::with_capacity(all.len());
    for rank in 0..all.len() {
        let same = rank > 0 && all[rank - 1].size == all[rank].size;
        firsts.push(if same { firsts[rank - 1] } else { rank });
    }
    firsts
}

/// The better partner for a tensor to which the ranks from `enough` on are large enough.
fn better(enough: usize, a: Option<usize>, b: Option<usize>) -> Option<usize> {
    let (Some(x), Some(y)) = (a, b) else {
        return a.or(b);
    };
    let both_do = x.min(y) >= enough;
    Some(if both_do { x.min(y) } else { x.max(y) })
}

/// Looks for better ones among those that are dead only between runs, or while the tensor itself is.
fn look_between_runs(candidates: &Candidates<'_>, best: &mut [Option<usize>]) {
    let all = candidates.all();
    let with_gaps: Vec<usize> = (0..all.len()).filter(|&rank| all[rank].has_gaps).collect();
    if with_gaps.is_empty() {
        return;
    }
    let ranks: Vec<usize> = (0..all.len()).collect();
    let firsts = first_of_size(all);
    for (rank, best) in best.iter_mut().enumerate() {
        let among = if all[rank].has_gaps {
            &ranks
        } else {
            &with_gaps
        };
        let enough = firsts[rank];
        let (small, large) = among.split_at(among.partition_point(|&other| other < enough));
        let interleaves = |other: &usize| candidates.interleave(rank, *other);
        let known = best.filter(|&known| known >= enough);
        let nearer = large.iter().copied();
        let nearer = nearer.take_while(|&other| known.is_none_or(|known| other < known));
        let mut found = nearer.clone().find(interleaves).or(known);
        if found.is_none() {
            let larger = small.iter().rev().copied();
            let mut larger = larger.take_while(|&other| best.is_none_or(|known| other > known));
            found = larger.find(interleaves);
        }
        *best = found.or(*best);
    }
}
