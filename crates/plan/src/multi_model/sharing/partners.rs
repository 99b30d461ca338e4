//! For every tensor the one that it shares most bytes with.
//!
//! Two sweeps over time, one forward and one backward. Each keeps the ranks of the tensors that are
//! over (or not yet born) in order. The best partner of a tensor is the smallest that is large
//! enough, or else the largest:
//!
//! ```text
//! rank (by size)    · ● · · ● │ x · ● ·  ●          ● of another model, and over when x is born
//!                           2nd     1st choice
//! ```
//!
//! Where models run several times, a better partner may live between the runs. It is looked for
//! rank by rank, the nearest size first, no further than the best one known. Invariant: a tensor
//! that is recorded as best may share.

use alloc::{vec, vec::Vec};

use super::{
    by_model::ByModel,
    tensors_by_size::{TensorsBySize, TimedTensor},
};
use crate::ids::ModelId;

/// The birth or the death of a tensor.
struct Event {
    time: i64,
    rank: u32,
    model: ModelId,
}

/// The rank of the best partner for every rank.
pub(super) fn best_partners(tensors: &TensorsBySize<'_>) -> Vec<Option<u32>> {
    let mut best = best_partners_apart(tensors);
    improve_between_runs(tensors, &first_of_size(tensors.all()), &mut best);
    best
}

/// For every rank the best partner among those of which one is dead for good before the other is
/// born. O(n log n log m) for n tensors of m models.
pub(super) fn best_partners_apart(tensors: &TensorsBySize<'_>) -> Vec<Option<u32>> {
    let births = events(tensors, |tensor| tensor.lower);
    let deaths = events(tensors, |tensor| tensor.upper);
    let enough = first_of_size(tensors.all());
    let mut search = Search {
        models: tensors.models(),
        best: vec![None; enough.len()],
        enough: &enough,
    };
    let is_over = |death: i64, birth: i64| death <= birth;
    search.sweep(deaths.iter(), births.iter(), is_over);
    let is_to_come = |birth: i64, death: i64| birth >= death;
    search.sweep(births.iter().rev(), deaths.iter().rev(), is_to_come);
    search.best
}

fn events(tensors: &TensorsBySize<'_>, time: impl Fn(&TimedTensor) -> i64) -> Vec<Event> {
    let ranks = (0..).zip(tensors.all());
    let events = ranks.map(|(rank, tensor)| Event {
        time: time(tensor),
        rank,
        model: tensor.owner.model,
    });
    let mut events: Vec<Event> = events.collect();
    events.sort_unstable_by_key(|event| event.time);
    events
}

/// For every rank the first rank of the same size: from there on, all tensors are large enough.
fn first_of_size(all: &[TimedTensor]) -> Vec<u32> {
    let mut firsts: Vec<u32> = Vec::with_capacity(all.len());
    for rank in 0..all.len() {
        let same = rank > 0 && all[rank - 1].size == all[rank].size;
        firsts.push(if same { firsts[rank - 1] } else { rank as u32 });
    }
    firsts
}

/// The best partners found so far.
struct Search<'e> {
    models: usize,
    enough: &'e [u32],
    best: Vec<Option<u32>>,
}

impl Search<'_> {
    /// Offers to each tensor, when its event in `asking` comes, all whose events in `coming` have
    /// come by then. O(n log n log m).
    fn sweep<'e>(
        &mut self,
        coming: impl Iterator<Item = &'e Event>,
        asking: impl Iterator<Item = &'e Event>,
        has_come: impl Fn(i64, i64) -> bool,
    ) {
        let mut ranks: ByModel<u32> = ByModel::new(self.models);
        let mut coming = coming.peekable();
        for ask in asking {
            while let Some(event) = coming.next_if(|event| has_come(event.time, ask.time)) {
                ranks.insert(event.model, event.rank);
            }
            let enough = self.enough[ask.rank as usize];
            let others = || ranks.others(ask.model);
            let smallest = others().filter_map(|list| list.first_from(enough)).min();
            let found = smallest.or_else(|| others().filter_map(|list| list.last()).max());
            let best = &mut self.best[ask.rank as usize];
            *best = better(enough, *best, found);
        }
    }
}

/// The better partner for a tensor for which the ranks from `enough` on are large enough.
fn better(enough: u32, a: Option<u32>, b: Option<u32>) -> Option<u32> {
    let (Some(x), Some(y)) = (a, b) else {
        return a.or(b);
    };
    let both_do = x.min(y) >= enough;
    Some(if both_do { x.min(y) } else { x.max(y) })
}

/// Looks for better partners among tensors that take turns, each between the runs of the other.
fn improve_between_runs(tensors: &TensorsBySize<'_>, enough: &[u32], best: &mut [Option<u32>]) {
    let all = tensors.all();
    let ranks: Vec<u32> = (0..all.len() as u32).collect();
    let with_gaps = ranks.iter().copied();
    let with_gaps: Vec<u32> = with_gaps
        .filter(|&rank| all[rank as usize].has_gaps)
        .collect();
    if with_gaps.is_empty() {
        return;
    }
    for (rank, (best, &enough)) in best.iter_mut().zip(enough).enumerate() {
        let among = match all[rank].has_gaps {
            true => &ranks,
            false => &with_gaps,
        };
        let (small, large) = among.split_at(among.partition_point(|&other| other < enough));
        let takes_turns = |other: &u32| tensors.take_turns(rank, *other as usize);
        let known = best.filter(|&known| known >= enough);
        let nearer = large.iter().copied();
        let mut nearer = nearer.take_while(|&other| known.is_none_or(|known| other < known));
        let mut found = nearer.find(takes_turns).or(known);
        if found.is_none() {
            let larger = small.iter().rev().copied();
            let mut larger = larger.take_while(|&other| best.is_none_or(|known| other > known));
            found = larger.find(takes_turns);
        }
        *best = found.or(*best);
    }
}
