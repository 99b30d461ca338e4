//! An encoder: burn's own transformer, four layers over 128 tokens.

use burn_core::tensor::Tensor;
use burn_nn::transformer::{TransformerEncoder, TransformerEncoderConfig, TransformerEncoderInput};
use orionrt_engines::{Digest, Forward};

use crate::backend::{self, B, DEVICE};

const LAYERS: usize = 4;
const TOKENS: usize = 128;
const WIDTH: usize = 256;
const INNER: usize = 4 * WIDTH;
const HEADS: usize = 4;

/// The model and its input.
pub(crate) struct Encoder {
    layers: TransformerEncoder<B>,
    tokens: Tensor<B, 3>,
}

impl Encoder {
    pub(crate) fn new() -> Self {
        let config = TransformerEncoderConfig::new(WIDTH, INNER, HEADS, LAYERS);
        Self {
            layers: backend::ready(config.with_norm_first(true).init(&DEVICE)),
            tokens: backend::input([1, TOKENS, WIDTH]),
        }
    }
}

impl Forward for Encoder {
    type Output = Tensor<B, 2>;

    fn forward(&self) -> Tensor<B, 2> {
        let input = TransformerEncoderInput::new(self.tokens.clone());
        self.layers.forward(input).mean_dim(1).squeeze_dim(1)
    }

    fn digest(output: &Tensor<B, 2>, digest: &mut Digest) {
        backend::digest(output, digest);
    }
}
