//! A small U-Net: a picture in, the probability of each of its pixels out.
//!
//! Stands on [`layers`](super::layers). On each level the result of the way down is kept for the
//! way up, so that long-lived tensors surround short-lived ones. The blocks are those of ConvNeXt,
//! which are widest between two kernels that can work in place.
//!
//! ```text
//! picture ─► stem ─► block ──────────── skip 0 ────────────► join ─► block ─► 1×1 ─► sigmoid
//!                      └─► pool ─► block ── skip 1 ──► join ─► block ─► upsample ─┘
//!                                    └─► pool ─► block ─► upsample ─┘
//!
//! block   x ─► 3×3 of each channel ─► norm ─► widen ─► GELU ─► narrow ─► + x
//! join    upsampled and skip, a block of channels each: both may be written where it has them
//! ```

#![forbid(unsafe_code)]

use orionrt::{TensorId, graph::GraphError};

use super::layers::{PICTURE, Weights, convolution, layer_norm};
use crate::demo::{
    kernels::{
        Kernel,
        images::{Image, WINDOW_PIXELS},
    },
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
        levels: [32, 64, 128],
    };

    /// The network with these sizes.
    pub fn network(self, seed: u64) -> Result<Network, GraphError> {
        let mut net = NetworkBuilder::new("U-Net", self.picture.elements());
        let mut weights = Weights::new(seed);
        let input = net.input();
        let mut x = convolution(
            &mut net,
            &mut weights,
            "stem",
            self.picture,
            self.levels[0],
            input,
        );
        let mut image = Image {
            channels: self.levels[0],
            ..self.picture
        };
        x = block(&mut net, &mut weights, "down0", image, x);
        let mut skips = vec![];
        for (level, &channels) in self.levels.iter().enumerate().skip(1) {
            skips.push((image, x));
            x = go_down(&mut net, &mut weights, level, image, channels, x);
            image = Image {
                channels,
                ..image.halved()
            };
            x = block(&mut net, &mut weights, &format!("down{level}"), image, x);
        }
        for (level, (finer, skip)) in skips.into_iter().enumerate().rev() {
            x = go_up(&mut net, &mut weights, level, [image, finer], [x, skip]);
            image = finer;
            x = block(&mut net, &mut weights, &format!("up{level}"), image, x);
        }
        let logits = net.node("logits", weights.linear(image.channels, 1), &[x]);
        let output = net.node("output", Kernel::Sigmoid, &[logits]);
        net.build(output)
    }
}

/// Half the sides, and `channels` channels.
fn go_down(
    net: &mut NetworkBuilder,
    weights: &mut Weights,
    level: usize,
    image: Image,
    channels: usize,
    x: TensorId,
) -> TensorId {
    let name = |part: &str| format!("down{level}.{part}");
    let pooled = net.node(name("pooled"), Kernel::MaxPool(image), &[x]);
    net.node(
        name("widen"),
        weights.linear(image.channels, channels),
        &[pooled],
    )
}

/// From the coarse image to the finer one, joined with the skip connection of that level.
fn go_up(
    net: &mut NetworkBuilder,
    weights: &mut Weights,
    level: usize,
    [coarse, finer]: [Image; 2],
    [x, skip]: [TensorId; 2],
) -> TensorId {
    let name = |part: &str| format!("up{level}.{part}");
    let channels = finer.channels;
    let reduced = weights.linear(coarse.channels, channels);
    let reduced = net.node(name("reduced"), reduced, &[x]);
    let coarse = Image { channels, ..coarse };
    let upsampled = net.node(name("upsampled"), Kernel::Upsample(coarse), &[reduced]);
    let joined = net.node(name("joined"), Kernel::Concat, &[upsampled, skip]);
    net.node(
        name("merged"),
        weights.blocked_linear(2, channels, channels),
        &[joined],
    )
}

fn block(
    net: &mut NetworkBuilder,
    weights: &mut Weights,
    block: &str,
    image: Image,
    x: TensorId,
) -> TensorId {
    let name = |part: &str| format!("{block}.{part}");
    let (width, hidden) = (image.channels, 4 * image.channels);
    let depthwise = Kernel::Depthwise {
        image,
        weight: weights.uniform(WINDOW_PIXELS * width, 0.5),
        bias: weights.uniform(width, 0.1),
    };
    let mixed = net.node(name("depthwise"), depthwise, &[x]);
    let normed = net.node(name("norm"), layer_norm(width), &[mixed]);
    let wide = net.node(name("wide"), weights.linear(width, hidden), &[normed]);
    let active = net.node(name("gelu"), Kernel::Gelu, &[wide]);
    let narrow = net.node(name("narrow"), weights.linear(hidden, width), &[active]);
    net.node(name("out"), Kernel::Add, &[x, narrow])
}
