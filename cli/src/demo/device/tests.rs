//! The demo's kernels and networks on a device of this machine: bits, distances, memory. Where
//! there is no device, the tests say so and pass.

#![deny(unsafe_code)]

use orionrt::TensorId;

use super::{
    gpu::Gpu,
    measure::{MeasuredOnDevice, measure},
};
use crate::{
    demo::{
        kernels::{Kernel, images::Image, matrix::Heads},
        models::small_networks,
        network::{Network, NetworkBuilder},
    },
    random::{Rng, uniform},
};

/// How far one kernel may be from the processor's, in units in the last place of the largest value.
const KERNEL_ULPS: f64 = 16.0;

/// All kernels, with the lengths of their operands: sizes that fill no tile and no workgroup.
fn kernels() -> Vec<(&'static str, Kernel, Vec<usize>)> {
    let mut rng = Rng::with_seed(3);
    let mut values = |count| uniform(&mut rng, count, 1.0);
    let image = |height, width, channels| Image {
        height,
        width,
        channels,
    };
    let mut kernels = Vec::new();
    for (rows, inputs, outputs) in [(1, 1, 1), (5, 7, 3), (70, 33, 9), (1, 300, 10), (3, 600, 6)] {
        let (weight, bias) = (values(inputs * outputs), values(outputs));
        kernels.push((
            "linear",
            Kernel::Linear { weight, bias },
            vec![rows * inputs],
        ));
    }
    let blocked = Kernel::BlockedLinear {
        columns: vec![7, 3, 4],
        weight: values(14 * 5),
        bias: values(5),
    };
    let stacked = Kernel::StackedLinear {
        count: 3,
        weight: values(3 * 7 * 5),
        bias: values(15),
    };
    let heads = |count, width| Heads { count, width };
    let (height, width, channels) = (6, 10, 3);
    let convolution = |channels: &[usize], outputs, values: &mut dyn FnMut(usize) -> Vec<f32>| {
        let blocks = channels
            .iter()
            .map(|&channels| image(height, width, channels));
        Kernel::Convolution {
            blocks: blocks.collect(),
            weight: values(9 * channels.iter().sum::<usize>() * outputs),
            bias: values(outputs),
        }
    };
    // The last one has more than one run of products in a line of a window.
    let convolutions = [
        ("convolution", convolution(&[channels], 4, &mut values), 3),
        (
            "blocked convolution",
            convolution(&[3, 5, 1], 6, &mut values),
            9,
        ),
        ("deep convolution", convolution(&[130], 1, &mut values), 130),
    ];
    for (name, kernel, channels) in convolutions {
        kernels.push((name, kernel, vec![height * width * channels]));
    }
    let layer_norm = Kernel::LayerNorm {
        gain: values(12),
        bias: values(12),
    };
    let (start, length) = (3, 50);
    let elements = height * width * channels;
    kernels.extend([
        ("blocked linear", blocked, vec![6 * 14]),
        ("stacked linear", stacked, vec![6 * 7]),
        (
            "scores",
            Kernel::AttentionScores(heads(3, 12)),
            vec![60, 60],
        ),
        ("mix", Kernel::AttentionMix(heads(3, 12)), vec![75, 60]),
        ("softmax", Kernel::Softmax { width: 12 }, vec![12 * 70]),
        ("layer norm", layer_norm, vec![12 * 70]),
        ("gelu", Kernel::Gelu, vec![70]),
        ("relu", Kernel::Relu, vec![70]),
        ("sigmoid", Kernel::Sigmoid, vec![70]),
        ("add", Kernel::Add, vec![70, 70]),
        ("pool", Kernel::MaxPool(image(6, 10, 3)), vec![elements]),
        (
            "upsample",
            Kernel::Upsample(image(6, 10, 3)),
            vec![elements],
        ),
        ("concat", Kernel::Concat, vec![70, 130]),
        ("mean", Kernel::AverageRows { width: 12 }, vec![12 * 70]),
        ("view", Kernel::View { start, length }, vec![70]),
    ]);
    kernels
}

/// A network of one kernel whose operands are results, so that it may overwrite them.
fn network(name: &'static str, kernel: Kernel, lengths: &[usize]) -> Network {
    let mut net = NetworkBuilder::new(name, lengths.iter().sum());
    let (input, mut start) = (net.input(), 0);
    let mut operands: Vec<TensorId> = Vec::new();
    for (index, &length) in lengths.iter().enumerate() {
        let view = Kernel::View { start, length };
        let view = net.node(format!("view{index}"), view, &[input]);
        operands.push(net.node(format!("operand{index}"), Kernel::Gelu, &[view]));
        start += length;
    }
    let output = net.node("output", kernel, &operands);
    net.build(output).unwrap()
}

fn check_kernels(gpu: &impl Gpu) {
    for (name, kernel, lengths) in kernels() {
        let network = network(name, kernel, &lengths);
        let measured =
            measure(gpu, &[network], 1).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(
            measured[0].ulps <= KERNEL_ULPS,
            "{name}: {}",
            measured[0].ulps
        );
    }
}

fn check_networks(gpu: &impl Gpu) -> Vec<MeasuredOnDevice> {
    let measured = measure(gpu, &small_networks(1), 2).unwrap_or_else(|error| panic!("{error}"));
    for network in &measured {
        assert_eq!(network.planned_allocations, 0, "{}", network.name);
        assert!(network.separate_allocations > network.operators as u64);
        assert!(
            network.planned_bytes <= network.most_live,
            "{}",
            network.name
        );
        assert!(network.most_live <= network.most_held, "{}", network.name);
        let roots = network.plan.lifetimes().rows().iter();
        let roots = roots.filter(|row| row.within.is_none()).count();
        let has_parts = network.plan.lifetimes().has_windows();
        assert_eq!(network.slots > roots, has_parts, "{}", network.name);
        assert!(network.slots >= roots, "{}", network.name);
        // Not more than the plan, but for what the device rounds the end of a block up to.
        assert!(
            network.planned_bytes - network.plan.peak() < 4096,
            "{}",
            network.name
        );
    }
    measured
}

#[cfg(all(feature = "cuda-demo", target_os = "linux"))]
mod cuda;

#[cfg(feature = "vulkan-demo")]
mod vulkan {
    use super::*;
    use crate::demo::device::vulkan::VulkanGpu;

    /// The first device, with validation layers. With `ORIONRT_NEEDS_DEVICE`, it is an error that
    /// there is none.
    fn device() -> Option<VulkanGpu> {
        match VulkanGpu::open(0, true) {
            Ok(gpu) => Some(gpu),
            Err(error) if std::env::var_os("ORIONRT_NEEDS_DEVICE").is_some() => panic!("{error}"),
            Err(error) => {
                println!("skipped: {error}");
                None
            }
        }
    }

    #[test]
    fn every_kernel_computes_on_vulkan_what_the_processor_computes() {
        let Some(gpu) = device() else { return };
        check_kernels(&gpu);
        let messages = gpu.list();
        drop(gpu);
        assert_eq!(
            messages.to_vec(),
            [""; 0],
            "with what was left over at the end"
        );
    }

    #[test]
    fn networks_on_vulkan_have_the_same_bits_in_a_planned_block() {
        let Some(gpu) = device() else { return };
        check_networks(&gpu);
        let messages = gpu.list();
        drop(gpu);
        assert_eq!(
            messages.to_vec(),
            [""; 0],
            "with what was left over at the end"
        );
    }
}

#[cfg(feature = "wgpu")]
mod wgpu {
    use super::*;
    use crate::demo::device::wgpu::WgpuGpu;

    /// The first device. With `ORIONRT_NEEDS_DEVICE`, it is an error that there is none.
    fn device() -> Option<WgpuGpu> {
        match WgpuGpu::open(0) {
            Ok(gpu) => Some(gpu),
            Err(error) if std::env::var_os("ORIONRT_NEEDS_DEVICE").is_some() => panic!("{error}"),
            Err(error) => {
                println!("skipped: {error}");
                None
            }
        }
    }

    #[test]
    fn every_kernel_computes_on_wgpu_what_the_processor_computes() {
        let Some(gpu) = device() else { return };
        check_kernels(&gpu);
    }

    #[test]
    fn networks_on_wgpu_have_the_same_bits_in_a_planned_block() {
        let Some(gpu) = device() else { return };
        check_networks(&gpu);
    }
}
