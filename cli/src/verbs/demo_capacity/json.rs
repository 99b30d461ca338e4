//! The report of `orionrt demo --capacity --json`.
//!
//! Stands on what [`demo`](crate::demo) measured.

#![forbid(unsafe_code)]

use orionrt::fit::{FitAction, SlowMemory};
use serde::Serialize;

use crate::{
    args::{Capacity, DemoArgs, Way},
    demo::MeasuredFit,
    format::milliseconds,
};

/// The JSON object of `orionrt demo --capacity --json`.
#[derive(Serialize)]
pub(super) struct Json {
    iterations: u32,
    /// As it was given: bytes, or percent of each peak.
    capacity: String,
    ways: Vec<&'static str>,
    stream_weights: bool,
    networks: Vec<NetworkJson>,
}

#[derive(Serialize)]
struct NetworkJson {
    name: &'static str,
    operators: usize,
    /// Of the plan without a limit.
    peak_bytes: u64,
    /// Zero unless weights are tensors.
    weight_bytes: u64,
    asked_bytes: u64,
    /// More than what was asked for, if that was too little.
    capacity_bytes: u64,
    /// Why what was asked for is too little; null if it is enough.
    too_little: Option<String>,
    planned_bytes: u64,
    resident_bytes: Option<u64>,
    file_bytes: u64,
    spills: usize,
    fetches: usize,
    spilled_bytes: u64,
    fetched_bytes: u64,
    compressions: usize,
    expansions: usize,
    /// Bytes of tensors, before they are compressed and after they are expanded.
    compressed_bytes: u64,
    expanded_bytes: u64,
    reruns: usize,
    /// Null where nothing is spilled or streamed.
    file_write_bytes_per_second: Option<f64>,
    file_read_bytes_per_second: Option<f64>,
    fitting_ms: f64,
    added_estimated_ms: f64,
    added_lower_bound_ms: f64,
    added_measured_ms: f64,
    unlimited_median_ms: f64,
    median_ms: f64,
    bit_identical: bool,
}

impl Json {
    pub(super) fn of(args: &DemoArgs, capacity: Capacity, measured: &[MeasuredFit]) -> Self {
        Self {
            iterations: args.iterations,
            capacity: capacity.to_string(),
            ways: args.ways().into_iter().map(Way::name).collect(),
            stream_weights: args.stream_weights,
            networks: measured.iter().map(NetworkJson::of).collect(),
        }
    }
}

impl NetworkJson {
    fn of(network: &MeasuredFit) -> Self {
        let within = &network.within;
        let (fitted, cost) = (&within.fitted, within.fitted.cost());
        let steps = |is_kind: fn(&FitAction) -> bool| {
            let steps = fitted.schedule().steps.iter();
            steps.filter(|step| is_kind(&step.action)).count()
        };
        let speed = |of: fn(SlowMemory) -> f64| network.slow.map(of);
        Self {
            name: network.name,
            operators: network.operators,
            peak_bytes: network.peak_bytes,
            weight_bytes: network.weight_bytes,
            asked_bytes: network.asked_bytes,
            capacity_bytes: within.capacity,
            too_little: within.refused.as_ref().map(ToString::to_string),
            planned_bytes: fitted.fast_plan().peak(),
            resident_bytes: network.resident_bytes,
            file_bytes: fitted.slow_plan().peak(),
            spills: steps(|action| matches!(action, FitAction::Spill(_))),
            fetches: steps(|action| matches!(action, FitAction::Fetch(_))),
            spilled_bytes: cost.written_bytes,
            fetched_bytes: cost.read_bytes,
            compressions: steps(|action| matches!(action, FitAction::Compress(_))),
            expansions: steps(|action| matches!(action, FitAction::Expand(_))),
            compressed_bytes: cost.compressed_bytes,
            expanded_bytes: cost.expanded_bytes,
            reruns: cost.reruns,
            file_write_bytes_per_second: speed(|slow| slow.write_bytes_per_second),
            file_read_bytes_per_second: speed(|slow| slow.read_bytes_per_second),
            fitting_ms: milliseconds(network.fitting_time),
            added_estimated_ms: 1e3 * cost.seconds(),
            added_lower_bound_ms: 1e3 * fitted.lower_bound(),
            added_measured_ms: milliseconds(network.added_time),
            unlimited_median_ms: milliseconds(network.unlimited_time),
            median_ms: milliseconds(network.limited_time),
            // Otherwise `measure_fitted` fails.
            bit_identical: true,
        }
    }
}
