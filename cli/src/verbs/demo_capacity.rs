//! `orionrt demo --capacity`: the networks in less memory than their peak.
//!
//! Stands on [`demo`](crate::demo). Invariant: every number but the estimates was measured in this
//! run, and "the same bits" is printed only if all results had them.

#![forbid(unsafe_code)]

use std::{fmt::Write, time::Duration};

use orionrt::fit::{FitAction, FitError, SlowMemory};
use serde::Serialize;

use crate::{
    args::{Capacity, DemoArgs, Way},
    demo::MeasuredFit,
    format::{count, duration, milliseconds, short_bytes, thousands},
};

/// The report of all networks.
pub(super) fn text(args: &DemoArgs, capacity: Capacity, measured: &[MeasuredFit]) -> String {
    let of_peak = match capacity {
        Capacity::Bytes(bytes) => short_bytes(bytes),
        Capacity::Percent(percent) => format!("{percent} % of its peak"),
    };
    let ways: Vec<_> = args.ways().into_iter().map(Way::name).collect();
    let mut text = format!(
        "OrionRT runs {}, each within {of_peak}. Ways to free memory: {}.\n",
        count(measured.len() as u64, "network"),
        ways.join(", ")
    );
    if args.stream_weights {
        text.push_str(
            "Weights are tensors, too: they are read from a file when they are needed.\n",
        );
    }
    for network in measured {
        text.push('\n');
        // Writing to a string cannot fail.
        let _ = network_text(&mut text, args, network);
    }
    text.push('\n');
    text.push_str(&outside_of_the_arena(args));
    text
}

/// What the capacity limits, and what it does not.
fn outside_of_the_arena(args: &DemoArgs) -> String {
    let weights = match args.stream_weights {
        true => "",
        false => "the weights and ",
    };
    let mut text = format!(
        "Tensors lie in an arena that is no larger than the capacity; while they are spilled,\n\
         they lie in a memory-mapped temporary file. The estimate is made from the times of\n\
         operators and copies, which are measured first. Outside of the arena are, as without a\n\
         limit, {weights}buffers of matrix products (at most 1.1 MiB).\n"
    );
    if args.ways().contains(&Way::Compress) {
        text.push_str(
            "To compress and to expand takes buffers for a part of a tensor, below 0.1 MiB.\n",
        );
    }
    text
}

fn network_text(text: &mut String, args: &DemoArgs, network: &MeasuredFit) -> std::fmt::Result {
    let fitted = &network.within.fitted;
    let (peak, capacity) = (network.peak_bytes, network.within.capacity);
    let cost = fitted.cost();
    writeln!(
        text,
        "{}: {}, fitted in {}",
        network.name,
        count(network.operators as u64, "operator"),
        duration(network.fitting_time)
    )?;
    if let Some(refused) = &network.within.refused {
        let [asked, least] = [network.asked_bytes, capacity].map(short_bytes);
        writeln!(text, "  {asked} is too little: {}", reason(refused))?;
        writeln!(
            text,
            "  it runs within {least}, the least capacity that was found"
        )?;
    }
    let part = 100.0 * capacity as f64 / peak.max(1) as f64;
    let mut row = |label: &str, value: String| writeln!(text, "  {label:<28}{value:>12}");
    row("peak without a limit", short_bytes(peak))?;
    if args.stream_weights {
        row("of which weights", short_bytes(network.weight_bytes))?;
    }
    row(
        "capacity",
        format!("{} ({part:.0} %)", short_bytes(capacity)),
    )?;
    row("planned", short_bytes(fitted.fast_plan().peak()))?;
    let resident = network.resident_bytes.map_or("unknown".into(), short_bytes);
    row("resident in the arena", resident)?;
    let slow = fitted.slow_plan().peak();
    if network.slow.is_some() {
        row("most in the file at once", short_bytes(slow))?;
        row(
            "spilled, fetched",
            pair(cost.written_bytes, cost.read_bytes),
        )?;
    }
    if args.ways().contains(&Way::Compress) {
        let moved = pair(cost.compressed_bytes, cost.expanded_bytes);
        row("compressed, expanded", moved)?;
    }
    row("operators rerun", thousands(cost.reruns as u64))?;
    row("added time, estimated", duration(estimate(network)))?;
    row("added time, measured", duration(network.added_time))?;
    row("time without a limit", duration(network.unlimited_time))?;
    row("time within the capacity", duration(network.limited_time))?;
    writeln!(
        text,
        "  outputs are the same bits in {} runs (medians of {})",
        args.iterations + 1,
        args.iterations
    )
}

/// Why a capacity is too small, as the end of a sentence.
fn reason(refused: &FitError) -> String {
    match refused {
        FitError::Impossible { needed, at, .. } => {
            format!("{at} needs at least {}", short_bytes(*needed))
        }
        other => other.to_string(),
    }
}

fn pair(a: u64, b: u64) -> String {
    format!("{}, {}", short_bytes(a), short_bytes(b))
}

/// The added time that the schedule was made for.
fn estimate(network: &MeasuredFit) -> Duration {
    let seconds = network.within.fitted.cost().seconds();
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}

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
