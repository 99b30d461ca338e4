//! A deep residual U-Net: a picture in, the probability of each of its pixels out.
//!
//! Stands on [`layers`](super::layers). Zhang, Liu and Wang, "Road Extraction by Deep Residual
//! U-Net" (2018), without its norms: on each level a residual unit of two 3×3 convolutions. The
//! result of the way down is kept for the way up, so that long-lived tensors surround short-lived
//! ones. There the load peaks where the skip connection is joined with all channels of the level
//! below: results in place do not lower that, operands that lie within the result do.
//!
//! ```text
//! picture ─► unit ──────────── skip 0 ────────────► join ─► unit ─► 1×1 ─► sigmoid
//!              └─► pool ─► unit ── skip 1 ──► join ─► unit ─► upsample ─┘
//!                            └─► pool ─► unit ─► upsample ─┘
//!
//! unit    x ─┬─► ReLU ─► 3×3 ─► ReLU ─► 3×3 ─► + ─►     the picture is not rectified
//!            └─► 1×1 ──────────────────────────┘
//! join    upsampled and skip, a block of channels each: both may be written where it has them
//! ```

#![forbid(unsafe_code)]

use orionrt::{TensorId, graph::GraphError};

use super::layers::{PICTURE, Weights};
use crate::demo::{
    kernels::{Kernel, images::Image},
    network::{Network, NetworkBuilder},
};

/// The sizes of a U-Net.
#[derive(Clone, Copy, Debug)]
pub struct UNet {
    /// The shape of its input.
    pub picture: Image,
    /// Channels of its levels from the finest to the coarsest; pooling between them halves the
    /// sides.
    pub levels: [usize; 3],
}

impl UNet {
    /// The U-Net of the demo: a 64×64 picture of 3 channels in, a mask of 64×64 probabilities out.
    pub const DEMO: Self = Self {
        picture: PICTURE,
        levels: [16, 32, 64],
    };

    /// The network with these sizes.
    pub fn network(self, seed: u64) -> Result<Network, GraphError> {
        let mut net = NetworkBuilder::new("U-Net", self.picture.elements());
        let mut weights = Weights::new(seed);
        let (mut x, mut image) = (net.input(), self.picture);
        let mut skips = vec![];
        for (level, channels) in self.levels.into_iter().enumerate() {
            if level > 0 {
                skips.push((image, x));
                let pooled = format!("down{level}.pooled");
                x = net.node(pooled, Kernel::MaxPool(image), &[x]);
                image = image.halved();
            }
            let name = format!("down{level}");
            x = unit(&mut net, &mut weights, &name, &[image], channels, x);
            image.channels = channels;
        }
        for (level, (finer, skip)) in skips.into_iter().enumerate().rev() {
            let name = |part: &str| format!("up{level}.{part}");
            let upsampled = net.node(name("upsampled"), Kernel::Upsample(image), &[x]);
            let joined = net.node(name("joined"), Kernel::Concat, &[upsampled, skip]);
            let channels = image.channels;
            let blocks = [Image { channels, ..finer }, finer];
            let (name, channels) = (format!("up{level}"), finer.channels);
            x = unit(&mut net, &mut weights, &name, &blocks, channels, joined);
            image = finer;
        }
        let logits = net.node("logits", weights.linear(image.channels, 1), &[x]);
        let output = net.node("output", Kernel::Sigmoid, &[logits]);
        net.build(output)
    }
}

/// A residual unit: blocks of channels in, `channels` channels out.
fn unit(
    net: &mut NetworkBuilder,
    weights: &mut Weights,
    unit: &str,
    blocks: &[Image],
    channels: usize,
    x: TensorId,
) -> TensorId {
    let name = |part: &str| format!("{unit}.{part}");
    let columns: Vec<usize> = blocks.iter().map(|image| image.channels).collect();
    let shortcut = weights.blocked_linear(&columns, channels);
    let shortcut = net.node(name("shortcut"), shortcut, &[x]);
    let active = match x == net.input() {
        true => x,
        false => net.node(name("first.relu"), Kernel::Relu, &[x]),
    };
    let first = net.node(
        name("first"),
        weights.convolution(blocks, channels),
        &[active],
    );
    let active = net.node(name("second.relu"), Kernel::Relu, &[first]);
    let image = Image {
        channels,
        ..blocks[0]
    };
    let second = net.node(
        name("second"),
        weights.convolution(&[image], channels),
        &[active],
    );
    net.node(name("out"), Kernel::Add, &[shortcut, second])
}
