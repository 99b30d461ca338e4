//! How an operator of a schedule writes each of its results: whether it has to, and whether it may.
//!
//! Stands on [`Check`], which knows what each copy holds. Takes O(k log k) for k operands and
//! results: an operator may have a hundred thousand of them. Invariant: a result that may be
//! written destroys nothing that the operator still needs, and replaces all that its copy holds.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

use super::{
    check_state::Check,
    schedule::{CopyId, FitStep},
};
use crate::graph::Op;
use crate::ids::TensorId;

/// What happens to the copy of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ResultWrite {
    /// Nothing: the result is a view, and lies in the copy of its operand.
    View,
    /// It is written. Neither an operand nor another result is in the copy.
    Apart,
    /// It is written over an operand that it may replace, which is all that the copy holds.
    InPlace,
    /// It would be written over an operand that is still needed, or over another result.
    Forbidden,
}

/// What happens to the copy of each result, at a step that names a copy for each operand and each
/// result. The copies hold what they do before the step, and each operand is where it should be.
pub(super) fn result_writes(check: &Check<'_>, op: &Op, what: &FitStep) -> Vec<ResultWrite> {
    let views = op.views().iter().map(|view| (view.result, view.of));
    let views: BTreeMap<TensorId, TensorId> = views.collect();
    let in_place = op.in_place().iter().map(|pair| (pair.result, pair.of));
    let in_place: BTreeSet<(TensorId, TensorId)> = in_place.collect();
    let operands = op.reads().iter().copied().zip(what.reads.iter().copied());
    let operands: BTreeSet<(TensorId, CopyId)> = operands.collect();
    // An operand in each copy, and how many there are.
    let mut read: BTreeMap<CopyId, (TensorId, usize)> = BTreeMap::new();
    for &(operand, copy) in &operands {
        read.entry(copy).or_insert((operand, 0)).1 += 1;
    }
    let results = || op.writes().iter().copied().zip(what.writes.iter().copied());
    let is_view = |(result, copy): (TensorId, CopyId)| {
        let of = views.get(&result);
        of.is_some_and(|&of| operands.contains(&(of, copy)))
    };
    let mut written: BTreeMap<CopyId, usize> = BTreeMap::new();
    for (_, copy) in results().filter(|&result| !is_view(result)) {
        *written.entry(copy).or_default() += 1;
    }
    let replaces = |result: TensorId, copy: CopyId, (of, operands): (TensorId, usize)| {
        let is_of_same_size = check.size(of) == check.size(result);
        let is_allowed = operands == 1 && in_place.contains(&(result, of)) && is_of_same_size;
        is_allowed && check.is_all_of(of, copy)
    };
    let write = |(result, copy): (TensorId, CopyId)| {
        if is_view((result, copy)) {
            return ResultWrite::View;
        }
        match read.get(&copy) {
            _ if written.get(&copy) != Some(&1) => ResultWrite::Forbidden,
            None => ResultWrite::Apart,
            Some(&there) if replaces(result, copy, there) => ResultWrite::InPlace,
            Some(_) => ResultWrite::Forbidden,
        }
    };
    results().map(write).collect()
}
