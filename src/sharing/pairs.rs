//! Every pair that may share, those with most bytes first.
//!
//! A sweep over sizes, from the largest tensor down. Whatever was swept is at least as large, so a pair's bytes are the
//! size of the tensor that the sweep is at: pairs come out in order, without sorting. The swept are kept twice:
//! in order of their last death, where those that are over before a tensor is born are the first ones; and in order
//! of their first birth, where those that begin after its death are the last ones.
//!
//! ```text
//! by death   a  c  f │ b  g          dead for good when x is born: a, c, f
//! by birth   f  a  b  c │ g          born only after x is dead: g
//! ```
//!
//! What is between runs of its own meanwhile is in neither part, and is compared one by one. Invariant: when the sweep
//! is at a rank, both indices hold exactly the ranks above it.

use alloc::{vec, vec::Vec};
use core::ops::ControlFlow;

use super::{
    ModelTensor, SharingOpportunity,
    candidates::{Candidate, Candidates},
    others::Others,
};

pub(super) fn visit<B>(
    candidates: &Candidates<'_>,
    mut visit: impl FnMut(SharingOpportunity) -> ControlFlow<B>,
) -> ControlFlow<B> {
    let all = candidates.all();
    let mut by_death = Timeline::new(all, |each| each.upper);
    let mut by_birth = Timeline::new(all, |each| each.lower);
    let mut swept_with_gaps = Vec::new();
    for (rank, x) in all.iter().enumerate().rev() {
        let mut show = |larger: ModelTensor| {
            visit(SharingOpportunity {
                smaller: x.owner,
                larger,
                bytes: x.size,
            })
        };
        let before = 0..by_death.count(|death| death <= x.lower);
        by_death.swept.visit(before, x.owner.model, &mut show)?;
        let after = by_birth.count(|birth| birth < x.upper)..all.len();
        by_birth.swept.visit(after, x.owner.model, &mut show)?;
        let mut show = |other: usize| match candidates.interleave(rank, other) {
            true => show(all[other].owner),
            false => ControlFlow::Continue(()),
        };
        if x.has_gaps {
            (rank + 1..all.len()).try_for_each(&mut show)?;
            swept_with_gaps.push(rank);
        } else {
            swept_with_gaps.iter().copied().try_for_each(&mut show)?;
        }
        by_death.sweep(rank);
        by_birth.sweep(rank);
    }
    ControlFlow::Continue(())
}

/// All candidates in order of a time of theirs.
struct Timeline {
    times: Vec<i64>,
    /// The place of each rank in that order.
    places: Vec<usize>,
    swept: Others,
}

impl Timeline {
    fn new(all: &[Candidate], time: impl Fn(&Candidate) -> i64) -> Self {
        let mut order: Vec<usize> = (0..all.len()).collect();
        order.sort_unstable_by_key(|&rank| (time(&all[rank]), rank));
        let mut places = vec![0; all.len()];
        for (place, &rank) in order.iter().enumerate() {
            places[rank] = place;
        }
        Self {
            times: order.iter().map(|&rank| time(&all[rank])).collect(),
            places,
            swept: Others::new(order.iter().map(|&rank| all[rank].owner).collect()),
        }
    }

    /// How many times, from the earliest on, fulfil what only earlier ones do.
    fn count(&self, is_early: impl Fn(i64) -> bool) -> usize {
        self.times.partition_point(|&time| is_early(time))
    }

    fn sweep(&mut self, rank: usize) {
        self.swept.insert(self.places[rank]);
    }
}
