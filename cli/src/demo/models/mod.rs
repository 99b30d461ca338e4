//! The networks of the demo, with weights drawn from a seed.
//!
//! Stands on [`network`](super::network) and [`draw`](crate::draw). Invariant: one seed gives one network, bit for bit, on every
//! machine. Every value computed on the way is a tensor of its own, so the planner sees the window buffers of convolutions and the attention scores too.
//!
//! ```text
//! encoder       a transformer: stacked projections with views, attention, a wide hidden layer
//! classifier    residual convolutions, window buffers, a reshape
//! u_net         skip connections that stay alive from the way down to the way up
//! ```

#![forbid(unsafe_code)]

mod classifier;
mod encoder;
mod u_net;

use orionrt::{TensorId, graph::GraphError};

use super::{
    kernels::{
        Kernel,
        images::{Image, WINDOW_PIXELS},
    },
    network::{Network, NetworkBuilder},
};
use crate::draw::Draw;
use classifier::Classifier;
use encoder::Encoder;
use u_net::UNet;

/// The three networks in the demo's sizes.
///
/// # Errors
/// None but a mistake in these files.
pub fn networks(seed: u64) -> Result<[Network; 3], GraphError> {
    Ok([
        Encoder::DEMO.network(seed)?,
        Classifier::DEMO.network(seed)?,
        UNet::DEMO.network(seed)?,
    ])
}

/// The same networks in sizes that run in no time: encoder, classifier, U-Net.
#[cfg(test)]
pub fn small_networks(seed: u64) -> [Network; 3] {
    let picture = Image {
        height: 8,
        width: 8,
        channels: 3,
    };
    let encoder = Encoder {
        layers: 2,
        positions: 8,
        heads: super::kernels::matrix::Heads { count: 2, width: 8 },
    };
    let (stages, levels) = ([4, 6, 8], [4, 6, 8]);
    let networks = [
        encoder.network(seed),
        Classifier { picture, stages }.network(seed),
        UNet { picture, levels }.network(seed),
    ];
    networks.map(|network| network.expect("the demo's networks are without mistake"))
}

/// An input for `network`, drawn from a seed: values in -1..1.
pub fn sample_input(network: &Network, seed: u64) -> Vec<f32> {
    Draw(seed).values(network.length(network.input()), 1.0)
}

fn layer_norm(width: usize) -> Kernel {
    Kernel::LayerNorm {
        gain: vec![1.0; width],
        bias: vec![0.0; width],
    }
}

/// A 3×3 convolution that keeps the sides and writes `channels` channels.
fn convolution(
    net: &mut NetworkBuilder,
    draw: &mut Draw,
    name: &str,
    image: Image,
    channels: usize,
    x: TensorId,
) -> TensorId {
    let windows = net.node(format!("{name}.im2col"), Kernel::Im2col(image), &[x]);
    let product = draw.linear(WINDOW_PIXELS * image.channels, channels);
    net.node(name, product, &[windows])
}

impl Draw {
    fn linear(&mut self, inputs: usize, outputs: usize) -> Kernel {
        Kernel::Linear {
            weight: self.weights(inputs, inputs * outputs),
            bias: self.values(outputs, 0.1),
        }
    }

    fn stacked_linear(&mut self, count: usize, inputs: usize, outputs: usize) -> Kernel {
        Kernel::StackedLinear {
            count,
            weight: self.weights(inputs, count * inputs * outputs),
            bias: self.values(count * outputs, 0.1),
        }
    }

    /// Weights of variance 1 / `inputs`, so that values neither grow nor vanish from layer to layer.
    fn weights(&mut self, inputs: usize, count: usize) -> Vec<f32> {
        self.values(count, (3.0 / inputs as f32).sqrt())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tensor_is_read_or_the_output() {
        for network in small_networks(1) {
            let graph = network.graph();
            assert_eq!(graph.inputs(), [network.input()]);
            assert_eq!(graph.outputs(), [network.output()]);
            for (id, tensor) in graph.tensors() {
                let read = graph.ops().iter().any(|op| op.reads().contains(&id));
                assert!(
                    read || id == network.output(),
                    "'{}' is never read",
                    tensor.name()
                );
            }
        }
    }

    #[test]
    fn nodes_are_the_operators_of_the_graph_in_any_order() {
        for network in small_networks(1) {
            for network in [network.reordered(), network] {
                assert_eq!(network.nodes().len(), network.graph().ops().len());
                for (node, op) in network.nodes().iter().zip(network.graph().ops()) {
                    assert_eq!(
                        (node.reads(), &[node.writes()][..]),
                        (op.reads(), op.writes())
                    );
                }
            }
        }
    }

    #[test]
    fn the_small_networks_have_the_kernels_of_the_large_ones() {
        let kinds = |network: &Network| {
            let kinds = network.nodes().iter();
            let mut kinds: Vec<_> = kinds
                .map(|node| std::mem::discriminant(node.kernel()))
                .collect();
            kinds.dedup();
            kinds
        };
        let large = networks(1).unwrap();
        for (small, large) in small_networks(1).iter().zip(&large) {
            let (small, large) = (kinds(small), kinds(large));
            assert!(large.iter().all(|kind| small.contains(kind)));
        }
    }
}
