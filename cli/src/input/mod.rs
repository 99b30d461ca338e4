//! What is read from files: an ONNX model or a CSV file of lifetimes, to be planned; and plans.
//!
//! Stands on [`onnx`] and on the library's own forms; the extension says which of them a file is.
//! Invariant: the load time is that of reading and analysing alone, so that planning can be told apart from it.

#![forbid(unsafe_code)]

pub mod onnx;

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    time::{Duration, Instant},
};

use orionrt::{Graph, Lifetimes, Plan};

use crate::{
    args::{Aliasing, DimSize, Order, SourceArgs},
    failure::Failure,
    progress, resident,
};
use onnx::{OnnxModel, OnnxOptions};

/// Tensors of a model start at cache lines.
const ONNX_ALIGNMENT: u64 = 64;

/// Lifetimes, and what else is worth telling about the file that they are from.
#[derive(Debug)]
pub(crate) struct Input {
    pub(crate) lifetimes: Lifetimes,
    /// The least alignment of every offset, in bytes.
    pub(crate) alignment: u64,
    pub(crate) origin: Origin,
    pub(crate) load_time: Duration,
    /// The most memory that the process has had resident until now, where the system tells.
    pub(crate) peak_rss_bytes: Option<u64>,
}

/// Where lifetimes are from.
#[derive(Debug)]
pub(crate) enum Origin {
    /// The text, of which a plan keeps the columns.
    Csv(Vec<u8>),
    Onnx(OnnxFacts),
}

/// What is told of a model.
#[derive(Debug)]
pub(crate) struct OnnxFacts {
    pub(crate) nodes: usize,
    pub(crate) operators: usize,
    pub(crate) weights_bytes: u64,
    /// Dimensions that were taken to be a number that nobody gave.
    pub(crate) assumed: BTreeMap<String, usize>,
    /// The search for another order of the operators, if one was asked for.
    pub(crate) order: Option<OrderFacts>,
    /// What shares the bytes of other tensors.
    pub(crate) aliasing: Aliasing,
    /// What that gains, if anything may share bytes.
    pub(crate) gained: Option<Gained>,
}

/// What it gains that tensors lie within others.
#[derive(Debug)]
pub(crate) struct Gained {
    /// The most bytes that would be alive at one step if every tensor had its own.
    pub(crate) load_without: u64,
    /// How many tensors lie within others.
    pub(crate) aliased: usize,
}

/// What became of the search for an order with less alive at once.
#[derive(Debug)]
pub(crate) struct OrderFacts {
    /// The most bytes alive at one step of the model's own order.
    pub(crate) load_before: u64,
    /// The same of the order that is planned.
    pub(crate) load_after: u64,
    /// No order has less.
    pub(crate) is_optimal: bool,
    /// The operators in that order.
    pub(crate) operators: Vec<String>,
}

/// Reads the file that the user names.
pub(crate) fn load(source: &SourceArgs) -> Result<Input, Failure> {
    let path = &source.input;
    let start = Instant::now();
    let is_onnx = is_onnx(path);
    let alignment = match source.alignment {
        Some(alignment) => alignment.0,
        None if is_onnx => ONNX_ALIGNMENT,
        None => 1,
    };
    let (lifetimes, origin) = progress::during(format!("reading {}", path.display()), || {
        if is_onnx {
            load_onnx(source, alignment)
        } else {
            load_csv(source)
        }
    })?;
    Ok(Input {
        lifetimes,
        alignment,
        origin,
        load_time: start.elapsed(),
        peak_rss_bytes: resident::most(),
    })
}

/// Whether a file is read as an ONNX model.
pub(crate) fn is_onnx(path: &Path) -> bool {
    is_named(path, "onnx")
}

fn load_csv(source: &SourceArgs) -> Result<(Lifetimes, Origin), Failure> {
    let path = &source.input;
    if let Some(dim) = source.dims.first() {
        return Err(Failure::Usage(format!(
            "--dim {}={} is for ONNX models, and '{}' is not named .onnx",
            dim.name,
            dim.size,
            path.display()
        )));
    }
    if source.order == Order::Memory {
        return Err(Failure::Usage(format!(
            "--order memory is for ONNX models: '{}' is read as CSV, which has no operators",
            path.display()
        )));
    }
    if source.aliasing != Aliasing::Off {
        return Err(Failure::Usage(format!(
            "--aliasing {} is for ONNX models: '{}' is read as CSV, which has no operators",
            source.aliasing.name(),
            path.display()
        )));
    }
    let text = read(path)?;
    let lifetimes = Lifetimes::read_csv(&text[..]).map_err(|error| Failure::Input {
        path: path.clone(),
        error: error.into(),
    })?;
    Ok((lifetimes, Origin::Csv(text)))
}

fn load_onnx(source: &SourceArgs, alignment: u64) -> Result<(Lifetimes, Origin), Failure> {
    let options = OnnxOptions {
        dims: dims(&source.dims),
        // A power of two that is no `usize` is refused as no power of two; no machine has such memory.
        alignment: usize::try_from(alignment).unwrap_or(0),
    };
    let loaded = onnx::load(&source.input, &options);
    let OnnxModel {
        graph,
        nodes,
        weights_bytes,
        assumed,
    } = loaded.map_err(|error| Failure::Onnx {
        path: source.input.clone(),
        error: error.into(),
    })?;
    let (graph, order) = match source.order {
        Order::Keep => (graph, None),
        Order::Memory => reordered(&graph, source.aliasing.into()),
    };
    let lifetimes = graph.lifetimes_with(source.aliasing.into());
    let facts = OnnxFacts {
        nodes,
        operators: graph.ops().len(),
        weights_bytes,
        assumed: assumed.into_iter().collect(),
        order,
        aliasing: source.aliasing,
        gained: (source.aliasing != Aliasing::Off).then(|| gained(&graph, &lifetimes)),
    };
    Ok((lifetimes, Origin::Onnx(facts)))
}

fn gained(graph: &Graph, lifetimes: &Lifetimes) -> Gained {
    Gained {
        load_without: graph.lifetimes_with(orionrt::Aliasing::Off).load(),
        aliased: lifetimes.len() - roots(lifetimes),
    }
}

/// How many tensors have bytes of their own.
pub(crate) fn roots(lifetimes: &Lifetimes) -> usize {
    let rows = lifetimes.rows().iter();
    rows.filter(|row| row.within.is_none()).count()
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

/// The numbers that the user gives to dimensions, as the loader takes them.
pub(crate) fn dims(given: &[DimSize]) -> Vec<(String, usize)> {
    given.iter().map(|d| (d.name.clone(), d.size)).collect()
}

/// Reads and checks the plan that a file holds: JSON if it is named so, or else CSV.
pub(crate) fn load_plan(path: &Path) -> Result<Plan, Failure> {
    let text = read(path)?;
    let plan = if is_named(path, "json") {
        Plan::read_json(&text[..])
    } else {
        Plan::read_csv(&text[..])
    };
    plan.map_err(|error| Failure::BadPlan {
        path: path.into(),
        error: error.into(),
    })
}

fn is_named(path: &Path, extension: &str) -> bool {
    path.extension()
        .is_some_and(|e| e.eq_ignore_ascii_case(extension))
}

/// The bytes of a file.
fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(|source| Failure::Read {
        path: path.into(),
        source,
    })
}
