//! A pre-norm transformer encoder.
//!
//! Stands on [`layers`](super::layers). Queries, keys and values come from one kernel as one
//! stacked tensor, `[3, positions, width]`, and are views of it.
//!
//! ```text
//! layer   x ─► norm ─► qkv ─┬─► q ─┬─► scores ─► softmax ─┐
//!                           ├─► k ─┘                      ├─► mix ─► projection ─► + x ─► ...
//!                           └─► v ────────────────────────┘
//!         ... ─► norm ─► widen ─► GELU ─► narrow ─► + ─► next layer
//! ```

#![forbid(unsafe_code)]

use orionrt::{TensorId, graph::GraphError};

use super::layers::{Weights, layer_norm};
use crate::demo::{
    kernels::{Kernel, matrix::Heads},
    network::{Network, NetworkBuilder},
};

/// The sizes of an encoder.
#[derive(Clone, Copy, Debug)]
pub struct Encoder {
    pub layers: usize,
    /// Positions of the sequence.
    pub positions: usize,
    /// How the columns of a position are divided.
    pub heads: Heads,
}

impl Encoder {
    /// The encoder of the demo: 128 positions of 256 columns, in and out.
    pub const DEMO: Self = Self {
        layers: 4,
        positions: 128,
        heads: Heads {
            count: 4,
            width: 256,
        },
    };

    /// The network with these sizes.
    pub fn network(self, seed: u64) -> Result<Network, GraphError> {
        let width = self.heads.width;
        let mut net = NetworkBuilder::new("transformer encoder", self.positions * width);
        let mut weights = Weights::new(seed);
        let mut x = net.input();
        for layer in 0..self.layers {
            x = self.layer(&mut net, &mut weights, &format!("layer{layer}"), x);
        }
        let output = net.node("output", layer_norm(width), &[x]);
        net.build(output)
    }

    fn layer(
        self,
        net: &mut NetworkBuilder,
        weights: &mut Weights,
        layer: &str,
        x: TensorId,
    ) -> TensorId {
        let (heads, width, hidden) = (self.heads, self.heads.width, 4 * self.heads.width);
        let name = |part: &str| format!("{layer}.{part}");
        let normed = net.node(name("attention.norm"), layer_norm(width), &[x]);
        let [q, k, v] = self.projections(net, weights, layer, normed);
        let scores = net.node(name("scores"), Kernel::AttentionScores(heads), &[q, k]);
        let softmax = Kernel::Softmax {
            width: self.positions,
        };
        let probabilities = net.node(name("probabilities"), softmax, &[scores]);
        let mix = Kernel::AttentionMix(heads);
        let mixed = net.node(name("mixed"), mix, &[probabilities, v]);
        let projected = net.node(name("projected"), weights.linear(width, width), &[mixed]);
        let attended = net.node(name("attended"), Kernel::Add, &[x, projected]);
        let normed = net.node(name("mlp.norm"), layer_norm(width), &[attended]);
        let wide = net.node(name("wide"), weights.linear(width, hidden), &[normed]);
        let active = net.node(name("gelu"), Kernel::Gelu, &[wide]);
        let narrow = net.node(name("narrow"), weights.linear(hidden, width), &[active]);
        net.node(name("out"), Kernel::Add, &[attended, narrow])
    }

    /// Queries, keys and values: three parts of one tensor.
    fn projections(
        self,
        net: &mut NetworkBuilder,
        weights: &mut Weights,
        layer: &str,
        x: TensorId,
    ) -> [TensorId; 3] {
        let width = self.heads.width;
        let stacked = weights.stacked_linear(3, width, width);
        let qkv = net.node(format!("{layer}.qkv"), stacked, &[x]);
        let length = self.positions * width;
        [("q", 0), ("k", 1), ("v", 2)].map(|(part, index)| {
            let start = index * length;
            let view = Kernel::View { start, length };
            net.node(format!("{layer}.{part}"), view, &[qkv])
        })
    }
}
