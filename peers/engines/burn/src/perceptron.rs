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

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers<const D: usize>(tensor: &Tensor<B, D>) -> Vec<f32> {
        tensor.to_data().to_vec().expect("a tensor of floats")
    }

    /// What a layer makes of a batch, with sums in double precision.
    fn layer(batch: &[f32], layer: &Linear<B>) -> Vec<f32> {
        let weights = numbers(&layer.weight.val());
        let shifts = numbers(&layer.bias.as_ref().expect("layers have one").val());
        let inputs = weights.len() / shifts.len();
        let neuron = |input: &[f32], index: usize| {
            let terms = input
                .iter()
                .zip(weights[index..].iter().step_by(shifts.len()));
            let sum: f64 = terms.map(|(&x, &w)| f64::from(x) * f64::from(w)).sum();
            (sum + f64::from(shifts[index])).max(0.0) as f32
        };
        let rows = batch.chunks_exact(inputs);
        rows.flat_map(|input| (0..shifts.len()).map(move |index| (input, index)))
            .map(|(input, index)| neuron(input, index))
            .collect()
    }

    #[test]
    fn the_result_is_that_of_the_layers_one_after_the_other() {
        backend::seed();
        let model = Perceptron::new();
        let mut expected = numbers(&model.batch);
        for each in &model.layers {
            expected = layer(&expected, each);
        }
        let found = numbers(&model.forward());
        assert_eq!(found.len(), BATCH * LAYERS[LAYERS.len() - 1]);
        assert!(found.iter().any(|&number| number > 0.01));
        for (found, expected) in found.iter().zip(&expected) {
            assert!((found - expected).abs() < 1e-4, "{found} is not {expected}");
        }
    }
}
