//! The three networks of the demo.
//!
//! Stands on the files of the networks.

#![forbid(unsafe_code)]

use orionrt::graph::GraphError;

use super::{classifier::Classifier, encoder::Encoder, u_net::UNet};
use crate::{
    demo::network::Network,
    random::{Rng, uniform},
};

/// The three networks in the demo's sizes.
///
/// # Errors
/// Only if these files declare a network wrongly.
pub fn networks(seed: u64) -> Result<[Network; 3], GraphError> {
    Ok([
        Encoder::DEMO.network(seed)?,
        Classifier::DEMO.network(seed)?,
        UNet::DEMO.network(seed)?,
    ])
}

/// Encoder, classifier and U-Net in sizes that run at once, for tests.
#[cfg(test)]
pub fn small_networks(seed: u64) -> [Network; 3] {
    scaled(seed, [2, 8, 2, 8], 8, [4, 6, 8])
}

/// Encoder, classifier and U-Net in sizes at which pages of memory and times can be told, for
/// tests.
#[cfg(test)]
pub fn medium_networks(seed: u64) -> [Network; 3] {
    scaled(seed, [2, 64, 4, 64], 32, [8, 16, 32])
}

/// The three networks with these layers, positions, heads and columns of the encoder, this side of
/// the pictures, and these channels.
#[cfg(test)]
fn scaled(
    seed: u64,
    [layers, positions, count, width]: [usize; 4],
    side: usize,
    channels: [usize; 3],
) -> [Network; 3] {
    use crate::demo::kernels::{images::Image, matrix::Heads};
    let picture = Image {
        height: side,
        width: side,
        channels: 3,
    };
    let encoder = Encoder {
        layers,
        positions,
        heads: Heads { count, width },
    };
    let (stages, levels) = (channels, channels);
    let networks = [
        encoder.network(seed),
        Classifier { picture, stages }.network(seed),
        UNet { picture, levels }.network(seed),
    ];
    networks.map(|network| network.expect("the demo's networks are declared correctly"))
}

/// A random input for `network`: values in -1..1.
pub fn sample_input(network: &Network, seed: u64) -> Vec<f32> {
    let length = network.length(network.input());
    uniform(&mut Rng::with_seed(seed), length, 1.0)
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
