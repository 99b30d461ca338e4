//! The tensors of a plan that are written: those that are alive at some step.
//!
//! Stands on [`Plan`]. Invariant: all bytes of such a tensor lie in the planned region; one without
//! bytes begins where the region does.

use crate::{ids::TensorId, lifetimes::Lifetime, plan::Plan};

/// A tensor and where it lies.
#[derive(Clone, Copy, Debug)]
pub(super) struct Placed<'p> {
    pub(super) id: TensorId,
    pub(super) name: &'p str,
    pub(super) offset: u64,
    pub(super) row: &'p Lifetime,
}

/// The tensors that are alive at some step.
pub(super) fn placed(plan: &Plan) -> impl Iterator<Item = Placed<'_>> {
    let all = plan.lifetimes().iter().zip(plan.offsets());
    let alive = all.filter(|((_, _, row), _)| !row.steps().is_empty());
    alive.map(|((id, name, row), &offset)| Placed {
        id,
        name,
        offset: if row.has_bytes() { offset } else { 0 },
        row,
    })
}
