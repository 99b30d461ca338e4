//! A small residual convolutional network.
//!
//! Stands on [`layers`](super::layers). The load peaks at the second convolution of the first
//! residual block: its operand, its result and the block's own operand are live at once in every
//! order. Results in place do not lower that.
//!
//! ```text
//! residual block  x ─► convolution ─► ReLU ─► convolution ─► + x ─► ReLU
//! stage           (pool ─►) convolution ─► ReLU ─► residual block
//! last            mean of all pixels, [1, 1, channels] ─► flat, [channels] ─► linear ─► softmax
//! ```

#![forbid(unsafe_code)]

use orionrt::{TensorId, graph::GraphError};

use super::layers::{PICTURE, Weights};
use crate::demo::{
    kernels::{Kernel, images::Image},
    network::{Network, NetworkBuilder},
};

/// The number of classes.
const CLASSES: usize = 10;

/// The sizes of a classifier.
#[derive(Clone, Copy, Debug)]
pub struct Classifier {
    /// The shape of its input.
    pub picture: Image,
    /// Channels of its three stages; pooling halves the sides between them.
    pub stages: [usize; 3],
}

impl Classifier {
    /// The classifier of the demo: a 64×64 picture of 3 channels in, 10 probabilities out.
    pub const DEMO: Self = Self {
        picture: PICTURE,
        stages: [32, 64, 128],
    };

    /// The network with these sizes.
    pub fn network(self, seed: u64) -> Result<Network, GraphError> {
        let mut net = NetworkBuilder::new("convolutional network", self.picture.elements());
        let mut weights = Weights::new(seed);
        let (mut x, mut image) = (net.input(), self.picture);
        for (stage, channels) in self.stages.into_iter().enumerate() {
            let name = |part: &str| format!("stage{stage}.{part}");
            if stage > 0 {
                x = net.node(name("pooled"), Kernel::MaxPool(image), &[x]);
                image = image.halved();
            }
            x = net.node(name("widen"), weights.convolution(&[image], channels), &[x]);
            x = net.node(name("widen.relu"), Kernel::Relu, &[x]);
            image.channels = channels;
            x = residual_block(&mut net, &mut weights, &name("block"), image, x);
        }
        let width = image.channels;
        let mean = net.node("mean", Kernel::AverageRows { width }, &[x]);
        let (start, length) = (0, width);
        let flat = net.node("flat", Kernel::View { start, length }, &[mean]);
        let logits = net.node("logits", weights.linear(width, CLASSES), &[flat]);
        let output = net.node("output", Kernel::Softmax { width: CLASSES }, &[logits]);
        net.build(output)
    }
}

fn residual_block(
    net: &mut NetworkBuilder,
    weights: &mut Weights,
    block: &str,
    image: Image,
    x: TensorId,
) -> TensorId {
    let name = |part: &str| format!("{block}.{part}");
    let mut convolution = || weights.convolution(&[image], image.channels);
    let first = net.node(name("first"), convolution(), &[x]);
    let active = net.node(name("relu"), Kernel::Relu, &[first]);
    let second = net.node(name("second"), convolution(), &[active]);
    let sum = net.node(name("sum"), Kernel::Add, &[x, second]);
    net.node(name("out"), Kernel::Relu, &[sum])
}
