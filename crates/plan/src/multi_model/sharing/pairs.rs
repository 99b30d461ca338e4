//! Every pair that may share bytes, those with most bytes first.
//!
//! A sweep over sizes, from the largest tensor down. Every tensor that was swept is at least as
//! large as the one that the sweep is at, so the bytes of their pair are the size of the latter,
//! and pairs come out in order without being sorted. The swept tensors are kept twice: in order of
//! their last death, where those that are over before a tensor is born come first, and in order of
//! their first birth, where those that begin after its death come last.
//!
//! ```text
//! by death   a  c  f │ b  g          dead for good when x is born: a, c, f
//! by birth   f  a  b  c │ g          born only after x is dead: g
//! ```
//!
//! Tensors that take turns with x, each between the runs of the other, are in neither part and are
//! compared with x one by one. Invariant: when the sweep is at a rank, both indices hold exactly
//! the ranks above it.

use alloc::vec::Vec;
use core::ops::ControlFlow;

use super::{
    by_model::ByModel,
    tensors_by_size::{TensorsBySize, TimedTensor},
};
use crate::multi_model::tensors::ModelTensor;

/// A time, and the tensor that is born or dies then.
pub(super) type Event = (i64, ModelTensor);

/// Shows groups of pairs to `visit`, until it breaks: a tensor, and others at least as large
/// (beside a time that means nothing) that may share with it. O(n log n log m) for *n* tensors of
/// *m* models, and constant time for each pair.
pub(super) fn visit_pairs<B>(
    tensors: &TensorsBySize<'_>,
    mut visit: impl FnMut(&TimedTensor, &[Event]) -> ControlFlow<B>,
) -> ControlFlow<B> {
    let all = tensors.all();
    let mut by_death: ByModel<Event> = ByModel::new(tensors.models());
    let mut by_birth: ByModel<Event> = ByModel::new(tensors.models());
    let mut swept_with_gaps = Vec::new();
    // Of one tensor, those that take turns with it.
    let mut turns = Vec::new();
    for (rank, x) in all.iter().enumerate().rev() {
        let model = x.owner.model;
        for list in by_death.others(model) {
            let mut dead = list.up_to((x.lower, ModelTensor::LAST));
            dead.try_for_each(|larger| visit(x, larger))?;
        }
        for list in by_birth.others(model) {
            let mut unborn = list.from((x.upper, ModelTensor::FIRST));
            unborn.try_for_each(|larger| visit(x, larger))?;
        }
        turns.clear();
        let mut compare = |other: usize| {
            if tensors.take_turns(rank, other) {
                turns.push((0, all[other].owner));
            }
        };
        if x.has_gaps {
            (rank + 1..all.len()).for_each(&mut compare);
            swept_with_gaps.push(rank);
        } else {
            swept_with_gaps.iter().copied().for_each(&mut compare);
        }
        visit(x, &turns)?;
        by_death.insert(model, (x.upper, x.owner));
        by_birth.insert(model, (x.lower, x.owner));
    }
    ControlFlow::Continue(())
}
