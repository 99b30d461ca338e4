//! The backend of all models, their inputs, and the hash of their results.
//!
//! Invariant: all weights exist before the first iteration. burn makes them when they are first
//! used.

use burn_core::{
    module::Module,
    tensor::{Tensor, TensorData, backend::Backend},
};
use burn_ndarray::{NdArray, NdArrayDevice};
use orionrt_engines::{Digest, Random};

/// The backend.
pub(crate) type B = NdArray<f32>;

/// Where all tensors are.
pub(crate) const DEVICE: NdArrayDevice = NdArrayDevice::Cpu;

const SEED: u64 = 4;

/// Makes weights the same in every process.
pub(crate) fn seed() {
    B::seed(&DEVICE, SEED);
}

/// A module whose weights exist.
pub(crate) fn ready<M: Module<B>>(module: M) -> M {
    // Counting them reads each.
    module.num_params();
    module
}

/// An input of numbers from -1 to 1.
pub(crate) fn input<const D: usize>(shape: [usize; D]) -> Tensor<B, D> {
    let numbers = Random::new(SEED).floats(shape.iter().product(), 1.0);
    Tensor::from_data(TensorData::new(numbers, shape), &DEVICE)
}

/// Adds all numbers of a result to a hash.
pub(crate) fn digest<const D: usize>(result: &Tensor<B, D>, digest: &mut Digest) {
    let numbers = result.to_data().to_vec::<f32>();
    digest.floats(numbers.expect("a tensor of floats"));
}
