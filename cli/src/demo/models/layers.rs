//! What several networks of the demo have: convolutions, norms and random weights.
//!
//! Stands on [`kernels`](crate::demo::kernels) and [`random`](crate::random). Invariant: weights
//! have a variance at which values neither grow nor vanish from layer to layer.

#![forbid(unsafe_code)]

use crate::{
    demo::kernels::{
        Kernel,
        images::{Image, WINDOW_PIXELS},
    },
    random::{self, Rng},
};

/// The input of the demo's networks for images: 64×64 pixels of 3 channels.
pub const PICTURE: Image = Image {
    height: 64,
    width: 64,
    channels: 3,
};

/// Random weights.
#[derive(Debug)]
pub struct Weights(Rng);

impl Weights {
    /// The weights that a seed determines.
    pub fn new(seed: u64) -> Self {
        Self(Rng::with_seed(seed))
    }

    /// Values uniform in `-bound..bound`.
    pub fn uniform(&mut self, count: usize, bound: f32) -> Vec<f32> {
        random::uniform(&mut self.0, count, bound)
    }

    /// A matrix product with `inputs` and `outputs` columns.
    pub fn linear(&mut self, inputs: usize, outputs: usize) -> Kernel {
        Kernel::Linear {
            weight: self.scaled(inputs, inputs * outputs),
            bias: self.uniform(outputs, 0.1),
        }
    }

    /// A matrix product whose operand has blocks of these numbers of columns.
    pub fn blocked_linear(&mut self, columns: &[usize], outputs: usize) -> Kernel {
        let inputs: usize = columns.iter().sum();
        Kernel::BlockedLinear {
            columns: columns.to_vec(),
            weight: self.scaled(inputs, inputs * outputs),
            bias: self.uniform(outputs, 0.1),
        }
    }

    /// A 3×3 convolution of these blocks of channels.
    pub fn convolution(&mut self, blocks: &[Image], outputs: usize) -> Kernel {
        let channels: usize = blocks.iter().map(|image| image.channels).sum();
        let inputs = WINDOW_PIXELS * channels;
        Kernel::Convolution {
            blocks: blocks.to_vec(),
            weight: self.scaled(inputs, inputs * outputs),
            bias: self.uniform(outputs, 0.1),
        }
    }

    /// `count` matrix products of the same operand.
    pub fn stacked_linear(&mut self, count: usize, inputs: usize, outputs: usize) -> Kernel {
        Kernel::StackedLinear {
            count,
            weight: self.scaled(inputs, count * inputs * outputs),
            bias: self.uniform(count * outputs, 0.1),
        }
    }

    /// `count` values of variance 1 / `inputs`.
    fn scaled(&mut self, inputs: usize, count: usize) -> Vec<f32> {
        self.uniform(count, (3.0 / inputs as f32).sqrt())
    }
}

/// A layer norm that neither scales nor shifts.
pub fn layer_norm(width: usize) -> Kernel {
    Kernel::LayerNorm {
        gain: vec![1.0; width],
        bias: vec![0.0; width],
    }
}
