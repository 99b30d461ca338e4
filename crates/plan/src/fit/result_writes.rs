//! How an operator of a schedule writes each of its results: whether it has to, and whether it may.
//!
//! Stands on the graph and the schedule's types. Takes O(k log k) for k operands and results: an
//! operator may have a hundred thousand of them. Invariant: a result that may be written destroys
//! nothing that the operator still needs.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

use super::schedule::{CopyId, FitStep};
use crate::graph::{Graph, Op};
use crate::ids::TensorId;

/// What happens to the copy of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ResultWrite {
    /// Nothing: the result is a view, and lies in the copy of its operand.
    View,
    /// It is written. No operand is in the copy but one that the result may replace, and no other
    /// result.
    Allowed,
    /// It would be written over an operand that is still needed, or over another result.
    Forbidden,
}

/// What happens to the copy of each result, at a step that names a copy for each operand and each
/// result.
pub(super) fn result_writes(graph: &Graph, op: &Op, what: &FitStep) -> Vec<ResultWrite> {
    let size = |id: TensorId| graph.tensor(id).map(|tensor| tensor.layout().size());
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
    let replaces = |result: TensorId, (of, operands): (TensorId, usize)| {
        operands == 1 && in_place.contains(&(result, of)) && size(of) == size(result)
    };
    let write = |(result, copy): (TensorId, CopyId)| {
        let is_free = read.get(&copy).is_none_or(|&there| replaces(result, there));
        match (
            is_view((result, copy)),
            is_free && written.get(&copy) == Some(&1),
        ) {
            (true, _) => ResultWrite::View,
            (false, true) => ResultWrite::Allowed,
            (false, false) => ResultWrite::Forbidden,
        }
    };
    results().map(write).collect()
}
