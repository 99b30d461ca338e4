//! An ONNX model as lifetimes, or ready to run, with what the user decides about it.
//!
//! Stands on [`onnx`](super::onnx). Invariant: a model runs with the same dimensions as it is
//! planned with.

#![forbid(unsafe_code)]

use std::path::Path;

use orionrt::{Graph, Lifetimes};

use super::{
    loaded::{AliasingFacts, ModelFacts, OrderFacts, Origin},
    onnx::{self, OnnxError, OnnxModel, OnnxOptions},
};
use crate::{
    args::{Aliasing, DimSize, Order, SourceArgs},
    failure::Failure,
    figures,
};

#[cfg(target_os = "linux")]
use {super::onnx::Runnable, tract_onnx::prelude::RunOptions};

/// Loads an ONNX model.
pub(super) fn load(source: &SourceArgs, alignment: u64) -> Result<(Lifetimes, Origin), Failure> {
    let options = OnnxOptions {
        dims: dims(&source.dims),
        // A power of two beyond `usize` becomes 0, which is refused: no memory is that large.
        alignment: usize::try_from(alignment).unwrap_or(0),
    };
    let loaded = onnx::load(&source.input, &options);
    let OnnxModel {
        graph,
        nodes,
        weights_bytes,
        assumed,
    } = loaded.map_err(|error| failure(&source.input, error))?;
    let (graph, order) = match source.order {
        Order::Keep => (graph, None),
        Order::Memory => reordered(&graph, source.aliasing.into()),
    };
    let lifetimes = graph.lifetimes_with(source.aliasing.into());
    let facts = ModelFacts {
        nodes,
        operators: graph.ops().len(),
        weights_bytes,
        assumed: assumed.into_iter().collect(),
        order,
        aliasing: source.aliasing,
        aliased: (source.aliasing != Aliasing::Off).then(|| aliasing_facts(&graph, &lifetimes)),
    };
    Ok((lifetimes, Origin::Onnx(facts)))
}

/// Loads an ONNX model to run it.
#[cfg(target_os = "linux")]
pub(crate) fn load_runnable(
    path: &Path,
    given: &[DimSize],
    options: &RunOptions,
) -> Result<Runnable, Failure> {
    let loaded = onnx::load_runnable(path, &dims(given), options);
    loaded.map_err(|error| failure(path, error))
}

fn aliasing_facts(graph: &Graph, lifetimes: &Lifetimes) -> AliasingFacts {
    AliasingFacts {
        load_without: graph.lifetimes_with(orionrt::Aliasing::Off).load(),
        tensors: lifetimes.len() - figures::buffers(lifetimes),
    }
}

fn reordered(graph: &Graph, aliasing: orionrt::Aliasing) -> (Graph, Option<OrderFacts>) {
    let found = graph.reordered_with(aliasing);
    let operators = found.graph.ops().iter();
    let facts = OrderFacts {
        load_before: found.load_before,
        load_after: found.load_after,
        is_optimal: found.is_optimal,
        operators: operators.map(|op| op.name().to_string()).collect(),
    };
    (found.graph, Some(facts))
}

fn dims(given: &[DimSize]) -> Vec<(String, usize)> {
    given.iter().map(|d| (d.name.clone(), d.size)).collect()
}

/// An option that matches nothing in the model is wrong usage, most likely a typing mistake.
fn failure(path: &Path, error: OnnxError) -> Failure {
    match error {
        OnnxError::UnknownDim { .. } => Failure::Usage(format!("{}: {error}", path.display())),
        error => Failure::file(path, error),
    }
}
