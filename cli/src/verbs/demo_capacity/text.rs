//! The report of `orionrt demo --capacity` for people.
//!
//! Stands on what [`demo`](crate::demo) measured. Invariant: "the same bits" is printed only of
//! results that had them.

#![forbid(unsafe_code)]

use std::{fmt::Write, time::Duration};

use orionrt::fit::FitError;

use crate::{
    args::{Capacity, DemoArgs, Way},
    demo::MeasuredFit,
    format::{count, duration, short_bytes, thousands},
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
