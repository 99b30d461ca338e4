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

/// All pairs of some candidates, ready to be shown.
pub(super) struct Pairs<'c> {
    candidates: &'c Candidates<'c>,
    by_death: Timeline,
    by_birth: Timeline,
    /// For each rank, how many are dead for good when it is born.
    dead: Vec<usize>,
    /// For each rank, how many have been born before it is dead for good.
    born: Vec<usize>,
}

impl<'c> Pairs<'c> {
    pub(super) fn new(candidates: &'c Candidates<'c>) -> Self {
        let all = candidates.all();
        let by_death = Timeline::new(all, |each| each.upper);
        let by_birth = Timeline::new(all, |each| each.lower);
        Self {
            dead: by_birth.counts(&by_death, |death, birth| death <= birth),
            born: by_death.counts(&by_birth, |birth, death| birth < death),
            candidates,
            by_death,
            by_birth,
        }
    }

    /// How many pairs there are of which one is dead for good before the other is born: all, but of models that take turns.
    pub(super) fn count_apart(&self) -> usize {
        let all = self.candidates.all();
        let models = all.iter().map(|each| each.owner.model.index() + 1).max();
        let mut dead_of = vec![0; models.unwrap_or(0)];
        let (mut dead, mut pairs) = (0, 0);
        for &rank in &self.by_birth.ranks {
            for &gone in &self.by_death.ranks[dead..self.dead[rank]] {
                dead_of[all[gone].owner.model.index()] += 1;
            }
            dead = self.dead[rank];
            pairs += dead - dead_of[all[rank].owner.model.index()];
        }
        pairs
    }

    /// Shows them, those with most bytes first.
    pub(super) fn visit<B>(
        self,
        mut visit: impl FnMut(SharingOpportunity) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        let Self {
            candidates,
            mut by_death,
            mut by_birth,
            dead,
            born,
        } = self;
        let all = candidates.all();
        let mut swept_with_gaps = Vec::new();
        for (rank, x) in all.iter().enumerate().rev() {
            let mut show = |larger: ModelTensor| {
                visit(SharingOpportunity {
                    smaller: x.owner,
                    larger,
                    bytes: x.size,
                })
            };
            let before = 0..dead[rank];
            by_death.swept.visit(before, x.owner.model, &mut show)?;
            let after = born[rank]..all.len();
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
}

/// All candidates in order of a time of theirs.
struct Timeline {
    times: Vec<i64>,
    /// The rank at each place of that order.
    ranks: Vec<usize>,
    /// The place of each rank.
    places: Vec<usize>,
    swept: Others,
}

impl Timeline {
    fn new(all: &[Candidate], time: impl Fn(&Candidate) -> i64) -> Self {
        let mut ranks: Vec<usize> = (0..all.len()).collect();
        ranks.sort_unstable_by_key(|&rank| (time(&all[rank]), rank));
        let mut places = vec![0; all.len()];
        for (place, &rank) in ranks.iter().enumerate() {
            places[rank] = place;
        }
        Self {
            times: ranks.iter().map(|&rank| time(&all[rank])).collect(),
            swept: Others::new(ranks.iter().map(|&rank| all[rank].owner).collect()),
            ranks,
            places,
        }
    }

    /// For each rank, how many of the other timeline come before its time here; `is_before` is true of earlier times rather than of later ones. One
    /// walk through both.
    fn counts(&self, other: &Self, is_before: impl Fn(i64, i64) -> bool) -> Vec<usize> {
        let mut counts = vec![0; self.ranks.len()];
        let mut count = 0;
        for (&rank, &time) in self.ranks.iter().zip(&self.times) {
            while other.times.get(count).is_some_and(|&t| is_before(t, time)) {
                count += 1;
            }
            counts[rank] = count;
        }
        counts
    }

    fn sweep(&mut self, rank: usize) {
        self.swept.insert(self.places[rank]);
    }
}
