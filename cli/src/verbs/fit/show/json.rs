//! A schedule as one JSON object.
//!
//! Stands on [`absences`](crate::verbs::fit::absences). `docs/fit.md` describes the fields.

#![forbid(unsafe_code)]

use std::ops::Not;

use orionrt::{
    Graph,
    fit::{FitError, Fitted, Overlap},
};
use serde::Serialize;

use crate::{
    args::Order,
    format,
    input::ModelJson,
    verbs::fit::{
        absences::{Absence, absences},
        asked::Asked,
        costs::CostSource,
        schedule::aliasing_name,
        smallest::Smallest,
        weights::Weights,
    },
};

/// What was asked for, and what is known of the model.
#[derive(Serialize)]
pub(super) struct AskedJson {
    operators: usize,
    model_seconds: f64,
    #[serde(flatten)]
    costs: CostsJson,
    /// How many operators may not be rerun.
    not_repeatable: usize,
    peak_before: u64,
    load_before: u64,
    alignment: u64,
    slow: Option<SlowJson>,
    compress: Option<CompressJson>,
    recompute: bool,
    prefetch: bool,
    /// Whether another order of the operators was tried, too.
    reorder: bool,
    #[serde(flatten)]
    model: ModelJson,
    weights_bytes: u64,
    computed_constants_bytes: u64,
    /// Whether weights are tensors of the schedule.
    stream_weights: bool,
    #[serde(skip_serializing_if = "Not::not")]
    interrupted: bool,
    elapsed_ms: f64,
    load_ms: f64,
}

#[derive(Serialize)]
#[serde(tag = "costs", rename_all = "lowercase")]
enum CostsJson {
    Measured {
        costs_file: String,
    },
    Estimated {
        operations_per_second: f64,
        bytes_per_second: f64,
    },
}

#[derive(Serialize)]
struct SlowJson {
    capacity: u64,
    write_bytes_per_second: f64,
    read_bytes_per_second: f64,
    half_duplex: bool,
}

#[derive(Serialize)]
struct CompressJson {
    ratio: f64,
    bytes_per_second: f64,
}

impl AskedJson {
    pub(super) fn new(asked: &Asked<'_>) -> Self {
        let facts = asked.facts;
        Self {
            operators: asked.model.graph.ops().len(),
            model_seconds: asked.costs.total(),
            costs: match &asked.costs.source {
                CostSource::Measured(path) => CostsJson::Measured {
                    costs_file: path.display().to_string(),
                },
                CostSource::Estimated { flops, memory } => CostsJson::Estimated {
                    operations_per_second: *flops,
                    bytes_per_second: *memory,
                },
            },
            not_repeatable: asked.costs.not_repeatable(),
            peak_before: asked.before.peak(),
            load_before: asked.before.load(),
            alignment: asked.input.alignment,
            slow: asked.slow.map(|slow| SlowJson {
                capacity: slow.capacity,
                write_bytes_per_second: slow.write_bytes_per_second,
                read_bytes_per_second: slow.read_bytes_per_second,
                half_duplex: slow.is_half_duplex,
            }),
            compress: asked.args.compress.map(|compress| CompressJson {
                ratio: compress.ratio,
                bytes_per_second: compress.speed.0,
            }),
            recompute: !asked.args.no_recompute,
            prefetch: asked.args.prefetch,
            reorder: asked.args.model.order == Order::Memory,
            model: ModelJson::new(facts),
            weights_bytes: facts.weights_bytes,
            computed_constants_bytes: facts.computed_constants.1,
            stream_weights: asked.args.stream_weights,
            interrupted: asked.cancel.is_cancelled(),
            elapsed_ms: format::milliseconds(asked.start.elapsed()),
            load_ms: format::milliseconds(asked.input.load_time),
        }
    }
}

/// What a schedule reaches.
#[derive(Serialize)]
pub(super) struct FittedJson {
    peak: u64,
    slow_peak: u64,
    added_seconds: f64,
    /// `null` if the model takes no time.
    added_percent: Option<f64>,
    /// The added time if transfers run beside operators; `null` if it cannot be told.
    overlapped_seconds: Option<f64>,
    /// How long operators then wait for transfers.
    waited_seconds: Option<f64>,
    lower_bound_seconds: f64,
    spilled_bytes: u64,
    spill_seconds: f64,
    fetched_bytes: u64,
    fetch_seconds: f64,
    reruns: usize,
    rerun_seconds: f64,
    compressed_bytes: u64,
    compress_seconds: f64,
    expanded_bytes: u64,
    expand_seconds: f64,
    aliasing_used: &'static str,
    /// Where the weights are, if they are tensors.
    #[serde(skip_serializing_if = "Option::is_none")]
    weights: Option<WeightsJson>,
}

#[derive(Serialize)]
struct WeightsJson {
    tensors: usize,
    slow_bytes: u64,
    fast_peak: u64,
    fetched_once_bytes: u64,
    fetched_bytes: u64,
}

impl From<Weights> for WeightsJson {
    fn from(of: Weights) -> Self {
        Self {
            tensors: of.tensors,
            slow_bytes: of.bytes,
            fast_peak: of.fast_peak,
            fetched_once_bytes: of.fetched_once,
            fetched_bytes: of.fetched,
        }
    }
}

impl FittedJson {
    pub(super) fn new(asked: &Asked<'_>, fitted: &Fitted) -> Self {
        let cost = fitted.cost();
        let overlap = asked.overlap(fitted);
        Self {
            peak: fitted.fast_plan().peak(),
            slow_peak: fitted.slow_plan().peak(),
            added_seconds: cost.seconds(),
            added_percent: asked.percent(cost.seconds()),
            overlapped_seconds: overlap.as_ref().map(Overlap::added_seconds),
            waited_seconds: overlap.as_ref().map(Overlap::waited_seconds),
            lower_bound_seconds: fitted.lower_bound(),
            spilled_bytes: cost.written_bytes,
            spill_seconds: cost.spill_seconds,
            fetched_bytes: cost.read_bytes,
            fetch_seconds: cost.fetch_seconds,
            reruns: cost.reruns,
            rerun_seconds: cost.rerun_seconds,
            compressed_bytes: cost.compressed_bytes,
            compress_seconds: cost.compress_seconds,
            expanded_bytes: cost.expanded_bytes,
            expand_seconds: cost.expand_seconds,
            aliasing_used: aliasing_name(fitted.aliasing()),
            weights: asked.weights(fitted).map(WeightsJson::from),
        }
    }
}

#[derive(Serialize)]
struct FitsJson {
    capacity: u64,
    fits: bool,
    #[serde(flatten)]
    fitted: FittedJson,
    steps: usize,
    /// The operators as they run for the first time.
    run_order: Vec<String>,
    absences: Vec<AbsenceJson>,
    #[serde(flatten)]
    asked: AskedJson,
}

#[derive(Serialize)]
struct AbsenceJson {
    tensor: String,
    bytes: u64,
    returns: &'static str,
    from: String,
    until: String,
}

fn absence_json(graph: &Graph, absence: &Absence) -> AbsenceJson {
    let tensor = graph.tensor(absence.tensor);
    AbsenceJson {
        tensor: tensor.map_or("", |tensor| tensor.name()).into(),
        bytes: absence.bytes,
        returns: absence.returns.name(),
        from: absence.from.name(graph),
        until: absence.until.name(graph),
    }
}

/// A schedule was found.
pub(crate) fn json(asked: &Asked<'_>, capacity: u64, fitted: &Fitted) -> impl Serialize + use<> {
    let graph = &asked.model.graph;
    let found = absences(graph, fitted.schedule());
    let name = |op: &orionrt::graph::OpId| graph.ops()[op.index()].name().to_string();
    FitsJson {
        capacity,
        fits: true,
        fitted: FittedJson::new(asked, fitted),
        steps: fitted.schedule().steps.len(),
        run_order: fitted.order().iter().map(name).collect(),
        absences: found.iter().map(|of| absence_json(graph, of)).collect(),
        asked: AskedJson::new(asked),
    }
}

#[derive(Serialize)]
struct NotFoundJson {
    capacity: u64,
    fits: bool,
    /// Whether it is proven, for what was tried.
    proven: bool,
    reason: String,
    /// No smaller capacity works.
    needed: Option<u64>,
    /// The smallest capacity that is known to work.
    smallest: Option<SmallestJson>,
    #[serde(flatten)]
    asked: AskedJson,
}

#[derive(Serialize)]
struct SmallestJson {
    capacity: u64,
    #[serde(flatten)]
    fitted: FittedJson,
}

/// No schedule was found.
pub(crate) fn not_found(
    asked: &Asked<'_>,
    capacity: u64,
    error: &FitError,
    smallest: &Smallest,
) -> impl Serialize + use<> {
    NotFoundJson {
        capacity,
        fits: false,
        proven: matches!(error, FitError::Impossible { .. }),
        reason: error.to_string(),
        needed: (smallest.proven > capacity).then_some(smallest.proven),
        smallest: smallest.known.as_ref().map(|known| SmallestJson {
            capacity: known.capacity,
            fitted: FittedJson::new(asked, &known.fitted),
        }),
        asked: AskedJson::new(asked),
    }
}
