//! A convolutional network: four convolutions, each with half the side of the one before.

use burn_core::tensor::{Tensor, activation::relu};
use burn_nn::{
    Linear, LinearConfig, PaddingConfig2d,
    conv::{Conv2d, Conv2dConfig},
    pool::{MaxPool2d, MaxPool2dConfig},
};
use orionrt_engines::{Digest, Forward};

use crate::backend::{self, B, DEVICE};

const SIDE: usize = 64;
const CHANNELS: [usize; 5] = [3, 16, 32, 64, 128];
const CLASSES: usize = 100;

/// The model and its input.
pub(crate) struct Network {
    convolutions: Vec<Conv2d<B>>,
    pool: MaxPool2d,
    classes: Linear<B>,
    image: Tensor<B, 4>,
}

impl Network {
    pub(crate) fn new() -> Self {
        let convolutions = CHANNELS.windows(2).map(|pair| {
            Conv2dConfig::new([pair[0], pair[1]], [3, 3])
                .with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1))
                .init(&DEVICE)
        });
        let classes = LinearConfig::new(CHANNELS[CHANNELS.len() - 1], CLASSES);
        Self {
            convolutions: backend::ready(convolutions.collect()),
            pool: MaxPool2dConfig::new([2, 2]).with_strides([2, 2]).init(),
            classes: backend::ready(classes.init(&DEVICE)),
            image: backend::input([1, CHANNELS[0], SIDE, SIDE]),
        }
    }
}

impl Forward for Network {
    type Output = Tensor<B, 2>;

    fn forward(&self) -> Tensor<B, 2> {
        let mut image = self.image.clone();
        for convolution in &self.convolutions {
            image = self.pool.forward(relu(convolution.forward(image)));
        }
        let places: Tensor<B, 3> = image.flatten(2, 3);
        self.classes.forward(places.mean_dim(2).squeeze_dim(2))
    }

    fn digest(output: &Tensor<B, 2>, digest: &mut Digest) {
        backend::digest(output, digest);
    }
}
