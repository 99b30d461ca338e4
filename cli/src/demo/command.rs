//! `orionrt demo`: what a newcomer sees first.
//!
//! Stands on [`measure`](super::measure). Invariant: every number was measured in this very run, and "bit-identical" is
//! said only if all results were.

#![forbid(unsafe_code)]

use std::fmt::Write;

use serde::Serialize;

use super::{
    measure::{Measured, Runs, measure},
    models::networks,
};
use crate::{
    args::DemoArgs,
    failure::Failure,
    output, progress,
    report::{bar, duration, milliseconds, short_bytes, thousands},
};

const WEIGHTS_SEED: u64 = 1;
/// Letters of the longest bar.
const BAR: usize = 40;

pub(crate) fn run(args: &DemoArgs) -> Result<(), Failure> {
    let networks = networks(WEIGHTS_SEED)?;
    let measured = progress::during("running three networks", || {
        measure(&networks, args.iterations)
    })?;
    if args.json {
        output::print_json(&Json::of(args, &measured))
    } else {
        output::print(&text(args, &measured))
    }
}

fn text(args: &DemoArgs, measured: &[Measured]) -> String {
    let mut text = String::from(
        "OrionRT runs three networks, with every intermediate tensor in its planned slot and on the system's heap.\n",
    );
    for network in measured {
        text.push('\n');
        // Writing to a string cannot fail, here and below.
        let _ = block(&mut text, args, network);
    }
    text.push_str(concat!(
        "\nIn planned slots, views lie in what they are views of, and results take the place of operands that nobody needs any more.\n",
        "On the heap every tensor has its own bytes, as in a program that knows no lifetimes; there a view is a copy. The bytes of the\n",
        "heap are those that tensors asked for; where it faults more often, it took more to serve them.\n",
        "Both columns are runs in turns on one thread. Matrix products pack operands in heap buffers of their own (at most\n",
        "1.1 MiB); they are warmed up before and in neither column.\n",
        "\nNext:  orionrt plan model.onnx       how much memory does a model of yours need?\n",
        "       orionrt compare model.onnx    which strategy plans it best?\n",
        "       orionrt --help                everything else\n",
    ));
    text
}

fn block(text: &mut String, args: &DemoArgs, network: &Measured) -> std::fmt::Result {
    let Measured {
        name,
        plan,
        plan_off,
        ..
    } = network;
    writeln!(
        text,
        "{name}: {} tensors, {} operators, planned in {}",
        plan.len(),
        network.operators,
        duration(network.planning_time)
    )?;
    let sum = plan_off.lifetimes().total_bytes();
    for (label, bytes) in [
        ("sum of sizes", sum),
        ("heap", network.heap_peak_bytes),
        ("planned, own bytes each", plan_off.peak()),
        ("planned, views and in place", plan.peak()),
        ("lower bound", plan.lower_bound()),
    ] {
        writeln!(
            text,
            "  {label:<29}{:<width$}  {:>8}",
            bar(bytes, sum, BAR),
            short_bytes(bytes),
            width = BAR
        )?;
    }
    let Measured { planned, heap, .. } = network;
    let faults = |faults: Option<u64>| faults.map_or("unknown".into(), thousands);
    let time = |runs: &Runs| duration(runs.median_time);
    let mut row = |label: &str, planned: String, heap: String| {
        writeln!(text, "  {label:<28}{planned:>12}{heap:>12}")
    };
    row("", "planned".into(), "heap".into())?;
    row(
        "page faults, first run",
        faults(planned.first_faults),
        faults(heap.first_faults),
    )?;
    row(
        "page faults, later runs",
        faults(planned.steady_faults),
        faults(heap.steady_faults),
    )?;
    row(
        "allocations an inference",
        thousands(planned.requests),
        thousands(heap.requests),
    )?;
    row("time of an inference", time(planned), time(heap))?;
    writeln!(
        text,
        "  outputs: bit-identical in {} runs of each (medians of {})",
        args.iterations + 1,
        args.iterations
    )
}

#[derive(Serialize)]
struct Json {
    iterations: u32,
    networks: Vec<NetworkJson>,
}

#[derive(Serialize)]
struct NetworkJson {
    name: &'static str,
    tensors: usize,
    operators: usize,
    total_bytes: u64,
    heap_peak_bytes: u64,
    /// With views and results in place, as are `lower_bound` and `optimal`.
    planned_bytes: u64,
    lower_bound: u64,
    /// With bytes of its own for every tensor.
    planned_off_bytes: u64,
    lower_bound_off: u64,
    optimal: bool,
    planning_ms: f64,
    planned: RunsJson,
    heap: RunsJson,
    bit_identical: bool,
}

#[derive(Serialize)]
struct RunsJson {
    allocations: u64,
    first_page_faults: Option<u64>,
    steady_page_faults: Option<u64>,
    median_ms: f64,
}

impl Json {
    fn of(args: &DemoArgs, measured: &[Measured]) -> Self {
        let networks = measured.iter().map(|network| NetworkJson {
            name: network.name,
            tensors: network.plan.len(),
            operators: network.operators,
            total_bytes: network.plan_off.lifetimes().total_bytes(),
            heap_peak_bytes: network.heap_peak_bytes,
            planned_bytes: network.plan.peak(),
            lower_bound: network.plan.lower_bound(),
            planned_off_bytes: network.plan_off.peak(),
            lower_bound_off: network.plan_off.lower_bound(),
            optimal: network.plan.is_optimal(),
            planning_ms: milliseconds(network.planning_time),
            planned: RunsJson::of(&network.planned),
            heap: RunsJson::of(&network.heap),
            // Measuring fails otherwise.
            bit_identical: true,
        });
        Self {
            iterations: args.iterations,
            networks: networks.collect(),
        }
    }
}

impl RunsJson {
    fn of(runs: &Runs) -> Self {
        Self {
            allocations: runs.requests,
            first_page_faults: runs.first_faults,
            steady_page_faults: runs.steady_faults,
            median_ms: milliseconds(runs.median_time),
        }
    }
}
