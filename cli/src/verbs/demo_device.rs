//! `orionrt demo --device`: the networks as compute shaders, in memory of a device.
//!
//! Stands on [`demo`](crate::demo). Invariant: every number was measured in this run, and
//! "bit-identical" is printed only if all results were.

#![forbid(unsafe_code)]

use std::fmt::Write;

use serde::Serialize;

use crate::{
    args::{Backend, DemoArgs},
    demo::{Gpu, MeasuredOnDevice, Network, measure_on_device},
    failure::Failure,
    format::{bar, count, duration, milliseconds, short_bytes, thousands},
    output, progress,
};

/// The letters of the longest bar.
const BAR: usize = 40;

/// Runs the networks on a device and reports how it went.
pub(super) fn run(
    args: &DemoArgs,
    backend: Backend,
    gpu: &impl Gpu,
    networks: &[Network],
) -> Result<(), Failure> {
    let name = gpu.properties().name.clone();
    let measured = progress::with_spinner("running three networks on a device", || {
        measure_on_device(gpu, networks, args.iterations)
    })?;
    match args.json {
        true => output::print_json(&Json::of(args, backend, &name, &measured)),
        false => output::print(&text(args, backend, &name, &measured)),
    }
}

fn text(args: &DemoArgs, backend: Backend, device: &str, measured: &[MeasuredOnDevice]) -> String {
    let mut text = format!(
        "OrionRT runs {} as {} through {} on\n{device}:\n\
         with all tensors in one planned block of its memory, and with a buffer for each tensor.\n",
        count(measured.len() as u64, "network"),
        match backend {
            Backend::Vulkan | Backend::Wgpu => "compute shaders",
            Backend::Cuda => "kernels",
        },
        backend.title(),
    );
    for network in measured {
        text.push('\n');
        // Writing to a string cannot fail.
        let _ = network_text(&mut text, args, network);
    }
    text.push('\n');
    text.push_str(match backend {
        Backend::Vulkan => {
            "The buffers are those of gpu-allocator, in blocks of 4 MiB, the smallest that it\n\
             makes (256 MiB by default). "
        }
        Backend::Wgpu => "The buffers are those of wgpu. ",
        Backend::Cuda => {
            "Each buffer is an allocation of CUDA's driver (cuMemAlloc): gpu-allocator, the\n\
             peer on Vulkan, does not know CUDA. "
        }
    });
    text.push_str(
        "A buffer is made when its tensor is written and freed when\n\
         the last reader has run, so the device is waited for after each operator. Weights and\n\
         sizes are in a block of their own in both cases, and are not counted.\n",
    );
    if args.validate {
        text.push_str("The validation layers, with those of synchronization, found no mistake.\n");
    }
    text
}

fn network_text(
    text: &mut String,
    args: &DemoArgs,
    network: &MeasuredOnDevice,
) -> std::fmt::Result {
    writeln!(
        text,
        "{}: {} in {} dispatches",
        network.name,
        count(network.operators as u64, "operator"),
        thousands(network.dispatches as u64),
    )?;
    let most = network.planned_bytes.max(network.most_held);
    // An allocator whose own blocks are not known has what it was asked for.
    let held = (network.most_held != network.most_live).then_some(network.most_held);
    for (label, bytes) in [
        ("planned block", Some(network.planned_bytes)),
        ("buffers, live at once", Some(network.most_live)),
        ("buffers, device memory", held),
    ] {
        let Some(bytes) = bytes else { continue };
        writeln!(
            text,
            "  {label:<29}{:<width$}  {:>8}",
            bar(bytes, most, BAR),
            short_bytes(bytes),
            width = BAR
        )?;
    }
    let mut row = |label: &str, planned: String, buffers: String| {
        writeln!(text, "  {label:<28}{planned:>12}{buffers:>12}")
    };
    row("", "planned".into(), "buffers".into())?;
    row(
        "allocations per inference",
        thousands(network.planned_allocations),
        thousands(network.separate_allocations),
    )?;
    row(
        "time per inference",
        duration(network.planned_time),
        duration(network.separate_time),
    )?;
    writeln!(
        text,
        "  outputs: bit-identical in {} runs of each (medians of {}); from the processor's at\n  \
         most {:.1} units in the last place of the largest",
        args.iterations + 1,
        args.iterations,
        network.ulps
    )
}

#[derive(Serialize)]
struct Json {
    backend: &'static str,
    device: String,
    iterations: u32,
    validated: bool,
    networks: Vec<NetworkJson>,
}

#[derive(Serialize)]
struct NetworkJson {
    name: &'static str,
    operators: usize,
    dispatches: usize,
    /// Weights, biases and sizes, which both ways have beside their tensors.
    constant_bytes: u64,
    planned_bytes: u64,
    lower_bound: u64,
    /// Claimed by a planned run, and joined of other slots.
    slots: usize,
    buffers_live_bytes: u64,
    buffers_device_bytes: u64,
    planned_allocations: u64,
    buffers_allocations: u64,
    planned_median_ms: f64,
    buffers_median_ms: f64,
    /// From the processor's results, in units in the last place of the largest of them.
    ulps: f64,
    bit_identical: bool,
}

impl Json {
    fn of(args: &DemoArgs, backend: Backend, device: &str, measured: &[MeasuredOnDevice]) -> Self {
        let networks = measured.iter().map(|network| NetworkJson {
            name: network.name,
            operators: network.operators,
            dispatches: network.dispatches,
            constant_bytes: network.constant_bytes,
            planned_bytes: network.planned_bytes,
            lower_bound: network.plan.lower_bound(),
            slots: network.slots,
            buffers_live_bytes: network.most_live,
            buffers_device_bytes: network.most_held,
            planned_allocations: network.planned_allocations,
            buffers_allocations: network.separate_allocations,
            planned_median_ms: milliseconds(network.planned_time),
            buffers_median_ms: milliseconds(network.separate_time),
            ulps: network.ulps,
            // Otherwise `measure_on_device` fails.
            bit_identical: true,
        });
        Self {
            backend: backend.title(),
            device: device.into(),
            iterations: args.iterations,
            validated: args.validate,
            networks: networks.collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        args: DemoArgs,
    }

    #[test]
    fn a_report_says_what_makes_the_buffers() {
        let args = Line::parse_from(["demo"]).args;
        for (backend, run_as, made_by) in [
            (
                Backend::Vulkan,
                "compute shaders through Vulkan",
                "gpu-allocator, in blocks",
            ),
            (
                Backend::Wgpu,
                "compute shaders through wgpu",
                "those of wgpu",
            ),
            (Backend::Cuda, "kernels through CUDA", "(cuMemAlloc)"),
        ] {
            let text = text(&args, backend, "a device", &[]);
            assert!(
                text.contains(&format!("{run_as} on\na device:\n")),
                "{text}"
            );
            assert!(text.contains(made_by), "{text}");
            assert!(text.lines().all(|line| line.len() <= 100), "{text}");
        }
    }
}
