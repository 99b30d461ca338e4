//! A perceptron of several layers, for a batch of inputs.

use burn_core::tensor::{Tensor, activation::relu};
use burn_nn::{Linear, LinearConfig};
use orionrt_engines::{Digest, Forward};

use crate::backend::{self, B, DEVICE};

const BATCH: usize = 32;
const LAYERS: [usize; 5] = [512, 1024, 1024, 512, 100];

/// The model and its input.
pub(crate) struct Perceptron {
    layers: Vec<Linear<B>>,
    batch: Tensor<B, 2>,
}

impl Perceptron {
    pub(crate) fn new() -> Self {
        let layers = LAYERS
            .windows(2)
            .map(|pair| LinearConfig::new(pair[0], pair[1]).init(&DEVICE));
        Self {
            layers: backend::ready(layers.collect()),
            batch: backend::input([BATCH, LAYERS[0]]),
        }
    }
}

impl Forward for Perceptron {
    type Output = Tensor<B, 2>;

    fn forward(&self) -> Tensor<B, 2> {
        let mut batch = self.batch.clone();
        for layer in &self.layers {
            batch = relu(layer.forward(batch));
        }
        batch
    }

    fn digest(output: &Tensor<B, 2>, digest: &mut Digest) {
        backend::digest(output, digest);
    }
}
