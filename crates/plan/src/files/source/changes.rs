//! The steps at which lifetimes begin and end.
//!
//! Stands on [`Lifetimes`]. Invariant: steps rise; every live range of a tensor with bytes of its
//! own begins once and ends once, and each list is in order of the tensors.

use alloc::{collections::BTreeMap, vec::Vec};

use crate::{ids::TensorId, lifetimes::Lifetimes};

/// What changes at a step.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Changes {
    /// The tensors that are alive from this step on.
    pub(super) begins: Vec<TensorId>,
    /// The tensors that are alive until this step, with it.
    pub(super) ends: Vec<TensorId>,
}

/// The steps at which something changes.
pub(super) fn changes(lifetimes: &Lifetimes) -> BTreeMap<i64, Changes> {
    let mut all: BTreeMap<i64, Changes> = BTreeMap::new();
    for (id, _, row) in lifetimes.iter() {
        if row.within.is_some() {
            continue;
        }
        for steps in lifetimes.live_ranges(id).filter(|steps| !steps.is_empty()) {
            all.entry(steps.start).or_default().begins.push(id);
            all.entry(steps.end - 1).or_default().ends.push(id);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tensor_with_a_gap_begins_and_ends_twice() {
        let rows = [("a", 0, 6, 8, 1), ("b", 2, 3, 8, 1), ("never", 3, 3, 8, 1)];
        let lifetimes = Lifetimes::from_rows(rows).unwrap();
        let [a, b] = [0, 1].map(TensorId::new);
        let all = changes(&lifetimes.with_gaps(a, core::iter::once(2..4)).unwrap());
        let change = |begins: &[TensorId], ends: &[TensorId]| Changes {
            begins: begins.into(),
            ends: ends.into(),
        };
        let expected = [
            (0, change(&[a], &[])),
            (1, change(&[], &[a])),
            (2, change(&[b], &[b])),
            (4, change(&[a], &[])),
            (5, change(&[], &[a])),
        ];
        assert!(all.into_iter().eq(expected));
    }
}
