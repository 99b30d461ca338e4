//! Weights from a fixed seed, and the results of models.

use candle_core::{Device, Result, Tensor};
use orionrt_engines::{Digest, Random};

/// A source of weights.
pub(crate) struct Weights(Random);

impl Weights {
    /// The weights of a model; each has its own seed.
    pub(crate) fn new(seed: u64) -> Self {
        Self(Random::new(seed))
    }

    /// A tensor of numbers from `-scale` to `scale`.
    pub(crate) fn tensor(&mut self, shape: &[usize], scale: f32) -> Result<Tensor> {
        let numbers = self.0.floats(shape.iter().product(), scale);
        Tensor::from_vec(numbers, shape, &Device::Cpu)
    }

    /// A matrix that takes `inputs` numbers to `outputs`, and keeps their size about as it was.
    pub(crate) fn matrix(&mut self, inputs: usize, outputs: usize) -> Result<Tensor> {
        let scale = (3.0 / inputs as f32).sqrt();
        self.tensor(&[inputs, outputs], scale)
    }
}

/// Adds all numbers of a result to a hash.
pub(crate) fn digest(result: &Tensor, digest: &mut Digest) {
    let numbers = result.flatten_all().and_then(|flat| flat.to_vec1::<f32>());
    digest.floats(numbers.expect("a tensor of floats"));
}
