//! A convolutional network: five convolutions, each with half the side of the one before.

use candle_core::{Result, Tensor};
use orionrt_engines::{Digest, Forward};

use crate::weights::{self, Weights};

const SIDE: usize = 128;
const CHANNELS: [usize; 6] = [3, 16, 32, 64, 96, 128];
const CLASSES: usize = 100;
const KERNEL: usize = 3;

/// The model and its input.
pub(crate) struct Network {
    kernels: Vec<Tensor>,
    shifts: Vec<Tensor>,
    classes: Tensor,
    image: Tensor,
}

impl Network {
    pub(crate) fn new() -> Result<Self> {
        let mut weights = Weights::new(2);
        let (mut kernels, mut shifts) = (Vec::new(), Vec::new());
        for pair in CHANNELS.windows(2) {
            let scale = (6.0 / (pair[0] * KERNEL * KERNEL) as f32).sqrt();
            kernels.push(weights.tensor(&[pair[1], pair[0], KERNEL, KERNEL], scale)?);
            shifts.push(weights.tensor(&[1, pair[1], 1, 1], 0.1)?);
        }
        Ok(Self {
            kernels,
            shifts,
            classes: weights.matrix(CHANNELS[CHANNELS.len() - 1], CLASSES)?,
            image: weights.tensor(&[1, CHANNELS[0], SIDE, SIDE], 1.0)?,
        })
    }

    fn compute(&self) -> Result<Tensor> {
        let mut image = self.image.clone();
        for (kernel, shift) in self.kernels.iter().zip(&self.shifts) {
            let convolved = image.conv2d(kernel, 1, 1, 1, 1)?;
            image = convolved.broadcast_add(shift)?.relu()?.max_pool2d(2)?;
        }
        image.flatten_from(2)?.mean(2)?.matmul(&self.classes)
    }
}

impl Forward for Network {
    type Output = Tensor;

    fn forward(&self) -> Tensor {
        self.compute().expect("the shapes fit")
    }

    fn digest(output: &Tensor, digest: &mut Digest) {
        weights::digest(output, digest);
    }
}
