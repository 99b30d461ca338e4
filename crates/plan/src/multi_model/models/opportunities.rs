//! Which tensors of different models might share bytes, whatever a plan makes of it.
//!
//! On a common clock that is the business of the [`LifetimeAnalyzer`](crate::multi_model::LifetimeAnalyzer). Without one, all tensors of two models that never run
//! together may share, so counting is arithmetic, and the best partner is found among sorted sizes.

use alloc::vec::Vec;
use core::{
    cmp::Reverse,
    ops::{ControlFlow, Range},
};

use super::{
    ModelSet, Schedule,
    joint::{Clock, analyzer},
};
use crate::ids::TensorId;
use crate::intervals::disjoint_pairs;
use crate::lifetimes::{ConcurrencyRelation, Lifetime};
use crate::multi_model::sharing::{ModelId, ModelTensor, SharingError, SharingOpportunity};

/// What tensors of different models might share. Made by [`ModelSet::opportunities`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opportunities {
    /// How many pairs of tensors of different models may share bytes.
    pub count: u64,
    /// Tensors, the largest first, each with its best partner: of those that are large enough one that is least too large, or
    /// else the largest.
    pub best: Vec<(ModelTensor, SharingOpportunity)>,
}

pub(super) fn find(
    set: &ModelSet,
    schedule: &Schedule,
    most: usize,
) -> Result<Opportunities, SharingError> {
    let clock = Clock::new(set, schedule)?;
    match &clock.starts {
        Some(starts) => on_clock(set, starts, most),
        None => Ok(apart(set, &clock.together, most)),
    }
}

fn on_clock(
    set: &ModelSet,
    starts: &[Vec<i64>],
    most: usize,
) -> Result<Opportunities, SharingError> {
    let analyzer = analyzer(set, starts)?;
    let count = match starts.iter().all(|starts| starts.len() == 1) {
        true => apart_in_time(set, starts),
        false => {
            let mut count = 0;
            let _ = analyzer.visit(|_| {
                count += 1;
                ControlFlow::<()>::Continue(())
            });
            count
        }
    };
    let partners = analyzer.best_partners().into_iter();
    let found = partners.filter_map(|(tensor, best)| Some((tensor, best?)));
    let mut best: Vec<(ModelTensor, SharingOpportunity)> = found.collect();
    let size = |tensor: &ModelTensor| {
        let lifetimes = &set.models[tensor.model.index()].lifetimes;
        lifetimes.get(tensor.tensor).map_or(0, |row| row.size)
    };
    best.sort_by_key(|(tensor, _)| (Reverse(size(tensor)), *tensor));
    best.truncate(most);
    Ok(Opportunities { count, best })
}

/// How many pairs of tensors of different models are never alive together, where each model starts once. O(n log n): counting takes no visit.
fn apart_in_time(set: &ModelSet, starts: &[Vec<i64>]) -> u64 {
    let (mut all, mut inside) = (Vec::new(), 0);
    for (member, starts) in set.models.iter().zip(starts) {
        let own = member.lifetimes.rows().iter().filter(|row| row.occupies());
        let moved = |row: &Lifetime| row.lower + starts[0]..row.upper + starts[0];
        let own: Vec<Range<i64>> = own.map(moved).collect();
        inside += disjoint_pairs(&own);
        all.extend(own);
    }
    disjoint_pairs(&all) - inside
}

/// A tensor with bytes of its own, ordered by size.
type Sized = (u64, ModelTensor);

fn apart(set: &ModelSet, together: &ConcurrencyRelation, most: usize) -> Opportunities {
    let by_size: Vec<Vec<Sized>> = (0..set.len()).map(|model| sizes(set, model)).collect();
    let counts: Vec<u64> = by_size.iter().map(|own| own.len() as u64).collect();
    let all: u64 = counts.iter().sum();
    let inside: u64 = counts.iter().map(|count| count * count).sum();
    let together_too = together
        .pairs(set.len())
        .map(|[a, b]| counts[a] * counts[b]);
    let mut largest: Vec<Sized> = by_size.iter().flatten().copied().collect();
    largest.sort_unstable_by_key(|&(size, tensor)| (Reverse(size), tensor));
    let best = largest.into_iter().filter_map(|own| {
        let partner = best_partner(own, &by_size, together)?;
        Some((own.1, opportunity(own, partner)))
    });
    Opportunities {
        count: (all * all - inside) / 2 - together_too.sum::<u64>(),
        best: best.take(most).collect(),
    }
}

fn sizes(set: &ModelSet, model: usize) -> Vec<Sized> {
    let rows = set.models[model].lifetimes.rows().iter().enumerate();
    let own = rows.filter(|(_, row)| row.occupies()).map(|(i, row)| {
        let tensor = ModelTensor {
            model: ModelId::new(model as u32),
            tensor: TensorId::from_index(i),
        };
        (row.size, tensor)
    });
    let mut own: Vec<Sized> = own.collect();
    own.sort_unstable();
    own
}

/// Of the tensors of models that never run beside its own, the smallest that is large enough, or else the largest.
fn best_partner(
    own: Sized,
    by_size: &[Vec<Sized>],
    together: &ConcurrencyRelation,
) -> Option<Sized> {
    let (size, tensor) = own;
    let others = by_size.iter().enumerate();
    let others = others.filter(|&(model, _)| {
        model != tensor.model.index() && !together.contains(model, tensor.model.index())
    });
    let best_of = others.filter_map(|(_, others)| {
        let enough = others.partition_point(|&(other, _)| other < size);
        others.get(enough).or(others.last()).copied()
    });
    best_of.reduce(|a, b| match (a.0 >= size, b.0 >= size) {
        (true, true) => a.min(b),
        _ => a.max(b),
    })
}

fn opportunity(own: Sized, partner: Sized) -> SharingOpportunity {
    let (smaller, larger) = (own.min(partner), own.max(partner));
    SharingOpportunity {
        smaller: smaller.1,
        larger: larger.1,
        bytes: smaller.0,
    }
}
