//! The two networks of the demo, with weights drawn from a seed: a transformer encoder and a
//! convolutional classifier.
//!
//! Stands on [`network`](super::network) and [`draw`](crate::draw). Invariant: one seed gives one network, bit for bit, on every
//! machine. Every value computed on the way is a tensor
//! of its own, so the planner sees the window buffers of convolutions and the attention scores too.
//!
//! ```text
//! encoder layer   x ─► norm ─► q, k, v ─► scores ─► softmax ─► mix ─► projection ─► + x ─► ...
//!                 ... ─► norm ─► widen ─► GELU ─► narrow ─► + ─► next layer
//! residual block  x ─► convolution ─► ReLU ─► convolution ─► + x ─► ReLU
//! ```

#![forbid(unsafe_code)]

use orionrt::{GraphError, TensorId};

use super::{
    images::{Image, WINDOW_PIXELS},
    kernels::Heads,
    network::{Kernel, Network, NetworkBuilder},
};
use crate::draw::Draw;

/// Layers of the encoder.
const LAYERS: usize = 4;
/// Positions of the sequence it encodes.
const POSITIONS: usize = 128;
/// How its four heads share 256 columns.
const HEADS: Heads = Heads {
    count: 4,
    width: 256,
};
/// Columns of its hidden layers.
const HIDDEN: usize = 4 * HEADS.width;

/// What the classifier looks at.
const PICTURE: Image = Image {
    height: 64,
    width: 64,
    channels: 3,
};
/// Channels of its three stages; pooling halves the sides between them.
const STAGES: [usize; 3] = [32, 64, 128];
/// What it tells apart.
const CLASSES: usize = 10;

/// A pre-norm transformer encoder: 128 positions of 256 columns, in and out.
///
/// # Errors
/// None but a mistake in this file.
pub fn transformer_encoder(seed: u64) -> Result<Network, GraphError> {
    let mut net = NetworkBuilder::new("transformer encoder", POSITIONS * HEADS.width);
    let mut draw = Draw(seed);
    let mut x = net.input();
    for layer in 0..LAYERS {
        x = encoder_layer(&mut net, &mut draw, &format!("layer{layer}"), x);
    }
    let output = net.node("output", layer_norm(), &[x]);
    net.build(output)
}

fn encoder_layer(net: &mut NetworkBuilder, draw: &mut Draw, layer: &str, x: TensorId) -> TensorId {
    let width = HEADS.width;
    let name = |part: &str| format!("{layer}.{part}");
    let normed = net.node(name("attention.norm"), layer_norm(), &[x]);
    let q = net.node(name("q"), draw.linear(width, width), &[normed]);
    let k = net.node(name("k"), draw.linear(width, width), &[normed]);
    let v = net.node(name("v"), draw.linear(width, width), &[normed]);
    let scores = net.node(name("scores"), Kernel::AttentionScores(HEADS), &[q, k]);
    let softmax = Kernel::Softmax { width: POSITIONS };
    let probabilities = net.node(name("probabilities"), softmax, &[scores]);
    let mixed = net.node(
        name("mixed"),
        Kernel::AttentionMix(HEADS),
        &[probabilities, v],
    );
    let projected = net.node(name("projected"), draw.linear(width, width), &[mixed]);
    let attended = net.node(name("attended"), Kernel::Add, &[x, projected]);
    let normed = net.node(name("mlp.norm"), layer_norm(), &[attended]);
    let wide = net.node(name("wide"), draw.linear(width, HIDDEN), &[normed]);
    let active = net.node(name("gelu"), Kernel::Gelu, &[wide]);
    let narrow = net.node(name("narrow"), draw.linear(HIDDEN, width), &[active]);
    net.node(name("out"), Kernel::Add, &[attended, narrow])
}

fn layer_norm() -> Kernel {
    Kernel::LayerNorm {
        gain: vec![1.0; HEADS.width],
        bias: vec![0.0; HEADS.width],
    }
}

/// A small residual convolutional network: a 64×64 picture of 3 channels in, 10 probabilities out.
///
/// # Errors
/// None but a mistake in this file.
pub fn conv_net(seed: u64) -> Result<Network, GraphError> {
    let mut net = NetworkBuilder::new("convolutional network", PICTURE.elements());
    let mut draw = Draw(seed);
    let (mut x, mut image) = (net.input(), PICTURE);
    for (stage, channels) in STAGES.into_iter().enumerate() {
        let name = |part: &str| format!("stage{stage}.{part}");
        if stage > 0 {
            x = net.node(name("pooled"), Kernel::MaxPool(image), &[x]);
            (image.height, image.width) = (image.height / 2, image.width / 2);
        }
        x = convolution(&mut net, &mut draw, &name("widen"), image, channels, x);
        x = net.node(name("widen.relu"), Kernel::Relu, &[x]);
        image.channels = channels;
        x = residual_block(&mut net, &mut draw, &name("block"), image, x);
    }
    let width = image.channels;
    let mean = net.node("mean", Kernel::AverageRows { width }, &[x]);
    let logits = net.node("logits", draw.linear(width, CLASSES), &[mean]);
    let output = net.node("output", Kernel::Softmax { width: CLASSES }, &[logits]);
    net.build(output)
}

fn residual_block(
    net: &mut NetworkBuilder,
    draw: &mut Draw,
    block: &str,
    image: Image,
    x: TensorId,
) -> TensorId {
    let name = |part: &str| format!("{block}.{part}");
    let first = convolution(net, draw, &name("first"), image, image.channels, x);
    let active = net.node(name("relu"), Kernel::Relu, &[first]);
    let second = convolution(net, draw, &name("second"), image, image.channels, active);
    let sum = net.node(name("sum"), Kernel::Add, &[x, second]);
    net.node(name("out"), Kernel::Relu, &[sum])
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

/// An input for `network`, drawn from a seed: values in -1..1.
pub fn sample_input(network: &Network, seed: u64) -> Vec<f32> {
    Draw(seed).values(network.length(network.input()), 1.0)
}

impl Draw {
    /// Weights of variance 1 / `inputs`, so that values neither grow nor vanish from layer to layer.
    fn linear(&mut self, inputs: usize, outputs: usize) -> Kernel {
        let bound = (3.0 / inputs as f32).sqrt();
        Kernel::Linear {
            weight: self.values(inputs * outputs, bound),
            bias: self.values(outputs, 0.1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tensor_is_read_or_the_output() {
        for network in [transformer_encoder(1).unwrap(), conv_net(1).unwrap()] {
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
    fn nodes_are_the_operators_of_the_graph() {
        for network in [transformer_encoder(1).unwrap(), conv_net(1).unwrap()] {
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
