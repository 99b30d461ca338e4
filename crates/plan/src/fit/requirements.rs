//! What a graph, the options and the planner must be, so that a graph can be fitted.
//!
//! Stands on the errors. Invariant: what passes has operators that follow each other in one memory,
//! and sums of sizes that do not overflow.

use alloc::string::ToString;

use super::{
    compression::{Codec, CompressedSize},
    costs::OperatorCosts,
    error::{CodecMistake, FitError},
    options::{Fit, SlowMemory},
};
use crate::graph::Graph;
use crate::ids::TensorId;
use crate::lifetimes::{Lifetime, Lifetimes};
use crate::planner::{Planner, PlannerError};

/// The bytes that all tensors together must be below, so that no sum overflows.
const MOST_BYTES: u64 = 1 << 48;

/// Refuses an alignment that no plan can have, before anything is searched for.
pub(super) fn check_planner(planner: &Planner) -> Result<(), FitError> {
    let no_tensors: [(&str, Lifetime); 0] = [];
    let lifetimes = Lifetimes::from_named(no_tensors).map_err(PlannerError::Lifetimes);
    let prepared = lifetimes.and_then(|lifetimes| planner.prepared(&lifetimes));
    prepared.map(drop).map_err(FitError::Planner)
}

/// Refuses graphs whose operators do not simply follow each other in one memory.
pub(super) fn check_graph(graph: &Graph) -> Result<(), FitError> {
    if !graph.constructs().is_empty() {
        return Err(FitError::ControlFlow);
    }
    let mut pairs = graph.ops().windows(2);
    if pairs.any(|pair| pair[0].stream() != pair[1].stream()) {
        return Err(FitError::Streams);
    }
    if let Some(alias) = graph.output_aliases().first() {
        let output = graph.tensor(alias.output);
        let output = output.map_or("", |tensor| tensor.name()).to_string();
        return Err(FitError::OutputAlias { output });
    }
    let mut devices = graph.tensors().map(|(_, tensor)| tensor.device());
    let first = devices.next();
    if devices.any(|device| Some(device) != first) {
        return Err(FitError::Devices);
    }
    let sizes = graph.tensors().map(|(_, tensor)| tensor.layout().size());
    let bytes = sizes.fold(0u64, |sum, size| sum.saturating_add(size as u64));
    match bytes < MOST_BYTES {
        true => Ok(()),
        false => Err(FitError::TooLarge { bytes }),
    }
}

/// Refuses codecs that mean nothing, and those of tensors that are not in the graph.
fn check_compression(graph: &Graph, fit: &Fit) -> Result<(), FitError> {
    for (id, codec) in fit.compression.codecs() {
        let tensor = match id.map(|id| (id, graph.tensor(id))) {
            None => "",
            Some((_, Some(tensor))) => tensor.name(),
            Some((id, None)) => {
                let tensor = id.to_string();
                return Err(FitError::UnknownTensor { tensor });
            }
        };
        if let Some(mistake) = codec.and_then(mistake_of) {
            let tensor = tensor.to_string();
            return Err(FitError::Codec { tensor, mistake });
        }
    }
    Ok(())
}

fn mistake_of(codec: &Codec) -> Option<CodecMistake> {
    let is_positive = |number: f64| number > 0.0 && number.is_finite();
    match codec.size {
        CompressedSize::Ratio(ratio) if !is_positive(ratio) => {
            return Some(CodecMistake::Ratio(ratio));
        }
        CompressedSize::Bytes(0) => return Some(CodecMistake::NoBytes),
        _ => {}
    }
    let speeds = [
        codec.compress_bytes_per_second,
        codec.expand_bytes_per_second,
    ];
    let wrong = speeds.into_iter().find(|&speed| !is_positive(speed));
    wrong.map(CodecMistake::Speed)
}

/// Refuses options that mean nothing; returns the costs of the operators.
pub(super) fn check_options(graph: &Graph, fit: &Fit) -> Result<OperatorCosts, FitError> {
    let speeds = |slow: &SlowMemory| [slow.write_bytes_per_second, slow.read_bytes_per_second];
    for bytes_per_second in fit.slow.iter().flat_map(speeds) {
        if !(bytes_per_second > 0.0 && bytes_per_second.is_finite()) {
            return Err(FitError::Bandwidth { bytes_per_second });
        }
    }
    let is_input = |id: &TensorId| graph.inputs().binary_search(id).is_ok();
    if let Some(&id) = fit.stored.iter().find(|id| !is_input(id)) {
        let tensor = graph.tensor(id);
        let tensor = tensor.map_or_else(|| id.to_string(), |tensor| tensor.name().to_string());
        return Err(FitError::NotAnInput { tensor });
    }
    if fit.slow.is_none() && !fit.stored.is_empty() {
        return Err(FitError::StoredWithoutSlow);
    }
    check_compression(graph, fit)?;
    let operators = graph.ops().len();
    let default = || OperatorCosts::from_bytes(graph, OperatorCosts::BYTES_PER_SECOND);
    let costs = fit.costs.clone().unwrap_or_else(default);
    match costs.seconds().len() {
        count if count == operators => Ok(costs),
        costs => Err(FitError::Costs { operators, costs }),
    }
}
