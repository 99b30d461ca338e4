//! `orionrt demo`: what a newcomer sees first.
//!
//! Stands on [`demo`](crate::demo), on `demo_capacity` for what `--capacity` shows, and on
//! `demo_device` for `--device`. Invariant: every number was measured in this run, and
//! "bit-identical" is printed only if all results were.

#![forbid(unsafe_code)]

use std::fmt::Write;

use orionrt::{Plan, lifetimes::Uncopied, parts::PartsPlan};
use serde::Serialize;

use super::demo_capacity;
#[cfg(any(feature = "vulkan-demo", feature = "wgpu", feature = "cuda-demo"))]
use super::demo_device;
#[cfg(feature = "cuda-demo")]
use crate::demo::CudaGpu;
#[cfg(feature = "vulkan-demo")]
use crate::demo::VulkanGpu;
#[cfg(feature = "wgpu")]
use crate::demo::WgpuGpu;
use crate::{
    args::{Backend, DemoArgs, DemoDevice},
    demo::{Measured, Network, Runs, measure, networks},
    failure::Failure,
    format::{bar, duration, milliseconds, short_bytes, thousands},
    output, progress,
};

const WEIGHTS_SEED: u64 = 1;
/// The letters of the longest bar.
const BAR: usize = 32;

pub(crate) fn demo(args: &DemoArgs) -> Result<(), Failure> {
    let networks = networks(WEIGHTS_SEED).map_err(Failure::demo)?;
    if let Some(device) = args.device {
        return on_device(args, device, &networks);
    }
    if let Some(capacity) = args.capacity {
        return demo_capacity::within(args, capacity, &networks);
    }
    let measured = progress::with_spinner("running three networks", || {
        measure(&networks, args.iterations)
    })?;
    if args.json {
        output::print_json(&Json::of(args, &measured))
    } else {
        output::print(&text(args, &measured))
    }
}

/// Runs the networks on a device, through a backend that this build has.
#[cfg(any(feature = "vulkan-demo", feature = "wgpu", feature = "cuda-demo"))]
fn on_device(args: &DemoArgs, device: DemoDevice, networks: &[Network]) -> Result<(), Failure> {
    match device.backend {
        #[cfg(feature = "vulkan-demo")]
        Backend::Vulkan => {
            let gpu = VulkanGpu::open(device.index, args.validate)?;
            demo_device::run(args, device.backend, &gpu, networks)
        }
        #[cfg(any(feature = "wgpu", feature = "cuda-demo"))]
        Backend::Wgpu | Backend::Cuda if args.validate => Err(Failure::Usage(
            "--validate is for --device vulkan: the layers check a program's own calls".into(),
        )),
        #[cfg(feature = "wgpu")]
        Backend::Wgpu => {
            let gpu = WgpuGpu::open(device.index)?;
            demo_device::run(args, device.backend, &gpu, networks)
        }
        #[cfg(feature = "cuda-demo")]
        Backend::Cuda => {
            let gpu = CudaGpu::open(device.index)?;
            demo_device::run(args, device.backend, &gpu, networks)
        }
        #[cfg(not(all(feature = "vulkan-demo", feature = "wgpu", feature = "cuda-demo")))]
        missing => Err(without(missing)),
    }
}

#[cfg(not(any(feature = "vulkan-demo", feature = "wgpu", feature = "cuda-demo")))]
fn on_device(_: &DemoArgs, device: DemoDevice, _: &[Network]) -> Result<(), Failure> {
    Err(without(device.backend))
}

#[cfg(not(all(feature = "vulkan-demo", feature = "wgpu", feature = "cuda-demo")))]
fn without(backend: Backend) -> Failure {
    let name = backend.title();
    let feature = match backend {
        Backend::Vulkan => "vulkan-demo",
        Backend::Wgpu => "wgpu",
        Backend::Cuda => "cuda-demo",
    };
    Failure::Usage(format!(
        "this build cannot run the networks through {name}; \
         'cargo install --path cli --features {feature}' makes one that can"
    ))
}

fn text(args: &DemoArgs, measured: &[Measured]) -> String {
    let mut text = String::from(
        "OrionRT runs three networks with their tensors in planned slots and on the system heap.\n",
    );
    for network in measured {
        text.push('\n');
        // Writing to a string cannot fail, here and below.
        let _ = network_text(&mut text, args, network);
    }
    text.push_str(concat!(
        "\nIn planned slots, views lie within their operands, and results overwrite operands\n",
        "that nothing else needs. On the heap every tensor has its own bytes, as in a program\n",
        "that knows no lifetimes; there a view is a copy. The heap bar shows those live bytes\n",
        "only; the heap's own overhead comes on top and is not measured. Both columns are runs\n",
        "in turns on one thread. Matrix products pack operands in heap buffers of their own (at\n",
        "most 1.1 MiB), which are warmed up before and count in neither column.\n",
        "\nNext:  orionrt plan model.onnx       how much memory does your model need?\n",
        "       orionrt compare model.onnx    which strategy plans it best?\n",
        "       orionrt demo --capacity 70%   the same networks in less memory\n",
        "       orionrt --help                everything else\n",
    ));
    text
}

fn network_text(text: &mut String, args: &DemoArgs, network: &Measured) -> std::fmt::Result {
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
    let parts = network.parts.as_ref().map(|parts| &parts.plan);
    for (label, bytes) in [
        ("sum of sizes", Some(sum)),
        ("heap", Some(network.heap_peak_bytes)),
        ("planned, own bytes each", Some(plan_off.peak())),
        ("planned, views and in place", Some(plan.peak())),
        ("lower bound", Some(plan.lower_bound())),
        ("planned, parts as well", parts.map(Plan::peak)),
        ("lower bound with parts", parts.map(Plan::lower_bound)),
    ] {
        let Some(bytes) = bytes else { continue };
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
        "allocations per inference",
        thousands(planned.requests),
        thousands(heap.requests),
    )?;
    row("time per inference", time(planned), time(heap))?;
    if let Some(parts) = &network.parts {
        writeln!(text, "{}", parts_text(plan, parts))?;
    }
    writeln!(
        text,
        "  outputs: bit-identical in {} runs of each (medians of {})",
        args.iterations + 1,
        args.iterations
    )
}

/// What operands within the results of concatenations change.
fn parts_text(plan: &Plan, parts: &PartsPlan) -> String {
    let Uncopied {
        declared,
        operands,
        bytes,
        ..
    } = parts.uncopied;
    let [before, peak, bytes] = [plan.peak(), parts.plan.peak(), bytes].map(short_bytes);
    format!(
        "  parts: {operands} of {declared} operands of concatenations are written where the result \
         has them:\n         peak {peak} instead of {before}, {bytes} less to copy, the same bits"
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
    /// With views and results in place, like `lower_bound` and `optimal`.
    planned_bytes: u64,
    lower_bound: u64,
    /// With its own bytes for every tensor.
    planned_off_bytes: u64,
    lower_bound_off: u64,
    /// With parts of results as well, where there are concatenations.
    #[serde(flatten)]
    parts: Option<PartsJson>,
    optimal: bool,
    planning_ms: f64,
    planned: RunsJson,
    heap: RunsJson,
    bit_identical: bool,
}

#[derive(Serialize)]
struct PartsJson {
    planned_parts_bytes: u64,
    lower_bound_parts: u64,
    concatenated: usize,
    uncopied: usize,
    uncopied_bytes: u64,
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
            parts: network.parts.as_ref().map(|parts| PartsJson {
                planned_parts_bytes: parts.plan.peak(),
                lower_bound_parts: parts.plan.lower_bound(),
                concatenated: parts.uncopied.declared,
                uncopied: parts.uncopied.operands,
                uncopied_bytes: parts.uncopied.bytes,
            }),
            optimal: network.plan.is_optimal(),
            planning_ms: milliseconds(network.planning_time),
            planned: RunsJson::of(&network.planned),
            heap: RunsJson::of(&network.heap),
            // Otherwise `measure` fails.
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
